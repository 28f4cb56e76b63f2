//! Five tenants that can't be brought up among many that can: all others are, each of the five is named, and a second run
//! does only what is left.

use control_plane::fleet::{Outcome, Policy, Progress, Stop};
use tenancy::postgres::{connect, on_database};
use tests::{
    measure::report::{Line, Report, note},
    migrations::BUILT_IN,
};
use tokio::sync::watch;
use tokio_postgres::Client;

use crate::ground::Ground;

/// Two customers of one name.
const UNFIT: &str = "INSERT INTO customers (id, company_name, created_by, created_by_name) \
     SELECT gen_random_uuid(), 'Same', gen_random_uuid(), 'Ada' FROM generate_series(1, 2)";
/// Troubles begin once so many are done.
const UNDER_WAY: usize = 10;

pub(crate) async fn measure(ground: &mut Ground, report: &mut Report) {
    note("troubles …");
    let count = ground.slugs.len();
    let [unfit, locked, newer, divergent, gone] = [1, 2, 3, 4, 5].map(|place| ground.slugs[place * count / 6].clone());
    inside(ground, &unfit).await.batch_execute(UNFIT).await.unwrap();
    let lock = inside(ground, &locked).await;
    lock.batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await.unwrap();
    ground.add(&["CREATE UNIQUE INDEX names ON customers (company_name)"]);
    let ahead = format!("INSERT INTO refinery_schema_history VALUES ({}, 'newer', '', '1')", ground.version + 1);
    ground.migrate(&Policy { only: vec![newer.clone()], ..Policy::default() }).await;
    inside(ground, &newer).await.batch_execute(&ahead).await.unwrap();
    let platform = ground.served.platform_session().await;
    let forget = "UPDATE tenants SET schema_version = $2 WHERE slug = $1";
    platform.execute(forget, &[&newer, &(ground.version - 1)]).await.unwrap();
    let rewrite = format!("UPDATE refinery_schema_history SET checksum = '1' WHERE version = {BUILT_IN}");
    inside(ground, &divergent).await.batch_execute(&rewrite).await.unwrap();

    let (program, policy) = (ground.program(), Policy::default());
    let (progress, stop) = (watch::channel(Progress::default()).0, Stop::default());
    let drop_one = async {
        progress.subscribe().wait_for(|progress| progress.done >= UNDER_WAY).await.unwrap();
        program.tenants.delete(&gone, false, "bench").await.unwrap();
    };
    let (summary, ()) = tokio::join!(program.fleet.migrate(&policy, "bench", &progress, &stop), drop_one);
    let summary = summary.unwrap();
    let named: Vec<(&str, Outcome)> = summary.failures.iter().map(|it| (it.slug.as_str(), it.outcome)).collect();
    for (slug, outcome) in [
        (&unfit, Outcome::Failed),
        (&locked, Outcome::Failed),
        (&divergent, Outcome::Failed),
        (&newer, Outcome::Newer),
        (&gone, Outcome::Gone),
    ] {
        assert!(named.contains(&(slug.as_str(), outcome)), "{slug}: {summary:?}");
    }
    let run = &summary.run;
    assert_eq!((run.done, run.failed, run.newer, run.gone), (count as i64 - 5, 3, 1, 1), "{summary:?}");
    for failure in &summary.failures {
        note(&format!("{}: {}", failure.slug, failure.message.clone().unwrap_or_else(|| "was dropped".to_owned())));
    }
    let fact = format!("{} done; broken data, a lock, another text, a newer version and a drop were named", run.done);
    report.add(Line::fact(&format!("{count} tenants, 5 in trouble"), fact));

    drop(lock);
    inside(ground, &unfit).await.batch_execute("DELETE FROM customers").await.unwrap();
    let summary = program.fleet.migrate(&policy, "bench", &progress, &stop).await.unwrap();
    assert_eq!((summary.run.done, summary.run.failed), (2, 1), "{summary:?}");
    report.add(Line::fact("a second run", "2 done that were mended, 1 named again, nobody else touched".to_owned()));
}

async fn inside(ground: &Ground, slug: &tenancy::TenantSlug) -> Client {
    let platform = &ground.served.platform;
    connect(&on_database(&platform.admin, &platform.settings.database.prefix.tenant_database(slug))).await.unwrap()
}
