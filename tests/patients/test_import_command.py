"""`import_records` from the command line to the database and back."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from django.db import transaction

from centers.access import acting, system_scope
from centers.models import AuditEvent, Center
from patients.models import ROW_MODELS, PatientIdentity
from patients.queries.records import load_records
from patients.query_models import Query
from patients.rules.values import format_value
from tests.patients.bundles import EXAMPLE, record, row, write_folder, write_xlsx, write_zip
from tests.patients.import_tools import counted, findings, run, saved, texts


@pytest.fixture
def bundle(tmp_path: Path, center: Center) -> Path:
    """A folder with one record of C01, imported."""
    folder = write_folder(tmp_path / "bundle", record())
    assert run(folder)[0] == 0
    return folder


def test_example_bundle_imports_whole_and_again_changes_nothing(
    database: None, tmp_path: Path
) -> None:
    status, out, err = run(EXAMPLE, "--create-centers", "--dry-run")
    assert (status, out.splitlines()[-1]) == (0, "Nothing written (dry run).")
    assert counted()["Patient"] == counted()["Center"] == 0
    status, out, err = run(EXAMPLE, "--create-centers")
    assert (status, out.splitlines()[-1]) == (0, "Imported.")
    assert "Records: 400 new, 0 changed, 0 unchanged" in out
    assert "400 of 400 records" in err
    before = counted()
    assert before["Patient"] == 400
    assert before["Center"] == 11
    for form, model in ROW_MODELS.items():
        lines = (EXAMPLE / f"{form}.csv").read_text().splitlines()
        assert before[model.__name__] == len(lines) - 1
    status, out, _ = run(EXAMPLE, "--create-centers")
    assert (status, out.splitlines()[-1]) == (
        0,
        "Nothing written: the registry has all of it already.",
    )
    assert "Records: 0 new, 0 changed, 400 unchanged" in out
    assert counted() == before


def test_example_bundle_is_saved_cell_by_cell(database: None) -> None:
    assert run(EXAMPLE, "--create-centers")[0] == 0
    with acting(system_scope()), transaction.atomic():
        ids = dict(PatientIdentity.objects.values_list("record_id", "patient_id"))
        states = load_records(list(ids.values()))
    for form in ("patients", *ROW_MODELS):
        with (EXAMPLE / f"{form}.csv").open(encoding="utf-8", newline="") as file:
            given: dict[str, list[dict[str, str]]] = {}
            for line in csv.DictReader(file):
                cells = {k: v for k, v in line.items() if v and k not in ("center", "record_id")}
                given.setdefault(line["record_id"], []).append(cells)
        for record_id, rows in given.items():
            state = states[ids[record_id]]
            held = [state.patient] if form == "patients" else state.rows[form]
            found = []
            for one in held:
                values = {k: format_value(v) for k, v in one.values.items() if v is not None}
                values.pop("record_id", None)
                found.append(values | ({"status": "retracted"} if one.retracted else {}))
            # `final` is what an empty status means.
            given_rows = [
                {k: v for k, v in r.items() if (k, v) != ("status", "final")} for r in rows
            ]
            assert found == given_rows, (form, record_id)


@pytest.mark.parametrize("kind", ["zip", "xlsx"])
def test_other_kinds_of_bundle_hold_the_same(bundle: Path, tmp_path: Path, kind: str) -> None:
    before = counted()
    write = write_zip if kind == "zip" else write_xlsx
    status, out, _ = run(write(tmp_path / f"b.{kind}", record()))
    assert (status, "1 unchanged" in out) == (0, True)
    assert counted() == before


def test_changed_value_needs_a_reason(bundle: Path) -> None:
    write_folder(bundle, {"patients": [row("patients", birth_date="1951-07")]})
    before = counted()
    assert findings(bundle) == [("patients.csv", "2", "birth_date", "reason.required")]
    assert counted() == before
    status, out, _ = run(bundle, "--reason", "source data verified")
    assert (status, "0 new, 1 changed, 0 unchanged" in out) == (0, True)
    assert saved().patient.values["birth_date"].text == "1951-07"  # type: ignore[union-attr]
    with acting(system_scope()), transaction.atomic():
        event = AuditEvent.objects.filter(operation="update").latest("id")
        assert event.reason == "source data verified"


def test_absent_column_leaves_values_and_empty_cell_empties(bundle: Path) -> None:
    keys = {"center": "C01", "record_id": "R1"}
    write_folder(
        bundle, {"patients": [{**keys, "consent": "waived", "primary_diagnosis_date": ""}]}
    )
    assert run(bundle, "--reason", "corrected")[0] == 0
    patient = saved().patient
    assert patient.values["consent"] == "waived"
    assert patient.values["primary_diagnosis_date"] is None
    assert str(patient.values["birth_date"]) == "1950-06"


def test_courses_and_cycles_amend_by_their_keys(bundle: Path) -> None:
    write_folder(
        bundle,
        {
            "courses": [
                row("courses", intent="continuation"),
                row("courses", course_number="2"),
            ],
            "cycles": [
                row("cycles", doses_given="7"),
                row("cycles", course_number="2", start_date="2001-09-10"),
            ],
        },
    )
    assert run(bundle, "--reason", "corrected")[0] == 0
    state = saved()
    assert [c["intent"] for c in texts(state, "courses")] == ["continuation", "initial"]
    assert [c["doses_given"] for c in texts(state, "cycles")] == ["7", "9"]
    assert [c["course_number"] for c in texts(state, "cycles")] == ["1", "2"]


def test_other_rows_match_as_a_multiset(bundle: Path) -> None:
    twice = [row("assessments"), row("assessments"), row("assessments", response="SD")]
    write_folder(bundle, {"assessments": twice})
    status, out, _ = run(bundle)
    assert status == 0
    assert out.splitlines()[-2].split() == ["follow_ups", "0", "0", "1", "0"]
    assert [a["response"] for a in texts(saved(), "assessments")] == ["PR", "PR", "SD"]
    # Rows left out are left alone.
    write_folder(bundle, {"assessments": [row("assessments")]})
    before = counted()
    assert run(bundle)[0] == 0
    assert counted() == before


def test_row_id_makes_an_amendment(bundle: Path) -> None:
    row_id = saved().rows["assessments"][0].id
    write_folder(bundle, {"assessments": [row("assessments", response="CR", row_id=row_id)]})
    assert run(bundle, "--reason", "central review")[0] == 0
    assert [a["response"] for a in texts(saved(), "assessments")] == ["CR"]


def test_row_id_of_another_record_is_refused(bundle: Path, tmp_path: Path) -> None:
    assert run(write_folder(tmp_path / "two", record("R2")))[0] == 0
    foreign = saved(record_id="R2").rows["assessments"][0].id
    write_folder(bundle, {"assessments": [row("assessments", row_id=foreign)]})
    assert findings(bundle) == [("assessments.csv", "2", "row_id", "row.unknown")]


def test_row_id_twice_is_refused(bundle: Path) -> None:
    row_id = saved().rows["assessments"][0].id
    write_folder(bundle, {"assessments": [row("assessments", row_id=row_id)] * 2})
    assert findings(bundle) == [("assessments.csv", "3", "row_id", "row.duplicate")]


def test_status_retracted_retracts_the_live_row_once(bundle: Path) -> None:
    write_folder(bundle, {"assessments": [row("assessments", status="retracted")]})
    assert findings(bundle) == [("assessments.csv", "2", "status", "reason.required")]
    status, out, _ = run(bundle, "--reason", "wrong patient")
    assert status == 0
    assert saved().live("assessments") == []
    assert len(saved().rows["assessments"]) == 1
    before = counted()
    status, out, _ = run(bundle)
    assert (status, "registry has all of it" in out) == (0, True)
    assert counted() == before


def test_new_retracted_row_is_kept_as_such(bundle: Path) -> None:
    rows = [
        row("assessments", status="final"),
        row("assessments", response="PD", status="retracted"),
    ]
    write_folder(bundle, {"assessments": rows})
    assert run(bundle)[0] == 0
    assert [(a.values["response"], a.retracted) for a in saved().rows["assessments"]] == [
        ("PR", False),
        ("PD", True),
    ]
    before = counted()
    assert run(bundle)[0] == 0
    assert counted() == before


def test_retracted_row_cannot_be_amended(bundle: Path) -> None:
    write_folder(bundle, {"assessments": [row("assessments", status="retracted")]})
    assert run(bundle, "--reason", "wrong patient")[0] == 0
    row_id = saved().rows["assessments"][0].id
    write_folder(bundle, {"assessments": [row("assessments", response="CR", row_id=row_id)]})
    assert findings(bundle, "--reason", "x") == [("assessments.csv", "2", "", "row.retracted")]


def test_rows_of_an_unknown_record_are_refused(bundle: Path) -> None:
    write_folder(bundle, {"assessments": [row("assessments", "R9")]})
    assert findings(bundle) == [("assessments.csv", "2", "record_id", "record.unknown")]


def test_rows_of_a_saved_record_need_no_patients_row(bundle: Path) -> None:
    (bundle / "patients.csv").unlink()
    write_folder(bundle, {"follow_ups": [row("follow_ups", date="2005-05-05")]})
    assert run(bundle)[0] == 0
    assert [c["date"] for c in texts(saved(), "follow_ups")] == ["2003-01-15", "2005-05-05"]


def test_keys_twice_are_refused(center: Center, tmp_path: Path) -> None:
    rows = record()
    rows["patients"] *= 2
    rows["courses"] *= 2
    rows["cycles"] *= 2
    assert findings(write_folder(tmp_path / "b", rows)) == [
        ("patients.csv", "3", "record_id", "record.duplicate"),
        ("courses.csv", "3", "course_number", "row.duplicate"),
        ("cycles.csv", "3", "cycle_number", "row.duplicate"),
    ]


def test_records_of_one_person_find_each_other_across_chunks(
    center: Center, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patients.importing.staging.CHUNK_RECORDS", 1)
    rows = [
        row("patients", "A1", birth_date="1940", same_person_as="Z9"),
        row("patients", "M5", birth_date="1941"),
        row("patients", "Z9", birth_date="1940", disease="renal_cell"),
    ]
    folder = write_folder(tmp_path / "b", {"patients": rows})
    assert run(folder)[0] == 0
    assert saved(record_id="A1").patient.values["same_person_as"] == "Z9"
    before = counted()
    assert run(folder)[0] == 0
    assert counted() == before


def test_hard_check_names_the_row_in_the_bundle(center: Center, tmp_path: Path) -> None:
    rows = record(date_of_death="2002-01")
    assert findings(write_folder(tmp_path / "b", rows)) == [
        ("follow_ups.csv", "2", "date", "order.after_death")
    ]


def test_hard_check_on_a_saved_row_names_the_record_in_the_bundle(bundle: Path) -> None:
    (bundle / "follow_ups.csv").unlink()
    write_folder(bundle, {"patients": [row("patients", date_of_death="2002-01")]})
    assert findings(bundle, "--reason", "registry linkage") == [
        ("patients.csv", "2", "date", "order.after_death")
    ]


def test_all_records_are_checked_and_none_saved(
    center: Center, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patients.importing.staging.CHUNK_RECORDS", 1)
    rows: dict[str, list[dict[str, object]]] = {}
    for number in range(4):
        death = {"date_of_death": "2002-01"} if number % 2 else {}
        for form, lines in record(f"R{number}", birth_date=str(1940 + number), **death).items():
            rows.setdefault(form, []).extend(lines)
    found = findings(write_folder(tmp_path / "b", rows))
    assert [f[1] for f in found] == ["3", "5"]
    assert counted()["Patient"] == 0


def test_soft_checks_are_saved_reported_and_opened(center: Center, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    folder = write_folder(tmp_path / "b", record(weight_kg="500"))
    status, out, _ = run(folder, f"--report={report}")
    assert status == 0
    assert "  weight.range: 1" in out
    with acting(system_scope()), transaction.atomic():
        assert Query.objects.filter(check_id="weight.range", closed_at=None).count() == 1
    told = json.loads(report.read_text())
    found = [(f["file"], f["row"], f["column"], f["check"]) for f in told["findings"]]
    assert ("patients.csv", 2, "weight_kg", "weight.range") in found
    assert told["written"] is True
    assert told["rows"]["patients"]["new"] == 1


def test_soft_checks_alone_change_nothing_again(center: Center, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "b", record(weight_kg="500"))
    assert run(folder)[0] == 0
    before = counted()
    assert run(folder)[0] == 0
    assert counted() == before


def test_identifiers_stay_out_of_report_and_audit(center: Center, tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path / "b", record("CANARY-ID", mrn="CANARY-MRN", initials="CAN", ecog="CANARY")
    )
    report = tmp_path / "report.json"
    _, out, err = run(folder, f"--report={report}")
    assert "CANARY" not in out + err + report.read_text()
    write_folder(folder, record("CANARY-ID", mrn="CANARY-MRN", initials="CAN"))
    assert run(folder)[0] == 0
    assert saved(record_id="CANARY-ID").patient.values["mrn"] == "CANARY-MRN"
    with acting(system_scope()), transaction.atomic():
        assert "CANARY" not in str(list(AuditEvent.objects.values("before", "after")))


def test_database_keeps_the_order_of_the_file(bundle: Path) -> None:
    rows = [row("assessments", date="2005", response=code) for code in ("SD", "PR", "CR", "SD")]
    write_folder(bundle, {"assessments": rows})
    assert run(bundle)[0] == 0
    assert [a["response"] for a in texts(saved(), "assessments")] == ["PR", "SD", "PR", "CR", "SD"]


def test_dry_run_writes_nothing_and_says_what_would_change(bundle: Path) -> None:
    before = counted()
    write_folder(bundle, {"follow_ups": [row("follow_ups", date="2006")]})
    status, out, _ = run(bundle, "--dry-run")
    assert status == 0
    assert "Records: 0 new, 1 changed, 0 unchanged" in out
    assert out.endswith("Nothing written (dry run).\n")
    assert counted() == before
