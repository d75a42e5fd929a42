"""`manage.py survival` on files of one's own: ties of decimals, missing values, edges, refusals."""

from __future__ import annotations

import json
import math
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.stats.observations import Observations, read_observations
from analytics.stats.table import survival_table
from analytics.stats.timeline import NEAR, Timeline
from tests.analytics.r_results import FOLDER

DAYS_A_MONTH = 30.4375


def read(text: str) -> Observations:
    return read_observations(text.splitlines(keepends=True))


def table(text: str, **options: Any) -> dict[str, Any]:
    return survival_table(read(text), **options)


def of_rows(*rows: tuple[float, int], **options: Any) -> dict[str, Any]:
    return table("time,event\n" + "".join(f"{t!r},{e}\n" for t, e in rows), **options)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.csv"


def output(*arguments: str) -> tuple[str, str]:
    out, errors = StringIO(), StringIO()
    call_command("survival", *arguments, stdout=out, stderr=errors)
    return out.getvalue(), errors.getvalue()


# Ties


def test_times_one_ulp_apart_are_one_time() -> None:
    close = [5.0, math.nextafter(5.0, 6.0), math.nextafter(5.0, 4.0), 7.0]
    km = of_rows(*((t, 1) for t in close))["overall"]["km"]
    assert km["time"] == [math.nextafter(5.0, 4.0), 7]
    assert km["n_event"] == [3, 1]
    assert km["surv"] == [0.25, 0]


def test_months_computed_two_ways_give_the_curve_of_the_days() -> None:
    days = [(day * 37) % 99 + 1 for day in range(300)]
    months = [
        day / DAYS_A_MONTH if index % 2 else day * (12 / 365.25) for index, day in enumerate(days)
    ]
    assert len(set(months)) > len(set(days))
    whole = of_rows(*((day, int(index % 3 > 0)) for index, day in enumerate(days)))
    split = of_rows(*((month, int(index % 3 > 0)) for index, month in enumerate(months)))
    for key in ("n_risk", "n_event", "n_censor", "surv", "std_err", "ci", "nelson_aalen"):
        assert split["overall"]["km"][key] == whole["overall"]["km"][key]


@pytest.mark.parametrize(
    ("times", "distinct"),
    [
        ([1.0, 1.0 + NEAR / 2, 1.0 + 3 * NEAR], [1.0, 1.0 + 3 * NEAR]),  # absolute
        ([1.0, 1.0 + 0.9 * NEAR, 1.0 + 1.8 * NEAR], [1.0]),  # each joins the one before
        ([1e9, 1e9 + 10.0, 1e9 + 100.0], [1e9, 1e9 + 100.0]),  # relative to the mean
        ([0.0, NEAR / 2], [0.0]),
        ([0.0], [0.0]),
        ([], []),
    ],
)
def test_near_times_are_joined_as_by_r(times: list[float], distinct: list[float]) -> None:
    assert Timeline.of(times[::-1]).times.tolist() == distinct


def test_near_times_are_joined_over_the_whole_column_before_grouping() -> None:
    later = math.nextafter(2.0, 3.0)
    found = table(f"time,event,group\n2,1,a\n{later!r},1,b\n3,0,a\n4,1,b\n")
    assert found["by_group"][1]["km"]["time"] == [2, 4]
    assert found["logrank"]["expected"] == [1.0, 2.0]


# Edges of the design


def test_all_censored_nothing_is_reached() -> None:
    found = of_rows((10, 0), (20, 0), (30, 0))["overall"]
    assert found["km"]["surv"] == [1, 1, 1]
    assert found["km"]["ci"]["log-log"] == {"lower": [1, 1, 1], "upper": [1, 1, 1]}
    assert found["quantiles"]["log-log"]["time"] == [None, None, None]
    assert found["quantiles"]["log-log"]["summary_median"] is None
    assert found["reverse_km"]["plain"]["summary_median"] == 20
    assert found["reverse_km_alt"]["median_time_eventfree"] == 20
    assert found["rmst"] == [{"tau": 30, "rmst": 30, "se": 0, "extrapolated": False}]


