-- Bringing all tenants to a schema version. One run is under way at a time; whoever holds it renews its lease, and writes
-- nothing any more once another holds it.
CREATE TABLE fleet_runs (
    id             uuid PRIMARY KEY,
    state          text NOT NULL CHECK (state IN ('running', 'done', 'stopped')),
    target_version integer NOT NULL,
    -- What was asked for: canaries, concurrency, when to stop, whether there are backups.
    policy         jsonb NOT NULL,
    actor          text NOT NULL,
    -- How many were to be brought up when it began.
    tenants        integer NOT NULL CHECK (tenants >= 0),
    -- Why it stopped.
    reason         text,
    stop_requested boolean NOT NULL DEFAULT false,
    -- The token of whoever is at it; another one after every change of hands.
    holder         uuid NOT NULL,
    lease_until    timestamptz NOT NULL,
    started_at     timestamptz NOT NULL DEFAULT now(),
    finished_at    timestamptz,
    CHECK ((state = 'running') = (finished_at IS NULL))
);
CREATE UNIQUE INDEX fleet_runs_one ON fleet_runs ((true)) WHERE state = 'running';
CREATE INDEX fleet_runs_started ON fleet_runs (started_at);

CREATE TABLE fleet_results (
    run_id       uuid NOT NULL REFERENCES fleet_runs ON DELETE CASCADE,
    tenant_id    uuid NOT NULL REFERENCES tenants,
    outcome      text NOT NULL CHECK (outcome IN ('done', 'failed', 'newer', 'gone')),
    -- What kind of failure, and in whose words.
    failure      text CHECK (failure IN ('migration', 'locked', 'too_slow', 'history', 'unreachable', 'backup')),
    message      text,
    from_version integer,
    to_version   integer,
    tries        integer NOT NULL CHECK (tries > 0),
    milliseconds integer NOT NULL,
    backup       text,
    finished_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, tenant_id),
    CHECK ((outcome = 'failed') = (failure IS NOT NULL))
);
CREATE INDEX fleet_results_tenant ON fleet_results (tenant_id, finished_at);

-- Tenants that somebody asked for while they were behind.
CREATE TABLE fleet_requests (
    tenant_id       uuid PRIMARY KEY REFERENCES tenants,
    asked_at        timestamptz NOT NULL DEFAULT now(),
    attempts        integer NOT NULL DEFAULT 0,
    error           text,
    next_attempt_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX fleet_requests_due ON fleet_requests (next_attempt_at);

-- Runtimes ask for a tenant that they can't serve as it is.
CREATE FUNCTION request_upgrade(of_tenant uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO fleet_requests (tenant_id) VALUES (of_tenant) ON CONFLICT DO NOTHING;
    PERFORM pg_notify('tenantry_upgrades', of_tenant::text);
END $$;
REVOKE EXECUTE ON FUNCTION request_upgrade(uuid) FROM PUBLIC;

-- A word by which operators group tenants: `canary` is the first to be brought up.
ALTER TABLE tenants ADD COLUMN label text NOT NULL DEFAULT '' CHECK (label ~ '^([a-z0-9][a-z0-9-]{0,39})?$');

-- Who is behind.
-- squawk-ignore require-concurrent-index-creation -- a row for each tenant: done in milliseconds
CREATE INDEX tenants_schema ON tenants (schema_version) WHERE status NOT IN ('failed', 'deleted');

ALTER TABLE connection_shares DROP CONSTRAINT connection_shares_kind_check;
-- squawk-ignore constraint-missing-not-valid -- a row for each process
ALTER TABLE connection_shares ADD CHECK (kind IN ('control_plane', 'runtime', 'fleet'));

-- As before; what a fleet run has is left to it as well, and some are kept for a runtime that comes next, so that it can
-- listen, read and serve before the others have given up their part.
CREATE OR REPLACE FUNCTION share_connections(of_host text, of_port integer, of_process uuid, held integer, at_most integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    server servers;
    total integer;
    fixed integer;
    others integer;
    runtimes integer;
    mine integer;
    newcomer CONSTANT integer := 3;
BEGIN
    SELECT * INTO server FROM servers
        WHERE (of_host IS NULL AND is_platform) OR (host = of_host AND port = of_port) FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    total := CASE WHEN server.is_platform THEN usable_connections() ELSE server.connections END;
    IF total IS NULL THEN
        RETURN NULL;
    END IF;
    DELETE FROM connection_shares WHERE server_id = server.id AND expires_at < now();
    SELECT coalesce(sum(connections) FILTER (WHERE kind <> 'runtime'), 0),
           coalesce(sum(connections) FILTER (WHERE kind = 'runtime'), 0), 1 + count(*) FILTER (WHERE kind = 'runtime')
        INTO fixed, others, runtimes
        FROM connection_shares WHERE server_id = server.id AND process <> of_process;
    mine := greatest(least(newcomer, at_most), least(at_most, (total - fixed - newcomer) / runtimes, total - fixed - newcomer - others));
    INSERT INTO connection_shares VALUES
        (server.id, of_process, 'runtime', greatest(mine, held), now() + interval '30 seconds')
    ON CONFLICT (server_id, process) DO UPDATE
        SET connections = excluded.connections, expires_at = excluded.expires_at;
    RETURN mine;
END $$;

-- A fleet run's part of a server: what it wants is kept for it, and it may use what runtimes have given up by now.
CREATE FUNCTION fleet_connections(of_server uuid, of_process uuid, wanted integer)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    server servers;
    total integer;
    others integer;
BEGIN
    SELECT * INTO server FROM servers WHERE id = of_server FOR UPDATE;
    total := CASE WHEN server.is_platform THEN usable_connections() ELSE server.connections END;
    DELETE FROM connection_shares WHERE server_id = of_server AND expires_at < now();
    SELECT coalesce(sum(connections), 0) INTO others FROM connection_shares
        WHERE server_id = of_server AND process <> of_process;
    INSERT INTO connection_shares VALUES (of_server, of_process, 'fleet', wanted, now() + interval '30 seconds')
    ON CONFLICT (server_id, process) DO UPDATE
        SET connections = excluded.connections, expires_at = excluded.expires_at;
    RETURN greatest(1, least(wanted, coalesce(total, wanted) - others));
END $$;
