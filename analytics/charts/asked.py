"""The form of a cohort page: what can be chosen, what is chosen, and how to take it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.charts.cohort import DISEASES
from analytics.charts.survival import ENDPOINTS, GROUPINGS, RECORD_SETS, VARIANTS, label_of
from analytics.queries.asked import THRESHOLDS, Asked
from analytics.queries.disclosure import GRID
from analytics.queries.filters import VALUES

Options = Mapping[str, str]
FILTERS: Final = {
    "disease": gettext_noop("Disease"),
    "sex": gettext_noop("Sex"),
    "decade": gettext_noop("Decade of treatment"),
    "age": gettext_noop("Age at treatment"),
    "response": gettext_noop("Best response"),
    "local_therapy": gettext_noop("Local therapy"),
    "ned": gettext_noop("Surgically free of disease"),
    "center": gettext_noop("Center"),
}
ANALYSIS: Final[dict[str, tuple[str, Options]]] = {
    "endpoint": (gettext_noop("Endpoint"), ENDPOINTS),
    "variant": (gettext_noop("Variant of PFS"), VARIANTS),
    "records": (gettext_noop("Records"), RECORD_SETS),
    "by": (gettext_noop("Groups"), GROUPINGS),
}
_AGES: Final = {
    "to_49": gettext_noop("Under 50"),
    "50_59": gettext_noop("50 to 59"),
    "from_60": gettext_noop("60 and over"),
    "unknown": gettext_noop("Not known"),
}
_PLAIN: Final = {
    "yes": gettext_noop("Yes"),
    "no": gettext_noop("No"),
    "female": gettext_noop("Female"),
    "male": gettext_noop("Male"),
    "unknown": gettext_noop("Not known"),
    "untreated": gettext_noop("Not treated"),
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
        return _(DISEASES[code]) if code in DISEASES else _("Other")
    if name == "age":
        return _(_AGES.get(code, code))
    if name in ("decade", "response") and code in VALUES[name] and code not in _PLAIN:
        return label_of(name, code)
    return _(_PLAIN[code]) if code in _PLAIN else code


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
        where = (("", _("All centers, pooled")), ("own", _("Your centers alone")))
        filters.append(Choice("where", _("Centers"), where, asked.parameters.get("where", "")))
    chips = _chips(asked)
    return AskedForm(
        tuple(
            _analysis(name, asked, {"by": groupings, "records": record_sets}) for name in analysis
        ),
        tuple(choice for choice in filters if len(choice.options) > 2 or choice.name == "where"),
        (
            Choice(
                "years",
                _("Eligible from"),
                tuple(
                    (str(years), _("%(years)s years") % {"years": years}) for years in THRESHOLDS
                ),
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
        (code, _(text))
        for code, text in options.items()
        if code in offered.get(name, options) and not (asked.pooled and code == "center")
    ]
    return Choice(name, _(label), tuple(shown), getattr(asked.analysis, name))


def _filter(name: str, asked: Asked) -> Choice:
    codes = asked.centers if name == "center" else VALUES[name]
    options = [("", _("All")), *((code, filter_label(name, code)) for code in codes)]
    return Choice(name, _(FILTERS[name]), tuple(options), asked.filters.values.get(name, ""))


def _chips(asked: Asked) -> list[Chip]:
    labels = {
        name: f"{_(FILTERS[name])}: {filter_label(name, code)}"
        for name, code in asked.filters.values.items()
    }
    if asked.cut is not None:
        labels["cut"] = _("Data cut %(name)s") % {"name": asked.cut.name}
    elif asked.cutoff != asked.standing:
        labels["cutoff"] = _("Cutoff %(cutoff)s") % {"cutoff": f"{asked.cutoff:%d-%b-%Y}"}
    if "years" in asked.parameters:
        labels["years"] = _("Eligible from %(years)s years") % {"years": asked.years}
    if asked.seal is not None and asked.cut is None:
        labels["as_of"] = _("As known on %(sealed_at)s UTC") % {
            "sealed_at": f"{asked.seal.sealed_at:%d-%b-%Y %H:%M}"
        }
    if "where" in asked.parameters:
        labels["where"] = _("Your centers alone")
    return [Chip(label, _without(asked, name)) for name, label in labels.items()]


def _without(asked: Asked, name: str) -> str:
    rest = {key: value for key, value in asked.parameters.items() if key != name}
    return f"?{urlencode(rest)}"
