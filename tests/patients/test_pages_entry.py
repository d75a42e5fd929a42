"""Entry through the pages: dates, reasons, refusals, confirmations, conflicts, sending twice."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from django.db import connections, transaction

from centers.access import acting, system_scope
from centers.models import AuditEvent
from patients.actions.records import RowChange
from patients.models import Assessment, Cycle, FollowUp, Patient
from patients.queries.records import load_records
from patients.query_models import Query
from patients.rules.record import RecordState
from patients.rules.values import Missing
from tests.patients.pages import Visitor
from tests.patients.test_search import number_of
from tests.universe import Universe, amend_record, read_values

REASON = {"reason_preset": "Transcription error"}
NEW = "/records/new/?disease=melanoma"
FILLED = {"record_id": "C01-0099", "sex": "female", "cohort": "prospective"}
CONTACT = {"date": "2012-02-20", "vital_status": "alive"}


def state(universe: Universe, record: str) -> RecordState:
    patient_id = universe.records[record].patient_id
    with acting(system_scope()), transaction.atomic():
        return load_records([patient_id])[patient_id]


def row_path(universe: Universe, record: str, form: str, place: int = 0, rest: str = "") -> str:
    return universe.url(record, f"{form}/{universe.row_id(record, form, place)}/{rest}")


def errors(text: str) -> list[tuple[str, str]]:
    """Links and words of the error summary."""
    summary = re.search(r'<div class="error-summary".*?</div>', text, re.S)
    return re.findall(r'<li><a href="([^"]*)">([^<]*)</a>', summary[0]) if summary else []


# Creating.


def test_new_record_asks_for_the_disease_first(universe: Universe) -> None:
    text = Visitor(universe, "carla").get("/records/new/").text
    assert 'name="record_id"' not in text
    assert 'name="disease"' in text
    form = Visitor(universe, "carla").get(NEW).text
    assert 'name="m_stage"' in form
    assert 'name="nephrectomy"' not in form
    assert 'name="disease"' not in form


def test_new_record_is_created_and_its_page_opened(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    dates = {"birth_date": "24-Mar-1950", "metastatic_diagnosis_date": "3/2001"}
    page = visitor.fill(NEW, **FILLED, **dates, metastatic_sites=["lung", "bone"], ldh_ratio="0.80")
    assert page.status == 302
    with acting(system_scope()), transaction.atomic():
        patient = Patient.objects.get(identity__record_id="C01-0099")
        assert page.url == f"/records/{patient.public_id}/"
        assert (patient.disease, patient.metastatic_sites) == ("melanoma", ["lung", "bone"])
        assert str(patient.metastatic_diagnosis_date) == "2001-03"
        assert str(patient.identity.birth_date) == "1950-03-24"
        assert patient.center.code == "C01"


def test_record_id_in_use_is_refused_beside_its_field(universe: Universe) -> None:
    page = Visitor(universe, "carla").fill(NEW, **{**FILLED, "record_id": "C01-0001"})
    assert page.status == 422
    assert "<title>Error: New record" in page.text
    assert errors(page.text)[0][0] == "#id_record_id"
    assert 'value="C01-0001"' in page.text


def test_center_comes_from_the_address_and_must_be_own(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    page = visitor.post("/records/new/?disease=melanoma&center=C02", FILLED)
    assert "Continue" in page.text
    with acting(system_scope()), transaction.atomic():
        assert not Patient.objects.filter(identity__record_id="C01-0099").exists()


def test_likely_duplicate_is_asked_and_saved_with_a_reason(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = "/records/new/?disease=renal_cell"
    number = number_of(universe, "survivor")
    page = visitor.fill(path, **FILLED, birth_date="1951-07-14")
    assert page.status == 422
    assert "Unlikely, but possible" in page.text
    assert "same birth date and sex</li>" in page.text
    assert (page.text.count(universe.url("survivor")), number in page.text) == (1, True)
    same = visitor.fill(path, **FILLED, mrn="881234")
    assert "same MRN</li>" in same.text
    assert "confirm.duplicate.mrn" in same.text
    taken = visitor.fill(path, **(FILLED | {"record_id": "C01-0001"}))
    assert "same record ID</li>" in taken.text
    # Another center's record is not told of.
    assert (
        Visitor(universe, "otto").fill(path, **FILLED, mrn="881234", birth_date="1951-07-14").status
        == 302
    )
    name = "confirm.duplicate.person"
    again = visitor.post(path, {**page.form, name: "Same person, other disease"})
    assert again.status == 302
    with acting(system_scope()), transaction.atomic():
        query = Query.objects.get(check_id="duplicate.person")
        assert query.confirmed_reason == "Same person, other disease"
        assert query.closed_at is not None


# Adding rows.


DATES = {
    "2012-02-20": "2012-02-20",
    "24/3/2012": "2012-03-24",
    "24-Mar-2012": "2012-03-24",
    " 4 march 2012 ": "2012-03-04",
    "3/2012": "2012-03",
    "Sep 2012": "2012-09",
    "2012": "2012",
}
IMPOSSIBLE = {
    "31/2/2012": "that month has 29 days",
    "3/24/2012": "month outside 01 to 12",
    "yesterday": "is not a date",
    "1/1/12": "is not a date",
    "": "Enter date",
}


def test_dates_are_taken_as_people_write_them(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", "follow_ups/new/")
    for typed, saved in DATES.items():
        reason = {"confirm.follow_up.gap": "x"}
        assert visitor.fill(path, date=typed, vital_status="alive", **reason).status == 302
        row = max(state(universe, "survivor").rows["follow_ups"], key=lambda row: row.id or 0)
        assert str(row.value("date")) == saved


def test_impossible_date_is_refused_and_kept(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    for typed, words in IMPOSSIBLE.items():
        path = universe.url("survivor", "follow_ups/new/")
        page = visitor.fill(path, date=typed, vital_status="alive")
        assert page.status == 422
        ((href, text),) = errors(page.text)
        assert (href, words in text) == ("#id_date", True)
        assert 'aria-invalid="true"' in page.text
        assert 'id="id_date_error"' in page.text
        assert page.form["date"] == typed


def test_radio_group_left_open_is_named(universe: Universe) -> None:
    path = universe.url("survivor", "follow_ups/new/")
    page = Visitor(universe, "carla").fill(path, date="2012")
    assert ("#id_vital_status_0", "Choose vital status") in errors(page.text)


def test_impossible_row_is_refused_by_the_record(universe: Universe) -> None:
    """The death lies in 2003: a scan in 2005 cannot be."""
    path = universe.url("progressed", "assessments/new/")
    page = Visitor(universe, "carla").fill(path, date="2005-01-03", response="SD")
    assert page.status == 422
    assert errors(page.text)[0][0] == "#id_date"
    assert "is after the date of death" in page.text


def test_finding_at_another_row_links_to_it(universe: Universe) -> None:
    path = universe.url("survivor", "baseline/")
    page = Visitor(universe, "carla").fill(path, date_of_death="2008-01-01", **REASON)
    assert page.status == 422
    links = [href for href, _ in errors(page.text)]
    assert universe.url("survivor", "#assessments-4") in links


def test_reason_stands_instead_of_a_value(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = row_path(universe, "survivor", "cycles")
    both = visitor.fill(path, **REASON, **{"doses_given.reason": "UNK"})
    assert both.status == 422
    assert "give a value or a reason, not both" in both.text
    page = visitor.fill(path, **REASON, doses_given="", **{"doses_given.reason": "UNK"})
    assert page.status == 302
    assert state(universe, "survivor").rows["cycles"][0].values["doses_given"] == Missing("UNK")
    assert ">Unknown<" in visitor.get(universe.url("survivor")).text
    form = visitor.get(path)
    assert form.form["doses_given.reason"] == "UNK"
    assert form.form["doses_given"] == ""


def test_coded_reason_is_an_option_of_a_select(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = row_path(universe, "survivor", "follow_ups")
    assert visitor.fill(path, **REASON, disease_status="NASK").status == 302
    saved = state(universe, "survivor").rows["follow_ups"][0].values
    assert saved["disease_status"] == Missing("NASK")


def test_save_and_add_another_opens_an_empty_form(universe: Universe) -> None:
    path = universe.url("survivor", "prior_therapies/new/")
    values = {"therapy_class": "surgery", "start_date": "1997", "again": "1"}
    page = Visitor(universe, "carla").fill(path, **values)
    assert (page.status, page.url) == (302, path)


def test_form_of_the_dictionary_without_rows_has_no_page(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    for name in ("patients", "centers", "nonsense"):
        assert visitor.get(universe.url("survivor", f"{name}/new/")).status == 404


# Courses.


def test_course_is_saved_with_its_first_cycle(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", "courses/new/")
    form = visitor.get(path).form
    assert form["course.course_number"] == "2"
    page = visitor.fill(path, **{"cycle.start_date": "1999-08-02", "cycle.doses_given": "9"})
    assert page.status == 302
    rows = state(universe, "survivor").rows
    assert [row.value("course_number") for row in rows["courses"]] == [1, 2]
    last = rows["cycles"][-1]
    assert (last.value("course_number"), last.value("cycle_number")) == (2, 1)
    assert last.value("doses_given") == 9


def test_course_without_a_date_of_its_cycle_saves_neither(universe: Universe) -> None:
    page = Visitor(universe, "carla").fill(universe.url("survivor", "courses/new/"))
    assert page.status == 422
    assert ("#id_cycle_start_date", "Enter start") in errors(page.text)
    assert len(state(universe, "survivor").rows["courses"]) == 1


def test_finding_in_the_cycle_stands_beside_the_cycle(universe: Universe) -> None:
    path = universe.url("survivor", "courses/new/")
    values = {"cycle.start_date": "1999-08-02", "cycle.doses_given": "12"}
    page = Visitor(universe, "carla").fill(path, **values, **{"cycle.doses_planned": "8"})
    assert page.status == 422
    assert [href for href, _ in errors(page.text)] == ["#id_cycle_doses_given"]


def test_new_cycle_proposes_the_open_place(universe: Universe) -> None:
    form = Visitor(universe, "carla").get(universe.url("progressed", "cycles/new/")).form
    assert (form["course_number"], form["cycle_number"]) == ("2", "2")
    empty = Visitor(universe, "carla").get(universe.url("untreated", "cycles/new/")).form
    assert empty["course_number"] == ""


# Amending.


def test_amendment_needs_a_reason_that_the_audit_trail_keeps(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = row_path(universe, "survivor", "assessments")
    refused = visitor.fill(path, date="1999-07-13")
    assert refused.status == 422
    assert errors(refused.text) == [("#id_reason", "Give the reason for the change")]
    other = visitor.fill(path, date="1999-07-13", reason_preset="Other")
    assert other.status == 422
    page = visitor.fill(path, date="1999-07-13", **REASON, reason="letter")
    assert page.status == 302
    assert page.url == universe.url("survivor")
    with acting(system_scope()), transaction.atomic():
        event = AuditEvent.objects.get(table_name="patients_assessment", operation="update")
        assert event.reason == "Transcription error: letter"
        assert event.actor_id == universe.users["carla"].pk
        assert (event.before["date"], event.after["date"]) == ("1999-07-12", "1999-07-13")


def test_page_after_saving_says_recomputing(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    page = visitor.fill(row_path(universe, "survivor", "assessments"), date="1999-07-13", **REASON)
    text = visitor.get(page.url).text
    assert "Recomputing" in text
    assert "was saved" in text


def test_unchanged_form_writes_nothing(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    for path in (row_path(universe, "survivor", "cycles"), universe.url("survivor", "baseline/")):
        page = visitor.fill(path)
        assert (page.status, page.url) == (302, universe.url("survivor"))
        assert "Nothing was changed" in visitor.get(page.url).text
    with acting(system_scope()), transaction.atomic():
        assert not AuditEvent.objects.filter(operation="update").exists()


def test_only_the_changed_field_is_written(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    page = visitor.fill(universe.url("survivor", "baseline/"), ecog="1", **REASON)
    assert page.status == 302
    with acting(system_scope()), transaction.atomic():
        (event,) = AuditEvent.objects.filter(operation="update")
    changed = {k for k, v in event.after.items() if event.before.get(k) != v}
    assert (event.table_name, changed) == ("patients_patient", {"ecog"})


def test_changed_disease_asks_to_empty_what_belongs_to_the_other(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", "baseline/")
    page = visitor.fill(path, disease="renal_cell", **REASON)
    assert page.status == 422
    assert "#id_m_stage" in [href for href, _ in errors(page.text)]
    assert 'name="nephrectomy"' in page.text
    values = {**page.form, "m_stage": "", "nephrectomy": "partial"}
    assert visitor.post(path, values).status == 302
    patient = state(universe, "survivor").patient
    assert (patient.value("disease"), patient.value("nephrectomy")) == ("renal_cell", "partial")


def test_two_editors_get_a_page_with_both_values(universe: Universe) -> None:
    carla, bea = Visitor(universe, "carla"), Visitor(universe, "bea")
    path = row_path(universe, "survivor", "follow_ups")
    first, second = carla.get(path).form, bea.get(path).form
    one = {**first, **REASON, "date": "2001-05-15", "source": "phone"}
    two = {**second, **REASON, "date": "2001-05-16", "second_malignancy": "no"}
    assert carla.post(path, one).status == 302
    page = bea.post(path, two)
    assert page.status == 409
    assert "<title>Error: " in page.text
    assert "Saved meanwhile: 15-May-2001" in page.text
    assert "Saved meanwhile: Phone (taken over here)" in page.text
    merged = page.form
    assert (merged["date"], merged["source"]) == ("2001-05-16", "phone")
    assert merged["second_malignancy"] == "no"
    assert bea.post(path, merged).status == 302
    saved = state(universe, "survivor").rows["follow_ups"][0]
    assert str(saved.value("date")) == "2001-05-16"
    assert (saved.value("source"), saved.value("second_malignancy")) == ("phone", "no")


def test_change_elsewhere_in_the_record_is_a_conflict_without_differences(
    universe: Universe,
) -> None:
    visitor = Visitor(universe, "carla")
    path = row_path(universe, "survivor", "assessments")
    form = visitor.get(path).form
    values = read_values("patients", {"ecog": "1"})
    amend_record(universe, "survivor", [RowChange("patients", values)])
    page = visitor.post(path, {**form, **REASON, "date": "1999-07-13"})
    assert page.status == 409
    assert "Saved meanwhile" not in page.text
    assert visitor.post(path, page.form).status == 302


def test_tampered_base_changes_nothing_but_the_view(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = row_path(universe, "survivor", "assessments")
    form = visitor.get(path).form
    for base in ("", "[1]", "{", '{"date": 3}'):
        page = visitor.post(path, {**form, "base": base, **REASON, "submission": "no uuid"})
        assert page.status == 302
    assert str(state(universe, "survivor").rows["assessments"][0].value("date")) == "1999-07-12"


# Retracting and withdrawing.


def test_row_is_retracted_with_a_reason(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = row_path(universe, "survivor", "assessments", 0, "retract/")
    assert visitor.fill(path).status == 422
    page = visitor.fill(path, **REASON)
    assert (errors(page.text), page.status) == ([], 302)
    assert state(universe, "survivor").rows["assessments"][0].retracted


def test_course_is_retracted_with_its_cycles(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = row_path(universe, "progressed", "courses", 1, "retract/")
    assert "The 2 cycles of the course are retracted with it" in visitor.get(path).text
    assert visitor.fill(path, **REASON).status == 302
    rows = state(universe, "progressed").rows
    assert [row.retracted for row in rows["courses"]] == [False, True]
    assert [row.retracted for row in rows["cycles"]] == [False, False, True, True]


def test_row_that_others_need_is_not_retracted(universe: Universe) -> None:
    """Course 1 of two: the numbers would have a gap."""
    path = row_path(universe, "progressed", "courses", 0, "retract/")
    page = Visitor(universe, "carla").fill(path, **REASON)
    assert page.status == 422
    assert "There is a problem" in page.text


def test_consent_is_withdrawn_with_a_reason(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", "consent/")
    assert visitor.fill(path).status == 422
    assert visitor.fill(path, reason="Letter of the patient").status == 302
    assert state(universe, "survivor").patient.value("consent") == "withdrawn"


def test_act_on_a_changed_record_is_a_conflict(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", "consent/")
    form = visitor.get(path).form
    values = read_values("patients", {"ecog": "1"})
    amend_record(universe, "survivor", [RowChange("patients", values)])
    page = visitor.post(path, {**form, **REASON})
    assert page.status == 409
    assert visitor.post(path, page.form).status == 302


# Sending twice.


def test_form_sent_twice_saves_one_row(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("waiting", "follow_ups/new/")
    values = {**visitor.get(path).form, **CONTACT}
    values |= {"confirm.follow_up.gap": "Lived abroad"}
    first, second = visitor.post(path, values), visitor.post(path, values)
    assert (first.status, second.status) == (302, 302)
    assert first.url == second.url == universe.url("waiting")
    with acting(system_scope()), transaction.atomic():
        assert FollowUp.objects.filter(patient=universe.records["waiting"].patient_id).count() == 3


def test_record_sent_twice_is_created_once(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    values = {**visitor.get(NEW).form, **FILLED}
    first, second = visitor.post(NEW, values), visitor.post(NEW, values)
    assert first.url == second.url != "/records/"


def test_amendment_sent_twice_is_no_conflict(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = row_path(universe, "survivor", "assessments")
    values = {**visitor.get(path).form, **REASON, "date": "1999-07-13"}
    assert [visitor.post(path, values).status for _ in range(2)] == [302, 302]


def test_refused_form_can_be_sent_again(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("progressed", "assessments/new/")
    page = visitor.fill(path, date="2005-01-03", response="SD")
    assert page.status == 422
    assert visitor.post(path, {**page.form, "date": "2001-01-03"}).status == 302
    with acting(system_scope()), transaction.atomic():
        patient = universe.records["progressed"].patient_id
        assert Assessment.objects.filter(patient=patient).count() == 4


def test_two_requests_at_once_save_one_row(universe: Universe) -> None:
    visitors = [Visitor(universe, "carla") for _ in range(2)]
    path = universe.url("survivor", "cycles/new/")
    amend_record(
        universe,
        "survivor",
        [RowChange("cycles", row_id=universe.row_key("survivor", "cycles", 1), retract=True)],
    )
    values = {**visitors[0].get(path).form, "start_date": "1999-05-11"}

    def send(visitor: Visitor) -> int:
        try:
            return visitor.post(path, values).status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(send, visitors)) == [302, 302]
    with acting(system_scope()), transaction.atomic():
        patient = universe.records["survivor"].patient_id
        assert Cycle.objects.filter(patient=patient, retracted=False).count() == 2


# What people type comes back as text.


def test_typed_markup_is_shown_as_text(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    payload = '"><script>alert(1)</script>'
    path = universe.url("survivor", "prior_therapies/new/")
    page = visitor.fill(path, therapy_class="surgery", agent=payload, start_date="bad" + payload)
    assert page.status == 422
    assert "<script>alert" not in page.text
    saved = visitor.fill(path, therapy_class="surgery", agent=payload)
    assert saved.status == 302
    text = visitor.get(universe.url("survivor")).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
