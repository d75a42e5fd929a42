"""Readers of center A see nothing of center B: every answer equals that of a world without B's doings.

The best single test of the house: it finds holes in row-level security, caches, sequences, global
keys, drop-downs, counts and error texts. Leaks that are planted here must turn it red.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from django.db import connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker

from tests.crawl import addresses, links, public_ids, route_of, unreached, variants
from tests.deep.planted_leaks import PLANTS, Plant
from tests.importing import DECIDES, packed, uploaded
from tests.other_center import LISTS, OFTEN, RECORD_IDS, STEPS, TEXTS, A, B, add_people
from tests.twin import UUID, Background, Other, Snapshot, Step, Twins, Visit, World, text_of
from tests.universe import Universe, build_universe

READERS = ("carla", "petra", "max")
ABSENT = "00000000-0000-4000-8000-000000000000"
EXAMPLES = 200
# Routes of objects that readers of A have none of.
NOT_FOR_A = {
    "api_cohort",
    "api_export",
    "api_export_file",
    "api_export_manifest",
    "client_revoke",
    "contact_retract",
    "cut_detail",
    "cut_lock",
    "cut_rename",
    "cut_reproduce",
    "draft_discard",
    "duplicate_review",
    "membership_end",
    "export_detail",
    "export_decide",
    "export_call_back",
    "export_end",
    "export_file",
    "project_detail",
    "project_amend",
    "project_close",
    "project_destroy",
    "project_add_member",
    "project_remove_member",
    "view_remove",
}
REVIEW = {"reason_preset": "Review of the chart"}


@pytest.fixture(scope="module")
def twins(
    django_db_blocker: DjangoDbBlocker, superuser: psycopg.Connection, _cleaning_sql: str
) -> Iterator[Twins]:
    """The universe as a snapshot that both worlds start from."""
    with django_db_blocker.unblock():
        universe = build_universe()
        add_people(universe)
        uploaded(universe, packed({"follow_ups": [DECIDES]}))
        for connection in connections.all(initialized_only=True):
            connection.close()
        logging.disable(logging.ERROR)  # refusals are answers here
        yield Twins(universe, Snapshot(superuser), STEPS)
        logging.disable(logging.NOTSET)
        for connection in connections.all(initialized_only=True):
            connection.close()
    superuser.execute("drop schema world cascade")
    superuser.execute(_cleaning_sql.encode())


@dataclass
class Pages:
    """What readers of A ask for: `open` are the pages that answer, `all` has refusals as well."""

    all: list[Visit] = field(default_factory=list)
    open: list[Visit] = field(default_factory=list)


@pytest.fixture(scope="module")
def pages(twins: Twins) -> Pages:
    """Every page that a reader of A may ask for: own, foreign and absent objects, filters, orders."""
    twins.snapshot.restore()
    world = World(twins.universe, twins.snapshot)
    pages = Pages()
    known = [*addresses(_objects(twins.universe)), f"/records/{ABSENT}/"]
    for reader in READERS:
        paths = list(known)
        for path in paths:  # grows: what only a link leads to is found on the way
            response = world.client(reader).get(path)
            found, text = [path], text_of(response)
            if is_page(response):
                found += variants(path, text)
                paths += new_pages(links(path, text), paths)
            pages.all += [Visit(reader, one) for one in found]
            if response.status_code == 200:
                pages.open += [Visit(reader, one) for one in found]
    left = unreached(visit.path for visit in pages.all)
    assert left <= NOT_FOR_A, f"name the arguments of these routes in tests/crawl.py: {left}"
    return pages


def new_pages(linked: Sequence[str], known: Sequence[str]) -> list[str]:
    """Links to routes of which no page is known so far."""
    routes = {route_of(path) for path in known}
    return [path for path in linked if route_of(path) not in routes | {""}]


def is_page(response: Any) -> bool:
    """Whether it is a page of HTML."""
    return response.status_code == 200 and response["Content-Type"].startswith("text/html")


def _objects(universe: Universe) -> dict[str, list[str]]:
    """Two records of A and one of B; of everything else the first of each center."""
    ids = {code: universe.centers[code].pk for code in (A, B)}
    own = public_ids(patient={"center_id": ids[A]})
    foreign = public_ids(patient={"center_id": ids[B]})
    others = {name: found[:2] for name, found in own.items()}
    return {**others, "patient": [*own["patient"][:2], *foreign["patient"][:1]]}


def acts(universe: Universe) -> list[list[Visit]]:
    """What A does, by kind: its answers, numbers and refusals must not know of B either."""
    survivor = universe.url("survivor")
    follow_up = universe.row_id("survivor", "follow_ups")
    cycle = universe.row_id("waiting", "cycles")
    entering = {"sex": "male", "cohort": "retrospective", "consent": "signed", "mrn": "4711"}
    head = "/records/new/?center=C01&disease=renal_cell"
    baseline = f"{survivor}baseline/"
    return [
        [Visit("carla", head, {**entering, "record_id": record}) for record in RECORD_IDS],
        [Visit(who, "/records/find/", {"text": text}) for text in TEXTS for who in READERS],
        [
            Visit("carla", baseline, {**REVIEW, "same_person_as": record})
            for record in ("N-1", "C02-0001", "C01-0002")
        ],
        [
            Visit("carla", baseline, {**REVIEW, "mrn": "4712"}),
            Visit("carla", f"{survivor}follow_ups/new/", {"date": "2012-03", "source": "visit"}),
            Visit("carla", f"{survivor}follow_ups/{follow_up}/", {**REVIEW, "date": "2001-05-15"}),
            Visit("carla", f"{survivor}follow_ups/{follow_up}/retract/", REVIEW),
            Visit(
                "carla", universe.url("waiting", f"cycles/{cycle}/"), {**REVIEW, "doses_given": "9"}
            ),
            Visit("carla", universe.url("progressed", "consent/"), REVIEW),
        ],
    ]


def submissions(visits: Sequence[Visit]) -> list[Visit]:
    """Each page of A, sent as it stands with a reason: signing, locking, revealing too."""
    reasons = {**REVIEW, "reason": "Review of the chart", "note": "Review of the chart"}
    return [Visit(v.username, v.path, reasons) for v in visits if "?" not in v.path]


def kinds(visits: Sequence[Visit]) -> list[list[Visit]]:
    """Pages by their kind, whatever the object: each kind is looked at as often, filtered or not."""
    found: dict[tuple[str, bool], list[Visit]] = {}
    for visit in visits:
        plain, _, query = visit.path.partition("?")
        found.setdefault((UUID.sub("", plain), bool(query)), []).append(visit)
    return list(found.values())


def one_of(groups: Sequence[Sequence[Visit]]) -> st.SearchStrategy[Visit]:
    """A group, then one of it."""
    return st.sampled_from(groups).flatmap(st.sampled_from)


def scripts(pages: Pages, doing: Sequence[Sequence[Visit]]) -> st.SearchStrategy[list[Step]]:
    """B, then A, B and the background in any order; A looks last."""
    look = one_of(kinds(pages.open))
    other = st.builds(Other, st.sampled_from(OFTEN), st.integers(0, 9999))
    own = st.one_of(one_of(doing), one_of(kinds(submissions(pages.open))), look)
    middle = st.lists(st.one_of(other, own, own, st.just(Background())), min_size=1, max_size=6)
    parts = st.tuples(
        st.lists(other, min_size=1, max_size=4), middle, st.lists(look, min_size=3, max_size=5)
    )
    return parts.map(lambda three: [step for part in three for step in part])


def find_difference(twins: Twins, pages: Pages, examples: int) -> None:
    """The property. Raises AssertionError with what A saw of B."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(scripts(pages, acts(twins.universe)))
    def property_holds(script: list[Step]) -> None:
        found = twins.differences(script)
        assert not found, "\n".join([*map(repr, script), "", *found])

    property_holds()


