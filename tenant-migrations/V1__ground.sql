-- What every resource stands on. Triggers keep the figures, so that they hold whoever writes.

-- Rows of each table by its name, and bytes of files as `storage`. A create that a limit bounds locks its row here first.
CREATE TABLE tallies (
    name  text PRIMARY KEY,
    value bigint NOT NULL DEFAULT 0 CHECK (value >= 0)
);

CREATE FUNCTION tally_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tallies SET value = value + CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END * (SELECT count(*) FROM changed)
        WHERE name = TG_TABLE_NAME;
    RETURN NULL;
END $$;

CREATE FUNCTION keep_tally(of text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tallies (name) VALUES (of);
    EXECUTE format('CREATE TRIGGER tally_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION tally_rows()', of);
    EXECUTE format('CREATE TRIGGER tally_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION tally_rows()', of);
END $$;

-- Gapless numbers per year: a number is taken in the transaction that uses it.
CREATE TABLE number_series (
    name text NOT NULL,
    year integer NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (name, year)
);

CREATE FUNCTION next_number(series text, prefix text, of_year integer) RETURNS text LANGUAGE sql AS $$
    INSERT INTO number_series AS known (name, year, last) VALUES (series, of_year, 10001)
    ON CONFLICT (name, year) DO UPDATE SET last = known.last + 1
    RETURNING format('%s-%s-%s', prefix, lpad((of_year % 100)::text, 2, '0'), last)
$$;

-- What a create with an Idempotency-Key made.
CREATE TABLE idempotency_keys (
    created_by uuid NOT NULL,
    key        text NOT NULL,
    resource   text NOT NULL,
    request    bytea NOT NULL,
    row_id     uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (created_by, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

-- Who did what. Written in the statement that does it.
CREATE TABLE activities (
    id              uuid PRIMARY KEY,
    action          text NOT NULL,
    resource        text NOT NULL,
    -- The id as clients know it.
    row_id          text NOT NULL,
    title           text NOT NULL,
    changed         text[] NOT NULL DEFAULT '{}',
    created_by      uuid NOT NULL,
    created_by_name text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         integer NOT NULL DEFAULT 1
);
CREATE INDEX activities_created_at ON activities (created_at, id);
CREATE INDEX activities_row_id ON activities (row_id, created_at);
CREATE INDEX activities_resource ON activities (resource, created_at);
SELECT keep_tally('activities');

-- The tenant's own.
CREATE TABLE settings (
    id              uuid PRIMARY KEY,
    key             text NOT NULL UNIQUE,
    value           jsonb NOT NULL,
    created_by      uuid NOT NULL,
    created_by_name text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         integer NOT NULL DEFAULT 1
);
CREATE INDEX settings_created_at ON settings (created_at, id);
CREATE INDEX settings_updated_at ON settings (updated_at, id);
SELECT keep_tally('settings');
