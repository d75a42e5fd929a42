"""What a cohort page's address asks for: filters, what-if, moments, and what pooled readers may have."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import transaction

from analytics.queries.asked import Asked, asking
from analytics.queries.disclosure import cutoff_ladder
from analytics.queries.filters import Filters
from analytics.queries.overview import overview
from centers.access import acting, one_snapshot
from centers.models import User
from centers.sealing import seal_events
from tests.analytics.cohort_records import CUTOFF
from tests.analytics.conftest import Readers, signed_in
from tests.analytics.test_survival_page import page


def asked(
    readers: Readers, who: str, *, curves_only: bool = True, **query: str
) -> tuple[Asked, int | None]:
    """The view, and how many eligible records it shows."""
    user: User = getattr(readers, who)
    scope = readers.scope(user)
    with (
        acting(scope),
        one_snapshot(),
        transaction.atomic(),
        asking(query, curves_only=curves_only) as view,
    ):
        return view, overview(view.cutoff, **view.reading).eligible.total


def test_filters_of_members_are_free_and_add_up(readers: Readers) -> None:
    _, everybody = asked(readers, "coordinator")
    parts = [asked(readers, "coordinator", age=code)[1] for code in ("to_49", "50_59", "from_60")]
    assert sum(part or 0 for part in parts) == everybody
    view, none = asked(readers, "coordinator", disease="melanoma", response="CR", center="C01")
    assert view.filters.values == {"disease": "melanoma", "response": "CR", "center": "C01"}
    assert none == 0
    assert view.counted[0] == 0
    # Another center's code, like any unknown value, counts as not given.
    assert asked(readers, "coordinator", center="C02", sex="x")[0].filters == Filters()


def test_pooled_filters_keep_to_the_grid_and_to_large_cells(readers: Readers) -> None:
    view, shown = asked(readers, "investigator", disease="melanoma")
    assert (shown, view.counted) == (54, (84, 160))
    for query in ({"age": "to_49"}, {"sex": "male", "decade": "to_1989"}, {"center": "C01"}):
        view, shown = asked(readers, "investigator", **query)
        assert view.filters == Filters()
        assert shown == 100
        assert ("filters" in view.problems) == ("center" not in query)
    # Few were treated before 1990: no decade is shown, else those few would follow.
    for decade in ("to_1989", "1990_1999", "2000_2009"):
        view, shown = asked(readers, "investigator", decade=decade)
        assert shown is None
        assert view.counted[0] is None
        assert "withheld" in page(readers.investigator, f"?decade={decade}").lower()


def test_what_if_of_pooled_figures_changes_one_thing_by_large_steps(readers: Readers) -> None:
    view, _ = asked(readers, "investigator")
    assert len(view.cutoffs) > 3
    rung = view.cutoffs[1].isoformat()
    assert asked(readers, "investigator", cutoff=rung)[0].cutoff == view.cutoffs[1]
    refused: list[tuple[str, dict[str, str]]] = [
        ("cutoff", {"cutoff": "2016-12-31"}),
        ("cutoff", {"cutoff": rung, "sex": "male"}),
        ("cutoff", {"cutoff": rung, "years": "3"}),
        ("cutoff", {"cutoff": rung, "by": "response"}),
        ("years", {"years": "7"}),
        ("as_of", {"as_of": "2026-01-01"}),
    ]
    for field, query in refused:
        view, _ = asked(readers, "investigator", **query)
        assert (view.cutoff, view.years, view.seal) == (CUTOFF, 5, None)
        assert view.problems[field]
    view, _ = asked(readers, "investigator", curves_only=False, cutoff=rung)
    assert "registry's own" in view.problems["cutoff"]


def test_members_choose_threshold_and_moment(readers: Readers) -> None:
    _, five = asked(readers, "coordinator")
    view, ten = asked(readers, "coordinator", years="10")
    assert (view.years, view.is_what_if) == (10, True)
    assert five is not None
    assert ten is not None
    assert ten < five
    # Nothing happened since: what is known now was known then.
    number = seal_events()
    view, known = asked(readers, "coordinator", as_of=str(number))
    assert view.seal is not None
    assert view.seal.number == number
    assert known == five
    for text in ("1999-01-01", "x", "2026-01-01T10:00"):
        assert asked(readers, "coordinator", as_of=text)[0].problems["as_of"]


def test_address_of_a_view_gives_the_view_again(readers: Readers) -> None:
    query = {
        "sex": "male",
        "cutoff": "2010-03-15",
        "years": "7",
        "endpoint": "os",
        "records": "treated",
    }
    view, shown = asked(readers, "coordinator", **query)
    assert view.parameters == query
    again, same = asked(readers, "coordinator", **view.parameters)
    assert (again, same) == (view, shown)
    text = page(readers.coordinator, f"?{view.query}")
    for said in ("Sex: Male", "Cutoff 15-Mar-2010", "Eligible from 7 years", "treated records"):
        assert said in text
    assert 'href="?endpoint=os&amp;records=treated&amp;years=7&amp;cutoff=2010-03-15"' in text
    # The same link, opened by a reader without membership, gives no more than that reader may see.
    assert "Sex: Male" not in page(readers.investigator, f"?{view.query}&age=to_49")


def test_every_page_of_the_cohort_has_the_form(readers: Readers) -> None:
    for path in ("/cohort/", "/cohort/survival/", "/cohort/description/"):
        text = signed_in(readers.coordinator).get(f"{path}?sex=male").content.decode()
        assert 'aria-label="Choose the analysis"' in text
        assert "Sex: Male" in text


@pytest.mark.parametrize(
    ("growth", "rungs"),
    [
        ([], []),
        ([("2016-05-01", {"a": 11})], []),  # nobody was there before
        ([("2016-05-01", {"a": 11}), ("2016-01-01", {"a": 1})], ["2016-03-31"]),
        (
            [("2016-05-01", {"a": 10}), ("2010-01-01", {"a": 30}), ("2009-01-01", {"a": 1})],
            ["2009-12-31"],
        ),
        (
            [("2016-05-01", {"a": 11, "b": 3}), ("2015-01-01", {"b": 8}), ("1999-01-01", {"b": 1})],
            ["2014-12-31"],
        ),
        (
            [("2016-07-01", {"a": 11}), ("2016-06-30", {"a": 11}), ("2015-06-30", {"a": 1})],
            ["2016-06-30", "2016-03-31"],
        ),
    ],
)
def test_ladder_of_cutoffs_never_shows_few_records(
    growth: list[tuple[str, dict[str, int]]], rungs: list[str]
) -> None:
    found = cutoff_ladder([(date.fromisoformat(d), cells) for d, cells in growth], CUTOFF)
    assert [day.isoformat() for day in found] == rungs
