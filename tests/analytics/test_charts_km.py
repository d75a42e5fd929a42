"""Geometry of the Kaplan-Meier figure: positions follow the numbers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from analytics.charts.cohort import cohort_figure
from analytics.charts.km import DAYS_A_YEAR, STYLES, Group, kaplan_meier_figure, years
from analytics.charts.scales import Scale, axis_years, band_path, place, step_path, year_ticks
from analytics.queries.cohort import LANDMARK_DAY, PfsCounts
from analytics.stats.counts import DayCounts
from analytics.stats.kaplan_meier import kaplan_meier

SUBJECTS = [(200, 1), (400, 0), (400, 1), (900, 1), (2_000, 0), (3_000, 1), (5_000, 0)] * 4
COUNTS = DayCounts.from_subjects(SUBJECTS)
SVG = "{http://www.w3.org/2000/svg}"


def figure(*counts: DayCounts) -> str:
    groups = [Group(f"Group {n}", kaplan_meier(one)) for n, one in enumerate(counts, start=1)]
    return render_to_string(
        "analytics/figures/km.svg", {"figure": kaplan_meier_figure("A figure", groups)}
    )


def test_scale_maps_ends_and_an_empty_range() -> None:
    scale = Scale(0, 10, 100, 200)
    assert [scale.at(value) for value in (0, 5, 10)] == [100, 150, 200]
    assert Scale(3, 3, 100, 200).at(7) == 100


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), (1.25, "1.25"), (-0.001, "0"), (0, "0"), (10.5, "10.5")]
)
def test_place_is_short(value: float, text: str) -> None:
    assert place(value) == text


def test_step_path_goes_right_then_down() -> None:
    same = Scale(0, 10, 0, 10)
    assert step_path(same, same, [(0, 1), (2, 1), (3, 0.5)]) == "M0 1H2H3V0.5"
    assert step_path(same, same, []) == ""
    assert band_path(same, same, [], 3) == ""


def test_band_path_encloses_lower_and_upper_steps() -> None:
    same = Scale(0, 10, 0, 10)
    path = band_path(same, same, [(0, 1, 1), (2, 0.25, 0.75)], 5)
    assert path == "M0 1H2V0.75H5V0.25H5H2V1H0Z"


@pytest.mark.parametrize(
    ("last_years", "ticks"),
    [
        (0.5, [0, 1]),
        (3, [0, 1, 2, 3]),
        (6.2, [0, 2, 4, 6]),
        (30.2, [0, 5, 10, 15, 20, 25, 30]),
        (30, [0, 5, 10, 15, 20, 25, 30]),
        (250, [0, 50, 100, 150, 200, 250]),
    ],
)
def test_year_ticks_cover_the_observation(last_years: float, ticks: list[int]) -> None:
    assert year_ticks(int(last_years * DAYS_A_YEAR), DAYS_A_YEAR) == ticks


def test_no_observation_time_still_has_an_axis() -> None:
    assert year_ticks(0, DAYS_A_YEAR) == [0, 1]


@given(st.integers(0, 40_000))
def test_ticks_are_few_and_reach_the_end(last: int) -> None:
    ticks = year_ticks(last, DAYS_A_YEAR)
    assert 2 <= len(ticks) <= 7
    end = axis_years(last, DAYS_A_YEAR)
    assert end * DAYS_A_YEAR >= last
    assert ticks[-1] <= end < ticks[-1] + ticks[1]


def test_curve_positions_equal_the_estimate() -> None:
    curve = kaplan_meier(COUNTS)
    drawn = kaplan_meier_figure("A figure", [Group("All", curve)]).groups[0]
    drops = [float(y) for y in re.findall(r"V([\d.]+)", drawn.early + drawn.late)]
    ticks = kaplan_meier_figure("A figure", [Group("All", curve)]).y_ticks
    zero, one = float(ticks[0].position), float(ticks[-1].position)
    expected = [
        zero + s * (one - zero)
        for s, d in zip(curve.survival.tolist(), COUNTS.events.tolist(), strict=True)
        if d
    ]
    assert drops == pytest.approx(expected, abs=0.011)
    assert drawn.censor_path.count("M") == 3
    assert drawn.n == 28
    assert drawn.events == COUNTS.n_events


def test_few_at_risk_are_drawn_apart() -> None:
    drawn = kaplan_meier_figure("A figure", [Group("All", kaplan_meier(COUNTS))]).groups[0]
    assert drawn.late.startswith("M")
    single = kaplan_meier(DayCounts.from_rows([(100, 0, 30)]))
    assert kaplan_meier_figure("A figure", [Group("All", single)]).groups[0].late == ""


def test_table_under_the_figure_adds_up_to_n() -> None:
    drawn = kaplan_meier_figure("A figure", [Group("All", kaplan_meier(COUNTS))]).groups[0]
    columns = zip(*(row.cells for row in drawn.rows), strict=True)
    assert all(sum(int(cell.text) for cell in column) == 28 for column in columns)
    assert [row.label for row in drawn.rows] == ["At risk", "Censored", "Events"]


def test_band_ends_where_survival_is_zero() -> None:
    all_events = DayCounts.from_rows([(100, 1, 5), (300, 1, 5)])
    svg = figure(all_events)
    assert "nan" not in svg.lower()


def test_median_is_marked_only_when_reached() -> None:
    assert 'class="guide"' in figure(DayCounts.from_rows([(100, 1, 5), (300, 1, 5)]))
    assert 'class="guide"' not in figure(DayCounts.from_rows([(100, 0, 5)]))


@pytest.mark.parametrize("number", [1, 2, 4])
def test_drawing_is_valid_and_named(number: int) -> None:
    root = ElementTree.fromstring(figure(*[COUNTS] * number))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "A figure"
    description = root.findtext(f"{SVG}desc") or ""
    assert description.count("28 records") == number
    curves = [node for node in root.iter(f"{SVG}path") if node.get("data-n")]
    assert [node.get("data-n") for node in curves] == ["28"] * number
    assert len({node.get("stroke-dasharray") for node in curves}) == number


def test_drawing_has_no_style_and_no_script() -> None:
    assert not re.search(r"style=|<style|<script|\son[a-z]+=", figure(COUNTS, COUNTS))


@pytest.mark.parametrize("number", [0, len(STYLES) + 1])
def test_number_of_curves_is_limited(number: int) -> None:
    with pytest.raises(ValueError, match="one to four"):
        figure(*[COUNTS] * number)


@pytest.mark.parametrize(("days", "text"), [(3_652, "9.9"), (3_653, "10.0"), (0, "0.0")])
def test_years_are_cut_not_rounded(days: int, text: str) -> None:
    assert years(days) == text


def pfs(melanoma: DayCounts, renal: DayCounts) -> PfsCounts:
    groups = {"melanoma": melanoma, "renal_cell": renal}
    return PfsCounts(groups, groups)


def test_cohort_figure_without_records_is_none() -> None:
    assert cohort_figure(PfsCounts({}, {}), "eligible", by_disease=True) is None


def test_cohort_figure_pools_or_compares() -> None:
    pooled = cohort_figure(pfs(COUNTS, COUNTS), "treated", by_disease=False)
    assert pooled is not None
    assert [table.label for table in pooled.tables] == ["All records"]
    apart = cohort_figure(pfs(COUNTS, COUNTS), "treated", by_disease=True)
    assert apart is not None
    assert [table.label for table in apart.tables] == ["Melanoma", "Renal cell"]
    assert "Log-rank test" in apart.notes[-1]


def test_cohort_figure_withholds_p_of_small_groups_and_of_nothing() -> None:
    few = DayCounts.from_rows([(10, 1, 3)])
    small = cohort_figure(pfs(COUNTS, few), "treated", by_disease=True)
    assert small is not None
    assert "fewer than 10" in small.notes[-1]
    quiet = DayCounts.from_rows([(10, 0, 20)])
    nothing = cohort_figure(pfs(quiet, quiet), "treated", by_disease=True)
    assert nothing is not None
    assert "not computable" in nothing.notes[-1]


def test_landmark_view_counts_from_five_years() -> None:
    drawn = cohort_figure(pfs(COUNTS, COUNTS), "landmark", by_disease=False)
    assert drawn is not None
    assert drawn.figure.groups[0].n == 2 * sum(day > LANDMARK_DAY for day, _ in SUBJECTS)
    assert "Landmark view" in " ".join(drawn.notes)


def test_table_says_not_estimable_beyond_the_observation_and_dashes_at_zero() -> None:
    drawn = cohort_figure(pfs(COUNTS, COUNTS), "eligible", by_disease=False)
    assert drawn is not None
    assert drawn.tables[0].rows[-1][-2:] == ("NE", "-")
    gone = DayCounts.from_rows([(100, 1, 5)])
    zero = cohort_figure(pfs(gone, gone), "eligible", by_disease=False)
    assert zero is not None
    assert zero.tables[0].rows[1][-2:] == ("0.0%", "-")
    assert "Median 0.2 years" in zero.tables[0].median
