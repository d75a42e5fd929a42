"""Two worlds that differ in one thing: whether another center lives. Readers of A must not notice.

A world is the test database put back to a snapshot. The same script of A's steps runs in it twice:
between the steps of center B, and alone; every answer to A must be the same to the last byte, but for
times of this very day. Dice of the standard library (`os.urandom`) fall the same for A in both worlds,
so tokens, registry numbers and keys need no masking, and a number from a shared sequence shows.
"""

from __future__ import annotations

import difflib
import io
import os
import random
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import psycopg
from django.core.cache import cache
from django.test import Client
from psycopg import sql

from analytics.derivation.stale import drain
from centers.access import acting, system_scope
from centers.sealing import seal_events
from tests.crawl import read_html
from tests.universe import Universe

SCHEMAS = ["public", "ident", "audit"]
KEPT = ("django_migrations", "django_content_type")
NOT_AGED = (*KEPT, "centers_user")  # the system's account outlives the snapshot
# Of an answer: set anew by each request, or by the clock.
MASKED_HEADERS = ("Date", "Expires", "Set-Cookie")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# What stands was entered three days ago, at an hour that the audit review flags: so its pages have
# something to show whenever the tests run.
AGED = timedelta(days=3)
HOUR_OF_ENTRY = 2
VACUUM_EACH = 40


class Snapshot:
    """All rows and sequences of the test database, and the way back to them."""

    def __init__(self, superuser: psycopg.Connection) -> None:
        self._superuser = superuser
        self._restored = 0
        tables = superuser.execute(
            "select n.nspname, c.relname, array_agg(a.attname::text order by a.attnum)"
            " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
            " and a.attgenerated = '' where c.relkind = 'r' and n.nspname = any(%s)"
            " and c.relname <> all(%s) group by 1, 2 order by 1, 2",
            [SCHEMAS, list(KEPT)],
        ).fetchall()
        self._tables = [
            (sql.Identifier(s, t), sql.Identifier("world", f"{s}_{t}"), columns)
            for s, t, columns in tables
        ]
        self._age()
        superuser.execute("drop schema if exists world cascade; create schema world")
        for table, copy, _ in self._tables:
            superuser.execute(sql.SQL("create table {} as select * from {}").format(copy, table))
        self._back = self._way_back()
        self.uuids = self._known_uuids()

    def _age(self) -> None:
        """What stands was entered some days ago: then a time of today in an answer is a new one."""
        now = datetime.now(UTC)
        entered = now.replace(hour=HOUR_OF_ENTRY, minute=30) - AGED
        stamps = self._superuser.execute(
            "select table_schema, table_name, column_name from information_schema.columns"
            " where data_type = 'timestamp with time zone' and table_schema = any(%s)"
            " and table_name <> all(%s) and is_generated = 'NEVER'"
            " and column_name not in ('expire_date', 'expires_at', 'due_at')",
            [SCHEMAS, list(NOT_AGED)],
        ).fetchall()
        self._superuser.execute("set session_replication_role = replica")
        for schema, table, column in stamps:
            name = sql.Identifier(column)
            self._superuser.execute(
                sql.SQL("update {} set {} = {} - {}").format(
                    sql.Identifier(schema, table), name, name, now - entered
                )
            )
        self._superuser.execute("reset session_replication_role")

    def _way_back(self) -> sql.Composed:
        steps: list[sql.Composable] = [sql.SQL("set session_replication_role = replica")]
        steps += [sql.SQL("delete from {}").format(table) for table, _, _ in self._tables]
        for table, copy, columns in self._tables:
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            steps.append(
                sql.SQL("insert into {} ({}) overriding system value select {} from {}").format(
                    table, names, names, copy
                )
            )
        sequences = self._superuser.execute(
            "select schemaname, sequencename, coalesce(last_value, 0) + 1 from pg_sequences"
            " where schemaname = any(%s)",
            [SCHEMAS],
        ).fetchall()
        for schema, name, following in sequences:
            steps.append(
                sql.SQL("select setval({}, {}, false)").format(
                    f"{schema}.{name}", sql.Literal(following)
                )
            )
        steps.append(sql.SQL("reset session_replication_role"))
        return sql.SQL("; ").join(steps)

    def _known_uuids(self) -> frozenset[str]:
        found: set[str] = set()
        for table, _, _ in self._tables:
            rows = self._superuser.execute(sql.SQL("select t::text from {} t").format(table))
            for (text,) in rows:
                found.update(UUID.findall(text))
        return frozenset(found)

    def restore(self) -> None:
        """Rows, sequences and the shared cache as they were."""
        self._superuser.execute(self._back)
        self._restored += 1
        if self._restored % VACUUM_EACH == 0:
            self._superuser.execute("vacuum")
        cache.clear()


