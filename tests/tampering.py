"""A tamperer who knows the format, and the ten things he tries on a sealed history.

He is a superuser with triggers off. Where it helps, he recomputes the hash of an event, the tree of
a seal, or the whole chain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from psycopg import sql

from centers.audit_format import SEAL_COLUMNS, leaf, merkle_root, read_seal, seal_hash
from centers.sealing import seal_events
from centers.verification import Anchor, Report
from tests.audit_trail import verify_live, writer

ROW_TABLES = (
    ("public.patients_patient", "weight_kg", "coalesce(weight_kg, 50) + 1"),
    ("public.patients_patient", "retracted", "not retracted"),
    ("public.patients_assessment", "date", "'2012-01-02'"),
    ("public.patients_assessment", "modality", "array['ct', 'pet']"),
    ("public.patients_follow_up", "missing", """'{"source": "UNK"}'"""),
    ("public.patients_cycle", "doses_given", "coalesce(doses_given, 1) - 1"),
    ("ident.patient_identity", "sealed", r"sealed || '\x00'"),
    ("public.centers_user", "is_active", "not is_active"),
    ("public.centers_membership", "starts_on", "starts_on - 1"),
)
# The columns of an event as hashed, for a tamperer who mends the row hash.
CANONICAL = """sha256(convert_to(jsonb_build_array(extract(epoch from at), actor_id, role, center_id,
    patient_id, table_name, row_id, operation, before, after, reason, request_id, app_version)::text,
    'UTF8'))"""


ADD_ASSESSMENT = """
    insert into patients_assessment (public_id, center_id, patient_id, date, response, created_at)
    select gen_random_uuid(), center_id, id, '2012', 'PD', now() from patients_patient limit 1
"""


@dataclass
class Trail:
    """A sealed history, and a tamperer's connection to it."""

    database: psycopg.Connection
    random: Random
    folder: Path
    anchors: list[Anchor]

    def one(self, statement: str, *values: Any) -> Any:
        """The first row."""
        return self.database.execute(statement.encode(), values).fetchone()

    def do(self, statement: str, *values: Any) -> int:
        """Rows changed."""
        return self.database.execute(statement.encode(), values).rowcount

    def some_event(self, condition: str = "true") -> int:
        """The id of a random sealed event."""
        ids = self.database.execute(
            f"select id from audit.event e where ({condition}) and exists (select from audit.seal"
            " where ids @> e.id) order by id".encode()
        ).fetchall()
        found: int = self.random.choice(ids)[0]
        return found

    def mend_hash(self, event: int) -> None:
        """Make an event's own hash fit its changed content."""
        self.do(f"update audit.event set row_hash = {CANONICAL} where id = %s", event)

    def forge_from(self, number: int, *, through: int | None = None) -> None:
        """Recompute the seals from `number` on, as if their events had always been as they are."""
        columns = ", ".join(f"{name}::text" for name in SEAL_COLUMNS)
        last = self.one("select max(number) from audit.seal")[0]
        for place in range(number, (through or last) + 1):
            leaves = [
                leaf(event, int(xact), bytes(content))
                for event, xact, content in self.database.execute(
                    b"select e.id, xact::text, row_hash from audit.event e join audit.seal s"
                    b" on s.ids @> e.id where s.number = %s order by xact, e.id",
                    [place],
                )
            ]
            self.do(
                "update audit.seal set merkle_root = %s, previous_hash = coalesce((select hash"
                " from audit.seal where number = %s), '') where number = %s",
                merkle_root(leaves),
                place - 1,
                place,
            )
            row = self.one(f"select {columns} from audit.seal where number = %s", place)
            fields = [str(part).replace("\\", "\\\\").encode() for part in row]
            self.do(
                "update audit.seal set hash = decode(%s, 'hex') where number = %s",
                seal_hash(read_seal(fields)),
                place,
            )

    def seal_of(self, event: int) -> int:
        """The seal that names the event."""
        number: int = self.one("select number from audit.seal where ids @> %s::bigint", event)[0]
        return number


KEPT = (
    "audit.event",
    "audit.seal",
    "public.centers_center",
    *sorted({table for table, _, _ in ROW_TABLES}),
)


def keep(superuser: psycopg.Connection) -> None:
    """Remember every table that is tampered with."""
    for place, table in enumerate(KEPT):
        superuser.execute(f"drop table if exists kept.t{place}".encode())
        superuser.execute(f"create table kept.t{place} as select * from {table}".encode())


def restore(superuser: psycopg.Connection) -> None:
    """Bring the remembered rows back."""
    for place, table in enumerate(KEPT):
        columns = superuser.execute(
            b"select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
            b" and not attisdropped and attgenerated = ''",
            [table],
        ).fetchall()
        names = sql.SQL(", ").join(sql.Identifier(row[0]) for row in columns)
        superuser.execute(f"delete from {table}".encode())
        superuser.execute(
            sql.SQL("insert into {} ({}) overriding system value select {} from {}").format(
                sql.SQL(table), names, names, sql.Identifier("kept", f"t{place}")
            )
        )


Tamper = Callable[[Trail], None]


Tamper = Callable[[Trail], None]


def kinds(report: Report) -> set[str]:
    """The kinds of what was found."""
    return {finding.kind for finding in report.findings}


