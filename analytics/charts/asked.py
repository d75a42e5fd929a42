"""The form of a cohort page: what can be chosen, what is chosen, and how to take it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from analytics.charts.cohort import DISEASES
from analytics.charts.survival import ENDPOINTS, GROUPINGS, RECORD_SETS, VARIANTS, label_of
from analytics.queries.asked import THRESHOLDS, Asked
from analytics.queries.disclosure import GRID
from analytics.queries.filters import VALUES

Options = Mapping[str, str]
FILTERS: Final = {
    "disease": "Disease",
    "sex": "Sex",
    "decade": "Decade of treatment",
    "age": "Age at treatment",
    "response": "Best response",
    "local_therapy": "Local therapy",
    "ned": "Surgically free of disease",
    "center": "Center",
}
ANALYSIS: Final[dict[str, tuple[str, Options]]] = {
    "endpoint": ("Endpoint", ENDPOINTS),
    "variant": ("Variant of PFS", VARIANTS),
    "records": ("Records", RECORD_SETS),
    "by": ("Groups", GROUPINGS),
}
_AGES: Final = {
    "to_49": "Under 50",
    "50_59": "50 to 59",
    "from_60": "60 and over",
    "unknown": "Not known",
}
_PLAIN: Final = {
    "yes": "Yes",
    "no": "No",
    "female": "Female",
    "male": "Male",
    "unknown": "Not known",
    "untreated": "Not treated",
}


@dataclass(frozen=True)
class Choice:
    """A select: name, label, options as (code, label), the code that is chosen, what was refused."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    chosen: str
    problem: str = ""


@dataclass(frozen=True)
class Chip:
    """What is chosen, and the address without it."""

    label: str
    href: str


@dataclass(frozen=True)
class AskedForm:
    """`analysis` are the page's own choices, `filters` and `what_if` those of every page."""

    analysis: tuple[Choice, ...]
    filters: tuple[Choice, ...]
    what_if: tuple[Choice, ...]
    chips: tuple[Chip, ...]
    is_open: bool


def filter_label(name: str, code: str) -> str:
    """How a filter's value is called."""
    if name == "disease":
        return DISEASES.get(code, "Other")
    if name == "age":
        return _AGES.get(code, code)
    if name in ("decade", "response") and code in VALUES[name] and code not in _PLAIN:
        return label_of(name, code)
    return _PLAIN.get(code, code)


def asked_form(
    asked: Asked,
    analysis: Sequence[str] = (),
    groupings: Sequence[str] = tuple(GROUPINGS),
    record_sets: Sequence[str] = tuple(RECORD_SETS),
) -> AskedForm:
    """The form of a page whose own choices are `analysis` (of ANALYSIS), of these groupings and sets of records."""
    offered = ("disease", *GRID) if asked.pooled else tuple(FILTERS)
    filters = [_filter(name, asked) for name in offered]
    if asked.may_widen:
        where = (("", "All centers, pooled"), ("own", "Your centers alone"))
        filters.append(Choice("where", "Centers", where, asked.parameters.get("where", "")))
    chips = _chips(asked)
    return AskedForm(
        tuple(
            _analysis(name, asked, {"by": groupings, "records": record_sets}) for name in analysis
        ),
        tuple(choice for choice in filters if len(choice.options) > 2 or choice.name == "where"),
        (
            Choice(
                "years",
                "Eligible from",
                tuple((str(years), f"{years} years") for years in THRESHOLDS),
                str(asked.years),
                asked.problems.get("years", ""),
            ),
        ),
        tuple(chips),
        bool(chips) or bool(asked.problems),
    )


def _analysis(name: str, asked: Asked, offered: Mapping[str, Sequence[str]]) -> Choice:
    label, options = ANALYSIS[name]
    shown = [
        (code, text)
        for code, text in options.items()
        if code in offered.get(name, options) and not (asked.pooled and code == "center")
    ]
    return Choice(name, label, tuple(shown), getattr(asked.analysis, name))


def _filter(name: str, asked: Asked) -> Choice:
    codes = asked.centers if name == "center" else VALUES[name]
    options = [("", "All"), *((code, filter_label(name, code)) for code in codes)]
    return Choice(name, FILTERS[name], tuple(options), asked.filters.values.get(name, ""))


def _chips(asked: Asked) -> list[Chip]:
    labels = {
        name: f"{FILTERS[name]}: {filter_label(name, code)}"
        for name, code in asked.filters.values.items()
    }
    if asked.cut is not None:
        labels["cut"] = f"Data cut {asked.cut.name}"
    elif asked.cutoff != asked.standing:
        labels["cutoff"] = f"Cutoff {asked.cutoff:%d-%b-%Y}"
    if "years" in asked.parameters:
        labels["years"] = f"Eligible from {asked.years} years"
    if asked.seal is not None and asked.cut is None:
        labels["as_of"] = f"As known on {asked.seal.sealed_at:%d-%b-%Y %H:%M} UTC"
    if "where" in asked.parameters:
        labels["where"] = "Your centers alone"
    return [Chip(label, _without(asked, name)) for name, label in labels.items()]


def _without(asked: Asked, name: str) -> str:
    rest = {key: value for key, value in asked.parameters.items() if key != name}
    return f"?{urlencode(rest)}"
