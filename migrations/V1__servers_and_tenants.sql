-- References to tenants and users are checked as a transaction ends: a signup writes its rows in no order.

-- Which platform this is, and a hash of the master key that its secrets were made with.
CREATE TABLE platform (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id        uuid NOT NULL,
    key_check bytea CHECK (length(key_check) = 32)
);

-- PostgreSQL servers that hold tenant databases. The first is the one that holds this database.
CREATE TABLE servers (
    id          uuid PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    is_platform boolean NOT NULL DEFAULT false,
    -- Where runtimes reach it; NULL is the address of the platform database itself.
    host        text,
    port        integer CHECK (port BETWEEN 1 AND 65535),
    -- An administrator's URL, sealed with the master key; NULL is the configured one.
    admin_url   bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (is_platform = (host IS NULL AND port IS NULL AND admin_url IS NULL))
);
CREATE UNIQUE INDEX servers_one_platform ON servers (is_platform) WHERE is_platform;

CREATE TABLE users (
    id             uuid PRIMARY KEY,
    -- Kept in lower case; see EmailAddress.
    email          text NOT NULL UNIQUE CHECK (length(email) BETWEEN 3 AND 254),
    email_verified timestamptz,
    name           text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    password_hash  text,
    status         text NOT NULL CHECK (status IN ('active', 'suspended', 'invited')),
    super_admin    boolean NOT NULL DEFAULT false,
    avatar_url     text,
    last_login     timestamptz,
    last_tenant    uuid,
    preferences    jsonb NOT NULL DEFAULT '{"language":"tr","notifications":{"email":true,"push":false}}',
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (status = 'invited' OR password_hash IS NOT NULL)
);

CREATE TABLE tenants (
    id                   uuid PRIMARY KEY,
    slug                 text NOT NULL CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])$' AND slug !~ '--'),
    name                 text NOT NULL CHECK (length(name) BETWEEN 1 AND 300),
    domain               text UNIQUE,
    status               text NOT NULL CHECK (status IN
                             ('provisioning', 'trial', 'active', 'suspended', 'cancelled', 'failed', 'deleted')),
    status_reason        text,
    -- Moves on whenever tokens and pools made for the tenant must not be used any more.
    generation           integer NOT NULL DEFAULT 1,
    server_id            uuid NOT NULL REFERENCES servers,
    -- The physical name, so that a later change of slug needs no rename.
    database_name        text NOT NULL,
    schema_version       integer NOT NULL,
    -- Set once the database's name can be used again; until then slug and name stay taken.
    released_at          timestamptz,
    owner_id             uuid REFERENCES users DEFERRABLE INITIALLY DEFERRED,
    trial_ends_at        timestamptz,
    timezone             text NOT NULL DEFAULT 'Europe/Istanbul',
    language             text NOT NULL DEFAULT 'tr',
    currency             text NOT NULL DEFAULT 'TRY',
    limit_overrides      jsonb NOT NULL DEFAULT '{}',
    billing_company_name text,
    tax_number           text,
    tax_office           text,
    billing_address      text,
    billing_country      text,
    industry             text,
    company_size         text,
    referral_source      text,
    onboarding_completed boolean NOT NULL DEFAULT false,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    deleted_at           timestamptz,
    CHECK ((status = 'deleted') = (deleted_at IS NOT NULL)),
    CHECK (released_at IS NULL OR status IN ('failed', 'deleted'))
);
CREATE UNIQUE INDEX tenants_slug ON tenants (slug) WHERE released_at IS NULL;
CREATE UNIQUE INDEX tenants_database ON tenants (server_id, database_name) WHERE released_at IS NULL;
CREATE INDEX tenants_status ON tenants (status, created_at);
CREATE INDEX tenants_owner ON tenants (owner_id);

CREATE TABLE memberships (
    tenant_id         uuid NOT NULL REFERENCES tenants DEFERRABLE INITIALLY DEFERRED,
    user_id           uuid NOT NULL REFERENCES users DEFERRABLE INITIALLY DEFERRED,
    role              text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    status            text NOT NULL CHECK (status IN ('active', 'invited', 'suspended', 'removed')),
    extra_permissions text[] NOT NULL DEFAULT '{}',
    -- Moves on with every change: tokens made for an earlier version are refused.
    version           integer NOT NULL DEFAULT 1,
    invited_at        timestamptz,
    joined_at         timestamptz,
    changed_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);
CREATE INDEX memberships_changed ON memberships (changed_at) WHERE version > 1;

-- Runtimes keep tenants in memory and hear of every change here, whoever makes it.
CREATE FUNCTION announce_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tenantry_tenants', NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER tenants_announce_new AFTER INSERT ON tenants FOR EACH ROW WHEN (NEW.status <> 'provisioning')
    EXECUTE FUNCTION announce_tenant();
CREATE TRIGGER tenants_announce AFTER UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION announce_tenant();

CREATE FUNCTION announce_membership() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tenantry_members',
        NEW.tenant_id::text || ' ' || NEW.user_id::text || ' ' || NEW.version::text || ' ' || NEW.status);
    RETURN NULL;
END $$;
CREATE TRIGGER memberships_announce AFTER UPDATE ON memberships FOR EACH ROW EXECUTE FUNCTION announce_membership();
