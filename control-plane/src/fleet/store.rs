//! The tables `fleet_runs`, `fleet_results` and `fleet_requests`.

use deadpool_postgres::GenericClient;
use tenancy::{DatabaseName, TenantId, TenantSlug, ids::ServerId};
use tokio_postgres::{Row, types::Json};
use uuid::Uuid;

use super::{Failing, Order, Policy, Run, RunId, TenantResult};
use crate::platform::StoreError;

/// A tenant whose turn may come.
#[derive(Debug, Clone)]
pub(super) struct Behind {
    pub(super) id: TenantId,
    pub(super) slug: TenantSlug,
    pub(super) database: DatabaseName,
    pub(super) server: ServerId,
    pub(super) version: i32,
}

impl From<Row> for Behind {
    fn from(row: Row) -> Self {
        Self { id: row.get(0), slug: row.get(1), database: row.get(2), server: row.get(3), version: row.get(4) }
    }
}

/// Who is behind a version, in a policy's order, but for those that a run is done with.
pub(super) async fn behind(
    db: &impl GenericClient,
    version: i32,
    policy: &Policy,
    run: Option<RunId>,
) -> Result<Vec<Behind>, StoreError> {
    let sql = "SELECT t.id, t.slug, t.database_name, t.server_id, t.schema_version FROM tenants t \
               LEFT JOIN fleet_requests r ON r.tenant_id = t.id \
               WHERE t.schema_version < $1 AND t.status NOT IN ('provisioning', 'failed', 'deleted') \
               AND NOT EXISTS (SELECT 1 FROM fleet_results f WHERE f.run_id = $2 AND f.tenant_id = t.id) \
               AND (cardinality($3::text[]) = 0 OR t.slug = ANY($3)) AND NOT t.slug = ANY($4) \
               ORDER BY t.label <> 'canary', r.asked_at NULLS LAST, \
               CASE WHEN $5 = 'size' THEN (SELECT pg_database_size(d.oid) FROM pg_database d WHERE d.datname = t.database_name) END, \
               CASE WHEN $5 = 'label' THEN nullif(t.label, '') END, t.created_at";
    let order: &Order = &policy.order;
    let rows = db.query(sql, &[&version, &run, &policy.only, &policy.exclude, order]).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Who is at a version.
pub(super) async fn at_version(
    db: &impl GenericClient,
    version: i32,
    policy: &Policy,
) -> Result<Vec<Behind>, StoreError> {
    let sql = "SELECT id, slug, database_name, server_id, schema_version FROM tenants \
               WHERE schema_version = $1 AND status NOT IN ('provisioning', 'failed', 'deleted') \
               AND (cardinality($2::text[]) = 0 OR slug = ANY($2)) AND NOT slug = ANY($3) ORDER BY created_at";
    let rows = db.query(sql, &[&version, &policy.only, &policy.exclude]).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// One tenant, where it has a database and is behind.
pub(super) async fn one_behind(
    db: &impl GenericClient,
    tenant: TenantId,
    version: i32,
) -> Result<Option<Behind>, StoreError> {
    let sql = "SELECT id, slug, database_name, server_id, schema_version FROM tenants WHERE id = $1 \
               AND schema_version < $2 AND status NOT IN ('provisioning', 'failed', 'deleted')";
    Ok(db.query_opt(sql, &[&tenant, &version]).await?.map(Into::into))
}

/// Whether somebody is being made at an older version.
pub(super) async fn is_somebody_made_behind(db: &impl GenericClient, version: i32) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM tenants WHERE status = 'provisioning' AND schema_version < $1)";
    Ok(db.query_one(sql, &[&version]).await?.get(0))
}

