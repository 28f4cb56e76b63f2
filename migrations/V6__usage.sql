-- What tenants use, by month (YYYYMM, UTC).
CREATE TABLE usage_records (
    tenant_id uuid NOT NULL REFERENCES tenants,
    metric    text NOT NULL CHECK (metric IN ('api_calls', 'projects', 'tasks', 'storage_mb')),
    period    integer NOT NULL CHECK (period BETWEEN 200001 AND 999912),
    value     numeric(20, 6) NOT NULL,
    PRIMARY KEY (tenant_id, metric, period)
);

-- Calls of the present hour, of all runtimes together: hourly limits hold over all of them, and over a restart.
CREATE UNLOGGED TABLE call_hours (
    tenant_id uuid PRIMARY KEY REFERENCES tenants,
    hour      bigint NOT NULL,
    calls     bigint NOT NULL
);

-- Batches that were recorded: one that is sent again, because its answer was lost, counts once.
CREATE TABLE usage_batches (
    id          uuid PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX usage_batches_recorded_at ON usage_batches (recorded_at);

-- Adds to what tenants use, and says how many calls each has made in this hour (hours since 1970).
CREATE FUNCTION record_usage(batch uuid, of_hour bigint, tenants uuid[], metrics text[], amounts numeric[])
RETURNS TABLE (tenant uuid, calls bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO usage_batches (id) VALUES (batch) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        DELETE FROM usage_batches WHERE recorded_at < now() - interval '1 day';
        INSERT INTO usage_records AS known (tenant_id, metric, period, value)
            SELECT given.tenant, given.metric, to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')::integer, given.amount
            FROM unnest(tenants, metrics, amounts) AS given (tenant, metric, amount) ORDER BY 1, 2
        ON CONFLICT (tenant_id, metric, period) DO UPDATE SET value = known.value + excluded.value;
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
REVOKE EXECUTE ON FUNCTION record_usage(uuid, bigint, uuid[], text[], numeric[]) FROM PUBLIC;