@contextmanager
def dice(seed: str) -> Iterator[None]:
    """Everything random that Python draws in the block follows from the seed."""
    draw = random.Random(seed).randbytes
    with mock.patch.object(os, "urandom", draw), mock.patch.object(random, "_urandom", draw):
        yield


@dataclass(frozen=True)
class Visit:
    """A reader asks for a page, or sends a form: then `changes` are put into the form's values."""

    username: str
    path: str
    changes: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        return f"{self.username} {self.path} {dict(self.changes) if self.changes else ''}"


@dataclass(frozen=True)
class Background:
    """What the worker and the beat do by and by, in both worlds."""


@dataclass(frozen=True)
class Other:
    """Center B does something; `seed` decides the details."""

    name: str
    seed: int


Step = Visit | Background | Other


@dataclass(frozen=True)
class Answer:
    """All that a reader can see of an answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str

    def __str__(self) -> str:
        head = "\n".join(f"{name}: {value}" for name, value in self.headers)
        return f"{self.status}\n{head}\n\n{self.body}"


@dataclass
class World:
    """One run of a script, from the snapshot on."""

    universe: Universe
    snapshot: Snapshot
    clients: dict[str, Client] = field(default_factory=dict)

    def client(self, username: str) -> Client:
        """The person's browser; signed in on first use, with dice of its own."""
        if username not in self.clients:
            with dice(f"sign-in {username}"), acting(system_scope()):
                # An error is an answer too.
                self.clients[username] = Client(raise_request_exception=False)
                self.clients[username].force_login(self.universe.users[username])
        return self.clients[username]

    def take(self, visit: Visit, number: int) -> Answer:
        """A's step: the number of the step loads the dice."""
        client = self.client(visit.username)
        with dice(f"step {number}"):
            if visit.changes is None:
                return self._seen(client.get(visit.path))
            sent = send(client, visit.path, visit.changes)
            where = sent.headers.get("Location", "")
            # What a browser would show next: the page of the record that was just made.
            return self._seen(sent, client.get(where) if where.startswith("/records/") else None)

    def _seen(self, response: Any, following: Any = None) -> Answer:
        headers = sorted(
            (name, self._masked(value))
            for name, value in response.headers.items()
            if name not in MASKED_HEADERS
        )
        body = text_of(response) + (text_of(following) if following else "")
        return Answer(response.status_code, tuple(headers), self._masked(body))

    def _masked(self, text: str) -> str:
        """Without times of this day, and without public ids that the database drew."""
        now = datetime.now(UTC)
        for day in (now, now - timedelta(hours=1)):
            text = re.sub(f"{day:%d-%b-%Y}(,? \\d\\d:\\d\\d(:\\d\\d)?)?", "(today)", text)
            text = re.sub(f"{day:%Y-%m-%d}([T ][\\d:.]+)?(\\+\\d\\d:?\\d\\d|Z)?", "(today)", text)
        # An exported event is named by its hash, which holds its time; and the audit review says
        # between which hours of the day somebody worked.
        text = re.sub(r"\b[0-9a-f]{64}\b", "(hash)", text)
        text = re.sub(r"\b\d\d:\d\d to \d\d:\d\d\b", "(hours)", text)
        # Reports print the head of the one audit chain, which is everybody's: a number and a hash.
        text = re.sub(r"\bseal \d+ \([0-9a-f]{16}\)", "(head)", text)
        # Seconds that a session has left go with the clock; both worlds ask within some of them.
        text = re.sub(r'("(?:idle|absolute)": )\d+', r"\1(seconds)", text)
        text = re.sub(r'data-seconds="\d+"', 'data-seconds="(seconds)"', text)
        return UUID.sub(lambda m: m[0] if m[0] in self.snapshot.uuids else "(new)", text)


