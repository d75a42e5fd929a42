"""Queries that follow from outcomes: opened once, closed by themselves, opened again, left to people."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from analytics.derivation.stale import drain
from analytics.derivation.wording import words_of_queries
from centers.access import acting, system_scope
from patients.actions.changes import RowChange
from patients.query_models import Query, QueryMessage
from patients.rules.dictionary import FORMS
from tests.universe import Universe, add_record, amend_record, read_values

ATTESTED, ALIVE = "outcome.no_later_systemic_therapy", "outcome.survival_5y"
FREE = "outcome.progression_free_5y"


def derived(patient_id: int) -> dict[str, Query]:
    """The record's derived queries by check."""
    with acting(system_scope()), transaction.atomic():
        found = list(Query.objects.filter(patient_id=patient_id, kind__in=("criterion", "flag")))
    assert len({q.check_id for q in found}) == len(found)
    return {query.check_id: query for query in found}


def thread(query: Query) -> list[tuple[str, int]]:
    with acting(system_scope()), transaction.atomic():
        rows = QueryMessage.objects.filter(query=query).order_by("id")
        return [(message.act, message.author_id) for message in rows]


def close_by_hand(query: Query, person: int) -> None:
    with acting(system_scope()), transaction.atomic():
        Query.objects.filter(pk=query.pk).update(
            closed_at=timezone.now(), closed_by=person, closing_note="Lost to follow-up"
        )


def test_unknown_criteria_are_asked_once_and_close_and_return_by_themselves(
    universe: Universe,
) -> None:
    waiting = universe.records["waiting"].patient_id
    found = derived(waiting)
    assert set(found) == {ALIVE, ATTESTED, FREE}
    assert found[ALIVE].message == (
        "Alive at the fifth anniversary is unknown: a follow-up contact, alive, on or after"
        " 09-Jan-2011 would decide"
    )
    assert (found[ATTESTED].form_name, found[ATTESTED].field_name, found[ATTESTED].state) == (
        "follow_ups",
        "systemic_therapy_since_il2",
        "open",
    )
    for decided in ("survivor", "progressed", "untreated", "stranger"):
        assert derived(universe.records[decided].patient_id) == {}, decided

    values = read_values("follow_ups", {"date": "2012-02-20", "vital_status": "alive"})
    contact = RowChange("follow_ups", values)
    amend_record(universe, "waiting", [contact])
    drain()
    after = derived(waiting)
    assert {check: query.state for check, query in after.items()} == {
        ALIVE: "closed",
        ATTESTED: "open",
        FREE: "open",
    }
    assert after[ALIVE].closed_by_id is None
    assert thread(after[ALIVE]) == [("closed", 1)]

    row = universe.row_key("waiting", "follow_ups", 2)
    amend_record(universe, "waiting", [RowChange("follow_ups", row_id=row, retract=True)])
    drain()
    again = derived(waiting)[ALIVE]
    assert (again.pk, again.state, again.closing_note) == (found[ALIVE].pk, "reopened", "")
    assert again.asked_at > again.opened_at
    assert thread(again) == [("closed", 1), ("reopened", 1)]


def test_closed_by_a_person_stays_closed_until_it_returns(universe: Universe) -> None:
    waiting = universe.records["waiting"].patient_id
    close_by_hand(derived(waiting)[ALIVE], universe.users["max"].pk)
    amend_record(
        universe, "waiting", [RowChange("patients", read_values("patients", {"ecog": "1"}))]
    )
    drain()
    assert derived(waiting)[ALIVE].state == "closed"
    values = read_values("follow_ups", {"date": "2012-02-20", "vital_status": "alive"})
    amend_record(universe, "waiting", [RowChange("follow_ups", values)])
    drain()
    decided = derived(waiting)[ALIVE]
    assert (decided.closing_note, decided.stands) == ("Lost to follow-up", False)
    row = universe.row_key("waiting", "follow_ups", 2)
    amend_record(universe, "waiting", [RowChange("follow_ups", row_id=row, retract=True)])
    drain()
    assert derived(waiting)[ALIVE].state == "reopened"


def test_flag_opens_a_query_and_a_withdrawn_record_asks_nothing(universe: Universe) -> None:
    lesion = {"date": "2007-01-15", "modality": "metastasectomy", "site": "lung"}
    treated = {**lesion, "indication": "new_lesion", "rendered_ned": "yes"}
    amend_record(
        universe, "waiting", [RowChange("local_therapies", read_values("local_therapies", treated))]
    )
    drain()
    waiting = universe.records["waiting"].patient_id
    flag = derived(waiting)["outcome.progression_implied_by_local_therapy"]
    assert (flag.kind, flag.state, flag.form_name) == ("flag", "open", "assessments")
    amend_record(
        universe,
        "waiting",
        [RowChange("patients", read_values("patients", {"consent": "withdrawn"}))],
    )
    drain()
    assert {query.state for query in derived(waiting).values()} == {"closed"}


def test_day_of_a_row_names_the_row_and_fields_are_those_of_the_dictionary(
    universe: Universe,
) -> None:
    patient = {"sex": "male", "disease": "renal_cell", "cohort": "retrospective"}
    given = {"course_number": "1", "cycle_number": "1", "start_date": "2006-01-09"}
    record = add_record(
        universe.centers["C01"],
        {
            "patients": [{**patient, "consent": "waived", "record_id": "C01-0009",
                          "birth_date": "1950", "metastatic_diagnosis_date": "2005"}],
            "courses": [{"course_number": "1", "intent": "initial", "dose_level": "600000"}],
            "cycles": [{**given, "doses_given": "12"}],
            "follow_ups": [{"date": "2011", "vital_status": "alive",
                            "systemic_therapy_since_il2": "none"}],
        },
    )  # fmt: skip
    drain()
    query = derived(record.patient_id)[ALIVE]
    assert query.message.endswith("the day of the follow-up contact would decide")
    assert (query.form_name, query.field_name) == ("follow_ups", "date")
    assert query.row_id is not None
    words = words_of_queries()
    for form, field in words["places"].values():
        assert field in FORMS[form].by_name
    for form, field, _ in words["flags"].values():
        assert field in FORMS[form].by_name
