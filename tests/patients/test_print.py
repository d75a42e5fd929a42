"""The record on paper: whole, with its signatures, and recorded."""

from __future__ import annotations

from django.db import connection, transaction

from centers.access import acting, system_scope
from centers.models import AuditEvent
from tests.patients.pages import Visitor
from tests.patients.signing import lock, sign
from tests.patients.test_pages_record import words
from tests.universe import Universe


def test_print_holds_the_whole_record_signatures_seal_and_who_printed(universe: Universe) -> None:
    sign(universe, "survivor")
    lock(universe, "survivor", reason="Data cut 2026")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select audit.seal_events()")
        seal = cursor.fetchone()[0]
    text = words(Visitor(universe, "petra").get(universe.url("survivor", "print/")).text)
    for part in (
        "C01-0001",
        "HD IL-2 courses 1",
        "HD IL-2 cycles 2",
        "Follow-up contacts 6",
        "Local therapies 0",
    ):
        assert part in text, part
    assert "Printed by Petra Example on" in text
    assert f"audit seal {seal};" in text
    for part in (
        "Petra Example Principal investigator",
        "I verified these data against the source",
        "I approve this record as complete and accurate",
        "Locked by Max Example since",
        "Data cut 2026",
    ):
        assert part in text, part


def test_print_masks_identifiers_for_a_monitor(universe: Universe) -> None:
    text = Visitor(universe, "max").get(universe.url("survivor", "print/")).text
    assert "C01-0001" not in text
    assert "Hidden" in text


def test_printing_is_an_event_and_only_a_get_prints(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    visitor.get(universe.url("survivor", "print/"))
    assert visitor.post(universe.url("survivor", "print/"), {}).status == 405
    with acting(system_scope()), transaction.atomic():
        event = AuditEvent.objects.get(operation="print")
    assert event.actor_id == universe.users["carla"].pk
    assert event.patient_id == universe.records["survivor"].patient_id
    assert event.after == {"page": "record_print", "identifiers": True}