@pytest.mark.parametrize("number", [1, 7])
def test_all_events_on_one_day_has_no_interval(number: int) -> None:
    found = of_rows(*[(100, 1)] * number)["overall"]
    assert found["km"]["surv"] == [0]
    assert found["km"]["std_err"] == found["km"]["std_err_log"] == [None]
    for band in found["km"]["ci"].values():
        assert band == {"lower": [None], "upper": [None]}
    assert found["quantiles"]["plain"]["time"] == [100, 100, 100]
    assert found["quantiles"]["plain"]["summary_lcl"] is None
    assert found["reverse_km_alt"]["median_time_eventfree"] is None


def test_beyond_follow_up_is_not_estimable_unless_survival_is_zero() -> None:
    open_end = of_rows((1, 1), (2, 0), landmarks=[0.5, 2, 3])["overall"]["landmarks"]
    assert open_end["surv"] == [1, 0.5, None]
    assert open_end["std_err"][2] is open_end["ci"]["log"]["upper"][2] is None
    assert open_end["beyond_followup"] == [False, False, True]
    closed = of_rows((1, 1), (2, 1), landmarks=[3])["overall"]["landmarks"]
    assert (closed["surv"], closed["n_risk"]) == ([0], [0])


def test_time_zero_counts_as_any_other() -> None:
    found = of_rows((0, 1), (0, 0), (5, 1), (9, 0), landmarks=[0, 5])["overall"]
    assert found["km"]["time"] == [0, 5, 9]
    assert found["km"]["surv"] == [0.75, 0.375, 0.375]
    assert found["landmarks"]["n_event_interval"] == [1, 1]
    assert found["landmarks"]["n_censor_interval"] == [1, 0]
    assert found["landmarks"]["n_risk"] == [4, 2]


def test_half_to_the_end_median_is_first_day_and_r_quantile_the_middle() -> None:
    quantiles = of_rows((10, 1), (20, 0))["overall"]["quantiles"]["log-log"]
    assert quantiles["summary_median"] == 10
    assert quantiles["time"] == [10, 15, None]


def test_quartile_never_quite_reached_is_not_reached() -> None:
    """All of R's quantiles are missing when the curve stays above the first of them."""
    quantiles = of_rows((1, 1), *[(9, 0)] * 9)["overall"]["quantiles"]["plain"]
    assert quantiles["time"] == [None, None, None]


def test_group_whose_rows_are_left_out_stays_as_an_empty_group() -> None:
    found = table("time,event,group\n1,1,b\n,1,gone\n2,0,a\n3,1,b\n4,1,a\n")
    assert (found["n_rows_csv"], found["n_used"]) == (5, 4)
    assert found["group_levels"] == ["b", "gone", "a"]
    empty = found["by_group"][1]
    assert (empty["n"], empty["events"], empty["max_time"], empty["rmst"]) == (0, 0, None, [])
    assert empty["km"]["surv"] == []
    assert empty["quantiles"]["log"]["time"] == [None, None, None]
    assert set(empty["landmarks"]["surv"]) == {None}
    assert found["logrank"]["groups"] == ["b", "a"]
    assert found["logrank"]["df"] == 1
    assert found["rmst2"][0]["arm1_is"] == "a"


def test_group_without_events_is_compared_but_has_no_ratio() -> None:
    found = table("time,event,group,x\n5,0,q,0\n6,0,q,0\n1,1,b,1\n2,1,b,1\n")
    assert found["logrank"]["chisq"] > 0
    assert found["logrank"]["withheld_on_pages"] is True
    fit = found["cox"]["efron"]
    assert [fit[key] for key in ("coef", "se", "hr", "lower", "upper", "z", "p", "loglik")] == [
        None
    ] * 8
    assert fit["loglik_null"] == pytest.approx(-math.log(12))
    assert (fit["n"], fit["nevent"]) == (4, 2)
    # Nobody lost time in the first arm: no ratio of lost time.
    assert found["rmst2"][0]["ratio_rmtl"] == [None, None, None, None]


