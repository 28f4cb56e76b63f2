//! What happens to few: workspaces that were not made, or are gone; a package that is full; a run of the fleet with
//! failures.

use std::sync::Mutex;

use serde_json::json;
use tenancy::TenantSlug;

use super::{
    Filled,
    filled::{BEGINNER, OWNER},
};
use crate::{TestPlatform, eventually, new_tenant};

/// A run of a day ago, with one of each outcome, and somebody who is behind since.
const RUN: &str = "
UPDATE tenants SET schema_version = schema_version - 1 WHERE slug = 'askida-ltd';
INSERT INTO fleet_runs (id, state, target_version, policy, actor, tenants, holder, lease_until, started_at, finished_at)
SELECT gen_random_uuid(), 'done', version, '{}', 'operator@tenantry.example', 4, gen_random_uuid(), now(),
       now() - interval '1 day', now() - interval '23 hours' FROM schema_target;
INSERT INTO fleet_results (run_id, tenant_id, outcome, failure, message, from_version, to_version, tries, milliseconds)
SELECT r.id, t.id, o.outcome, o.failure, o.message, r.target_version - 1, r.target_version, 1, 34
FROM fleet_runs r, tenants t JOIN (VALUES
    ('quattro-stand-a-s', 'done', NULL, NULL),
    ('askida-ltd', 'failed', 'migration', 'could not create unique index \"customers_names\": Key (company_name)=(Şişecam) is duplicated.'),
    ('yeni-sirket', 'newer', NULL, NULL),
    ('gone', 'gone', NULL, NULL)) AS o (slug, outcome, failure, message) ON o.slug = t.slug;
";

/// Whatever fails from now on is not tried again, or given up, while somebody looks at it.
const PAUSE: &str = "
CREATE FUNCTION pause_saga() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.next_attempt_at := now() + interval '1 day'; RETURN NEW; END $$;
CREATE TRIGGER pause_saga BEFORE UPDATE ON sagas FOR EACH ROW WHEN (NEW.finished_at IS NULL) EXECUTE FUNCTION pause_saga();
";

fn slug(text: &str) -> TenantSlug {
    TenantSlug::parse(text).unwrap()
}

impl Filled {
    /// What is made waits for as long as it comes to the step that is held: from the end of this on for ever.
    pub(super) async fn troubles(&mut self, platform: &TestPlatform, held: &Mutex<&'static str>) {
        let tenants = &platform.control_plane().tenants;
        let session = platform.platform_session().await;
        // Somebody else makes a database of the name meanwhile.
        *held.lock().unwrap() = "do database";
        tenants.create(new_tenant("failed")).await.unwrap();
        let taken = platform.prefix().tenant_database(&slug("failed"));
        session.batch_execute(&format!("CREATE DATABASE {taken}")).await.unwrap();
        *held.lock().unwrap() = "";
        tenants.create(new_tenant("gone")).await.unwrap();
        platform.settled().await;
        tenants.begin_delete(&slug("gone"), true, "operator@tenantry.example").await.unwrap();
        platform.settled().await;
        tenants.suspend(&slug("askida-ltd"), Some("Ödeme bekleniyor"), "operator@tenantry.example").await.unwrap();
        session.batch_execute(PAUSE).await.unwrap();
        *held.lock().unwrap() = "do open";
        tenants.create(new_tenant("being-made")).await.unwrap();

        let sql = "SELECT string_agg(slug || ' ' || status, ', ' ORDER BY slug) FROM tenants WHERE status <> 'trial'";
        let states: String = session.query_one(sql, &[]).await.unwrap().get(0);
        assert_eq!(states, "askida-ltd suspended, being-made provisioning, failed failed, gone deleted");

        session.batch_execute(RUN).await.unwrap();
        let runs = platform.control_plane().fleet.status().await.unwrap().runs;
        self.rows.insert("run", runs[0].id.to_string());
        self.rows.insert("verification", platform.mail(OWNER, "token=").await.token());
        platform.visitor().fill("/password/forgot", &[("email", BEGINNER)]).await.expect(303);
        self.rows.insert("reset", platform.mail(BEGINNER, "/password?token=").await.token());

        let full = "UPDATE tenants SET limit_overrides = '{\"max_projects\": 0}' WHERE slug = 'yeni-sirket'";
        session.batch_execute(full).await.unwrap();
        let beginner = platform.client.sign_in(BEGINNER).await;
        eventually("the limit is known", async || {
            beginner.post("/api/v1/projects", &json!({})).await.code() == "LIMIT_REACHED"
                || beginner.post("/api/v1/projects", &json!({ "name": "One" })).await.code() == "LIMIT_REACHED"
        })
        .await;
    }
}
