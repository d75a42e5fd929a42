"""The cohort overview page: who sees what, what it prints, and what it never holds."""

from __future__ import annotations

import re
from collections.abc import Callable

import psycopg
import pytest
from django.test import Client
from django.urls import reverse

from centers.models import User
from tests.analytics.cohort_records import CANARY
from tests.analytics.conftest import Readers, signed_in


def page(user: User | None, query: str = "") -> tuple[int, str]:
    client = signed_in(user) if user else Client()
    response = client.get(reverse("cohort_overview") + query)
    return response.status_code, response.content.decode()


def test_cohort_anonymous_is_sent_to_sign_in(database: None) -> None:
    response = Client().get(reverse("cohort_overview"))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("login"))


def test_cohort_role_without_right_is_refused(readers: Readers) -> None:
    assert page(readers.administrator)[0] == 403


def test_cohort_post_is_not_offered(readers: Readers) -> None:
    client = signed_in(readers.investigator)
    assert client.post(reverse("cohort_overview")).status_code == 405


def test_cohort_investigator_sees_the_papers_figures(readers: Readers) -> None:
    status, text = page(readers.investigator)
    assert status == 200
    assert "All centers, pooled" in text
    assert '<dd class="number">100</dd><dd>54 melanoma + 46 renal cell</dd>' in text
    assert '<dd class="number">5+ to 30+</dd>' in text
    assert '<dd class="number">59</dd><dd>32 melanoma + 27 renal cell</dd>' in text
    assert "reverse Kaplan-Meier" in text
    for printed in ("Synthetic demo data", "30-Jun-2017", "log-log", "rule set 1", "immortal time"):
        assert printed in text
    assert "Recomputing" not in text


def test_cohort_coordinator_sees_own_center(readers: Readers) -> None:
    status, text = page(readers.coordinator)
    assert status == 200
    assert "Your centers: C01" in text
    assert "54 melanoma" not in text
    assert "withheld" not in text.lower()


def test_cohort_says_recomputing_while_marks_exist(
    readers: Readers, mark_stale: Callable[[int], None]
) -> None:
    mark_stale(2)
    assert "Recomputing 2 records" in page(readers.investigator)[1]


@pytest.mark.parametrize(
    ("query", "title", "said"),
    [
        ("?records=treated", "all treated records", "Endpoint"),
        ("?records=landmark", "treated, from 5 years on", "Landmark view"),
        ("?records=%3Cscript%3E", "eligible cohort", "immortal time"),
        ("?by=disease", "eligible cohort", "Log-rank test"),
        ("?records=treated&by=disease", "all treated records", "chi-square"),
    ],
)
def test_cohort_view_is_its_address(readers: Readers, query: str, title: str, said: str) -> None:
    status, text = page(readers.investigator, query)
    assert status == 200
    assert f"Progression-free survival: {title}" in text
    assert said in text
    assert "<script>" not in text


def test_cohort_drawing_and_table_agree(readers: Readers) -> None:
    text = page(readers.investigator, "?records=treated")[1]
    assert 'data-n="160" data-events="60"' in text
    body = text[text.index("<details>") :]
    rows = [
        [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>.*?</t[hd]>", line)]
        for line in re.findall(r"<tr>.*?</tr>", body)
    ]
    numbers = [line for line in rows if line and line[0].isdigit()]
    assert numbers[0][:4] == ["0", "160", "0", "0"]
    assert all(sum(map(int, line[1:4])) == 160 for line in numbers)


def test_cohort_page_has_no_inline_style_script_or_identifier(readers: Readers) -> None:
    for user in (readers.investigator, readers.coordinator):
        text = page(user, "?by=disease")[1]
        assert CANARY not in text
        assert "IL2-0" not in text
        assert not re.search(
            r"\sstyle=|<style|<script(?! type=.module. src=)|\son[a-z]+=|javascript:", text
        )


def test_cohort_without_records_says_so(database: None, readers_alone: User) -> None:
    status, text = page(readers_alone)
    assert status == 200
    assert "No treated record" in text
    assert '<svg class="chart"' not in text


def test_cohort_of_a_tiny_registry_says_what_is_withheld(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "delete from analytics_outcome where patient_id > 8; delete from patients_patient where id > 8"
    )
    superuser.execute("reset session_replication_role")
    status, text = page(readers.investigator, "?by=disease")
    assert status == 200
    assert text.count('<dd class="number">withheld</dd>') == 4
    assert "By disease: withheld" in text
    assert "data-n=" not in text


def test_cohort_without_eligible_records_shows_the_treated(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "delete from analytics_outcome where eligible = 'yes';"
        "delete from patients_patient p where not exists"
        " (select from analytics_outcome o where o.patient_id = p.id)"
    )
    superuser.execute("reset session_replication_role")
    text = page(readers.coordinator)[1]
    assert '<svg class="chart"' not in text
    assert text.count('<dd class="number">-</dd>') == 2
    assert "withheld" not in text.lower()
    assert '<svg class="chart"' in page(readers.coordinator, "?records=treated")[1]


def test_cohort_without_any_censoring_says_follow_up_is_not_reached(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    superuser.execute("update analytics_outcome set os_event = 1")
    assert "reverse Kaplan-Meier: not reached" in page(readers.investigator)[1]


def test_cohort_query_count_is_small(
    readers: Readers, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    client = signed_in(readers.investigator)
    with django_assert_max_num_queries(30):  # type: ignore[attr-defined]
        client.get(reverse("cohort_overview"))
