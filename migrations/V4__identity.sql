-- Those whose address is not proven are few and are counted at every signup.
CREATE INDEX users_unverified ON users (created_at) WHERE email_verified IS NULL;

ALTER TABLE tenants ADD COLUMN website text;

-- Public halves of the keys that sign access tokens; runtimes read them here.
CREATE TABLE token_keys (
    kid        text PRIMARY KEY,
    x          text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);

-- What is handed out once and kept as its SHA-256 alone.
CREATE TABLE tokens (
    hash       bytea PRIMARY KEY CHECK (length(hash) = 32),
    kind       text NOT NULL CHECK (kind IN ('refresh', 'verify_email', 'onboarding', 'set_password')),
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    tenant_id  uuid REFERENCES tenants DEFERRABLE INITIALLY DEFERRED,
    -- Refresh tokens that came from one sign-in: when a used one comes back, all of them end.
    family     uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX tokens_user ON tokens (user_id, kind);
CREATE INDEX tokens_tenant ON tokens (tenant_id);
CREATE INDEX tokens_family ON tokens (family) WHERE family IS NOT NULL;
CREATE INDEX tokens_expiry ON tokens (expires_at);

-- How often somebody did something in an hour: signups by address, failed sign-ins by account and address.
CREATE TABLE attempts (
    what    text NOT NULL,
    who     text NOT NULL,
    hour    timestamptz NOT NULL,
    counted integer NOT NULL,
    PRIMARY KEY (what, who, hour)
);
CREATE INDEX attempts_hour ON attempts (hour);

-- A signup that is sent again with its Idempotency-Key is the same signup.
CREATE TABLE signup_keys (
    key        bytea PRIMARY KEY CHECK (length(key) = 32),
    request    bytea NOT NULL CHECK (length(request) = 32),
    tenant_id  uuid NOT NULL REFERENCES tenants DEFERRABLE INITIALLY DEFERRED,
    user_id    uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX signup_keys_age ON signup_keys (created_at);
CREATE INDEX signup_keys_tenant ON signup_keys (tenant_id);

-- Mail to send, written in the transaction that causes it. Tokens are made when a mail is sent, so none lies here.
CREATE TABLE mails (
    id              uuid PRIMARY KEY,
    template        text NOT NULL CHECK (template IN ('welcome', 'verify_email', 'invitation', 'password_reset')),
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    tenant_id       uuid REFERENCES tenants DEFERRABLE INITIALLY DEFERRED,
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    error           text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    sent_at         timestamptz
);
CREATE INDEX mails_waiting ON mails (next_attempt_at) WHERE sent_at IS NULL;
CREATE INDEX mails_user ON mails (user_id);
CREATE INDEX mails_tenant ON mails (tenant_id);
CREATE INDEX mails_sent ON mails (sent_at) WHERE sent_at IS NOT NULL;

CREATE TABLE audit_log (
    id         uuid PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    -- NULL: the platform itself, or an operator at the command line.
    user_id    uuid,
    actor      text NOT NULL,
    action     text NOT NULL,
    tenant_id  uuid,
    details    jsonb NOT NULL DEFAULT '{}',
    address    text,
    request_id uuid
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_tenant ON audit_log (tenant_id, at) WHERE tenant_id IS NOT NULL;
