CREATE TABLE packages (
    key                     text PRIMARY KEY CHECK (key ~ '^[a-z][a-z0-9-]{1,39}$'),
    name                    text NOT NULL,
    name_tr                 text NOT NULL,
    description             text NOT NULL DEFAULT '',
    description_tr          text NOT NULL DEFAULT '',
    -- NULL: on request, no self-service signup.
    price_monthly           numeric(16, 2) CHECK (price_monthly >= 0),
    price_yearly            numeric(16, 2) CHECK (price_yearly >= 0),
    currency                text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    modules                 text[] NOT NULL,
    -- Integers; -1 is unlimited, a missing one is 0.
    limits                  jsonb NOT NULL CHECK (jsonb_typeof(limits) = 'object'),
    features                jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(features) = 'object'),
    feature_flags           text[] NOT NULL DEFAULT '{}',
    stripe_price_monthly    text,
    stripe_price_yearly     text,
    is_active               boolean NOT NULL DEFAULT true,
    is_visible              boolean NOT NULL DEFAULT true,
    sort_order              integer NOT NULL DEFAULT 0,
    created_at              timestamptz NOT NULL DEFAULT now(),
    updated_at              timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE subscriptions (
    id                     uuid PRIMARY KEY,
    tenant_id              uuid NOT NULL REFERENCES tenants DEFERRABLE INITIALLY DEFERRED,
    package_key            text NOT NULL REFERENCES packages,
    status                 text NOT NULL CHECK (status IN ('trialing', 'active', 'past_due', 'cancelled', 'expired')),
    billing_cycle          text NOT NULL CHECK (billing_cycle IN ('monthly', 'yearly')),
    current_period_start   timestamptz NOT NULL DEFAULT now(),
    current_period_end     timestamptz NOT NULL,
    cancel_at_period_end   boolean NOT NULL DEFAULT false,
    stripe_subscription_id text UNIQUE,
    stripe_customer_id     text,
    created_at             timestamptz NOT NULL DEFAULT now(),
    ended_at               timestamptz,
    CHECK (current_period_end > current_period_start),
    CHECK ((status IN ('cancelled', 'expired')) = (ended_at IS NOT NULL))
);
-- History is kept; one is in force.
CREATE UNIQUE INDEX subscriptions_in_force ON subscriptions (tenant_id) WHERE ended_at IS NULL;
CREATE INDEX subscriptions_tenant ON subscriptions (tenant_id, created_at);
CREATE INDEX subscriptions_package ON subscriptions (package_key);


-- Runtimes keep packages, and what each tenant has, in memory.
CREATE FUNCTION announce_subscriber() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tenantry_tenants', NEW.tenant_id::text);
    RETURN NULL;
END $$;
-- A new tenant is announced by its own row.
CREATE TRIGGER subscriptions_announce AFTER UPDATE ON subscriptions FOR EACH ROW EXECUTE FUNCTION announce_subscriber();

CREATE FUNCTION announce_packages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tenantry_packages', '');
    RETURN NULL;
END $$;
CREATE TRIGGER packages_announce AFTER INSERT OR UPDATE OR DELETE ON packages
    FOR EACH STATEMENT EXECUTE FUNCTION announce_packages();

-- Gapless numbers per year: taken in the transaction that writes the invoice.
CREATE TABLE invoice_numbers (
    year integer PRIMARY KEY,
    last integer NOT NULL CHECK (last >= 0)
);

CREATE TABLE invoices (
    id                uuid PRIMARY KEY,
    number            text UNIQUE CHECK (number ~ '^[0-9]{4}-[0-9]{3,}$'),
    tenant_id         uuid NOT NULL REFERENCES tenants DEFERRABLE INITIALLY DEFERRED,
    status            text NOT NULL CHECK (status IN ('draft', 'sent', 'paid', 'overdue', 'cancelled')),
    amount            numeric(16, 2) NOT NULL,
    tax               numeric(16, 2) NOT NULL DEFAULT 0,
    currency          text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    period_start      timestamptz NOT NULL,
    period_end        timestamptz NOT NULL,
    due_date          date,
    paid_at           timestamptz,
    stripe_invoice_id text UNIQUE,
    created_at        timestamptz NOT NULL DEFAULT now(),
    CHECK (status = 'draft' OR number IS NOT NULL),
    CHECK ((status = 'paid') = (paid_at IS NOT NULL))
);
CREATE INDEX invoices_tenant ON invoices (tenant_id, created_at);

