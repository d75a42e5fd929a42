"""The status grid: its cells against the dictionary read a second time, its filters, its queries."""

from __future__ import annotations

import re

from django.db import transaction

from centers.access import acting, scope_of, system_scope
from centers.models import SYSTEM_USER_ID
from patients.actions.locks import lock_records
from patients.actions.records import RowChange
from patients.models import Query
from patients.queries.completeness import form_states
from patients.queries.records import load_records
from patients.rules.dictionary import RECORD_FORMS
from patients.rules.record import RecordState, Row
from patients.rules.values import Missing
from tests.patients.pages import Visitor
from tests.universe import Universe, amend_record


def is_filled(row: Row, disease: object) -> bool:
    form = next(form for form in RECORD_FORMS if form.name == row.form)
    wanted = [f for f in form.fields if f.need == "complete" and f.disease in ("", disease)]
    return all(row.values.get(field.name) is not None for field in wanted)


def expected(state: RecordState) -> dict[str, tuple[int, int]]:
    """Rows that stand and complete ones by form, from the whole record."""
    disease = state.patient.value("disease")
    rows = {form.name: state.live(form.name) for form in RECORD_FORMS[1:]}
    rows["patients"] = [state.patient]
    return {n: (len(rs), sum(is_filled(r, disease) for r in rs)) for n, rs in rows.items()}


def test_cells_count_what_the_dictionary_asks_for(universe: Universe) -> None:
    fill = {
        "ecog": Missing("NAVAIL"),
        "primary_diagnosis_date": Missing("UNK"),
        "metastatic_sites": ("lung",),
    }
    amend_record(universe, "waiting", [RowChange("patients", fill)])
    ids = {saved.patient_id for saved in universe.records.values()}
    with acting(system_scope()), transaction.atomic():
        states, records = form_states(ids), load_records(ids)
    found = {
        record: {form: (cell.rows, cell.complete) for form, cell in cells.items()}
        for record, cells in states.items()
    }
    assert found == {record: expected(state) for record, state in records.items()}
    shown = {cell.state for cells in states.values() for cell in cells.values()}
    assert shown == {"none", "partial", "complete"}
    of_waiting = states[universe.records["waiting"].patient_id]
    assert of_waiting["patients"].state == "complete"
    # A reader without identifiers sees no birth date: to them it is no gap.
    with acting(scope_of(universe.users["max"])), transaction.atomic():
        masked = form_states([universe.records["untreated"].patient_id])
        foreign = form_states([universe.records["stranger"].patient_id])
    assert masked[universe.records["untreated"].patient_id]["patients"].complete == 0
    assert {cell.rows for cell in foreign[universe.records["stranger"].patient_id].values()} == {0}


def numbers(visitor: Visitor, query: str) -> list[str]:
    text = visitor.get(f"/records/?order=number&{query}").text
    return re.findall(r'<td class="nowrap">(C\d\d-\d{4})</td>', text)


def test_filters_and_marks_of_the_grid(universe: Universe) -> None:
    lock_records(
        actor=system_scope(),
        patient_ids=[universe.records["survivor"].patient_id],
        reason="Source data verified",
    )
    with acting(system_scope()), transaction.atomic():
        Query.objects.create(
            center=universe.centers["C01"],
            patient_id=universe.records["progressed"].patient_id,
            check_id="follow_up.gap",
            form_name="follow_ups",
            message="A gap",
            opened_by_id=SYSTEM_USER_ID,
        )
    visitor = Visitor(universe, "carla")
    page = visitor.get("/records/?order=number").text
    assert re.findall(r"Follow-up contacts: ([a-z, 0-9]+)<", page).count("6, locked") == 1
    assert "Follow-up contacts: 1, complete, 1 open query" in page
    assert len(re.findall(r'<td class="cell"', page)) == 4 * len(RECORD_FORMS)
    every = {"C01-0001", "C01-0002", "C01-0003", "C01-0004"}
    cases = {
        "status=locked": {"C01-0001"},
        "status=verified": set(),
        "status=partial": every,
        "status=complete": set(),
        "queries=open": {"C01-0001", "C01-0002", "C01-0003"},
        "queries=nonsense": every,
        "contact=overdue": {"C01-0001", "C01-0002"},
        "contact=overdue&status=locked": {"C01-0001"},
    }
    assert {query: set(numbers(visitor, query)) for query in cases} == cases
    by_day = visitor.get("/records/?order=due").text
    assert re.findall(r"C01-\d{4}", by_day)[:2] == ["C01-0002", "C01-0001"]
