-- What builders of exhibition stands work with besides customers and projects.

CREATE TABLE products (
    id              uuid PRIMARY KEY,
    code            text UNIQUE,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    description     text,
    category        text NOT NULL DEFAULT 'other' CHECK (category IN ('stand', 'furniture', 'graphics', 'lighting', 'electronics', 'service', 'other')),
    unit            text NOT NULL DEFAULT 'piece' CHECK (unit IN ('piece', 'm', 'm2', 'hour', 'day', 'set')),
    unit_price      numeric(18, 4) NOT NULL DEFAULT 0,
    currency        text NOT NULL DEFAULT 'TRY' CHECK (currency ~ '^[A-Z]{3}$'),
    status          text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive')),
    tags            text[] NOT NULL DEFAULT '{}',
    created_by      uuid NOT NULL,
    created_by_name text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         integer NOT NULL DEFAULT 1
);
CREATE INDEX products_created_at ON products (created_at, id);
CREATE INDEX products_updated_at ON products (updated_at, id);
CREATE INDEX products_name ON products (lower(name), id);
CREATE INDEX products_category ON products (category, created_at);
CREATE INDEX products_status ON products (status, created_at);
SELECT keep_tally('products');

CREATE TABLE leads (
    id              uuid PRIMARY KEY,
    company_name    text NOT NULL CHECK (length(company_name) BETWEEN 1 AND 200),
    contact_person  text,
    email           text,
    phone           text,
    source          text NOT NULL DEFAULT 'other' CHECK (source IN ('website', 'referral', 'fair', 'phone', 'email', 'social', 'other')),
    status          text NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'contacted', 'qualified', 'proposal', 'won', 'lost')),
    fair            text,
    fair_date       date,
    stand_area      numeric(8, 2),
    estimated_value numeric(18, 4) NOT NULL DEFAULT 0,
    currency        text NOT NULL DEFAULT 'TRY' CHECK (currency ~ '^[A-Z]{3}$'),
    notes           text,
    assignee_id     uuid,
    assignee_name   text,
    -- Whom the lead became.
    customer_id     uuid REFERENCES customers ON DELETE SET NULL,
    created_by      uuid NOT NULL,
    created_by_name text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         integer NOT NULL DEFAULT 1
);
CREATE INDEX leads_created_at ON leads (created_at, id);
CREATE INDEX leads_updated_at ON leads (updated_at, id);
CREATE INDEX leads_company_name ON leads (lower(company_name), id);
CREATE INDEX leads_fair_date ON leads (fair_date, id);
CREATE INDEX leads_status ON leads (status, created_at);
CREATE INDEX leads_source ON leads (source, created_at);
CREATE INDEX leads_assignee_id ON leads (assignee_id, created_at);
CREATE INDEX leads_customer_id ON leads (customer_id, created_at);
SELECT keep_tally('leads');

CREATE TABLE calendar_events (
    id              uuid PRIMARY KEY,
    title           text NOT NULL CHECK (length(title) BETWEEN 1 AND 300),
    description     text,
    kind            text NOT NULL DEFAULT 'meeting' CHECK (kind IN ('meeting', 'call', 'fair', 'installation', 'dismantling', 'deadline', 'other')),
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz,
    all_day         boolean NOT NULL DEFAULT false,
    location        text,
    customer_id     uuid REFERENCES customers ON DELETE SET NULL,
    project_id      uuid REFERENCES projects ON DELETE SET NULL,
    attendees       jsonb NOT NULL DEFAULT '[]',
    created_by      uuid NOT NULL,
    created_by_name text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         integer NOT NULL DEFAULT 1,
    CONSTRAINT calendar_events_ends_at_check CHECK (ends_at >= starts_at)
);
CREATE INDEX calendar_events_created_at ON calendar_events (created_at, id);
CREATE INDEX calendar_events_updated_at ON calendar_events (updated_at, id);
CREATE INDEX calendar_events_starts_at ON calendar_events (starts_at, id);
CREATE INDEX calendar_events_kind ON calendar_events (kind, created_at);
CREATE INDEX calendar_events_customer_id ON calendar_events (customer_id, created_at);
CREATE INDEX calendar_events_project_id ON calendar_events (project_id, created_at);
SELECT keep_tally('calendar_events');

CREATE TABLE documents (
    id              uuid PRIMARY KEY,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    description     text,
    category        text NOT NULL DEFAULT 'other' CHECK (category IN ('offer', 'contract', 'invoice', 'drawing', 'photo', 'other')),
    customer_id     uuid REFERENCES customers ON DELETE SET NULL,
    project_id      uuid REFERENCES projects ON DELETE SET NULL,
    -- The file, once one was sent; its key names it in the store of files.
    file_name       text,
    content_type    text,
    size            bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    sha256          text,
    file_key        uuid UNIQUE,
    created_by      uuid NOT NULL,
    created_by_name text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         integer NOT NULL DEFAULT 1
);
CREATE INDEX documents_created_at ON documents (created_at, id);
CREATE INDEX documents_updated_at ON documents (updated_at, id);
CREATE INDEX documents_name ON documents (lower(name), id);
CREATE INDEX documents_category ON documents (category, created_at);
CREATE INDEX documents_customer_id ON documents (customer_id, created_at);
CREATE INDEX documents_project_id ON documents (project_id, created_at);
SELECT keep_tally('documents');
INSERT INTO tallies (name) VALUES ('storage');

-- Files that no row names (any more): an upload on its way, a file that was replaced, one whose document is gone.
CREATE TABLE loose_files (
    key        uuid PRIMARY KEY,
    -- From when on it may be deleted.
    expires_at timestamptz NOT NULL
);
CREATE INDEX loose_files_expires_at ON loose_files (expires_at);

CREATE FUNCTION account_for_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE tallies SET value = value - OLD.size WHERE name = 'storage';
        INSERT INTO loose_files (key, expires_at) SELECT OLD.file_key, now() WHERE OLD.file_key IS NOT NULL;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE tallies SET value = value + NEW.size WHERE name = 'storage';
        DELETE FROM loose_files WHERE key = NEW.file_key;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER documents_file_insert AFTER INSERT ON documents FOR EACH ROW WHEN (NEW.file_key IS NOT NULL)
    EXECUTE FUNCTION account_for_file();
CREATE TRIGGER documents_file_delete AFTER DELETE ON documents FOR EACH ROW WHEN (OLD.file_key IS NOT NULL)
    EXECUTE FUNCTION account_for_file();
CREATE TRIGGER documents_file_update AFTER UPDATE OF file_key ON documents FOR EACH ROW
    WHEN (OLD.file_key IS DISTINCT FROM NEW.file_key) EXECUTE FUNCTION account_for_file();
