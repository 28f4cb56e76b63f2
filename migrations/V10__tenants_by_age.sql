-- Apart from what changes the tables that a signup writes to after this one: each would wait for the other.
-- The newest tenants first, and how many came to be lately.
-- squawk-ignore require-concurrent-index-creation -- a row for each tenant: done in milliseconds
CREATE INDEX tenants_created ON tenants (created_at, id);
