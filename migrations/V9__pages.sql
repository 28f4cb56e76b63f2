-- The packages that pages put forward, one among those of a product.
ALTER TABLE packages ADD COLUMN is_recommended boolean NOT NULL DEFAULT false;
UPDATE packages SET is_recommended = true
    WHERE key IN ('professional', 'work-pro', 'gateway-starter', 'hosting-premium', 'bots-advanced');

-- Browsers hold a token for as long as a sign-in lasts, and are given access tokens for it; so do those who run the platform.
ALTER TABLE tokens DROP CONSTRAINT tokens_kind_check;
-- squawk-ignore constraint-missing-not-valid -- a row for each open sign-in and mailed link: read in milliseconds
ALTER TABLE tokens ADD CONSTRAINT tokens_kind_check
    CHECK (kind IN ('refresh', 'browser', 'operator', 'verify_email', 'onboarding', 'set_password'));

-- When a tenant was used last; pages that people looked at count.
ALTER TABLE usage_records ADD COLUMN last_at timestamptz;
ALTER TABLE usage_records ALTER COLUMN last_at SET DEFAULT now();
ALTER TABLE usage_records DROP CONSTRAINT usage_records_metric_check;
-- squawk-ignore constraint-missing-not-valid -- a few rows for each tenant and month: read in milliseconds
ALTER TABLE usage_records ADD CONSTRAINT usage_records_metric_check
    CHECK (metric IN ('api_calls', 'page_views', 'projects', 'tasks', 'storage_mb'));

-- As before, and notes when.
CREATE OR REPLACE FUNCTION record_usage(batch uuid, of_hour bigint, tenants uuid[], metrics text[], amounts numeric[])
RETURNS TABLE (tenant uuid, calls bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO usage_batches (id) VALUES (batch) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        DELETE FROM usage_batches WHERE recorded_at < now() - interval '1 day';
        INSERT INTO usage_records AS known (tenant_id, metric, period, value)
            SELECT given.tenant, given.metric, to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')::integer, given.amount
            FROM unnest(tenants, metrics, amounts) AS given (tenant, metric, amount) ORDER BY 1, 2
        ON CONFLICT (tenant_id, metric, period) DO UPDATE SET value = known.value + excluded.value, last_at = now();
        INSERT INTO call_hours AS known (tenant_id, hour, calls)
            SELECT given.tenant, of_hour, given.amount::bigint
            FROM unnest(tenants, metrics, amounts) AS given (tenant, metric, amount)
            WHERE given.metric = 'api_calls' ORDER BY 1
        ON CONFLICT (tenant_id) DO UPDATE SET hour = excluded.hour, calls = excluded.calls
            + CASE WHEN known.hour = excluded.hour THEN known.calls ELSE 0 END
            -- A batch that comes late is no news of this hour.
            WHERE known.hour <= excluded.hour;
    END IF;
    RETURN QUERY SELECT now_known.tenant_id, now_known.calls FROM call_hours now_known
        WHERE now_known.tenant_id = ANY (tenants) AND now_known.hour = of_hour;
END $$;

-- What all tenants together used in a month. Without the value, so that counting on stays cheap.
-- squawk-ignore require-concurrent-index-creation -- a few rows for each tenant and month: done in milliseconds
CREATE INDEX usage_records_period ON usage_records (period, metric);