@pytest.mark.requirement("P2")
def test_answers_to_a_center_do_not_depend_on_another(twins: Twins, pages: Pages) -> None:
    find_difference(twins, pages, EXAMPLES)


@pytest.mark.requirement("P2")
def test_every_page_after_everything_another_center_can_do(
    twins: Twins, pages: Pages, tell: Callable[[str], None]
) -> None:
    draw = random.Random(11)
    doings = [Other(name, draw.randrange(9999)) for name in STEPS for _ in range(3)]
    draw.shuffle(doings)
    tell(f"{len(pages.all)} answers after {len(doings)} doings of another center compared")
    assert twins.differences([*doings, Background(), *pages.all]) == []


def telling(universe: Universe) -> list[Step]:
    """A short script that touches what usually leaks: entry, search, lists, pages that B has read."""
    looking = [Visit("carla", path) for path in LISTS]
    creating, finding, linking, _ = acts(universe)
    doings = [Other("enter", seed) for seed in range(6)]
    doings += [Other("look around", seed) for seed in range(3)]
    doings.append(Other("open the lists", 0))
    return [*doings, *looking, *creating, *finding[:6], linking[0], Background(), *looking]


def test_telling_script_sees_nothing_as_long_as_nothing_is_planted(twins: Twins) -> None:
    assert twins.differences(telling(twins.universe)) == []


@pytest.mark.requirement("P2")
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_planted_leak_is_found(
    twins: Twins, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, plant: Plant
) -> None:
    with plant.planted(monkeypatch, superuser):
        assert twins.differences(telling(twins.universe)) != []