/// How many tenants are at each version.
pub(super) async fn versions(db: &impl GenericClient) -> Result<Vec<(i32, i64)>, StoreError> {
    let sql =
        "SELECT schema_version, count(*) FROM tenants WHERE status NOT IN ('failed', 'deleted') GROUP BY 1 ORDER BY 1";
    Ok(db.query(sql, &[]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Which of these slugs no tenant has.
pub(super) async fn unknown(db: &impl GenericClient, slugs: &[TenantSlug]) -> Result<Vec<TenantSlug>, StoreError> {
    let sql = "SELECT s FROM unnest($1::text[]) s WHERE NOT EXISTS (SELECT 1 FROM tenants WHERE slug = s AND released_at IS NULL)";
    Ok(db.query(sql, &[&slugs]).await?.iter().map(|row| row.get(0)).collect())
}

/// Whether a tenant still has its database.
pub(super) async fn is_there(db: &impl GenericClient, tenant: TenantId) -> Result<bool, StoreError> {
    let sql = "SELECT status NOT IN ('failed', 'deleted') FROM tenants WHERE id = $1";
    Ok(db.query_opt(sql, &[&tenant]).await?.is_some_and(|row| row.get(0)))
}

const RUN: &str = "SELECT r.id, r.state, r.target_version, r.actor, r.tenants, r.reason, r.started_at, r.finished_at, \
                   c.done, c.failed, c.newer, c.gone, r.state = 'running' AND r.lease_until > now() FROM fleet_runs r, LATERAL (SELECT \
                   count(*) FILTER (WHERE outcome = 'done') AS done, count(*) FILTER (WHERE outcome = 'failed') AS failed, \
                   count(*) FILTER (WHERE outcome = 'newer') AS newer, count(*) FILTER (WHERE outcome = 'gone') AS gone \
                   FROM fleet_results f WHERE f.run_id = r.id) c";

fn run_of(row: &Row) -> Run {
    Run {
        id: row.get(0),
        state: row.get(1),
        target_version: row.get(2),
        actor: row.get(3),
        tenants: row.get(4),
        reason: row.get(5),
        started_at: row.get(6),
        finished_at: row.get(7),
        done: row.get(8),
        failed: row.get(9),
        newer: row.get(10),
        gone: row.get(11),
        is_held: row.get(12),
    }
}

pub(super) async fn run(db: &impl GenericClient, id: RunId) -> Result<Option<Run>, StoreError> {
    let sql = format!("{RUN} WHERE r.id = $1");
    Ok(db.query_opt(&sql, &[&id]).await?.as_ref().map(run_of))
}

/// How a run goes about it.
pub(super) async fn policy(db: &impl GenericClient, id: RunId) -> Result<Option<Policy>, StoreError> {
    let row = db.query_opt("SELECT policy FROM fleet_runs WHERE id = $1", &[&id]).await?;
    Ok(row.map(|row| row.get::<_, Json<Policy>>(0).0))
}

/// The run that is under way, or that nobody ended.
pub(super) async fn running(db: &impl GenericClient) -> Result<Option<Run>, StoreError> {
    let sql = format!("{RUN} WHERE r.state = 'running'");
    Ok(db.query_opt(&sql, &[]).await?.as_ref().map(run_of))
}

/// The last runs, the newest first.
pub(super) async fn last_runs(db: &impl GenericClient, count: i64) -> Result<Vec<Run>, StoreError> {
    let sql = format!("{RUN} ORDER BY r.started_at DESC LIMIT $1");
    Ok(db.query(&sql, &[&count]).await?.iter().map(run_of).collect())
}

/// `false`: another run is under way.
pub(super) async fn begin(
    db: &impl GenericClient,
    id: RunId,
    holder: Uuid,
    target: i32,
    policy: &Policy,
    actor: &str,
    tenants: usize,
) -> Result<bool, StoreError> {
    let tenants = i32::try_from(tenants).unwrap_or(i32::MAX);
    let sql = "INSERT INTO fleet_runs (id, state, target_version, policy, actor, tenants, holder, lease_until) \
               VALUES ($1, 'running', $2, $3, $4, $5, $6, now() + interval '15 seconds') \
               ON CONFLICT ((true)) WHERE state = 'running' DO NOTHING";
    Ok(db.execute(sql, &[&id, &target, &Json(policy), &actor, &tenants, &holder]).await? == 1)
}

/// Takes over a run whose holder is gone, or whose lease is over. `None`: its holder lives.
pub(super) async fn take_over(
    db: &impl GenericClient,
    holder: Uuid,
    holder_is_gone: bool,
    target: i32,
    policy: &Policy,
) -> Result<Option<RunId>, StoreError> {
    // What was left by a program for another version is not gone on with: its results are about that one.
    let sql = "WITH ended AS (UPDATE fleet_runs SET state = 'stopped', reason = 'it was left', finished_at = now() \
               WHERE state = 'running' AND ($2 OR lease_until < now()) AND target_version <> $3) \
               UPDATE fleet_runs SET holder = $1, lease_until = now() + interval '15 seconds', policy = $4, stop_requested = false \
               WHERE state = 'running' AND ($2 OR lease_until < now()) AND target_version = $3 RETURNING id";
    let row = db.query_opt(sql, &[&holder, &holder_is_gone, &target, &Json(policy)]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Records results and renews the lease in one statement. Whether somebody wants the run to stop; `None` is that
/// another program holds it now, and then nothing was recorded.
pub(super) async fn record(
    db: &impl GenericClient,
    run: RunId,
    holder: Uuid,
    results: &[TenantResult],
) -> Result<Option<bool>, StoreError> {
    let sql = "WITH held AS (UPDATE fleet_runs SET lease_until = now() + interval '15 seconds' \
                 WHERE id = $1 AND holder = $2 AND state = 'running' RETURNING id, stop_requested), \
               given AS (SELECT * FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::integer[], \
                 $9::integer[], $10::integer[], $11::text[]) AS given (tenant, outcome, failure, message, was, became, tries, took, backup)), \
               kept AS (INSERT INTO fleet_results (run_id, tenant_id, outcome, failure, message, from_version, to_version, tries, \
                 milliseconds, backup) SELECT held.id, g.tenant, g.outcome, g.failure, g.message, g.was, g.became, g.tries, g.took, g.backup \
                 FROM held, given g ON CONFLICT (run_id, tenant_id) DO UPDATE SET outcome = excluded.outcome, \
                 failure = excluded.failure, message = excluded.message, from_version = excluded.from_version, \
                 to_version = excluded.to_version, tries = excluded.tries, milliseconds = excluded.milliseconds, backup = excluded.backup, finished_at = now()), \
               moved AS (UPDATE tenants t SET schema_version = g.became FROM held, given g \
                 WHERE t.id = g.tenant AND g.became > t.schema_version), \
               answered AS (DELETE FROM fleet_requests q USING held, given g WHERE q.tenant_id = g.tenant AND g.outcome <> 'failed') \
               SELECT stop_requested FROM held";
    let of = |each: fn(&TenantResult) -> Option<i32>| results.iter().map(each).collect::<Vec<_>>();
    let tenants: Vec<Uuid> = results.iter().map(|result| result.tenant.uuid()).collect();
    let outcomes: Vec<&str> = results.iter().map(|result| result.outcome.as_str()).collect();
    let failures: Vec<Option<&str>> = results.iter().map(|result| result.failure.map(super::Failure::as_str)).collect();
    let messages: Vec<Option<&str>> = results.iter().map(|result| result.message.as_deref()).collect();
    let (was, became) = (of(|result| result.from_version), of(|result| result.to_version));
    let (tries, took) = (of(|result| Some(result.tries)), of(|result| Some(result.milliseconds)));
    let backups: Vec<Option<&str>> = results.iter().map(|result| result.backup.as_deref()).collect();
    let statement = db.prepare_cached(sql).await?;
    let row = db
        .query_opt(
            &statement,
            &[&run, &holder, &tenants, &outcomes, &failures, &messages, &was, &became, &tries, &took, &backups],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// `false`: another program holds it now.
pub(super) async fn finish(
    db: &impl GenericClient,
    run: RunId,
    holder: Uuid,
    state: super::RunState,
    reason: Option<&str>,
) -> Result<bool, StoreError> {
    let sql = "UPDATE fleet_runs SET state = $3, reason = $4, finished_at = now() \
               WHERE id = $1 AND holder = $2 AND state = 'running'";
    Ok(db.execute(sql, &[&run, &holder, &state, &reason]).await? == 1)
}

/// Asks whoever holds the run to stop, and returns which; none: no run is under way.
pub(super) async fn request_stop(db: &impl GenericClient) -> Result<Option<RunId>, StoreError> {
    let sql =
        "UPDATE fleet_runs SET stop_requested = true WHERE state = 'running' AND lease_until > now() RETURNING id";
    Ok(db.query_opt(sql, &[]).await?.map(|row| row.get(0)))
}

/// Whom a run did not bring up, and why; of all of them a part, where so many rows behind so many others are asked for.
pub(super) async fn failures(
    db: &impl GenericClient,
    run: RunId,
    part: Option<(i64, i64)>,
) -> Result<Vec<TenantResult>, StoreError> {
    let sql = "SELECT f.tenant_id, t.slug, f.outcome, f.failure, f.message, f.from_version, f.to_version, f.tries, f.milliseconds, f.backup \
               FROM fleet_results f JOIN tenants t ON t.id = f.tenant_id WHERE f.run_id = $1 AND f.outcome <> 'done' \
               ORDER BY f.finished_at, f.tenant_id LIMIT $2 OFFSET $3";
    let (rows, offset) = (part.map(|(rows, _)| rows), part.map_or(0, |(_, offset)| offset));
    let row = |row: &Row| TenantResult {
        tenant: row.get(0),
        slug: row.get(1),
        outcome: row.get(2),
        failure: row.get(3),
        message: row.get(4),
        from_version: row.get(5),
        to_version: row.get(6),
        tries: row.get(7),
        milliseconds: row.get(8),
        backup: row.get(9),
    };
    Ok(db.query(sql, &[&run, &rows, &offset]).await?.iter().map(row).collect())
}

/// Tenants that are behind, and what they failed of last.
pub(super) async fn failing(db: &impl GenericClient, version: i32) -> Result<Vec<Failing>, StoreError> {
    let sql = "SELECT t.slug, t.schema_version, f.failure, f.message, f.finished_at FROM tenants t, LATERAL \
               (SELECT outcome, failure, message, finished_at FROM fleet_results WHERE tenant_id = t.id \
               ORDER BY finished_at DESC LIMIT 1) f WHERE t.schema_version < $1 AND t.status NOT IN ('failed', 'deleted') \
               AND f.outcome = 'failed' ORDER BY t.slug";
    let row = |row: &Row| Failing {
        slug: row.get(0),
        version: row.get(1),
        failure: row.get(2),
        message: row.get(3),
        at: row.get(4),
    };
    Ok(db.query(sql, &[&version]).await?.iter().map(row).collect())
}

/// How long a tenant took in the last run that brought some up, in milliseconds, all told.
pub(super) async fn pace(db: &impl GenericClient) -> Result<Option<f64>, StoreError> {
    let sql = "SELECT extract(epoch FROM r.finished_at - r.started_at)::float8 * 1000 / count(*) FROM fleet_runs r \
               JOIN fleet_results f ON f.run_id = r.id AND f.outcome = 'done' WHERE r.finished_at IS NOT NULL \
               GROUP BY r.id ORDER BY r.started_at DESC LIMIT 1";
    Ok(db.query_opt(sql, &[]).await?.map(|row| row.get(0)))
}

/// Tenants that somebody asked for, and that are due.
pub(super) async fn requests(db: &impl GenericClient) -> Result<Vec<TenantId>, StoreError> {
    let sql = "SELECT tenant_id FROM fleet_requests WHERE next_attempt_at <= now() ORDER BY next_attempt_at LIMIT 64";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query(&statement, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// A tenant that was asked for is at this version now; `None`: it needs nothing, or is gone.
pub(super) async fn answered(
    db: &impl GenericClient,
    tenant: TenantId,
    version: Option<i32>,
) -> Result<(), StoreError> {
    let sql = "WITH answered AS (DELETE FROM fleet_requests WHERE tenant_id = $1) \
               UPDATE tenants SET schema_version = $2 WHERE id = $1 AND schema_version < $2";
    db.execute(sql, &[&tenant, &version]).await?;
    Ok(())
}

/// A tenant that was asked for can't be brought up now.
pub(super) async fn unanswered(db: &impl GenericClient, tenant: TenantId, error: &str) -> Result<(), StoreError> {
    let sql = "UPDATE fleet_requests SET attempts = attempts + 1, error = $2, \
               next_attempt_at = now() + least(60, 2 ^ least(attempts, 6)) * interval '1 second' WHERE tenant_id = $1";
    db.execute(sql, &[&tenant, &error]).await?;
    Ok(())
}

/// Whether a run of the control plane's own is due: somebody is behind, and the last run ended some time ago.
pub(super) async fn is_run_due(db: &impl GenericClient, version: i32) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM tenants WHERE schema_version < $1 AND status NOT IN ('provisioning', 'failed', 'deleted')) \
               AND NOT EXISTS (SELECT 1 FROM fleet_runs WHERE (state = 'running' AND lease_until > now()) \
               OR (finished_at > now() - interval '10 minutes' AND target_version = $1))";
    Ok(db.query_one(sql, &[&version]).await?.get(0))
}

/// What a run may have of a server's connections now.
pub(super) async fn claim_connections(
    db: &impl GenericClient,
    server: ServerId,
    process: Uuid,
    wanted: usize,
) -> Result<usize, StoreError> {
    let wanted = i32::try_from(wanted).unwrap_or(i32::MAX);
    let statement = db.prepare_cached("SELECT fleet_connections($1, $2, $3)").await?;
    let given: i32 = db.query_one(&statement, &[&server, &process, &wanted]).await?.get(0);
    Ok(usize::try_from(given).unwrap_or(1))
}

pub(super) async fn release_connections(db: &impl GenericClient, process: Uuid) -> Result<(), StoreError> {
    db.execute("DELETE FROM connection_shares WHERE process = $1 AND kind = 'fleet'", &[&process]).await?;
    Ok(())
}
