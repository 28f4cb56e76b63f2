//! What tenants that nobody asks for cost.

use std::time::Duration;

use tests::measure::{
    Effort,
    processes::resident,
    report::{Line, Report, note},
    served::{Served, Wanted},
};

/// With 1,000 known tenants, in MB.
const KNOWN: f64 = 60.0;
/// One more, in KB.
const ONE_MORE: f64 = 4.0;

pub(crate) async fn measure(effort: Effort, report: &mut Report) {
    note("memory of known tenants …");
    let served = Served::with(Wanted { planes: "runtime", ..Wanted::default() }).await;
    let (known, more) = (1_000, effort.pick(20_000, 2_000));
    add_records(&served, 1, known).await;
    let before = resident(served.process.pid());
    let line = Line::fact("1,000 known tenants: memory of the runtime", format!("{before:.1} MB"));
    report.add(line.limit(before, KNOWN, "MB"));
    add_records(&served, known + 1, known + more).await;
    let each = (resident(served.process.pid()) - before) * 1024.0 / f64::from(more);
    report.add(Line::fact("one more idle tenant", format!("{each:.2} KB")).limit(each, ONE_MORE, "KB"));
    served.stop().await;
}

/// Tenants as far as the runtime knows those that nobody asks for, and waits until it does.
async fn add_records(served: &Served, first: i32, last: i32) {
    let session = served.platform_session().await;
    let sql = "INSERT INTO tenants (id, slug, name, status, server_id, database_name, schema_version)
               SELECT gen_random_uuid(), 'known-' || n, 'Known ' || n, 'trial', s.id, 'tenant_known_' || n, 1000
               FROM servers s, generate_series($1::integer, $2) n WHERE s.is_platform";
    session.execute(sql, &[&first, &last]).await.unwrap();
    let sql = "INSERT INTO subscriptions (id, tenant_id, package_key, status, billing_cycle, current_period_end)
               SELECT gen_random_uuid(), t.id, 'starter', 'trialing', 'monthly', now() + interval '14 days'
               FROM tenants t LEFT JOIN subscriptions s ON s.tenant_id = t.id WHERE s.id IS NULL";
    session.execute(sql, &[]).await.unwrap();
    // Read anew with their packages.
    session.batch_execute("NOTIFY tenantry_packages").await.unwrap();
    let figure = format!("tenant_directory_tenants {}", last + 1);
    loop {
        let metrics = reqwest::get(format!("http://{}/metrics", served.address)).await.unwrap().text().await.unwrap();
        if metrics.contains(&figure) {
            // The next read is under way or done; what it left behind is given back.
            tokio::time::sleep(Duration::from_secs(3)).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