CREATE TABLE invoice_lines (
    invoice_id  uuid NOT NULL REFERENCES invoices ON DELETE CASCADE,
    position    integer NOT NULL CHECK (position > 0),
    description text NOT NULL,
    quantity    numeric(16, 4) NOT NULL,
    unit_price  numeric(16, 4) NOT NULL,
    total       numeric(16, 2) NOT NULL,
    PRIMARY KEY (invoice_id, position)
);

-- The catalogue that the products start with. A limit that is not named is 0 of that thing.
INSERT INTO packages (key, name, name_tr, description, description_tr, price_monthly, price_yearly, currency, modules, limits, features, feature_flags, sort_order) VALUES
('starter', 'Starter', 'Başlangıç', 'For small teams', 'Küçük ekipler için', 99, 990, 'TRY', '{crm,work}',
 '{"max_users":3,"max_customers":100,"max_projects":10,"max_tasks_per_project":200,"max_storage_mb":5120,"api_rate_limit_per_hour":500}',
 '{"custom_domain":false,"api_access":false,"priority_support":false}', '{}', 10),
('professional', 'Professional', 'Profesyonel', 'For mid-sized businesses', 'Orta ölçekli işletmeler için', 299, 2990, 'TRY', '{crm,work}',
 '{"max_users":10,"max_customers":1000,"max_projects":100,"max_tasks_per_project":1000,"max_storage_mb":51200,"api_rate_limit_per_hour":1000}',
 '{"custom_domain":true,"api_access":true,"priority_support":true}', '{customer_module_v2,dashboard_v2}', 20),
('enterprise', 'Enterprise', 'Kurumsal', 'Without limits', 'Sınırsız', 999, 9990, 'TRY', '{crm,work}',
 '{"max_users":-1,"max_customers":-1,"max_projects":-1,"max_tasks_per_project":-1,"max_storage_mb":-1,"api_rate_limit_per_hour":-1}',
 '{"custom_domain":true,"api_access":true,"priority_support":true}', '{customer_module_v2,dashboard_v2}', 30),
('work-free', 'Work Free', 'Work Ücretsiz', 'For a first project', 'İlk proje için', 0, 0, 'USD', '{work}',
 '{"max_users":5,"max_projects":3,"max_tasks_per_project":50,"max_storage_mb":100,"api_rate_limit_per_hour":1000}', '{}', '{}', 40),
('work-pro', 'Work Pro', 'Work Pro', 'For teams', 'Ekipler için', 49, NULL, 'USD', '{work}',
 '{"max_users":50,"max_projects":50,"max_tasks_per_project":1000,"max_storage_mb":10240,"api_rate_limit_per_hour":10000}',
 '{"api_access":true}', '{}', 50),
('work-enterprise', 'Work Enterprise', 'Work Kurumsal', 'Without limits', 'Sınırsız', 199, NULL, 'USD', '{work}',
 '{"max_users":-1,"max_projects":-1,"max_tasks_per_project":-1,"max_storage_mb":-1,"api_rate_limit_per_hour":-1}',
 '{"api_access":true,"priority_support":true}', '{}', 60),
('gateway-free', 'Gateway Free', 'Gateway Ücretsiz', 'To try it', 'Denemek için', 0, 0, 'USD', '{gateway}',
 '{"max_users":1,"max_api_keys":1,"max_api_calls_per_month":1000,"api_rate_limit_per_hour":500}',
 '{"analytics":"basic","support":"email"}', '{}', 70),
