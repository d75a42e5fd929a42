"""`manage.py survival --json` against every number of R's results. No test here opens the database."""

from __future__ import annotations

import json
import math
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from tests.analytics.r_results import CASES, FOLDER, expected

# About the case and R itself, and two analyses that the registry does not make.
NOT_COMPARED = {
    "case", "what", "source", "note", "comparable", "r_version", "survival_version",
    "survfit_group_strata", "summary_error", "r_warnings", "iter", "exact", "zph",
}  # fmt: skip
NOTHING = (None, "NaN", "Inf")


def survival(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("survival", *arguments, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def times(values: list[float]) -> str:
    return ",".join(map(str, values))


def of_case(case: str) -> dict[str, Any]:
    """The command's answer at R's landmarks and tau."""
    overall = expected(case)["overall"]
    return survival(
        str(FOLDER / f"{case}.csv"),
        "--landmarks",
        times(overall["landmarks"]["time"]),
        "--tau",
        times([one["tau"] for one in overall["rmst"]]),
    )


def tolerance(path: tuple[str, ...]) -> tuple[float, float]:
    """(relative, absolute) of the design for one number."""
    if path[0] == "cox":
        return (0.0, 1e-7) if path[1] != "efron_tight" else (1e-9, 0.0)
    if path[0] == "rmst2" or "quantiles" in path or "reverse_km" in path:
        return 1e-9, 0.0
    if path[-1] == "p":
        return 1e-9, 0.0
    return (1e-10, 0.0) if path[-1] in ("chisq", "var") else (1e-11, 0.0)


def differences(ours: Any, theirs: Any, path: tuple[str, ...] = ()) -> list[str]:
    """Where the two differ; dictionaries by R's keys, lists entry by entry."""
    if isinstance(theirs, dict):
        found: list[str] = []
        for key in theirs.keys() - NOT_COMPARED:
            if not isinstance(ours, dict) or key not in ours:
                found.append(f"{path}: no {key}")
            else:
                found += differences(ours[key], theirs[key], (*path, key))
        return found
    if isinstance(theirs, list):
        if not isinstance(ours, list) or len(ours) != len(theirs):
            return [f"{path}: {ours} is not like {theirs}"]
        return [
            one for pair in zip(ours, theirs, strict=True) for one in differences(*pair, (*path,))
        ]
    return [] if equal(ours, theirs, path) else [f"{path}: {ours} is not {theirs}"]


def equal(ours: Any, theirs: Any, path: tuple[str, ...]) -> bool:
    if theirs in NOTHING:
        return ours is None
    if ours is None or isinstance(theirs, str | bool):
        return bool(ours == theirs)
    relative, absolute = tolerance(path)
    return math.isclose(ours, theirs, rel_tol=relative, abs_tol=absolute)


def known_readings(result: dict[str, Any]) -> dict[str, Any]:
    """R's results with what the design reads otherwise: S = 1 has the interval (1, 1), and beyond
    the last observation nothing is estimable unless S is 0.
    """
    for curve in (result["overall"], *result["by_group"]):
        for section in (curve["km"], curve["landmarks"]):
            for index, value in enumerate(section["surv"]):
                beyond = section.get("beyond_followup", [False] * (index + 1))[index] and value != 0
                if beyond:
                    section["surv"][index] = section["std_err"][index] = None
                if beyond or value == 1:
                    for band in section["ci"].values():
                        band["lower"][index] = band["upper"][index] = None if beyond else 1
    return result


@pytest.mark.parametrize("case", CASES)
def test_every_number_of_r_is_in_the_answer(case: str) -> None:
    assert differences(of_case(case), known_readings(expected(case))) == []


@pytest.mark.parametrize("case", CASES)
def test_comparison_sees_a_wrong_number(case: str) -> None:
    ours, theirs = of_case(case), known_readings(expected(case))
    ours["overall"]["km"]["surv"][0] *= 1 + 1e-10
    ours["cox"]["efron"]["coef"] += 1e-6
    ours["by_group"][1]["km"]["n_risk"][2] += 1
    ours["logrank"]["p"] = None
    assert len(differences(ours, theirs)) == 4


@pytest.mark.parametrize("case", CASES)
def test_curves_are_as_long_as_in_r(case: str) -> None:
    strata, ours = expected(case)["survfit_group_strata"], of_case(case)
    assert [len(group["km"]["time"]) for group in ours["by_group"]] == strata["strata_len"]
    assert [group["n"] for group in ours["by_group"]] == strata["n"]


@pytest.mark.parametrize(
    ("case", "covered"),
    [("aml", [0, 161]), ("kidney", [0, 30, 90, 180, 365, 562]), ("veteran_celltype", None)],
)
def test_landmarks_without_option_are_round_days_and_the_last(
    case: str, covered: list[int] | None
) -> None:
    """Of R's times those that are round numbers of days; the others were chosen for the data."""
    read = survival(str(FOLDER / f"{case}.csv"))["overall"]["landmarks"]
    theirs = expected(case)["overall"]["landmarks"]
    for moment in covered or theirs["time"]:
        at, there = read["time"].index(moment), theirs["time"].index(moment)
        assert read["n_risk"][at] == theirs["n_risk"][there]
        if not theirs["beyond_followup"][there]:
            assert math.isclose(read["surv"][at], theirs["surv"][there], rel_tol=1e-11)


def test_means_without_option_end_within_every_groups_follow_up() -> None:
    for case, taus in (("aml", [30, 45]), ("veteran_celltype", [30, 90, 180, 186])):
        found = survival(str(FOLDER / f"{case}.csv"))
        assert [one["tau"] for one in found["overall"]["rmst"]] == taus
        assert not any(one["extrapolated"] for group in found["by_group"] for one in group["rmst"])


def test_numbers_have_full_precision_and_whole_ones_no_point() -> None:
    out = StringIO()
    call_command("survival", str(FOLDER / "aml.csv"), "--json", stdout=out)
    text = out.getvalue()
    assert '"surv": [0.9130434782608695, ' in text
    assert '"max_time": 161,' in text
    assert "NaN" not in text
    assert "Infinity" not in text
