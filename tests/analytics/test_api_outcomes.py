"""`GET /api/v1/outcomes.csv`: its rows, and that nothing identifying leaves."""

from __future__ import annotations

import re

import psycopg
import pytest
from django.db import transaction
from django.urls import reverse

from analytics.models import ApiCode
from analytics.queries.deidentified import COLUMNS
from centers.access import acting, system_scope
from tests.analytics.cohort_records import CANARY, CENTERS, cohort_records
from tests.analytics.conftest import Readers
from tests.api_tools import Answer, get, is_problem, program, project

URL = "/api/v1/outcomes.csv"


def export(token: str, query: str = "") -> Answer:
    return get(URL + query, token)


def test_address_is_the_documented_one() -> None:
    assert reverse("api_outcomes_csv") == URL


def test_export_holds_the_eligible_cohort_in_order_of_its_codes(readers: Readers) -> None:
    answer = export(program().token())
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Data-Cutoff"] == "2017-06-30"
    assert answer.headers["X-Recomputing"] == "0"
    assert tuple(answer.body.decode().splitlines()[0].split(",")) == COLUMNS
    rows = answer.rows
    assert len(rows) == 100
    assert sum(row["disease"] == "melanoma" for row in rows) == 54
    assert {row["eligible"] for row in rows} == {"yes"}
    codes = [row["code"] for row in rows]
    assert codes == sorted(codes)
    with acting(system_scope()), transaction.atomic():
        assert {str(code) for code in ApiCode.objects.all()} == set(codes)
    assert len(set(codes)) == 100
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{12}", code) for code in codes)
    assert max(int(row["pfs_weeks"]) for row in rows) == 11_020 // 7
    assert {row["doses_band"] for row in rows} == {"1 to 14"}


def test_export_of_treated_records_adds_the_denominator(readers: Readers) -> None:
    rows = export(program().token(), "?cohort=treated").rows
    # 160 of the index diseases and one of another; withdrawn, retracted and untreated stay out.
    assert len(rows) == 161
    assert sum(row["pfs_event"] == "1" for row in rows) == 60


def test_export_twice_is_the_same_bytes(readers: Readers) -> None:
    secret = program().token()
    assert export(secret).body == export(secret).body


def test_two_projects_share_no_code_and_no_order(readers: Readers) -> None:
    made = [program(), program(of=project("Another study")), program()]
    first, second, again = (one.get(URL).rows for one in made)
    assert again == first
    assert not {row["code"] for row in first} & {row["code"] for row in second}

    def bare(rows: list[dict[str, str]]) -> list[tuple[str, ...]]:
        return [tuple(value for name, value in row.items() if name != "code") for row in rows]

    assert bare(first) != bare(second)
    assert sorted(bare(first)) == sorted(bare(second))


def test_no_identifier_and_no_date_leaves(readers: Readers, superuser: psycopg.Connection) -> None:
    needles = {CANARY}
    for record in cohort_records():
        needles |= {record.record_id, str(record.birth_date), str(record.metastatic_diagnosis_date)}
        needles |= {str(line.when) for line in record.rows}
    identifying = "select registry_number, public_id::text from patients_patient"
    for line in superuser.execute(identifying):
        needles |= set(line)
    for query in ("", "?cohort=treated"):
        answer = export(program().token(), query)
        text = answer.body.decode()
        assert not [needle for needle in needles if needle in text]
        # Center codes are short enough to occur inside a random code: whole cells are compared.
        cells = {value for line in answer.rows for value in line.values()}
        assert not cells & {*CENTERS, *(f"Center {code}" for code in CENTERS)}
        assert not [needle for needle in needles if needle in str(answer.headers)]
        assert not re.search(r"\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{2,4}|\d{4}-\d{2}\b", text)
        assert not re.search(r"^[=+@-]|,[=+@-]", text, re.MULTILINE)


def test_bytes_do_not_change_with_what_is_not_released(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    """Non-interference: registry numbers, row ids of the identity and centers' names change nothing."""
    secret = program().token()
    before = export(secret, "?cohort=treated").body
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update patients_patient set registry_number = 'X' || id, race = 'other'")
    superuser.execute("update ident.patient_identity set record_id = 'Y' || patient_id")
    superuser.execute("update centers_center set name = 'Z', city = 'Z'")
    superuser.execute(
        "update analytics_outcome set t0 = t0 + 1, t0_lo = t0_lo + 1 where extract(doy from t0) < 300"
    )
    superuser.execute("reset session_replication_role")
    assert export(secret, "?cohort=treated").body == before


def test_ninety_and_over_is_capped_by_the_oldest_released_age(readers: Readers) -> None:
    """No combination of columns of a row may tell an age above 89."""
    rows = export(program().token(), "?cohort=treated").rows
    for row in rows:
        if row["age_band_at_t0"] == "90+":
            assert row["t0_era"] == ""
            continue
        top = int(row["age_band_at_t0"].split("-")[1])
        low = int(row["age_band_at_t0"].split("-")[0])
        assert top - low == 4
        assert low + max(int(row["pfs_weeks"]), int(row["os_weeks"])) * 7 / 365.25 < 90
    assert any(row["age_band_at_t0"] == "90+" for row in rows)


def test_eras_are_six_years_wide(readers: Readers) -> None:
    eras = {row["t0_era"] for row in export(program().token()).rows} - {""}
    assert eras
    for era in eras:
        first, last = map(int, era.split("-"))
        assert last - first == 5
        assert (first - 2006) % 6 == 0


def test_withdrawn_consent_leaves_the_next_export(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    secret = program().token()
    before = {row["code"] for row in export(secret).rows}
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update patients_patient set consent = 'withdrawn' where id = 1")
    superuser.execute("update patients_patient set retracted = true where id = 2")
    superuser.execute("reset session_replication_role")
    after = {row["code"] for row in export(secret).rows}
    assert len(after) == 98
    assert after < before


def test_export_is_an_audit_event(readers: Readers, superuser: psycopg.Connection) -> None:
    made = program(readers.coordinator)
    assert len(made.get(URL).rows) == 100
    found = superuser.execute(
        "select actor_id, role, after from audit.event where operation = 'export'"
    ).fetchall()
    detail = {
        "export": "outcomes.csv",
        "profile": "safe_harbor",
        "project": "Registry study",
        "client": made.client.client_id,
        "cohort": "eligible",
        "cutoff": "2017-06-30",
    }
    assert found == [(readers.coordinator.pk, "api_client", detail)]


@pytest.mark.parametrize(
    "query", ["cohort=MRN-1", "mrn=MRN-1", "format=MRN-1", "cohort=treated&cohort=MRN-1"]
)
def test_unknown_parameter_is_refused_without_echo(database: None, query: str) -> None:
    answer = export(program().token(), f"?{query}")
    body = is_problem(answer, 400, "invalid-parameter")
    assert body.get("parameter") == ("cohort" if query.startswith("cohort") else None)
    assert b"MRN-1" not in answer.body


def test_any_accept_header_gets_the_file(database: None) -> None:
    assert program().get(URL, Accept="application/json").status == 200
