"""`seed_demo` in a real database: figures by the SQL, accounts, the second run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connections, transaction
from django.test import Client
from pytest_django import DjangoDbBlocker

from analytics.demo.centers import DEMO_CENTERS, DEMO_PASSWORD, demo_accounts
from analytics.demo.plan import STANDARD
from analytics.demo.records import demo_records
from analytics.demo.story import CUTOFF
from analytics.models import Outcome, Stale
from analytics.queries.overview import overview
from centers.access import acting, scope_of, system_scope
from centers.models import AuditEvent, Center, Membership, User
from centers.roles import Permission
from patients.models import Patient, PatientIdentity
from patients.query_models import Query
from tests import oracle_outcome
from tests.analytics.demo_oracle import oracle_record
from tests.oracle import VARIANTS


@pytest.fixture(scope="module")
def seeded(
    django_db_blocker: DjangoDbBlocker, superuser: psycopg.Connection, _cleaning_sql: str
) -> Iterator[str]:
    """The demo, seeded once for this module by the command; what it printed."""
    printed = StringIO()
    with django_db_blocker.unblock():
        call_command("seed_demo", stdout=printed)
        yield printed.getvalue()
        for connection in connections.all(initialized_only=True):
            connection.close()
    superuser.execute(_cleaning_sql)


def read(query: Any) -> list[Any]:
    """Rows of a query over all centers."""
    with acting(system_scope()), transaction.atomic():
        return list(query)


def outcomes(variant: str) -> dict[tuple[str, str], Outcome]:
    """Stored outcomes by center code and record id."""
    with acting(system_scope()), transaction.atomic():
        keys = {
            patient: (center, record)
            for patient, center, record in PatientIdentity.objects.values_list(
                "patient_id", "center__code", "record_id"
            )
        }
        return {keys[o.patient_id]: o for o in Outcome.objects.filter(variant=variant)}


def test_stored_outcomes_have_the_figures_of_the_paper(seeded: str) -> None:
    eligible = [o for o in outcomes("primary").values() if o.eligible == "yes"]
    assert Counter(o.disease for o in eligible) == {"melanoma": 54, "renal_cell": 46}
    for reading in ("alive_10y_followed", "survived_10y"):
        alive = Counter(o.disease for o in eligible if getattr(o, reading))
        assert alive == {"melanoma": 32, "renal_cell": 27}
    bands = Counter(o.pfs_band for o in eligible)
    assert sum(bands.values()) == 100
    assert bands["30+"] == 2
    assert None not in bands
    assert {o.cutoff for o in eligible} == {CUTOFF}


@pytest.mark.parametrize("variant", VARIANTS)
def test_stored_outcomes_are_those_of_the_oracle(seeded: str, variant: str) -> None:
    stored = outcomes(variant)
    for number, record in enumerate(demo_records()):
        outcome = oracle_outcome.derive(oracle_record(record, number), CUTOFF, variant)
        found = stored.pop((record.center, record.record_id), None)
        assert (found is None) == (outcome is None)
        if found is None or outcome is None:
            continue
        for name, value in outcome.columns.items():
            assert getattr(found, name) == value, (record.record_id, name)
        assert set(found.flags) == outcome.flags
        for name, criterion in outcome.criteria.items():
            assert found.criteria[name]["reason"] == criterion.reason
    assert stored == {}


def test_first_page_is_complete_because_nothing_is_stale(seeded: str) -> None:
    assert read(Stale.objects.all()) == []
    assert len(read(Patient.objects.all())) == STANDARD


def test_every_account_signs_in_with_its_role_at_its_center(seeded: str) -> None:
    accounts = demo_accounts()
    assert len(accounts) == 3 * len(DEMO_CENTERS) + 3
    assert {u.username for u in read(User.objects.filter(is_demo=True))} == {
        a.username for a in accounts
    }
    for account in accounts:
        held = read(Membership.objects.filter(user__username=account.username))
        assert [m.role for m in held] == [account.role]
    for username in ("coordinator-c01", "monitor-c11", "investigator", "administrator"):
        assert Client().login(username=username, password=DEMO_PASSWORD)


def test_coordinator_of_a_center_sees_its_records_and_no_other(seeded: str) -> None:
    user = User.objects.get(username="coordinator-c03")
    scope = scope_of(user)
    with acting(scope), transaction.atomic():
        centers = set(Patient.objects.values_list("center__code", flat=True))
    assert centers == {"C03"}
    assert scope.may(Permission.EDIT_RECORDS, Center.objects.get(code="C03").pk)


def test_records_were_entered_by_the_coordinators(seeded: str) -> None:
    events = AuditEvent.objects.filter(table_name="patients_patient", operation="insert")
    actors = Counter(e.actor.username for e in read(events.select_related("actor")))
    assert sum(actors.values()) == STANDARD
    assert set(actors) == {f"coordinator-{c.code.lower()}" for c in DEMO_CENTERS}


def test_soft_findings_are_open_queries_and_few(seeded: str) -> None:
    queries = read(Query.objects.filter(closed_at=None, kind="check"))
    assert 0 < len(queries) < STANDARD * 0.15


def test_seeding_prints_its_progress_and_the_accounts(seeded: str) -> None:
    assert f"{STANDARD} of {STANDARD} records saved" in seeded
    assert f"{STANDARD} records derived" in seeded
    assert DEMO_PASSWORD in seeded
    assert "coordinator-c01" in seeded


def counts() -> tuple[int, ...]:
    return tuple(
        len(read(model.objects.all())) for model in (Center, User, Membership, Patient, AuditEvent)
    )


def test_second_run_changes_nothing(seeded: str) -> None:
    before = counts()
    printed = StringIO()
    call_command("seed_demo", stdout=printed)
    assert counts() == before
    assert "nothing was done" in printed.getvalue()
    assert DEMO_PASSWORD not in printed.getvalue()


def test_memberships_do_not_depend_on_the_day_of_seeding(seeded: str) -> None:
    assert {m.starts_on for m in read(Membership.objects.all())} == {date(2016, 1, 4)}


def test_cohort_overview_shows_the_figures_of_the_paper(seeded: str) -> None:
    with acting(system_scope()), transaction.atomic():
        found = overview(CUTOFF, own_centers=True)
    numbers = dict(zip(found.diseases, found.eligible.cells or (), strict=True))
    assert {disease: n for disease, n in numbers.items() if n} == {"melanoma": 54, "renal_cell": 46}
    assert found.eligible.total == 100
    assert (found.alive_10y_followed.total, found.survived_10y.total) == (59, 59)
    assert found.pfs_range == ("5+", "30+")
    assert found.follow_up_observed is not None
    assert found.follow_up_observed > 3653
    assert found.follow_up_reverse is not None
    assert found.follow_up_reverse.day is not None
    assert found.follow_up_reverse.day > 3653


def test_demo_password_is_one_that_nobody_could_choose_elsewhere(seeded: str) -> None:
    """It is public: the registry's own word rule keeps it from accounts of a deployment."""
    for user in read(User.objects.filter(is_demo=True)):
        with pytest.raises(ValidationError) as refusal:
            validate_password(DEMO_PASSWORD, user)
        assert [error.code for error in refusal.value.error_list] == ["password_context"]