('gateway-starter', 'Gateway Starter', 'Gateway Başlangıç', 'For first products', 'İlk ürünler için', 29, NULL, 'USD', '{gateway}',
 '{"max_users":5,"max_api_keys":5,"max_api_calls_per_month":10000,"api_rate_limit_per_hour":2000}',
 '{"analytics":"advanced","support":"priority","api_access":true}', '{}', 80),
('gateway-pro', 'Gateway Pro', 'Gateway Pro', 'For production', 'Üretim için', 99, NULL, 'USD', '{gateway}',
 '{"max_users":20,"max_api_keys":20,"max_api_calls_per_month":100000,"api_rate_limit_per_hour":20000}',
 '{"analytics":"custom","support":"dedicated","custom_integrations":true,"api_access":true}', '{}', 90),
('gateway-enterprise', 'Gateway Enterprise', 'Gateway Kurumsal', 'On request', 'Talep üzerine', NULL, NULL, 'USD', '{gateway}',
 '{"max_users":-1,"max_api_keys":-1,"max_api_calls_per_month":-1,"api_rate_limit_per_hour":-1}',
 '{"analytics":"custom","support":"account_manager","sla":true,"custom_integrations":true,"api_access":true}', '{}', 100),
('hosting-free', 'Hosting Free', 'Hosting Ücretsiz', 'One site', 'Tek site', 0, 0, 'USD', '{hosting}',
 '{"max_users":1,"max_domains":1,"max_containers":1,"max_storage_mb":10240,"max_bandwidth_gb":100,"api_rate_limit_per_hour":500}', '{}', '{}', 110),
('hosting-basic', 'Hosting Basic', 'Hosting Temel', 'One site, with room', 'Tek site, daha geniş', 9.99, NULL, 'USD', '{hosting}',
 '{"max_users":2,"max_domains":1,"max_containers":1,"max_storage_mb":20480,"max_bandwidth_gb":200,"api_rate_limit_per_hour":1000}',
 '{"ssl":true}', '{}', 120),
('hosting-premium', 'Hosting Premium', 'Hosting Premium', 'Ten sites', 'On site', 29.99, 299.99, 'USD', '{hosting}',
 '{"max_users":10,"max_domains":10,"max_containers":10,"max_storage_mb":102400,"max_bandwidth_gb":1000,"api_rate_limit_per_hour":5000}',
 '{"ssl":true,"backup":true,"priority_support":true}', '{}', 130),
('bots-basic', 'Bots Basic', 'Bot Temel', 'Five groups', 'Beş grup', 19.99, NULL, 'USD', '{bots}',
 '{"max_users":2,"max_groups":5,"max_messages_per_day":100,"api_rate_limit_per_hour":500}',
 '{"templates":"basic","support":"email"}', '{}', 140),
('bots-advanced', 'Bots Advanced', 'Bot Gelişmiş', 'Fifteen groups', 'On beş grup', 39.99, NULL, 'USD', '{bots}',
 '{"max_users":5,"max_groups":15,"max_messages_per_day":500,"api_rate_limit_per_hour":1000}',
 '{"templates":"custom","support":"priority","analytics":"basic"}', '{}', 150),
('bots-premium', 'Bots Premium', 'Bot Premium', 'Groups without limit', 'Sınırsız grup', 79.99, NULL, 'USD', '{bots}',
 '{"max_users":10,"max_groups":-1,"max_messages_per_day":2000,"api_rate_limit_per_hour":5000}',
 '{"templates":"advanced","auto_replies":true,"analytics":"advanced","support":"round_the_clock","api_access":true}', '{}', 160),
('bots-enterprise', 'Bots Enterprise', 'Bot Kurumsal', 'On request, from 500 USD', 'Talep üzerine, 500 USD''den', NULL, NULL, 'USD', '{bots}',
 '{"max_users":-1,"max_groups":-1,"max_messages_per_day":-1,"api_rate_limit_per_hour":-1}',
 '{"sla":true,"custom_integrations":true,"support":"account_manager","api_access":true}', '{}', 170);
