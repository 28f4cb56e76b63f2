//! Schemas that are not what their migrations make: each tenant's catalogs against those of a fresh database of the same
//! version.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt, stream};
use serde::Serialize;
use tenancy::{DatabaseName, TenantSlug, text_enum};
use tokio::sync::watch;
use tokio_postgres::Client;
use uuid::Uuid;

use super::{Fleet, FleetError, Policy, Progress, Stop, store};
use crate::{platform::StoreError, servers::Server};

text_enum! {
    /// How a part of a schema differs.
    pub enum Difference {
        /// It is not there.
        Missing = "missing",
        /// It should not be there.
        Extra = "extra",
        /// It is another.
        Changed = "changed",
    }
}

/// A part of a tenant's schema that is not what it should be.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Drift {
    /// The tenant.
    pub slug: TenantSlug,
    /// How it differs.
    pub difference: Difference,
    /// `table`, `column`, `index`, `constraint`, `trigger`, `function`, `view`, `sequence`, `grant`; `database` where the
    /// database can't be examined.
    pub kind: String,
    /// Its name; a column's with its table's.
    pub name: String,
    /// What it should be.
    pub expected: Option<String>,
    /// What it is.
    pub found: Option<String>,
}

/// Everything that a schema consists of, from the catalogs: kind, name, definition.
const PARTS: &str = "\
    SELECT 'table' AS kind, c.relname::text AS name, format('%s owned by %s%s', c.relkind, pg_get_userbyid(c.relowner), \
        CASE WHEN c.relrowsecurity THEN ' with row security' ELSE '' END) AS definition \
      FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') \
    UNION ALL SELECT 'column', format('%s.%s', c.relname, a.attname), format('%s%s%s%s%s', format_type(a.atttypid, a.atttypmod), \
        CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), \
        CASE WHEN a.attgenerated <> '' THEN ' GENERATED' ELSE '' END, CASE WHEN a.attidentity <> '' THEN ' IDENTITY' ELSE '' END) \
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped \
    UNION ALL SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END \
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace \
    UNION ALL SELECT 'constraint', format('%s.%s', k.conrelid::regclass, k.conname), pg_get_constraintdef(k.oid) \
      FROM pg_constraint k WHERE k.connamespace = 'public'::regnamespace AND k.conrelid <> 0 \
    UNION ALL SELECT 'trigger', format('%s.%s', t.tgrelid::regclass, t.tgname), pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' ELSE ' DISABLED' END \
      FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal \
    UNION ALL SELECT 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid) \
      FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p') \
    UNION ALL SELECT 'view', c.relname, pg_get_viewdef(c.oid) FROM pg_class c \
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('v', 'm') \
    UNION ALL SELECT 'sequence', c.relname, format('%s from %s by %s', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement) \
      FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid WHERE c.relnamespace = 'public'::regnamespace \
    UNION ALL SELECT 'grant', format('%s to %s', c.relname, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END), \
        string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) \
      FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a \
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') GROUP BY c.relname, a.grantee";

/// A schema: what each part of it is, by kind and name.
type Schema = BTreeMap<(String, String), String>;

async fn fingerprint(client: &Client) -> Result<String, tokio_postgres::Error> {
    let sql = format!("SELECT md5(string_agg(p::text, E'\\n' ORDER BY p.kind, p.name)) FROM ({PARTS}) p");
    Ok(client.query_typed(&sql, &[]).await?[0].get(0))
}

async fn schema(client: &Client) -> Result<Schema, tokio_postgres::Error> {
    let rows = client.query_typed(PARTS, &[]).await?;
    Ok(rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect())
}

fn differences(slug: &TenantSlug, expected: &Schema, found: &Schema) -> Vec<Drift> {
    let parts: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let differs = |part: &&(String, String)| expected.get(*part) != found.get(*part);
    parts
        .into_iter()
        .filter(differs)
        .map(|part| {
            let (expected, found) = (expected.get(part).cloned(), found.get(part).cloned());
            let difference = match (&expected, &found) {
                (Some(_), None) => Difference::Missing,
                (None, _) => Difference::Extra,
                (Some(_), Some(_)) => Difference::Changed,
            };
            let (kind, name) = part.clone();
            Drift { slug: slug.clone(), difference, kind, name, expected, found }
        })
        .collect()
}

impl Fleet {
    /// Compares everybody whom the policy names, and who is at this program's version, with what that version's migrations
    /// make. Changes nothing in them.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn drift(
        &self,
        policy: &Policy,
        progress: &watch::Sender<Progress>,
        stop: &Stop,
    ) -> Result<Vec<Drift>, FleetError> {
        self.check(policy).await?;
        let current = {
            let client = self.0.pool.get().await.map_err(StoreError::from)?;
            store::at_version(&client, self.own_version(), policy).await?
        };
        progress.send_modify(|progress| progress.total = current.len());
        let connections = &self.connections(policy.concurrency).await?;
        let mut expected = HashMap::new();
        for server in connections.ids().filter(|id| current.iter().any(|tenant| tenant.server == *id)) {
            expected.insert(server, self.expected(connections.server(server)).await?);
        }
        let at_once = connections.wanted() * expected.len().max(1);
        let looks = current.into_iter().map(|tenant| {
            let (print, expected) = &expected[&tenant.server];
            async move {
                let _one = connections.one(tenant.server).await;
                let server = connections.server(tenant.server);
                if stop.reason().is_some() {
                    return Vec::new();
                }
                let found = self.compare(server, &tenant.slug, &tenant.database, print, expected).await;
                progress.send_modify(|progress| match found.is_empty() {
                    true => progress.done += 1,
                    false => progress.failed += 1,
                });
                found
            }
        });
        let looks = stream::iter(looks).buffer_unordered(at_once).concat();
        Ok(self.with_connections(connections, expected.keys().copied(), looks).await)
    }

    async fn compare(
        &self,
        server: &Server,
        slug: &TenantSlug,
        database: &DatabaseName,
        print: &str,
        expected: &Schema,
    ) -> Vec<Drift> {
        let look = async {
            let client = server.connect_to(database).await?;
            if fingerprint(&client).await.map_err(StoreError::from)? == print {
                return Ok(Vec::new());
            }
            Ok(differences(slug, expected, &schema(&client).await.map_err(StoreError::from)?))
        };
        look.await.unwrap_or_else(|error: FleetError| {
            vec![Drift {
                slug: slug.clone(),
                difference: Difference::Missing,
                kind: "database".to_owned(),
                name: database.to_string(),
                expected: None,
                found: Some(error.to_string()),
            }]
        })
    }

    /// What a tenant's schema should be: that of a database that was cloned just now and goes again.
    async fn expected(&self, server: &Server) -> Result<(String, Schema), FleetError> {
        let provisioning = &self.0.provisioning;
        let name = provisioning.prefix().unfinished_template(Uuid::now_v7());
        provisioning.clone_for_a_look(server, &name).await?;
        let look = async {
            let inside = server.connect_to(&name).await?;
            let found = (
                fingerprint(&inside).await.map_err(StoreError::from)?,
                schema(&inside).await.map_err(StoreError::from)?,
            );
            Ok(found)
        };
        let looked = look.await;
        provisioning.drop_leftover(server, &name).await?;
        looked
    }
}
