"""The dashboard pages and their files: they add up, agree with each other, and show each reader what is theirs."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from typing import Any
from xml.etree import ElementTree

import psycopg
import pytest
from django.test import Client
from django.urls import reverse

from analytics.charts.printed import PrintedTable, csv_text, key_of, table_text
from analytics.charts.scales import Scale, thinned
from centers.models import User
from tests.analytics.conftest import Readers, signed_in

PAGES = (
    "cohort_progression",
    "cohort_swimmer",
    "cohort_flow",
    "cohort_flow_records",
    "cohort_description",
    "cohort_accrual",
    "cohort_quality",
)
FIGURES = (
    "survival",
    "progression",
    "swimmer",
    "flow",
    "accrual",
    "responses",
    "completeness",
)
TABLES = ("table-one", "centers", "unknowns")


def page(user: User, name: str, query: str = "") -> str:
    response = signed_in(user).get(reverse(name) + query)
    assert response.status_code == 200, name
    return response.content.decode()


def document(user: User, figure: str, query: str = "") -> dict[str, Any]:
    response = signed_in(user).get(reverse("cohort_file", args=[figure, "json"]) + query)
    assert response.status_code == 200, figure
    found: dict[str, Any] = json.loads(response.content)
    return found


def test_pages_are_for_readers_of_the_cohort_and_only_read(readers: Readers) -> None:
    nobody, wrong = Client(), signed_in(readers.administrator)
    right, own = signed_in(readers.investigator), signed_in(readers.coordinator)
    for name in PAGES:
        address = reverse(name)
        assert nobody.get(address).status_code == 302
        assert wrong.get(address).status_code == 403
        assert right.post(address).status_code == 405
        for client in (right, own):
            text = client.get(address).content.decode()
            assert "30-Jun-2017" in text, name
            assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", text), name


def test_every_figure_has_every_file_and_they_agree(readers: Readers) -> None:
    client = signed_in(readers.coordinator)
    for figure in (*FIGURES, *TABLES):
        found = document(readers.coordinator, figure)
        assert found["parameters"]["cutoff"] == "2017-06-30"
        assert found["notes"]
        rows = client.get(reverse("cohort_file", args=[figure, "csv"])).content.decode()
        table = client.get(reverse("cohort_file", args=[figure, "table"])).content.decode()
        assert len(list(csv.reader(io.StringIO(rows)))) > 1, figure
        assert len(list(csv.reader(io.StringIO(table)))) > 1, figure
        drawn = client.get(reverse("cohort_file", args=[figure, "svg"]))
        assert drawn.status_code == (404 if figure in TABLES else 200), figure
        if figure in FIGURES:
            root = ElementTree.fromstring(drawn.content.decode())  # our own answer
            words = " ".join(root.itertext())
            assert "30-Jun-2017" in words
            assert "synthetic" in words
            assert "href" not in drawn.content.decode()


def test_incidence_of_both_kinds_and_survival_add_up_to_one(readers: Readers) -> None:
    found = document(readers.coordinator, "progression")
    free = document(readers.coordinator, "survival", "?records=treated")["groups"][0]["curve"]
    one, two = (group["curve"] for group in found["groups"])
    assert [point["day"] for point in one] == [point["day"] for point in free]
    for first, second, rest in zip(one, two, free, strict=True):
        assert first["incidence"] + second["incidence"] + rest["survival"] == pytest.approx(1)
    assert "competes" in page(readers.investigator, "cohort_progression")
    by = document(readers.investigator, "progression", "?by=disease")
    assert [group["group"] for group in by["groups"]] == ["Melanoma", "Renal cell"]
    assert "conditioned" in page(readers.investigator, "cohort_progression", "?records=eligible")


def test_swimmer_shows_own_records_alone(readers: Readers) -> None:
    lanes = document(readers.coordinator, "swimmer")["lanes"]
    assert {lane["center"] for lane in lanes} == {"C01"}
    assert [lane["os_days"] for lane in lanes] == sorted(
        (lane["os_days"] for lane in lanes), reverse=True
    )
    for lane in lanes:
        assert 0 <= lane["pfs_days"] <= lane["os_days"]
        assert lane["courses"][0][0] == 0
        assert all(0 <= day <= lane["os_days"] for _, _, day in lane["marks"])
    text = page(readers.coordinator, "cohort_swimmer", "?order=pfs")
    assert text.count("data-record=") == len(lanes)
    hidden = page(readers.investigator, "cohort_swimmer")
    assert "members of their center alone" in hidden
    assert "IL2-0" not in hidden
    address = reverse("cohort_file", args=["swimmer", "json"])
    assert signed_in(readers.investigator).get(address).status_code == 404


def test_every_number_of_the_flow_leads_to_as_many_records(readers: Readers) -> None:
    steps = document(readers.coordinator, "flow")["steps"]
    by_value = {(s["criterion"], s["value"]): s["records"] for s in steps if s["reason"] is None}
    before = by_value[("registered", "yes")]
    for criterion in dict.fromkeys(s["criterion"] for s in steps[1:]):
        parts = [by_value[(criterion, value)] for value in ("yes", "no", "unknown")]
        assert sum(parts) == before, criterion
        reasons = [s for s in steps if s["criterion"] == criterion and s["reason"]]
        assert sum(s["records"] for s in reasons) == parts[1] + parts[2]
        before = parts[0]
    client = signed_in(readers.coordinator)
    text = page(readers.coordinator, "cohort_flow")
    links = re.findall(r'<a href="(/cohort/flow/records/\?[^"]+)">.*?>([\d,]+)</text>', text)
    assert len(links) == 1 + 3 * 4
    for href, number in links:
        listed = client.get(href.replace("&amp;", "&")).content.decode()
        assert f">{number} record" in listed.replace("<p>", ">"), href
        assert listed.count('<th scope="row">') == min(int(number), 50)


def test_flow_lists_nothing_to_who_is_no_member(readers: Readers) -> None:
    query = "?step=no_later_systemic_therapy&value=yes"
    assert "0 records of your own" in page(readers.investigator, "cohort_flow_records", query)
    assert "/cohort/flow/records/" not in page(readers.investigator, "cohort_flow")
    client = signed_in(readers.coordinator)
    for wrong in ("?step=x", "?value=x", "?step=survival_5y&value='"):
        assert client.get(reverse("cohort_flow_records") + wrong).status_code == 404


def test_accrual_ends_at_all_treated_records(readers: Readers) -> None:
    own = document(readers.coordinator, "accrual")["curves"]
    lanes = document(readers.coordinator, "swimmer")["lanes"]
    assert [curve["center"] for curve in own] == [None, "C01"]
    assert own[0]["records"] == own[1]["records"] == len(lanes)
    pooled = document(readers.investigator, "accrual")["curves"]
    assert [curve["center"] for curve in pooled] == [None]
    numbers = [point["records"] for point in pooled[0]["points"]]
    assert numbers[-1] == 160
    assert numbers[0] >= 11
    assert all(b - a >= 11 or b == a for a, b in itertools.pairwise(numbers))
    assert "filtered by disease alone" in page(readers.investigator, "cohort_accrual", "?sex=male")
    entered = document(readers.coordinator, "accrual", "?of=entered")["curves"]
    assert entered[0]["records"] == len(lanes)


def test_response_rates_add_up_to_the_treated(readers: Readers) -> None:
    rates = document(readers.coordinator, "responses")["rates"]
    for disease in {rate["disease"] for rate in rates}:
        mine = {r["response"]: r for r in rates if r["disease"] == disease}
        objective = mine.pop("Complete or partial (objective)")
        assert objective["records"] == mine["Complete"]["records"] + mine["Partial"]["records"]
        assert sum(rate["records"] for rate in mine.values()) == objective["of"]
        assert all(r["lower"] <= r["share"] <= r["upper"] for r in mine.values())
    assert "Withheld: response rates" in page(readers.investigator, "cohort_description")


def test_completeness_counts_rows_that_stand(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    cells = document(readers.coordinator, "completeness")["cells"]
    assert {cell["center"] for cell in cells} == {"C01"}
    assert all(0 <= cell["complete"] <= cell["of"] for cell in cells)
    stands = superuser.execute(
        "select count(*) from patients_assessment a join patients_patient p on p.id = a.patient_id"
        " where p.center_id = %s and not a.retracted and not p.retracted"
        " and p.consent is distinct from 'withdrawn'",
        [readers.c01.pk],
    ).fetchone()
    assert [c["of"] for c in cells if c["form"] == "assessments"] == [stands[0]]
    centers = document(readers.coordinator, "centers")["centers"]
    assert [center["center"] for center in centers] == ["C01"]
    text = page(readers.coordinator, "cohort_quality")
    assert "Survival is not compared between centers" in text
    hidden = page(readers.investigator, "cohort_quality")
    assert "C01" not in hidden.split("<main")[1]
    assert "members of the centers" in hidden


def test_large_lists_are_drawn_as_small_as_the_drawing_is_wide() -> None:
    scale = Scale(0, 10_000, 0, 100)
    points = [(float(day), 1 - day / 10_000) for day in range(10_001)]
    kept = thinned(points, scale)
    assert len(kept) <= 202
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    assert thinned(points[:50], scale) == points[:50]


def test_files_hold_no_formula_and_no_table_is_a_file_too() -> None:
    assert csv_text(("a",), [("=1+1",), ("-",), (None,), (-3,)]).splitlines()[1:] == [
        "'=1+1",
        "'-",
        '""',
        "-3",
    ]
    assert table_text(()) == "table\r\n"
    assert table_text([PrintedTable("T", ("A",), (("x",),))]) == "table,A\r\nT,x\r\n"
    assert key_of("A (b): c") == "a-b-c"
