//! Making a tenant fails at every step, once and twice in a row, on its way forward and on its way back.

use control_plane::provisioning::{Fault, Moment, saga::Kind};
use futures_util::{StreamExt, stream};
use tenancy::TenantId;
use tests::{QuietPlatform, TestPlatform, TestSettings, new_tenant, shared_cluster};
use tokio_postgres::Client as Session;

use super::{
    faults::{Script, Scripts, failure, moments},
    has_database, has_role, make_customer,
};

/// How many sign up at once.
const AT_ONCE: usize = 6;

async fn platform(fault: Fault) -> TestPlatform {
    let mut wanted = TestSettings { fault, ..TestSettings::default() };
    // Without stock every signup is a saga.
    wanted.settings.provisioning.stock = 0;
    TestPlatform::with(wanted).await
}

fn email(number: usize) -> String {
    format!("owner-{number}@example.com")
}

async fn sign_up_all(platform: &TestPlatform, count: usize) {
    let signups = stream::iter(0..count).map(|number| async move {
        let reply = platform.client.sign_up(&format!("Company {number}"), &email(number)).await;
        assert!(matches!(reply.status.as_u16(), 201 | 202 | 503), "{reply:?}");
    });
    signups.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    platform.settled().await;
}

/// A tenant as the platform database has it in the end.
struct Outcome {
    id: TenantId,
    number: usize,
    slug: String,
    status: String,
}

async fn outcomes(session: &Session) -> Vec<Outcome> {
    let rows = session.query("SELECT id, name, slug, status FROM tenants", &[]).await.unwrap();
    let number = |name: &str| name.strip_prefix("Company ").unwrap().parse().unwrap();
    let outcome = |row: &tokio_postgres::Row| Outcome {
        id: row.get(0),
        number: number(row.get(1)),
        slug: row.get(2),
        status: row.get(3),
    };
    rows.iter().map(outcome).collect()
}

async fn assert_whole(platform: &TestPlatform, outcome: &Outcome) {
    assert_eq!(outcome.status, "trial", "{}", outcome.slug);
    make_customer(&platform.client.sign_in(&email(outcome.number)).await, "Kunde").await;
}

/// Nothing is left, and the same address can sign up again.
async fn assert_gone(platform: &TestPlatform, session: &Session, outcome: &Outcome) {
    assert_eq!(outcome.status, "failed", "{}", outcome.slug);
    let prefix = platform.prefix();
    assert!(!has_database(session, &format!("{prefix}{}", outcome.slug.replace('-', "_"))).await);
    assert!(!has_role(session, prefix.tenant_role(outcome.id).as_str()).await);
    let again = platform.client.sign_up(&format!("Company {}", outcome.number), &email(outcome.number)).await;
    let slug = again.expect(201).body["tenant"]["slug"].clone();
    assert_eq!(slug, outcome.slug.as_str(), "the slug is free again");
    make_customer(&platform.client.sign_in(&email(outcome.number)).await, "Kunde").await;
}

