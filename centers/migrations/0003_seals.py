"""Seals: batches of audit events, hashed and chained. docs/audit.md describes what a seal holds."""

from django.db import migrations

from centers.database import APP, WORKER, sql

# One more index a written event: what is new is found by transaction, since ids commit out of order.
TABLE = f"""
create index event_xact on audit.event (xact, id);
create table audit.seal (
    number bigint primary key,
    ids int8multirange not null,
    first_event bigint,
    last_event bigint,
    events bigint not null,
    merkle_root bytea not null,
    cluster bigint not null,
    horizon xid8 not null,
    sealed_at timestamptz not null,
    previous_hash bytea not null,
    hash bytea not null,
    -- The database itself refuses that two seals name one event.
    constraint seal_once exclude using gist (ids with &&)
);
grant select on audit.seal to {APP}, {WORKER};
"""

# RFC 6962: leaves begin with 00, nodes with 01, a node without a sibling moves up as it is.
MERKLE = r"""
create function audit.merkle_root(leaves bytea[]) returns bytea
language plpgsql immutable parallel safe set search_path = pg_catalog as $$
declare
    level bytea[] := leaves;
begin
    if cardinality(level) = 0 then
        return sha256('');
    end if;
    while cardinality(level) > 1 loop
        select array_agg(node order by place) into level
        from (
            select (i - 1) / 2 as place,
                case when count(*) = 1 then min(part)
                    else sha256('\x01'::bytea || string_agg(part, ''::bytea order by i)) end as node
            from unnest(level) with ordinality as parts (part, i) group by 1
        ) nodes;
    end loop;
    return level[1];
end $$;
revoke execute on function audit.merkle_root from public;
"""

SEAL = rf"""
create function audit.seal_events() returns bigint
language plpgsql security definer set search_path = pg_catalog as $$
declare
    head audit.seal;
    made audit.seal;
    already int8multirange;
    new_cluster boolean;
    from_xact xid8 := '0';
    leaves bytea[];
begin
    -- One sealer at a time; what follows sees the seal of the one before.
    perform pg_advisory_xact_lock('audit.seal'::regclass::bigint);
    select * into head from audit.seal order by number desc limit 1;
    made.cluster := (select system_identifier from pg_control_system());
    -- Every transaction before the horizon has ended: none of them can bring another event, and the
    -- next seal looks from here on. What is committed above it already is sealed all the same; the
    -- ids of earlier seals tell it apart.
    made.horizon := pg_snapshot_xmin(pg_current_snapshot());
    new_cluster := head.cluster is distinct from made.cluster;
    if new_cluster then
        already := (select range_agg(ids) from audit.seal);
    else
        from_xact := head.horizon;
        -- Materialized: else the least id is looked for along the ids, from the first event on.
        already := (with candidates as materialized (
                select id from audit.event where xact >= from_xact)
            select range_agg(ids) from audit.seal
            where ids && (select int8multirange(int8range(min(id), max(id), '[]'))
                from candidates));
    end if;
    -- A restored cluster counts transactions from the beginning, so all events are gone through.
    select count(*), min(id), max(id), coalesce(range_agg(int8range(id, id, '[]')), '{{}}'),
        coalesce(array_agg(sha256('\x00'::bytea || int8send(id) || xid8send(xact) || row_hash)
            order by xact, id), '{{}}')
    into made.events, made.first_event, made.last_event, made.ids, leaves
    from audit.event
    where xact >= from_xact
        and xact is distinct from pg_current_xact_id_if_assigned()
        and not id <@ coalesce(already, '{{}}');
    -- An empty seal says only that the chain has moved to another cluster.
    if made.events = 0 and (head.number is null or not new_cluster) then
        return head.number;
    end if;
    made.number := coalesce(head.number, 0) + 1;
    made.merkle_root := audit.merkle_root(leaves);
    made.sealed_at := clock_timestamp();
    made.previous_hash := coalesce(head.hash, '');
    made.hash := sha256(convert_to(jsonb_build_array('seal', made.number, made.ids::text,
        made.events, encode(made.merkle_root, 'hex'), made.cluster, made.horizon::text,
        extract(epoch from made.sealed_at), encode(made.previous_hash, 'hex'))::text, 'UTF8'));
    insert into audit.seal values (made.*);
    return made.number;
end $$;
revoke execute on function audit.seal_events from public;
grant execute on function audit.seal_events to {APP}, {WORKER};
"""


class Migration(migrations.Migration):
    dependencies = [("centers", "0002_database")]

    operations = [
        sql(TABLE, "drop table audit.seal; drop index audit.event_xact;"),
        sql(MERKLE, "drop function audit.merkle_root;"),
        sql(SEAL, "drop function audit.seal_events;"),
    ]
