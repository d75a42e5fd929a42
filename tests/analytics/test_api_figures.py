"""Survival, centers and named cohorts over the API: the pages' numbers, suppressed as there."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.api.figures import POOLED_GROUPINGS
from analytics.queries.center_numbers import grouped
from tests.analytics.conftest import Readers, signed_in
from tests.api_tools import get, is_problem, program, project, send

SURVIVAL, CENTERS, COHORTS = "/api/v1/survival", "/api/v1/centers", "/api/v1/cohorts"


@pytest.fixture
def token(readers: Readers) -> str:
    return program().token()


def name_cohort(token: str, **body: object) -> object:
    headers = {"Authorization": f"Bearer {token}"}
    return send("post", COHORTS, body, headers=headers, content_type="application/json")


def test_survival_has_the_numbers_of_the_page(readers: Readers, token: str) -> None:
    page = signed_in(readers.investigator)
    for query in (
        "",
        "records=treated",
        "records=landmark&endpoint=os",
        "variant=fda&by=disease",
        "records=treated&endpoint=os&by=disease",
    ):
        wanted = page.get(f"/cohort/figures/survival.json?{query}").json()
        answer = get(f"{SURVIVAL}?{query.replace('records', 'cohort')}", token)
        assert answer.status == 200, query
        found = answer.json
        for group in found["groups"]:
            table = group.pop("risk_table")
            assert table[0] == {
                "year": 0,
                "day": 0,
                "at_risk": group["n"],
                "censored": 0,
                "events": 0,
            }
            for row in table:
                assert row["at_risk"] + row["censored"] + row["events"] == group["n"]
                steps = [step for step in group["curve"] if step["day"] < row["day"]]
                assert row["events"] == sum(step["events"] for step in steps)
        for name in ("title", "definition", "versions", "groups", "log_rank", "notes"):
            assert found[name] == wanted[name], (query, name)
        shared = wanted["parameters"].keys() & found["parameters"].keys()
        assert shared >= {"cutoff", "endpoint", "variant", "records", "by", "level"}
        assert all(found["parameters"][name] == wanted["parameters"][name] for name in shared)


def test_survival_of_a_named_cohort_and_its_refusals(readers: Readers, token: str) -> None:
    made = name_cohort(token, name="Melanoma only", population="treated", disease="melanoma")
    assert made.status == 201
    assert get(made.headers["Location"], token).json == made.json
    of_page = signed_in(readers.investigator).get(
        "/cohort/figures/survival.json?records=treated&disease=melanoma"
    )
    answer = get(f"{SURVIVAL}?cohort={made.json['id']}", token)
    assert [g["n"] for g in answer.json["groups"]] == [g["n"] for g in of_page.json()["groups"]]
    assert answer.json["parameters"]["disease"] == "melanoma"
    for query, name in (
        ("cohort=MRN-1", "cohort"),
        ("cohort=00000000-0000-4000-8000-000000000000", "cohort"),
        ("by=center", "by"),
        ("variant=MRN-1", "variant"),
        ("cutoff=MRN-1", "cutoff"),
        ("cutoff=2011-02-03", "cutoff"),
        ("cutoff=2015-12-31&by=decade", "cutoff"),
        ("cohort=%00", "cohort"),
        ("center=C01", None),
    ):
        answer = get(f"{SURVIVAL}?{query}", token)
        assert is_problem(answer, 400, "invalid-parameter").get("parameter") == name, query
        assert b"MRN-1" not in answer.body


def test_withheld_groups_are_those_that_the_page_withholds(readers: Readers, token: str) -> None:
    page, seen = signed_in(readers.investigator), set()
    for by, cohort in product(POOLED_GROUPINGS, ("eligible", "treated")):
        shown = page.get(f"/cohort/figures/survival.json?records={cohort}&by={by}").status_code
        answer = get(f"{SURVIVAL}?cohort={cohort}&by={by}", token)
        assert (shown, answer.status) in ((200, 200), (404, 403)), (by, cohort)
        if shown == 404:
            is_problem(answer, 403, "withheld")
        seen.add(shown)
    assert seen == {200, 404}


def test_reading_again_costs_nothing_while_nothing_changed(
    readers: Readers, token: str, mark_stale: Callable[[int], None]
) -> None:
    first = get(SURVIVAL, token)
    assert first.headers["Cache-Control"] == "private, no-store"
    again = get(SURVIVAL, token, **{"If-None-Match": f'"x", W/{first.headers["ETag"]}'})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    mark_stale(3)
    changed = get(SURVIVAL, token, **{"If-None-Match": first.headers["ETag"]})
    assert changed.status == 200
    assert changed.json["recomputing"] == 3
    is_problem(get(SURVIVAL, token, Accept="text/csv"), 406)


def test_centers_are_pooled_and_by_group_only_for_research(readers: Readers, token: str) -> None:
    plain = get(CENTERS, token).json
    assert (
        plain["treated"]["total"] == plain["treated"]["melanoma"] + plain["treated"]["renal_cell"]
    )
    assert plain["eligible"] == {"melanoma": 54, "renal_cell": 46, "total": 100}
    assert plain["groups"] is None
    research = program(of=project("Research", profile="research"))
    found = research.get(CENTERS).json
    assert found["treated"] == plain["treated"]
    assert sum(group["treated"] for group in found["groups"]) == plain["treated"]["total"]
    assert all(group["treated"] >= 11 for group in found["groups"])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12))
def test_groups_of_centers_hide_small_ones(numbers: list[tuple[int, int]]) -> None:
    pairs = sorted(((n, min(n, of)) for n, of in numbers if n), reverse=True)
    groups = grouped(pairs)
    total = sum(n for n, _ in pairs)
    if groups is None:
        assert total < 11
        return
    assert sum(group.centers for group in groups) == len(pairs)
    assert sum(group.treated for group in groups) == total
    assert all(group.treated >= 11 for group in groups)
    shown = [group for group in groups if group.eligible is not None]
    assert shown in ([], groups)
    for group in shown:
        assert group.eligible >= 11
        assert group.treated - group.eligible >= 11


def test_cohorts_are_named_once_and_seen_by_their_project_alone(
    readers: Readers, token: str, superuser: psycopg.Connection
) -> None:
    other = program(of=project("Another study")).token()
    made = name_cohort(token, name=" Renal ", population="eligible", disease="renal_cell")
    assert made.json | {"id": ""} == {
        "id": "",
        "name": "Renal",
        "population": "eligible",
        "disease": "renal_cell",
        "of": "project",
    }
    is_problem(name_cohort(token, name="Renal", population="treated"), 409, "conflict")
    assert name_cohort(other, name="Renal", population="treated").status == 201
    names = [cohort["name"] for cohort in get(COHORTS, token).json["cohorts"]]
    assert names == ["Eligible cohort", "All treated records", "Treated, from 5 years on", "Renal"]
    assert get(made.headers["Location"], token).status == 200
    is_problem(get(made.headers["Location"], other), 404)
    is_problem(get(f"{SURVIVAL}?cohort={made.json['id']}", other), 400, "invalid-parameter")
    for body, name in (
        ({}, "name"),
        ({"name": "x"}, "population"),
        ({"name": "", "population": "treated"}, "name"),
        ({"name": "MRN-1" * 30, "population": "treated"}, "name"),
        ({"name": "x", "population": "MRN-1"}, "population"),
        ({"name": "x", "population": "treated", "disease": "MRN-1"}, "disease"),
        ({"name": "a\0b", "population": "treated"}, "name"),
        ({"name": 1, "population": "treated"}, "name"),
        ({"name": "x", "population": "treated", "MRN-1": 1}, None),
    ):
        answer = name_cohort(token, **body)
        assert is_problem(answer, 400, "invalid-parameter").get("parameter") == name, body
        assert b"MRN-1" not in answer.body
    reading = program(scopes=["figures"]).token()
    is_problem(name_cohort(reading, name="x", population="treated"), 403, "insufficient-scope")
    headers = {"Authorization": f"Bearer {token}"}
    is_problem(send("post", COHORTS, "[", headers=headers, content_type="application/json"), 400)
    is_problem(
        send("post", COHORTS, "[]", headers=headers, content_type="application/json"),
        400,
        "invalid-parameter",
    )
    is_problem(send("post", COHORTS, {"name": "x"}, headers=headers), 415)
    found = superuser.execute(
        "select actor_id, role, after ->> 'name' from audit.event"
        " where table_name = 'analytics_cohort' order by id"
    ).fetchall()
    assert found == [(1, "api_client", "Renal")] * 2