/// Whether a script comes too late to keep the tenant from being whole.
fn ends_whole(script: &Script) -> bool {
    script.iter().all(|failure| failure.step == "do open" && failure.moment == Moment::After)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lasting_failure_at_any_step_undoes_everything() {
    let forward = moments(Kind::Create, "do");
    let once = forward.iter().map(|at| vec![failure(at, 1)]);
    // The last step on the way forward, so that every step is on the way back; and each of those fails twice.
    let last = failure(&forward[forward.len() - 2], 1);
    let back = moments(Kind::Create, "undo");
    // Undone is undone: after the last step back nobody comes again.
    let times = |at: &(String, Moment)| if at.0 == "undo database" && at.1 == Moment::After { 1 } else { 2 };
    let twice = back.iter().map(|at| vec![last.clone(), failure(at, times(at))]);
    let scripts: Vec<Script> = once.chain(twice).collect();
    let cast = Scripts::new(Kind::Create, scripts.clone());

    let platform = platform(cast.lasting()).await;
    sign_up_all(&platform, scripts.len()).await;
    let (session, played) = (platform.platform_session().await, cast.played());
    let outcomes = outcomes(&session).await;
    assert_eq!(outcomes.len(), scripts.len());
    assert_eq!(platform.findings().await, Vec::<String>::new());
    for outcome in &outcomes {
        match ends_whole(&played[&outcome.id]) {
            true => assert_whole(&platform, outcome).await,
            false => assert_gone(&platform, &session, outcome).await,
        }
    }
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passing_failure_at_any_step_only_takes_longer() {
    let forward = moments(Kind::Create, "do");
    let mut scripts: Vec<Script> = Vec::new();
    for at in &forward {
        scripts.push(vec![failure(at, 1)]);
        // Done is done: after the last step nobody comes again.
        if at.0 != "do open" || at.1 != Moment::After {
            scripts.push(vec![failure(at, 2)]);
        }
    }
    let cast = Scripts::new(Kind::Create, scripts.clone());
    let platform = platform(cast.passing()).await;
    sign_up_all(&platform, scripts.len()).await;
    let session = platform.platform_session().await;
    assert_eq!(cast.played().len(), scripts.len());
    for outcome in outcomes(&session).await {
        assert_whole(&platform, &outcome).await;
    }
    // Twice at a step's end is that step done three times over.
    let most: i32 = session.query_one("SELECT max(tries) FROM provisioning_steps", &[]).await.unwrap().get(0);
    assert_eq!(most, 3);
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_is_given_up() {
    let at = ("do open".to_owned(), Moment::Before);
    let cast = Scripts::new(Kind::Create, vec![vec![failure(&at, 5)]]);
    let platform = platform(cast.passing()).await;
    sign_up_all(&platform, 1).await;
    let session = platform.platform_session().await;
    assert_eq!(cast.played().len(), 1);
    assert_gone(&platform, &session, &outcomes(&session).await[0]).await;
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_saga_makes_a_tenant_whole() {
    let mut wanted = TestSettings::default();
    wanted.settings.provisioning.stock = 0;
    let platform = QuietPlatform::on(shared_cluster().await, wanted).await;
    let tenants = &platform.control_plane.tenants;
    let born = tenants.create(new_tenant("acme")).await.unwrap();
    let slug = "acme".parse().unwrap();
    tenants.activate(&slug, "test").await.unwrap_err();
    tenants.suspend(&slug, None, "test").await.unwrap_err();
    platform.finish(born).await;
    assert_eq!(platform.findings().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_deleted_while_it_is_made_is_gone() {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };
    for (step, moment) in moments(Kind::Create, "do") {
        // Stands still at this moment until the tenant is deleted.
        let deleted = Arc::new(AtomicBool::new(false));
        let (gate, at) = (deleted.clone(), step.clone());
        let fault = Fault::passing(move |_, step, when| step == at && when == moment && !gate.load(Ordering::SeqCst));
        let platform = platform(fault).await;
        let session = platform.platform_session().await;
        let signup = platform.client.sign_up("Company 0", &email(0)).await;
        assert!(matches!(signup.status.as_u16(), 201 | 202), "{signup:?}");
        let slug = "company-0".parse().unwrap();
        platform.control_plane().tenants.begin_delete(&slug, true, "test").await.unwrap();
        deleted.store(true, Ordering::SeqCst);
        platform.settled().await;
        let outcome = &outcomes(&session).await[0];
        assert_eq!(outcome.status, "deleted", "{moment:?} {step}");
        assert!(!has_database(&session, &format!("{}company_0", platform.prefix())).await, "{moment:?} {step}");
        assert!(!has_role(&session, platform.prefix().tenant_role(outcome.id).as_str()).await, "{moment:?} {step}");
        assert_eq!(platform.findings().await, Vec::<String>::new(), "{moment:?} {step}");
        platform.stop().await;
    }
}
