-- What a server has for the platform; NULL where nobody has asked it yet. The platform's own is asked directly.
ALTER TABLE servers ADD COLUMN connections integer CHECK (connections > 0);

-- Who may have how many connections to a server. A process that is gone loses its share when it expires.
CREATE TABLE connection_shares (
    server_id   uuid NOT NULL REFERENCES servers ON DELETE CASCADE,
    process     uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('control_plane', 'runtime')),
    -- What it may have, or still has of an earlier, larger share.
    connections integer NOT NULL CHECK (connections >= 0),
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (server_id, process)
);

-- What ordinary roles can use of this server's connections (PostgreSQL 16 has a second kind of reserved ones).
CREATE FUNCTION usable_connections() RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
        - coalesce(current_setting('reserved_connections', true), '0')::integer
$$;

-- A runtime's share of a server: an even part of what control planes leave, and never more than nobody else has.
-- `held` is what the runtime has open: a share that shrinks frees nothing for others before that is closed.
CREATE FUNCTION share_connections(of_host text, of_port integer, of_process uuid, held integer, at_most integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    server servers;
    total integer;
    fixed integer;
    others integer;
    runtimes integer;
    mine integer;
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
    SELECT coalesce(sum(connections) FILTER (WHERE kind = 'control_plane'), 0),
           coalesce(sum(connections) FILTER (WHERE kind = 'runtime'), 0), 1 + count(*) FILTER (WHERE kind = 'runtime')
        INTO fixed, others, runtimes
        FROM connection_shares WHERE server_id = server.id AND process <> of_process;
    mine := greatest(1, least(at_most, (total - fixed) / runtimes, total - fixed - others));
    INSERT INTO connection_shares VALUES
        (server.id, of_process, 'runtime', greatest(mine, held), now() + interval '30 seconds')
    ON CONFLICT (server_id, process) DO UPDATE
        SET connections = excluded.connections, expires_at = excluded.expires_at;
    RETURN mine;
END $$;
REVOKE EXECUTE ON FUNCTION share_connections(text, integer, uuid, integer, integer) FROM PUBLIC;