def edit_event(trail: Trail) -> None:
    event = trail.some_event("after is not null")
    trail.do(
        "update audit.event set after = after || '{\"weight_kg\": 12.5}', actor_id = %s where id = %s",
        trail.one("select max(id) from centers_user")[0],
        event,
    )
    if trail.random.random() < 0.5:
        trail.mend_hash(event)


def delete_event(trail: Trail) -> None:
    trail.do("delete from audit.event where id = %s", trail.some_event())


def insert_event(trail: Trail) -> None:
    """A copy of a sealed event, in a hole of the ids or beyond them, its hash in order."""
    holes = trail.database.execute(
        b"select g from generate_series((select min(id) from audit.event),"
        b" (select max(id) from audit.event)) g where not exists"
        b" (select from audit.event where id = g)"
    ).fetchall()
    beyond = trail.one("select max(id) from audit.event")[0] + trail.random.randint(1, 9)
    place = trail.random.choice([*(hole[0] for hole in holes), beyond])
    source = trail.some_event("operation = 'update'")
    trail.do(
        "insert into audit.event overriding system value select (jsonb_populate_record(e,"
        " jsonb_build_object('id', %s::bigint, 'reason', 'forged'))).* from audit.event e where id = %s",
        place,
        source,
    )
    trail.mend_hash(place)


def reorder_events(trail: Trail) -> None:
    """Several events in a row take their ids in reverse."""
    ids = [row[0] for row in trail.database.execute(b"select id from audit.event order by id")]
    start = trail.random.randrange(len(ids) - 4)
    run = ids[start : start + trail.random.randint(3, 4)]
    exchange(trail, dict(zip(run, reversed(run), strict=True)))


def swap_two_events(trail: Trail) -> None:
    first, second = trail.random.sample(
        [row[0] for row in trail.database.execute(b"select id from audit.event")], 2
    )
    exchange(trail, {first: second, second: first})


def exchange(trail: Trail, places: dict[int, int]) -> None:
    """Events take other ids."""
    trail.do(
        "create temporary table moved as select * from audit.event where id = any(%s)", list(places)
    )
    trail.do("delete from audit.event where id = any(%s)", list(places))
    for old, new in places.items():
        trail.do(
            "insert into audit.event overriding system value select (jsonb_populate_record(m,"
            " jsonb_build_object('id', %s::bigint))).* from pg_temp.moved m where id = %s",
            new,
            old,
        )
    trail.do("drop table pg_temp.moved")


def truncate_tail(trail: Trail) -> None:
    """The newest seals and all of their events are gone; the rest is whole."""
    seals = trail.one("select max(number) from audit.seal")[0]
    last = seals - trail.random.randint(1, 5)
    trail.do(
        "delete from audit.event e using audit.seal s where s.ids @> e.id and number > %s", last
    )
    trail.do("delete from audit.seal where number > %s", last)


def edit_live_row(trail: Trail) -> None:
    table, column, value = trail.random.choice(ROW_TABLES)
    key = "patient_id" if table.startswith("ident") else "id"
    rows = trail.database.execute(f"select {key} from {table} where {key} is not null".encode())
    row = trail.random.choice(rows.fetchall())[0]
    assert trail.do(f"update {table} set {column} = {value} where {key} = %s", row) == 1


def forge_seal(trail: Trail) -> None:
    """An event is edited, its hash and its seal are made to fit; the next seal still knows better."""
    last = trail.one("select max(number) from audit.seal")[0]
    event = trail.some_event(
        f"not exists (select from audit.seal where ids @> e.id and number = {last})"
    )
    trail.do("update audit.event set reason = 'forged' where id = %s", event)
    trail.mend_hash(event)
    number = trail.seal_of(event)
    trail.forge_from(number, through=number)


def forge_whole_chain(trail: Trail) -> None:
    """The same with every later seal; only the anchor knows better."""
    event = trail.some_event()
    trail.do("update audit.event set reason = 'forged' where id = %s", event)
    trail.mend_hash(event)
    trail.forge_from(trail.seal_of(event))


def restore_old_state(trail: Trail) -> None:
    """Everything as it was at an earlier seal, rows too; then work goes on and is sealed."""
    seals = trail.one("select max(number) from audit.seal")[0]
    last = seals - trail.random.randint(1, 5)
    later = trail.database.execute(
        b"select e.table_name, e.row_id, e.before from audit.event e join audit.seal s"
        b" on s.ids @> e.id where number > %s order by e.id desc",
        [last],
    ).fetchall()
    for table, row, before in later:
        assert table == "patients_patient"
        trail.do(
            "update patients_patient set weight_kg = (%s::jsonb ->> 'weight_kg')::numeric where id = %s",
            psycopg.types.json.Jsonb(before),
            row,
        )
    trail.do(
        "delete from audit.event e using audit.seal s where s.ids @> e.id and number > %s", last
    )
    trail.do("delete from audit.seal where number > %s", last)
    assert kinds(verify_live()) == set(), "without an anchor the old state is a good one"
    for number in range(3):
        with writer() as connection:
            connection.execute(
                b"update centers_center set city = %s", [f"{trail.random.random()}{number}"]
            )
        seal_events()


def change_time(trail: Trail) -> None:
    event = trail.some_event()
    trail.do(
        "update audit.event set at = at - make_interval(secs => %s) where id = %s",
        trail.random.choice([0.000001, 1, 86400, 10**8]),
        event,
    )
    if trail.random.random() < 0.5:
        trail.mend_hash(event)
