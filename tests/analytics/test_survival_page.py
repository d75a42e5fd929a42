"""The survival page and its files: who sees what, that all of them say the same, what is withheld."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from xml.etree import ElementTree

import psycopg
import pytest
from django.test import Client
from django.urls import reverse

from analytics.queries.disclosure import SMALLEST_CELL
from centers.models import User
from tests.analytics.conftest import Readers, signed_in


def page(user: User, query: str = "") -> str:
    response = signed_in(user).get(reverse("cohort_survival") + query)
    assert response.status_code == 200
    return response.content.decode()


def file(user: User, kind: str, query: str = "") -> str:
    response = signed_in(user).get(reverse("cohort_file", args=["survival", kind]) + query)
    assert response.status_code == 200
    assert response.headers["Content-Disposition"].endswith(f'.{kind}"')
    assert response.headers["Cache-Control"] == "no-store"
    return response.content.decode()


def document(user: User, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file(user, "json", query))
    return found


@pytest.mark.parametrize("path", ["cohort_survival", "cohort_file"])
def test_survival_is_for_readers_of_the_cohort(readers: Readers, path: str) -> None:
    address = reverse(path, args=["survival", "csv"] if path.endswith("file") else [])
    assert Client().get(address).status_code == 302
    assert signed_in(readers.administrator).get(address).status_code == 403
    assert signed_in(readers.investigator).post(address).status_code == 405
    assert signed_in(readers.investigator).get(address).status_code == 200


def test_survival_page_prints_definition_cutoff_and_versions(readers: Readers) -> None:
    text = page(readers.investigator)
    for said in ("Endpoint: progression-free survival", "30-Jun-2017", "rule set 1", "log-log"):
        assert said in text
    assert "immortal time" in text
    assert "synthetic data" in text


@pytest.mark.parametrize(
    "query", ["?endpoint=os", "?records=treated", "?by=disease", "?endpoint=os&by=disease"]
)
def test_curve_file_and_analysis_file_hold_the_same_curve(readers: Readers, query: str) -> None:
    rows = list(csv.DictReader(io.StringIO(file(readers.investigator, "csv", query))))
    groups = document(readers.investigator, query)["groups"]
    for group in groups:
        mine = [row for row in rows if row["group"] == group["group"]]
        assert [int(row["day"]) for row in mine] == [point["day"] for point in group["curve"]]
        assert [float(row["survival"]) for row in mine] == [p["survival"] for p in group["curve"]]
        assert sum(int(row["events"]) for row in mine) == group["events"]
        assert int(mine[0]["at_risk"]) == group["n"]
    assert sum(group["n"] for group in groups) == (160 if "treated" in query else 100)


def test_groups_add_up_to_everyone_and_are_compared(readers: Readers) -> None:
    found = document(readers.investigator, "?records=treated&by=disease")
    assert [group["group"] for group in found["groups"]] == ["Melanoma", "Renal cell"]
    assert found["log_rank"]["df"] == 1
    assert any(note.startswith("Hazard ratio, renal cell to melanoma") for note in found["notes"])


def test_variant_changes_the_curve_and_not_who_counts(readers: Readers) -> None:
    primary = document(readers.investigator, "?records=treated")
    other = document(readers.investigator, "?records=treated&variant=ema")
    assert other["parameters"]["variant"] == "ema"
    assert primary["groups"][0]["n"] == other["groups"][0]["n"]
    assert primary["definition"] != other["definition"]


def test_groups_formed_after_time_zero_carry_a_warning(readers: Readers) -> None:
    assert "do not show what a response" in page(readers.coordinator, "?by=response")
    assert "do not show what a response" not in page(readers.coordinator, "?by=disease")


def test_drawing_as_a_file_stands_alone(readers: Readers) -> None:
    drawing = file(readers.investigator, "svg", "?by=disease")
    root = ElementTree.fromstring(drawing)  # our own answer
    assert root.tag.endswith("svg")
    words = " ".join(root.itertext())
    for said in ("Progression-free survival", "30-Jun-2017", "synthetic", "confidence interval"):
        assert said in words
    assert "class=" not in drawing or "stroke=" in drawing
    assert "http" not in drawing.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    "query", ["?by=center", "?by=%27%3Bdrop", "?variant=x", "?endpoint=pfs%00", "?records=all"]
)
def test_unknown_choices_count_as_not_given(readers: Readers, query: str) -> None:
    found = signed_in(readers.investigator).get(reverse("cohort_survival") + query)
    assert found.status_code == 200


def test_center_is_compared_by_its_members_only(readers: Readers) -> None:
    assert "Centers are compared by their members only" in page(readers.investigator, "?by=center")
    assert ">Center</option>" not in page(readers.investigator)
    assert ">Center</option>" in page(readers.coordinator)
    address = reverse("cohort_file", args=["survival", "csv"]) + "?by=center"
    assert signed_in(readers.investigator).get(address).status_code == 404


def test_small_group_is_withheld_in_page_and_files(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    """Ten records of a disease: its group and what follows from it stay unseen."""
    query = "?records=treated&by=disease"
    assert "Withheld." not in page(readers.investigator, query)
    superuser.execute(
        "update analytics_outcome set disease = 'renal_cell' where patient_id in (select patient_id"
        " from analytics_outcome where variant = 'primary' and disease = 'melanoma'"
        " and t0 is not null order by patient_id offset %s)",
        [SMALLEST_CELL - 1],
    )
    assert "Withheld." in page(readers.investigator, query)
    address = reverse("cohort_file", args=["survival", "json"]) + query
    assert signed_in(readers.investigator).get(address).status_code == 404
    assert "Withheld." not in page(readers.investigator)
    assert "Withheld." not in page(readers.coordinator, query)


def test_coordinator_analyses_own_center_alone(readers: Readers) -> None:
    own = document(readers.coordinator, "?records=treated")
    everyone = document(readers.investigator, "?records=treated")
    assert 0 < own["groups"][0]["n"] < everyone["groups"][0]["n"]


def test_another_cutoff_is_derived_for_the_page_alone(readers: Readers) -> None:
    query = "?endpoint=os&records=treated"
    now = document(readers.investigator, query)
    early = document(readers.investigator, f"{query}&cutoff=2001-06-30")
    assert early["parameters"]["cutoff"] == "2001-06-30"
    assert early["groups"][0]["n"] < now["groups"][0]["n"]
    assert document(readers.investigator, query) == now
    text = page(readers.investigator, "?cutoff=2001-06-30")
    assert "What if the data had ended on 30-Jun-2001" in text


@pytest.mark.parametrize(
    ("cutoff", "said"),
    [
        ("2000-12-30", "cutoffs of the list"),
        ("2000-12-31", "cutoffs of the list"),
        ("2030-12-31", "after the registry"),
        ("1900-01-01", "Write the cutoff"),
        ("20001231", "Write the cutoff"),
        ("%27", "Write the cutoff"),
    ],
)
def test_refused_cutoff_says_what_can_be_asked(readers: Readers, cutoff: str, said: str) -> None:
    text = page(readers.investigator, f"?cutoff={cutoff}")
    assert said in text
    assert "30-Jun-2017 (the registry's own)</option>" in text
    assert "What if" not in text


def test_members_choose_any_day(readers: Readers) -> None:
    assert "What if the data had ended on 30-Dec-2000" in page(
        readers.coordinator, "?cutoff=2000-12-30"
    )


def test_left_truncated_view_starts_at_the_fifth_anniversary(readers: Readers) -> None:
    found = document(readers.coordinator, "?records=truncated")
    curve = found["groups"][0]["curve"]
    assert curve[0]["day"] in (1825, 1826)
    assert curve[0]["at_risk"] == 0
    assert curve[0]["survival"] == 1.0
    assert [rate["survival"] for rate in found["groups"][0]["rates"]][:2] == [None, None]
    text = page(readers.coordinator, "?records=truncated")
    assert "immortal time" in text
    assert "Not entered" in text


def test_table_file_holds_the_numbers_of_the_table(readers: Readers) -> None:
    rows = list(csv.reader(io.StringIO(file_text(readers.investigator, "table"))))
    assert rows[0][:5] == ["table", "Years", "At risk", "Censored before", "Events before"]
    assert all(sum(map(int, row[2:5])) == 100 for row in rows[1:])


def file_text(user: User, kind: str) -> str:
    response = signed_in(user).get(reverse("cohort_file", args=["survival", kind]))
    return response.content.decode()


@pytest.mark.parametrize(("figure", "kind"), [("none", "csv"), ("survival", "xls")])
def test_unknown_file_is_absent(readers: Readers, figure: str, kind: str) -> None:
    address = reverse("cohort_file", args=[figure, kind])
    assert signed_in(readers.investigator).get(address).status_code == 404
