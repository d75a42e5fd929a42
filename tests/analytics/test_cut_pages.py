"""Pages of data cuts and saved views: who may, what is kept, what two cuts differ in, what is refused."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from analytics.charts.sensitivity import BOUND_LABELS
from analytics.models import DataCut, SavedView
from centers.access import acting, system_scope
from patients.models import Patient
from tests.analytics.conftest import signed_in
from tests.analytics.test_known import cut as command
from tests.analytics.test_known import follow_up, sealed
from tests.snapshot import start_from
from tests.universe import WAITING, Universe, add_record, amend_record, build_universe


@pytest.fixture
def universe(database: None, superuser: psycopg.Connection) -> Universe:
    return start_from("derived universe", build_universe, superuser)


def client(universe: Universe, name: str) -> Client:
    return signed_in(universe.users[name])


def make(browser: Client, name: str, cutoff: str = "2017-06-30") -> Any:
    return browser.post(reverse("cut_create"), {"name": name, "cutoff": cutoff})


def cuts() -> dict[str, DataCut]:
    with acting(system_scope()), transaction.atomic():
        return {cut.name: cut for cut in DataCut.objects.all()}


def text(browser: Client, name: str, *arguments: object, query: str = "") -> str:
    response = browser.get(reverse(name, args=arguments) + query)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def test_cut_is_made_named_locked_and_comes_out_again(universe: Universe) -> None:
    dana = client(universe, "dana")
    assert make(dana, "First").status_code == 302
    found = cuts()["First"]
    assert found.records == 5
    assert found.sizes["eligible"] == {"melanoma": 1, "renal_cell": 1}
    # The command derives the same rows as the worker's role.
    assert "the same 5 records" in command("verify", "First")
    assert "<strong>The same.</strong>" in text(dana, "cut_reproduce", found.public_id)
    rename = reverse("cut_rename", args=[found.public_id])
    assert dana.post(rename, {"name": "Paper", "reason": "Title chosen"}).status_code == 302
    lock = reverse("cut_lock", args=[found.public_id])
    assert dana.post(lock, {"reason": "Final"}).status_code == 302
    for path, sent in ((rename, {"name": "x", "reason": "y"}), (lock, {"reason": "Again"})):
        refused = dana.post(path, sent)
        assert refused.status_code == 422
        assert "The cut is locked" in refused.content.decode()
    assert "Locked" in text(dana, "cut_detail", found.public_id)
    assert set(cuts()) == {"Paper"}


def test_cut_is_kept_by_the_database_and_in_the_audit_trail(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    make(client(universe, "ines"), "First")
    events = superuser.execute(
        "select actor_id, operation from audit.event where table_name = 'analytics_data_cut'"
    ).fetchall()
    assert events == [(universe.users["ines"].pk, "insert")]
    with (
        acting(system_scope()),
        pytest.raises(DatabaseError, match=r"permission denied|never changed"),
        transaction.atomic(),
    ):
        DataCut.objects.update(content_hash="0" * 64)
    superuser.execute(
        "select set_config('registry.actor', '1', false), set_config('registry.reason', 'x', false)"
    )
    with pytest.raises(psycopg.errors.CheckViolation, match="never changed"):
        superuser.execute("update analytics_data_cut set content_hash = 'x'")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"name": "", "cutoff": "2017-06-30"}, "Enter a value"),
        ({"name": "First", "cutoff": "2017-06-30"}, "of that name"),
        ({"name": "Late", "cutoff": "2017-07-01"}, "after the registry"),
        ({"name": "Odd", "cutoff": "x"}, "Write a day"),
    ],
)
def test_refused_cut_says_why(universe: Universe, sent: dict[str, str], said: str) -> None:
    ines = client(universe, "ines")
    make(ines, "First")
    refused = ines.post(reverse("cut_create"), sent)
    assert refused.status_code == 422
    assert said in refused.content.decode()
    assert set(cuts()) == {"First"}


def test_compared_cuts_show_rows_to_members_alone(universe: Universe) -> None:
    dana, ines = client(universe, "dana"), client(universe, "ines")
    make(dana, "First")
    amend_record(universe, "waiting", [follow_up("2013-05-06")])
    make(dana, "Second")
    make(dana, "Earlier", "2003-06-30")
    found = cuts()
    pair = f"?first={found['First'].public_id}&second={found['Second'].public_id}"
    page = text(dana, "cut_compare", query=pair)
    with acting(system_scope()), transaction.atomic():
        number = Patient.objects.get(pk=universe.records["waiting"].patient_id).registry_number
    assert number in page
    assert "unknown &rarr; <strong>yes</strong>" in page
    assert "follow up insert" in page
    assert "Made by a test" in page
    assert "<strong>1</strong> record of all centers differs" in page
    # The investigator sees neither the record nor that it is one.
    page = text(ines, "cut_compare", query=pair)
    assert number not in page
    assert "Fewer than 11 records" in page
    page = text(
        dana,
        "cut_compare",
        query=f"?first={found['Earlier'].public_id}&second={found['Second'].public_id}",
    )
    assert "The cutoff" in page
    same = f"?first={found['First'].public_id}&second={found['First'].public_id}"
    assert "No record differs" in text(dana, "cut_compare", query=same)


def test_figures_and_report_of_a_cut_stay_as_they_were(universe: Universe) -> None:
    dana = client(universe, "dana")
    make(dana, "First")
    query = f"?cut={cuts()['First'].public_id}"
    text(dana, "cut_list")  # which shows the message of the save
    before = text(dana, "cohort_report_file", query=query)
    overview = text(dana, "cohort_overview", query=query)
    amend_record(universe, "waiting", [follow_up("2013-05-06")])
    assert without_seal(text(dana, "cohort_report_file", query=query)) == without_seal(before)
    assert without_form(text(dana, "cohort_overview", query=query)) == without_form(overview)
    assert "First (" in text(dana, "cohort_report", query=query)
    # Pooled figures of so few records, and of a cut that is not locked, are withheld.
    refused = text(client(universe, "ines"), "cohort_report", query=query)
    assert "once it is locked" in refused


def without_seal(page: str) -> str:
    return re.sub(r"<dt>(Made|Head of the audit trail)</dt><dd>[^<]*</dd>", "", page)


def without_form(page: str) -> str:
    return re.sub(
        r'name="csrfmiddlewaretoken" value="[^"]*"|seconds="[^"]*"|data-[\w-]+="\d+"', "", page
    )


def test_saved_view_is_ones_own_and_holds_an_address_alone(universe: Universe) -> None:
    carla, otto = client(universe, "carla"), client(universe, "otto")
    path = reverse("view_save", args=["cohort_survival"]) + "?endpoint=os&sex=male&next=//x&page=2"
    assert carla.post(path, {"name": "Men"}).status_code == 302
    again = carla.post(path, {"name": "Men"})
    assert again.status_code == 422
    assert "choose another" in again.content.decode()
    assert carla.get(reverse("view_save", args=["login"])).status_code == 404
    page = text(carla, "view_list")
    assert 'href="/cohort/survival/?endpoint=os&amp;sex=male"' in page or (
        'href="/cohort/survival/?sex=male&amp;endpoint=os"' in page
    )
    assert "Men" not in text(otto, "view_list")
    with acting(system_scope()), transaction.atomic():
        assert not SavedView.objects.exists()
    view = re.search(r"/cohort/views/([0-9a-f-]{36})/remove/", page)
    assert view is not None
    remove = reverse("view_remove", args=[view[1]])
    assert otto.post(remove).status_code == 404
    assert carla.post(remove).status_code == 302
    assert "No views yet" in text(carla, "view_list")


def test_record_is_read_as_it_was_known(universe: Universe) -> None:
    carla = client(universe, "carla")
    record = universe.records["waiting"].public_id
    number = sealed()
    amend_record(universe, "waiting", [follow_up("2013-05-06")])
    later = sealed()
    now, then = (
        text(carla, "record_past", record, query=f"?as_of={seal}") for seal in (later, number)
    )
    assert "06-May-2013" in now
    assert "06-May-2013" not in then
    assert "Eligible" in now
    assert "Eligibility unknown" in then
    for said in ("As known on", f"(seal {number})", "nothing can be changed here"):
        assert said in then
    assert "Amend" not in then
    assert "Write a day" in text(carla, "record_past", record, query="?as_of=x")
    assert "Nothing was sealed" in text(carla, "record_past", record, query="?as_of=1999-01-01")
    assert client(universe, "otto").get(reverse("record_past", args=[record])).status_code == 404
    created = add_record(
        universe.centers["C01"],
        {**WAITING, "patients": [{**WAITING["patients"][0], "record_id": "C01-0077"}]},
    )
    assert "not entered yet" in text(
        carla, "record_past", created.public_id, query=f"?as_of={number}"
    )


def test_sensitivity_shows_four_readings_and_the_bounds(universe: Universe) -> None:
    carla = client(universe, "carla")
    page = text(carla, "cohort_sensitivity", query="?records=treated")
    for said in ("Worst case", "Earliest possible", "Latest possible", "A date known to the month"):
        assert said in page
    path = reverse("cohort_file", args=["bounds", "json"]) + "?records=treated"
    groups = {one["group"]: one for one in carla.get(path).json()["groups"]}
    ends = [
        max(point["day"] for point in groups[label]["curve"]) for label in BOUND_LABELS.values()
    ]
    assert ends == sorted(ends)
    assert "No curve" in text(client(universe, "ines"), "cohort_sensitivity")
