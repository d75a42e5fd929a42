"""Time travel and data cuts: what was printed at a seal comes out again, whatever happened since."""

from __future__ import annotations

import json
import threading
from datetime import date
from io import StringIO

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction

from analytics.actions.data_cuts import make_cut, reproduce
from analytics.derivation.engine import Derived
from analytics.derivation.stale import drain
from analytics.models import DataCut
from analytics.queries.asked import asking
from analytics.queries.known import TABLES, known_at, seal_before
from analytics.queries.outcomes import registry_rows
from centers.access import acting, one_snapshot, scope_of, system_scope
from centers.sealing import seal_events
from patients.actions.records import RowChange
from patients.models import Patient
from tests.analytics.conftest import signed_in
from tests.query_counts import pinned_queries
from tests.snapshot import start_from
from tests.universe import WAITING as WAITING_FORMS
from tests.universe import Universe, add_record, amend_record, build_universe, read_values


@pytest.fixture
def universe(database: None, superuser: psycopg.Connection) -> Universe:
    return start_from("stale universe", lambda: build_universe(derived=False), superuser)


def derived(*arguments: str) -> str:
    out = StringIO()
    call_command("derive", "--cutoff", "2017-06-30", *arguments, stdout=out)
    return out.getvalue()


def cut(*arguments: str) -> str:
    out = StringIO()
    call_command("data_cut", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def amend_elsewhere(universe: Universe) -> None:
    """A save of another process, while a transaction of this one is open."""

    def amend() -> None:
        amend_record(universe, "waiting", [follow_up("2013-05-06")])
        connections.close_all()

    amending = threading.Thread(target=amend)
    amending.start()
    amending.join()


def sealed() -> int:
    number = seal_events()
    assert number is not None
    return number


def follow_up(day: str, **more: str) -> RowChange:
    texts = {
        "date": day,
        "source": "visit",
        "vital_status": "alive",
        "disease_status": "stable_disease",
        "systemic_therapy_since_il2": "none",
        **more,
    }
    return RowChange("follow_ups", read_values("follow_ups", texts))


def changes(universe: Universe) -> list[str]:
    """Seal, print, change; over and over. What was printed at each seal."""
    printed = [f"{sealed()}\n{derived()}"]
    steps = [
        ("waiting", [follow_up("2013-05-06")]),
        (
            "survivor",
            [RowChange("patients", read_values("patients", {"date_of_death": "2012-01"}))],
        ),
        ("waiting", [RowChange("follow_ups", {}, universe.row_key("waiting", "follow_ups"), True)]),
        ("progressed", [RowChange("patients", read_values("patients", {"consent": "withdrawn"}))]),
    ]
    for record, rows in steps:
        amended = [
            row
            if row.form != "patients"
            else RowChange("patients", row.values, key(universe, record))
            for row in rows
        ]
        amend_record(universe, record, amended)
        printed.append(f"{sealed()}\n{derived()}")
    add_record(
        universe.centers["C02"],
        {**WAITING_FORMS, "patients": [{**WAITING_FORMS["patients"][0], "record_id": "C02-0009"}]},
    )
    printed.append(f"{sealed()}\n{derived()}")
    return printed


def key(universe: Universe, record: str) -> int:
    return universe.records[record].patient_id


def test_every_printed_moment_comes_out_again_byte_for_byte(universe: Universe) -> None:
    printed = changes(universe)
    assert (
        len({text.partition("\n")[2] for text in printed}) >= 5
    )  # a retraction may decide nothing
    for text in printed:
        seal, _, rows = text.partition("\n")
        assert derived("--as-of", seal) == rows


def test_page_of_the_past_mixes_what_is_stored_with_what_is_derived_anew(
    universe: Universe,
) -> None:
    """Untouched records from the stored outcomes, others from the events: together the page of that day."""
    columns = ", ".join(Derived._fields)
    rows = f"select {columns} from analytics_outcome order by patient_id, variant"

    def shown(**query: str) -> list[tuple[object, ...]]:
        scope = scope_of(universe.users["dana"])
        with (
            acting(scope),
            one_snapshot(),
            transaction.atomic(),
            asking(query, every_variant=True, reasons=True),
            connection.cursor() as cursor,
        ):
            cursor.execute(rows)
            return cursor.fetchall()

    drain()
    seal, before = sealed(), shown()
    assert len(before) == 5 * 4
    amend_record(
        universe, "progressed", [follow_up("2003-01-06", systemic_therapy_since_il2="yes")]
    )
    death = read_values("patients", {"date_of_death": "2012-01"})
    amend_record(universe, "survivor", [RowChange("patients", death, key(universe, "survivor"))])
    drain()
    patient = {**WAITING_FORMS["patients"][0], "record_id": "C02-0009"}
    add_record(universe.centers["C02"], {**WAITING_FORMS, "patients": [patient]})
    # Changed and not derived yet; "untouched" and "stranger" stand as they stood.
    amend_record(universe, "waiting", [follow_up("2013-05-06")])
    assert shown() != before
    assert shown(as_of=str(seal)) == before
    browser = signed_in(universe.users["dana"])
    with pinned_queries("cohort_overview"):
        assert browser.get("/cohort/").status_code == 200
    with pinned_queries("cohort_overview.as_of"):
        assert browser.get(f"/cohort/?as_of={seal}").status_code == 200


def test_time_resolves_to_the_last_seal_before_it(universe: Universe) -> None:
    number = sealed()
    before = derived()
    moment = seal_before(number).sealed_at
    amend_record(universe, "waiting", [follow_up("2013-05-06")])
    sealed()
    assert derived() != before
    assert derived("--as-of", moment.isoformat()) == before
    with pytest.raises(CommandError, match="Nothing was sealed"):
        derived("--as-of", "1999-01-01T00:00:00+00:00")


def test_change_committed_but_not_sealed_is_not_known(universe: Universe) -> None:
    number = sealed()
    before = derived()
    amend_record(universe, "waiting", [follow_up("2013-05-06")])
    assert derived("--as-of", str(number)) == before


def test_live_tables_stand_again_afterwards(universe: Universe) -> None:
    seal = seal_before(sealed())
    with acting(system_scope()), one_snapshot(), transaction.atomic(using="worker"):
        with known_at(seal):
            shown = Patient.objects.using("worker").count()
        with connections["worker"].cursor() as cursor:
            cursor.execute(
                "select count(*) from pg_class where relpersistence = 't' and relkind in ('r', 'v')"
            )
            assert cursor.fetchone()[0] == 0
            cursor.execute(
                "select %s::regclass::oid = ('public.' || %s)::regclass::oid", [TABLES[0]] * 2
            )
            assert cursor.fetchone()[0] is True
        assert Patient.objects.using("worker").count() == shown == 5


def test_save_while_the_past_is_read_is_not_seen_in_it(universe: Universe) -> None:
    seal = seal_before(sealed())
    cutoff = date(2017, 6, 30)
    with acting(system_scope()):
        before = list(registry_rows(cutoff, "primary"))
    with acting(system_scope()), known_at(seal):
        amend_record(universe, "waiting", [follow_up("2013-05-06")])  # on another connection
        assert list(registry_rows(cutoff, "primary", "worker")) == before
    with acting(system_scope()):
        assert list(registry_rows(cutoff, "primary")) != before
    with (
        acting(system_scope()),
        transaction.atomic(using="worker"),
        pytest.raises(RuntimeError, match="one snapshot"),
        known_at(seal),
    ):
        pass


def test_cut_made_while_somebody_saves_comes_out_again(universe: Universe) -> None:
    """Sealed, then changed before its records are derived."""
    sealed()
    scope = scope_of(universe.users["dana"])
    with acting(scope), one_snapshot(), transaction.atomic():
        assert Patient.objects.exists()
        amend_elsewhere(universe)
        made = make_cut(actor=scope, name="First", cutoff=date(2017, 6, 30), using="default")
    with acting(system_scope()):
        assert reproduce(made) == []


def test_cut_refused_because_of_another_seal_says_to_make_it_again(universe: Universe) -> None:
    scope = scope_of(universe.users["dana"])
    with acting(scope), one_snapshot(), transaction.atomic():
        assert Patient.objects.exists()
        sealed()  # by the worker
        with pytest.raises(ValidationError, match="Make the cut again"):
            make_cut(actor=scope, name="First", cutoff=date(2017, 6, 30), using="default")


def test_past_is_read_only_for_the_worker(universe: Universe) -> None:
    sealed()
    with (
        acting(system_scope()),
        pytest.raises(DatabaseError),
        transaction.atomic(using="worker"),
        connections["worker"].cursor() as cursor,
    ):
        cursor.execute("update audit.event set reason = ''")


def test_worker_reads_clinical_events_and_no_others(universe: Universe) -> None:
    with (
        acting(system_scope()),
        transaction.atomic(using="worker"),
        connections["worker"].cursor() as cursor,
    ):
        cursor.execute("select distinct table_name from audit.event")
        assert {row[0] for row in cursor.fetchall()} <= set(TABLES)


def test_cut_is_reproducible_after_new_entries(universe: Universe) -> None:
    first = cut("make", "First")
    changes(universe)
    assert "the same 5 records" in cut("verify", "First")
    second = cut("make", "Second")
    assert first.split()[-1] != second.split()[-1]
    assert [line.partition(":")[0] for line in cut("list").splitlines()] == ["Second", "First"]


def test_compared_cuts_name_what_changed_and_the_events(universe: Universe) -> None:
    cut("make", "First")
    amend_record(universe, "waiting", [follow_up("2013-05-06")])
    cut("make", "Second")
    found = [json.loads(line) for line in cut("compare", "First", "Second").splitlines()]
    assert {one["variant"] for one in found} == {"primary", "fda", "ema", "worst_case"}
    assert len({one["registry_number"] for one in found}) == 1
    primary = next(one for one in found if one["variant"] == "primary")
    assert (primary["before"]["eligible"], primary["after"]["eligible"]) == ("unknown", "yes")
    assert [event["table"] for event in primary["events"]] == ["patients_follow_up"]
    assert primary["events"][0]["reason"] == "Made by a test"
    assert "record_id" not in primary["before"]


def test_cut_that_no_longer_comes_out_is_told(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    cut("make", "First")
    # With triggers off, as somebody who forges a cut would.
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update analytics_data_cut set content_hash = repeat('0', 64)")
    with pytest.raises(CommandError, match="rows differ"):
        cut("verify", "First")
    superuser.execute("update analytics_data_cut set seal_hash = repeat('0', 64)")
    superuser.execute("reset session_replication_role")
    with pytest.raises(CommandError, match="another one"):
        cut("verify", "First")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("make", " "), "1 to 100"),
        (("make", "First"), "of that name"),
        (("verify", "x"), "no data cut"),
    ],
)
def test_refused_cut_says_why(universe: Universe, arguments: tuple[str, ...], said: str) -> None:
    cut("make", "First")
    with pytest.raises(CommandError, match=said):
        cut(*arguments)
    with acting(system_scope()), transaction.atomic(using="worker"):
        assert DataCut.objects.using("worker").count() == 1
