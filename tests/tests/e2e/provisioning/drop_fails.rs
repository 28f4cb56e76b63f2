//! Dropping a tenant fails at every step, once and twice in a row, and comes to its end all the same.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use control_plane::provisioning::{Fault, Moment, saga::Kind};
use futures_util::{StreamExt, stream};
use tenancy::{TenantId, TenantSlug};
use tests::{TestPlatform, TestSettings};

use super::{
    drops::rows_in,
    faults::{Script, Scripts, failure, moments},
    final_backup, has_database, has_role, make_customer,
};

/// Whole tenants, each with one customer.
async fn tenants(platform: &TestPlatform, count: usize) -> Vec<TenantSlug> {
    let births = stream::iter(0..count).map(|number| async move {
        let (slug, owner) = platform.tenant(&format!("Company {number}")).await;
        make_customer(&owner, &slug).await;
        TenantSlug::parse(&slug).unwrap()
    });
    births.buffer_unordered(4).collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_that_fails_at_any_step_ends_all_the_same() {
    let mut scripts: Vec<Script> = Vec::new();
    for at in moments(Kind::Drop, "do") {
        scripts.push(vec![failure(&at, 1)]);
        // Dropped is dropped: after the last step nobody comes again.
        if at.0 != "do drop_role" || at.1 != Moment::After {
            scripts.push(vec![failure(&at, 2)]);
        }
    }
    let cast = Scripts::new(Kind::Drop, scripts.clone());
    let platform = TestPlatform::with(TestSettings { fault: cast.lasting(), ..TestSettings::default() }).await;
    let slugs = tenants(&platform, scripts.len()).await;
    let registry = &platform.control_plane().tenants;
    let drops = stream::iter(&slugs).map(|slug| async move {
        // Whether it fails here or in the control plane's own round; what counts is how it ends.
        let _ = registry.delete(slug, true, "test").await;
    });
    drops.buffer_unordered(4).collect::<Vec<()>>().await;
    platform.settled().await;

    assert_eq!(cast.played().len(), scripts.len());
    assert_eq!(platform.findings().await, Vec::<String>::new());
    let session = platform.platform_session().await;
    for slug in &slugs {
        let row = session.query_one("SELECT id, status FROM tenants WHERE slug = $1", &[slug]).await.unwrap();
        let tenant: TenantId = row.get(0);
        assert_eq!(row.get::<_, &str>(1), "deleted");
        let prefix = platform.prefix();
        assert!(!has_database(&session, prefix.tenant_database(slug).as_str()).await, "{slug}");
        assert!(!has_database(&session, prefix.dropped(tenant).as_str()).await, "{slug}");
        assert!(!has_role(&session, prefix.tenant_role(tenant).as_str()).await, "{slug}");
        let backup = final_backup(&platform, prefix.tenant_database(slug).as_str()).expect("a final backup");
        assert_eq!(rows_in(&platform, &backup).await, [slug.to_string()]);
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_again_at_once_is_left_alone() {
    let open = Arc::new(AtomicBool::new(false));
    let gate = open.clone();
    let fault = Fault::when(move |_, step, moment| {
        step == "do retire" && moment == Moment::After && !gate.load(Ordering::SeqCst)
    });
    let platform = TestPlatform::with(TestSettings { fault, ..TestSettings::default() }).await;
    let (slug, owner) = platform.tenant("Acme").await;
    make_customer(&owner, "of the first").await;
    let name = TenantSlug::parse(&slug).unwrap();
    platform.control_plane().tenants.delete(&name, true, "test").await.unwrap_err();

    // Its name is free, and the drop is not over: it will go through all of its steps once more.
    let (again, successor) = platform.tenant("Acme").await;
    assert_eq!(again, slug);
    make_customer(&successor, "of the second").await;
    open.store(true, Ordering::SeqCst);
    platform.settled().await;

    make_customer(&successor, "of the second, still").await;
    let backup = final_backup(&platform, platform.prefix().tenant_database(&name).as_str()).expect("a final backup");
    assert_eq!(rows_in(&platform, &backup).await, ["of the first"]);
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
}
