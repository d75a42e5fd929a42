"""`GET /api/v1/outcomes.csv`: tokens, rows, refusals, and that nothing identifying leaves."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import transaction
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics.actions.api_tokens import create_api_token, revoke_api_token
from analytics.api.problems import problem
from analytics.models import ApiCode, ApiToken
from analytics.queries.deidentified import COLUMNS
from centers.access import acting, system_scope
from centers.models import SYSTEM_USER_ID, User
from tests.analytics.cohort_records import CANARY, CENTERS, cohort_records
from tests.analytics.conftest import Readers

URL = "/api/v1/outcomes.csv"


@dataclass(frozen=True)
class Answer:
    """What came back, streamed bodies read to the end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.body.decode())))


def get(secret: str | None, query: str = "", **extra: str) -> Answer:
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    response = Client().get(URL + query, headers=headers | extra)
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return Answer(response.status_code, dict(response.items()), body)


def token(owner: User | None = None, days: int = 90) -> tuple[ApiToken, str]:
    with acting(system_scope()), transaction.atomic():
        return create_api_token(
            label="test", owner=owner or User.objects.get(pk=SYSTEM_USER_ID), days=days
        )


def test_address_is_the_documented_one() -> None:
    assert reverse("outcomes_csv") == URL


def test_export_holds_the_eligible_cohort_in_order_of_its_codes(readers: Readers) -> None:
    answer = get(token()[1])
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
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
    rows = get(token()[1], "?cohort=treated").rows
    # 160 of the index diseases and one of another; withdrawn, retracted and untreated stay out.
    assert len(rows) == 161
    assert sum(row["pfs_event"] == "1" for row in rows) == 60


def test_export_twice_is_the_same_bytes(readers: Readers) -> None:
    secret = token()[1]
    assert get(secret).body == get(secret).body


def test_two_tokens_share_no_code_and_no_order(readers: Readers) -> None:
    first, second = (get(token()[1]).rows for _ in range(2))
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
        answer = get(token()[1], query)
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
    secret = token()[1]
    before = get(secret, "?cohort=treated").body
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update patients_patient set registry_number = 'X' || id, race = 'other'")
    superuser.execute("update ident.patient_identity set record_id = 'Y' || patient_id")
    superuser.execute("update centers_center set name = 'Z', city = 'Z'")
    superuser.execute(
        "update analytics_outcome set t0 = t0 + 1, t0_lo = t0_lo + 1 where extract(doy from t0) < 300"
    )
    superuser.execute("reset session_replication_role")
    assert get(secret, "?cohort=treated").body == before


def test_ninety_and_over_is_capped_by_the_oldest_released_age(readers: Readers) -> None:
    """No combination of columns of a row may tell an age above 89."""
    rows = get(token()[1], "?cohort=treated").rows
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
    eras = {row["t0_era"] for row in get(token()[1]).rows} - {""}
    assert eras
    for era in eras:
        first, last = map(int, era.split("-"))
        assert last - first == 5
        assert (first - 2006) % 6 == 0