@pytest.mark.parametrize("x", [0, 1])
def test_constant_x_is_not_estimable(x: int) -> None:
    fit = table(f"time,event,x\n1,1,{x}\n2,1,{x}\n3,0,{x}\n")["cox"]["efron"]
    assert (fit["hr"], fit["score"]) == (None, None)


def test_x_without_events_is_not_estimable() -> None:
    fit = table("time,event,x\n1,0,0\n2,0,1\n")["cox"]["efron"]
    assert (fit["hr"], fit["loglik_null"], fit["nevent"]) == (None, None, 0)


def test_one_group_only_has_no_test() -> None:
    found = table("time,event,group\n1,1,a\n2,0,a\n")
    assert (found["logrank"]["df"], found["logrank"]["chisq"], found["logrank"]["p"]) == (
        0,
        None,
        None,
    )
    assert found["rmst2"] is None


def test_file_without_optional_columns_has_no_comparisons() -> None:
    found = of_rows((1, 1), (2, 0))
    assert found["by_group"] == found["group_levels"] == []
    keys = ("logrank", "peto_peto_rho1", "logrank_stratified", "rmst2", "cox")
    assert [found[key] for key in keys] == [None] * 5


def test_stratum_in_which_a_group_is_absent_is_counted() -> None:
    found = table("time,event,group,stratum\n1,1,a,s\n2,1,b,s\n3,1,a,s\n1,1,a,t\n2,0,a,t\n")
    assert found["logrank_stratified"]["n"] == [4, 1]
    assert found["logrank_stratified"]["observed"] == [3, 1]


def test_mean_beyond_follow_up_says_so() -> None:
    (found,) = of_rows((1, 1), (2, 0), taus=[4])["overall"]["rmst"]
    assert found == {
        "tau": 4,
        "rmst": 2.5,
        "se": pytest.approx(3 / math.sqrt(8)),
        "extrapolated": True,
    }


# Reading


def test_missing_values_in_any_used_column_are_counted_and_left_out() -> None:
    found = read(
        '"time","event","group","note","x"\n'
        '1,1,"a, ""b""",,1\n,1,a,,0\n2,NA,a,,1\n3,0,,,0\n4,1,"NA",,0\n5,1,a,,\n\n 6 , 1.0 , a ,,0\n'
    )
    assert (found.rows_read, found.n) == (7, 2)
    assert found.group == ('a, "b"', "a")
    assert found.unknown_columns == ("note",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no column 'time'"),
        ("time;event\n1;1\n", "separated by commas"),
        ("time,event,time\n1,1,1\n", "line 1: column 'time' appears twice"),
        (
            "time,event\n1,1\n-2,1\n",
            "line 3, column 'time': '-2' is no time; write a number from 0",
        ),
        ("time,event\n1e999,1\n", "line 2, column 'time'"),
        ("time,event\nInf,1\n", "line 2, column 'time'"),
        ("time,event\n1_0,1\n", "line 2, column 'time'"),
        (
            "time,event\n1,2\n",
            "line 2, column 'event': '2' is neither 0 nor 1; write 1 for the event",
        ),
        ("time,event\n1,TRUE\n", "line 2, column 'event'"),
        ("time,event,x\n1,1,0.5\n", "line 2, column 'x': '0.5' is neither 0 nor 1; write 0 or 1"),
        ("time,event\n1,1,1\n", "line 2: 3 cells where the first line has 2"),
        ('time,event,group\n1,1,"a\n', "line 2: .* check the quotes"),
        ("time,event\n", "none of 0 rows is complete"),
        ("time,event,x\n1,1,\n2,1,\n", "none of 2 rows is complete"),
    ],
)
def test_file_that_cannot_be_read_is_refused_with_place_and_remedy(
    text: str, message: str, file: Path
) -> None:
    file.write_text(text)
    with pytest.raises(CommandError, match=message) as refused:
        output(str(file), "--json")
    assert refused.value.returncode == 1
    assert str(file) in str(refused.value)


def test_file_in_another_encoding_is_refused(file: Path) -> None:
    file.write_bytes("time,event,group\n1,1,é\n".encode("latin-1"))
    with pytest.raises(CommandError, match="not UTF-8") as refused:
        output(str(file))
    assert refused.value.returncode == 1


