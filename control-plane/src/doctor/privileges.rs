//! What a tenant's role may do inside its own database: data, and nothing else.

use tenancy::RoleName;
use tokio_postgres::Client;

/// Each line is a privilege that the role has and must not have, or must have and has not. History rows are the owner's.
const DIFFERENCES: &str = "
    SELECT 'it may create objects in schema public' WHERE has_schema_privilege($1, 'public', 'CREATE')
    UNION ALL SELECT 'it may not use schema public' WHERE NOT has_schema_privilege($1, 'public', 'USAGE')
    UNION ALL SELECT 'it may create schemas' WHERE has_database_privilege($1, current_database(), 'CREATE')
    UNION ALL SELECT 'it may create temporary tables' WHERE has_database_privilege($1, current_database(), 'TEMP')
    UNION ALL SELECT 'it may call ' || proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
        AND proname IN ('pg_advisory_lock', 'pg_try_advisory_lock', 'pg_advisory_xact_lock', 'lo_create', 'lo_from_bytea')
        AND has_function_privilege($1, oid, 'EXECUTE')
    UNION ALL SELECT 'it owns ' || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND pg_get_userbyid(relowner) = $1
    UNION ALL SELECT 'it may do more than read and write rows of ' || relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND has_table_privilege($1, oid, 'TRUNCATE, REFERENCES, TRIGGER')
    UNION ALL SELECT 'it may not read and write rows of ' || relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'refinery_schema_history'
        AND NOT (has_table_privilege($1, oid, 'SELECT') AND has_table_privilege($1, oid, 'INSERT')
                 AND has_table_privilege($1, oid, 'UPDATE') AND has_table_privilege($1, oid, 'DELETE'))
    UNION ALL SELECT 'it may reach the history of migrations' FROM pg_class
        WHERE relname = 'refinery_schema_history' AND has_table_privilege($1, oid, 'SELECT, INSERT, UPDATE, DELETE')";

/// The differences, as sentences; none is as it should be.
pub(super) async fn examine(inside: &Client, role: &RoleName) -> Result<Vec<String>, tokio_postgres::Error> {
    let differences = inside.query(DIFFERENCES, &[&role.as_str()]).await?;
    Ok(differences.iter().map(|row| row.get(0)).collect())
}