def test_withdrawn_consent_leaves_the_next_export(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    secret = token()[1]
    before = {row["code"] for row in get(secret).rows}
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update patients_patient set consent = 'withdrawn' where id = 1")
    superuser.execute("update patients_patient set retracted = true where id = 2")
    superuser.execute("reset session_replication_role")
    after = {row["code"] for row in get(secret).rows}
    assert len(after) == 98
    assert after < before


def test_export_is_an_audit_event_and_the_token_remembers_its_use(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    made, secret = token()
    get(secret)
    found = superuser.execute(
        "select actor_id, after from audit.event where operation = 'export'"
    ).fetchall()
    assert len(found) == 1
    actor, detail = found[0]
    assert actor == SYSTEM_USER_ID
    assert detail == {
        "export": "outcomes.csv",
        "profile": "safe_harbor",
        "token": made.pk,
        "cohort": "eligible",
        "cutoff": "2017-06-30",
    }
    made.refresh_from_db()
    assert made.last_used_at is not None


def test_token_of_an_investigator_reads_all_centers(readers: Readers) -> None:
    assert len(get(token(readers.investigator)[1]).rows) == 100


def test_token_of_a_coordinator_reads_own_center_only(readers: Readers) -> None:
    own = sum(
        record.center == "C01" and record.date_of_death is None and record.disease != "other"
        for record in cohort_records()[:100]
    )
    assert len(get(token(readers.coordinator)[1]).rows) == own


def _is_problem(answer: Answer, status: int) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = json.loads(answer.body)
    assert (body["type"], body["status"]) == ("about:blank", status)
    assert set(body) == {"type", "title", "status", "detail"}


@pytest.mark.parametrize("secret", [None, "", "il2_nonsense", "x" * 5_000, "tab\tinside", "\u00e9"])
def test_without_a_valid_token_401_with_a_challenge(database: None, secret: str | None) -> None:
    answer = get(secret)
    _is_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_basic_credentials_are_refused(database: None) -> None:
    _is_problem(get(None, Authorization="Basic eDp5"), 401)


def test_revoked_token_is_refused(database: None) -> None:
    made, secret = token()
    with acting(system_scope()):
        revoke_api_token(token_id=made.pk)
        assert revoke_api_token(token_id=made.pk).revoked_at is not None
    _is_problem(get(secret), 401)


def test_expired_token_is_refused(database: None, superuser: psycopg.Connection) -> None:
    made, secret = token(days=1)
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update analytics_api_token set expires_at = %s where id = %s",
        [timezone.now() - timedelta(seconds=1), made.pk],
    )
    superuser.execute("reset session_replication_role")
    _is_problem(get(secret), 401)


def test_token_of_a_closed_account_is_refused(readers: Readers) -> None:
    secret = token(readers.investigator)[1]
    with acting(system_scope()), transaction.atomic():
        User.objects.filter(pk=readers.investigator.pk).update(is_active=False)
    _is_problem(get(secret), 401)


def test_token_whose_owner_may_not_read_the_cohort_is_refused(readers: Readers) -> None:
    _is_problem(get(token(readers.administrator)[1]), 403)


@pytest.mark.parametrize("query", ["?cohort=MRN-12345", "?mrn=MRN-12345", "?format=MRN-12345"])
def test_unknown_parameter_is_refused_without_echo(database: None, query: str) -> None:
    answer = get(token()[1], query)
    _is_problem(answer, 400)
    assert b"MRN-12345" not in answer.body


@pytest.mark.parametrize(
    ("error", "status"), [(Http404("MRN-12345"), 404), (PermissionDenied("MRN-12345"), 403)]
)
def test_frameworks_errors_become_problems_without_their_words(
    database: None, error: Exception, status: int
) -> None:
    answer = problem(error, {})
    assert answer is not None
    assert answer.status_code == status
    assert "MRN-12345" not in json.dumps(answer.data)


def test_unforeseen_error_is_not_hidden() -> None:
    assert problem(ValueError("MRN-12345"), {}) is None


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_other_methods_are_not_offered(database: None, method: str) -> None:
    headers = {"Authorization": f"Bearer {token()[1]}"}
    response = getattr(Client(), method)(URL, headers=headers)
    assert response.status_code == 405
    assert response["Content-Type"] == "application/problem+json"


def test_any_accept_header_gets_the_file(database: None) -> None:
    assert get(token()[1], Accept="application/json").status == 200


def test_a_session_is_no_token(readers: Readers) -> None:
    client = Client()
    with acting(system_scope()), transaction.atomic():
        client.force_login(readers.investigator)
    assert client.get(URL).status_code == 401


def test_only_the_hash_is_stored(database: None, superuser: psycopg.Connection) -> None:
    made, secret = token()
    for table in ("analytics_api_token", "audit.event"):
        stored = superuser.execute(f"select array_agg(t::text) from {table} t").fetchone()
        assert stored is not None
        assert secret not in "".join(stored[0])
    assert bytes(made.token_hash) == hashlib.sha256(secret.encode()).digest()
    events = superuser.execute(
        "select after from audit.event where table_name = 'analytics_api_token'"
    ).fetchall()
    assert len(events) == 1
    assert events[0][0]["label"] == "test"
    assert "token_hash" not in events[0][0]


def test_create_and_revoke_by_command(readers: Readers) -> None:
    out, err = io.StringIO(), io.StringIO()
    call_command(
        "create_api_token", label="R script", owner="INVESTIGATOR", days=7, stdout=out, stderr=err
    )
    secret = out.getvalue().strip()
    assert secret.startswith("il2_")
    assert secret not in err.getvalue()
    made = ApiToken.objects.get(label="R script")
    assert made.owner == readers.investigator
    assert str(made) == "R script"
    assert get(secret).status == 200
    call_command("revoke_api_token", str(made.pk), stdout=out)
    assert get(secret).status == 401


@pytest.mark.parametrize(
    "options",
    [
        {"label": " "},
        {"label": "x" * 101},
        {"label": "x", "days": 0},
        {"label": "x", "days": 400},
        {"label": "x", "owner": "nobody"},
    ],
)
def test_command_refuses_with_a_reason(database: None, options: dict[str, object]) -> None:
    with pytest.raises(CommandError):
        call_command("create_api_token", **options)


def test_command_without_owner_makes_a_token_of_the_system_account(readers: Readers) -> None:
    out = io.StringIO()
    call_command("create_api_token", label="all centers", stdout=out, stderr=io.StringIO())
    assert len(get(out.getvalue().strip()).rows) == 100


def test_revoking_an_absent_token_is_refused(database: None) -> None:
    with pytest.raises(CommandError):
        call_command("revoke_api_token", "999999")
