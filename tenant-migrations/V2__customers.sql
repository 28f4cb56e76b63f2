CREATE TABLE customers (
    id                uuid PRIMARY KEY,
    company_name      text NOT NULL CHECK (length(company_name) BETWEEN 1 AND 200),
    company_title     text,
    contact_person    text,
    email             text,
    phone             text,
    country           text,
    city              text,
    address           text,
    sector            text,
    relationship_type text NOT NULL DEFAULT 'customer' CHECK (relationship_type IN ('customer', 'prospect', 'partner', 'supplier')),
    status            text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive')),
    customer_since    date,
    -- Four places: some currencies have more than two.
    total_revenue     numeric(18, 4) NOT NULL DEFAULT 0,
    currency          text NOT NULL DEFAULT 'TRY' CHECK (currency ~ '^[A-Z]{3}$'),
    tags              text[] NOT NULL DEFAULT '{}',
    -- A user of the platform, and their name as it was.
    created_by        uuid NOT NULL,
    created_by_name   text NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    -- Moves on with every change; clients see it as the ETag.
    version           integer NOT NULL DEFAULT 1
);
CREATE INDEX customers_created_at ON customers (created_at, id);
CREATE INDEX customers_updated_at ON customers (updated_at, id);
CREATE INDEX customers_company_name ON customers (lower(company_name), id);
CREATE INDEX customers_status ON customers (status, created_at);
CREATE INDEX customers_relationship_type ON customers (relationship_type, created_at);
CREATE INDEX customers_country ON customers (country, created_at);
CREATE INDEX customers_city ON customers (city, created_at);
CREATE INDEX customers_sector ON customers (sector, created_at);
SELECT keep_tally('customers');
