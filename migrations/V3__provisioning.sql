-- The schema version that new tenants are born with. A claim of stock reads the row FOR SHARE, whoever moves the
-- version on takes it FOR UPDATE: a tenant is never born behind a version that just moved.
CREATE TABLE schema_target (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version     integer NOT NULL CHECK (version >= 0),
    fingerprint bigint NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now()
);

-- Ready databases, recorded before they are made. A claim deletes the row in the transaction that makes the tenant.
CREATE TABLE stock (
    database_name  text PRIMARY KEY,
    server_id      uuid NOT NULL REFERENCES servers,
    schema_version integer NOT NULL,
    fingerprint    bigint NOT NULL,
    ready          boolean NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stock_ready ON stock (server_id, schema_version, created_at) WHERE ready;

-- What makes or unmakes a tenant where one transaction can't: a row for each saga, a row for each step tried.
CREATE TABLE sagas (
    tenant_id       uuid NOT NULL REFERENCES tenants DEFERRABLE INITIALLY DEFERRED,
    kind            text NOT NULL CHECK (kind IN ('create', 'drop')),
    state           text NOT NULL CHECK (state IN ('doing', 'undoing', 'done', 'undone')),
    backup          boolean NOT NULL DEFAULT true,
    attempts        integer NOT NULL DEFAULT 0,
    error           text,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    PRIMARY KEY (tenant_id, kind),
    CHECK ((state IN ('done', 'undone')) = (finished_at IS NOT NULL))
);
CREATE INDEX sagas_unfinished ON sagas (next_attempt_at) WHERE finished_at IS NULL;

CREATE TABLE provisioning_steps (
    tenant_id   uuid NOT NULL REFERENCES tenants DEFERRABLE INITIALLY DEFERRED,
    kind        text NOT NULL CHECK (kind IN ('create', 'drop')),
    step        text NOT NULL,
    direction   text NOT NULL CHECK (direction IN ('do', 'undo')),
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    tries       integer NOT NULL DEFAULT 1,
    error       text,
    PRIMARY KEY (tenant_id, kind, step, direction)
);

CREATE FUNCTION announce_saga() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tenantry_sagas', NEW.tenant_id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER sagas_announce AFTER INSERT ON sagas FOR EACH ROW WHEN (NEW.next_attempt_at <= now())
    EXECUTE FUNCTION announce_saga();