def send(client: Client, path: str, changes: Mapping[str, str]) -> Any:
    """Open a page, change its form and send it; a page without a form is sent the changes alone."""
    opened = client.get(path)
    values: dict[str, object] = {}
    text = text_of(opened)
    if opened.status_code == 200:
        values = sent_values(path, text)
    return client.post(path, {**values, **changes})


def sent_values(path: str, text: str) -> dict[str, object]:
    """What a browser sends for the last form of a page that is sent to the page itself."""
    forms = [f for f in read_html(path, text).forms if f.method == "post"]
    own = [f for f in forms if f.action.split("?")[0] == path.split("?")[0]]
    return dict((own or forms)[-1].values()) if own else {}


def text_of(response: Any) -> str:
    """The body as text; an archive as its members. Reading it to the end closes what it streams from."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return "\n".join(f"{n}\n{archive.read(n).decode()}" for n in archive.namelist())
    return str(body.decode(errors="replace"))


OtherSteps = Mapping[str, Callable[[World, random.Random], None]]


@dataclass
class Twins:
    """Runs scripts in both worlds and compares what A saw."""

    universe: Universe
    snapshot: Snapshot
    others: OtherSteps

    def answers(self, script: Sequence[Step]) -> list[tuple[Visit, Answer]]:
        """Put the world back and run the script in it."""
        self.snapshot.restore()
        world = World(self.universe, self.snapshot)
        seen = []
        for number, step in enumerate(own(script)):
            for other in before(script, number):
                with dice(f"other {number} {other.name} {other.seed}"):
                    self.others[other.name](world, random.Random(other.seed))
            if isinstance(step, Visit):
                seen.append((step, world.take(step, number)))
            else:
                drain()
                seal_events()
        return seen

    def differences(self, script: Sequence[Step]) -> list[str]:
        """What A saw otherwise because B lived; empty when nothing.

        The audit review tells hours and days apart: when one ended meanwhile, both worlds run again.
        """
        began = this_hour()
        found = self._compared(script)
        return found if this_hour() == began else self._compared(script)

    def _compared(self, script: Sequence[Step]) -> list[str]:
        with_b = self.answers(script)
        alone = self.answers([step for step in script if not isinstance(step, Other)])
        return [
            f"{visit}\n{changed(mine, theirs)}"
            for (visit, mine), (_, theirs) in zip(alone, with_b, strict=True)
            if mine != theirs
        ]


def this_hour() -> datetime:
    """The hour that the clock stands in (UTC)."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def own(script: Sequence[Step]) -> list[Visit | Background]:
    """The steps that run in both worlds."""
    return [step for step in script if not isinstance(step, Other)]


def before(script: Sequence[Step], number: int) -> list[Other]:
    """B's steps right before A's step of this number."""
    found: list[Other] = []
    seen = -1
    for step in script:
        if isinstance(step, Other):
            found.append(step)
            continue
        seen += 1
        if seen == number:
            return found
        found = []
    return []


def changed(mine: Answer, theirs: Answer) -> str:
    """The lines that differ."""
    lines = difflib.unified_diff(
        str(mine).splitlines(), str(theirs).splitlines(), "B absent", "B lives", n=0, lineterm=""
    )
    return "\n".join(line[:300] for line in list(lines)[:12])
