//! Stock: claimed at the current version alone, refilled, and never orphaned.

use control_plane::provisioning::Fault;
use futures_util::future::join_all;
use tenantry::serving::{Planes, Serving};
use tests::{QuietPlatform, TestPlatform, TestSettings, eventually, new_tenant, shared_cluster};
use tokio_postgres::Client as Session;

use super::has_database;

/// Recorded and ready stock, and stock databases on the server.
async fn stock(session: &Session, prefix: &str) -> (Vec<String>, Vec<String>) {
    let recorded = session.query("SELECT database_name FROM stock WHERE ready ORDER BY 1", &[]).await.unwrap();
    let sql = "SELECT datname FROM pg_database WHERE starts_with(datname, $1) ORDER BY 1";
    let there = session.query(sql, &[&format!("{prefix}_stock_")]).await.unwrap();
    (recorded.iter().map(|row| row.get(0)).collect(), there.iter().map(|row| row.get(0)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_stock_of_the_current_version_is_claimed() {
    let platform = QuietPlatform::on(shared_cluster().await, TestSettings::default()).await;
    let prefix = platform.platform.settings.database.prefix.to_string();
    let (recorded, there) = stock(&platform.session, &prefix).await;
    assert_eq!((recorded.len(), &recorded), (2, &there));
    platform.session.batch_execute("UPDATE stock SET schema_version = 0").await.unwrap();

    let born = platform.control_plane.tenants.create(new_tenant("acme")).await.unwrap();
    assert!(!born.finished, "old stock must not be claimed");
    platform.finish(born).await;
    platform.control_plane.provisioning.refill().await.unwrap();
    let (renewed, there) = stock(&platform.session, &prefix).await;
    assert_eq!((renewed.len(), &renewed), (2, &there));
    assert!(renewed.iter().all(|name| !recorded.contains(name)), "old stock is removed");

    let born = platform.control_plane.tenants.create(new_tenant("other")).await.unwrap();
    assert!(born.finished, "new stock is claimed");
    let (left, there) = stock(&platform.session, &prefix).await;
    assert_eq!((left.len(), &left), (1, &there));
    assert!(has_database(&platform.session, platform.database("other").as_str()).await);
    assert_eq!(platform.findings().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_control_planes_share_one_stock() {
    let platform = TestPlatform::start().await;
    let other = Serving::start(&platform.platform, Planes::ControlPlane, Fault::default()).await.unwrap();
    let second = tests::Client::new(format!("http://{}", other.address));
    let signups = (0..12).map(|number| {
        let client = if number % 2 == 0 { &platform.client } else { &second };
        async move { client.sign_up("Acme", &format!("owner-{number}@example.com")).await }
    });
    let mut slugs: Vec<String> = Vec::new();
    for reply in join_all(signups).await {
        assert!(matches!(reply.status.as_u16(), 201 | 202), "{reply:?}");
        slugs.push(reply.body["tenant"]["slug"].as_str().unwrap().to_owned());
    }
    slugs.sort();
    slugs.dedup();
    assert_eq!(slugs.len(), 12);
    platform.settled().await;

    let session = platform.platform_session().await;
    let prefix = platform.prefix().to_string();
    eventually("stock is full, and no database of it is unknown", async || {
        let (recorded, there) = stock(&session, &prefix).await;
        // Both may find one missing at the same moment.
        assert!(recorded.len() <= 3, "{recorded:?}");
        recorded.len() >= 2 && recorded == there
    })
    .await;
    assert_eq!(platform.findings().await, Vec::<String>::new());
    other.stop().await.unwrap();
    platform.stop().await;
}
