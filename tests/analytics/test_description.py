"""The flow diagram adds up; Table 1 counts what the records say; small cells stay unseen."""

from __future__ import annotations

import numpy as np
import psycopg
import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from analytics.queries.flow import Flow, flow
from analytics.queries.table_one import TableOne, table_one
from analytics.stats.balance import mean_difference, share_difference
from centers.access import acting, system_scope
from tests.analytics.cohort_records import CUTOFF
from tests.analytics.conftest import Readers, signed_in


def read_flow(own_centers: bool = True) -> Flow:
    with acting(system_scope()), transaction.atomic():
        return flow(CUTOFF, own_centers=own_centers)


def read_table(own_centers: bool = True) -> TableOne:
    with acting(system_scope()), transaction.atomic():
        return table_one(CUTOFF, own_centers=own_centers)


def test_flow_ends_at_the_eligible_cohort_and_adds_up(readers: Readers) -> None:
    found = read_flow()
    before = found.registered
    for step in found.steps:
        assert before == (step.met or 0) + (step.no or 0) + (step.unknown or 0)
        before = step.met
    assert found.steps[-1].met == 100
    # Treated of the index diseases and one of another; one untreated; one withdrawn, one retracted.
    assert found.registered == 162
    assert found.steps[0].met == 161


def test_flow_is_withheld_when_a_reason_to_leave_is_rare(readers: Readers) -> None:
    found = read_flow(own_centers=False)
    assert found.withheld
    assert {step.met for step in found.steps} == {None}


def test_table_counts_the_eligible_records(readers: Readers) -> None:
    table = read_table()
    assert table.sizes == (54, 46, 100)
    lines = {line.label: line for line in table.lines}
    assert lines["PR"].cells[2] == "100 (100%)"
    assert lines["Age at first HD IL-2, years: median (quartiles)"].cells[2] != "-"
    assert table.withheld == ()


def test_table_shows_missing_values_as_a_row_of_every_characteristic(readers: Readers) -> None:
    lines = read_table().lines
    headings = [number for number, line in enumerate(lines) if line.is_heading]
    for start, end in zip(headings, [*headings[1:], len(lines)], strict=True):
        assert lines[end - 1].label == "Missing", lines[start].label


def test_table_of_one_category_counts_share_of_those_known(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update patients_patient set ecog = case when id % 2 = 0 then '0' else '1' end"
        " where disease = 'melanoma'"
    )
    rows = superuser.execute(
        "select p.ecog, count(*) from patients_patient p join analytics_outcome o on o.patient_id = p.id"
        " where o.variant = 'primary' and o.eligible = 'yes' and p.disease = 'melanoma' group by 1 order by 1"
    ).fetchall()
    superuser.execute("reset session_replication_role")
    lines = read_table().lines
    place = next(n for n, line in enumerate(lines) if line.label.startswith("ECOG"))
    printed = [line.cells[0] for line in lines[place + 1 : place + 3]]
    assert printed == [f"{number} ({number / 54:.0%})" for _, number in rows]
    assert lines[place + 3].cells == ("0", "46", "46")


def test_reader_without_membership_sees_no_small_cell(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update patients_patient set ecog = case when id in (select min(id) from patients_patient)"
        " then '3' else '0' end"
    )
    superuser.execute("reset session_replication_role")
    assert "ECOG performance status" in read_table(own_centers=False).withheld
    text = signed_in(readers.investigator).get(reverse("cohort_description")).content.decode()
    assert "Withheld" in text


def test_description_is_for_readers_of_the_cohort(readers: Readers) -> None:
    address = reverse("cohort_description")
    assert Client().get(address).status_code == 302
    assert signed_in(readers.administrator).get(address).status_code == 403
    assert signed_in(readers.investigator).post(address).status_code == 405
    text = signed_in(readers.coordinator).get(address).content.decode()
    assert "Your centers: C01" in text
    assert "withheld" not in text.lower()


def test_standardized_differences_agree_with_their_formulas() -> None:
    assert mean_difference(10, 4, 12, 4) == pytest.approx(1.0)
    assert mean_difference(1, 0, 2, 0) is None
    one, two = 0.3, 0.5
    expected = abs(one - two) / np.sqrt((one * (1 - one) + two * (1 - two)) / 2)
    assert share_difference([70, 30], [50, 50]) == pytest.approx(expected)
    assert share_difference([10, 20, 30], [10, 20, 30]) == pytest.approx(0.0)
    assert share_difference([10, 20, 0], [20, 10, 0]) == share_difference([10, 20], [20, 10])
    assert share_difference([0, 0], [1, 1]) is None
    assert share_difference([5], [5]) is None
    with pytest.raises(ValueError, match="same categories"):
        share_difference([1], [1, 2])