def test_file_that_is_not_there_is_a_mistake_of_usage(file: Path) -> None:
    with pytest.raises(CommandError, match="No such file") as refused:
        output(str(file))
    assert refused.value.returncode == 2


@pytest.mark.parametrize("option", ["--landmarks", "--tau"])
@pytest.mark.parametrize("value", ["x", "1,,2", "1,inf", "nan", ""])
def test_wrong_moments_are_a_mistake_of_usage(option: str, value: str) -> None:
    with pytest.raises(CommandError, match="separated by commas"):
        output(str(FOLDER / "aml.csv"), f"{option}={value}")


def test_byte_order_mark_and_unused_column_are_accepted_and_said(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbftime,event,id\r\n1,1,7\r\n2,0,8\r\n")
    out, errors = output(str(file), "--json", "--landmarks=2,1,1")
    assert errors.strip().endswith("columns not used: id.")
    assert json.loads(out)["overall"]["landmarks"]["time"] == [1, 2]


def test_without_json_a_short_table(file: Path) -> None:
    lines = output(str(FOLDER / "kidney.csv"))[0].splitlines()
    assert lines[0] == "76 of 76 rows used"
    assert lines[4].split() == ["sex2", "56", "40", "130", "(58", "to", "185)", "NR"]
    assert lines[5] == "Log-rank test: chi-square 8.308, 1 df, p = 0.003946"
    assert lines[-1] == "  stratified: 0.23 (0.1116 to 0.474), p = 6.795e-05"
    file.write_text("time,event,group,x\n1,1,a,1\n2,0,a,1\n")
    lines = output(str(file))[0].splitlines()
    assert lines[-2:] == [
        "Log-rank test: not computable",
        "Hazard ratio, x = 1 to x = 0 (Efron): not estimable",
    ]


# Properties

row = st.tuples(st.integers(0, 300), st.integers(0, 1), st.sampled_from("ab"), st.integers(0, 1))
rows = st.lists(row, min_size=1, max_size=40)


def of(subjects: list[tuple[int, int, str, int]], scale: float = 1.0) -> dict[str, Any]:
    lines = [f"{time * scale!r},{event},{group},{x}\n" for time, event, group, x in subjects]
    return table("time,event,group,x\n" + "".join(lines))


@settings(max_examples=30, deadline=None)
@given(rows, st.sampled_from([7.0, 0.5, 1 / DAYS_A_MONTH, 12 / 365.25, 1 / 3]))
def test_unit_of_time_changes_nothing_but_times(
    subjects: list[tuple[int, int, str, int]], scale: float
) -> None:
    plain, scaled = of(subjects), of(subjects, scale)
    for one, other in zip(
        (plain["overall"], *plain["by_group"]),
        (scaled["overall"], *scaled["by_group"]),
        strict=True,
    ):
        for key in one["km"].keys() - {"time"}:
            assert one["km"][key] == other["km"][key]
        before, after = (x["quantiles"]["log"]["summary_median"] for x in (one, other))
        assert after == (None if before is None else pytest.approx(before * scale))
    for key in ("logrank", "peto_peto_rho1", "cox"):
        assert plain[key] == scaled[key]


@settings(max_examples=30, deadline=None)
@given(rows, st.randoms())
def test_order_of_rows_changes_nothing(
    subjects: list[tuple[int, int, str, int]], random: Any
) -> None:
    shuffled = sorted(subjects, key=lambda _: random.random())
    one, other = of(subjects), of(shuffled)
    assert one["overall"] == other["overall"]
    assert one["cox"] == other["cox"]
    by_name = {group["group"]: group for group in other["by_group"]}
    assert {group["group"]: group for group in one["by_group"]} == by_name


@settings(max_examples=30, deadline=None)
@given(rows)
def test_answer_is_json_without_nan(subjects: list[tuple[int, int, str, int]]) -> None:
    found = of(subjects)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for curve in (found["overall"], *found["by_group"]):
        marks = curve["landmarks"]
        assert sum(marks["n_event_interval"]) == curve["events"]
        assert sum(marks["n_event_interval"] + marks["n_censor_interval"]) == curve["n"]
