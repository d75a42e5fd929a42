"""The figures of the overview as the page prints them: text, with what is withheld said so."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.charts.cohort import DISEASES
from analytics.charts.km import years
from analytics.queries.overview import Figure, Overview

WITHHELD = "withheld"


@dataclass(frozen=True)
class Printed:
    """One large number: its label and what stands under it."""

    label: str
    number: str
    note: str


@dataclass(frozen=True)
class Row:
    """One line of the table by disease; cells in the order of the diseases, then all."""

    label: str
    cells: tuple[str, ...]


def _text(value: int | None) -> str:
    return WITHHELD if value is None else str(value)


def _absent(page: Overview) -> str:
    """What stands for a figure of the eligible cohort that is not there: withheld, or nobody."""
    return "-" if page.eligible.total == 0 else WITHHELD


def _split(figure: Figure, page: Overview) -> str:
    """ "54 melanoma + 46 renal cell", or empty when withheld."""
    if figure.cells is None:
        return ""
    return " + ".join(
        f"{number} {DISEASES.get(disease, disease).lower()}"
        for number, disease in zip(figure.cells, page.diseases, strict=True)
    )


def _follow_up(page: Overview) -> Printed:
    observed = _absent(page) if page.follow_up_observed is None else years(page.follow_up_observed)
    reverse = page.follow_up_reverse
    if reverse is None:
        note = ""
    elif reverse.day is None:
        note = "reverse Kaplan-Meier: not reached"
    else:
        note = f"reverse Kaplan-Meier: {years(reverse.day)} years"
    return Printed("median follow-up, years (observed times)", observed, note)


def figures(page: Overview) -> tuple[Printed, ...]:
    """The paper's figures, in its order."""
    span = " to ".join(page.pfs_range) if page.pfs_range else _absent(page)
    return (
        Printed(
            "eligible long-term survivors",
            _text(page.eligible.total),
            _split(page.eligible, page),
        ),
        Printed("progression-free survival, years", span, "completed years; + is censored"),
        _follow_up(page),
        Printed(
            "alive 10 years or more",
            _text(page.alive_10y_followed.total),
            _split(page.alive_10y_followed, page),
        ),
    )


def rows(page: Overview) -> tuple[Row, ...]:
    """The table by disease: the denominator first, then the eligible cohort and its parts."""
    lines = (
        ("Treated with HD IL-2 (denominator)", page.treated),
        ("Eligible", page.eligible),
        ("Alive, followed 10 years or more", page.alive_10y_followed),
        ("Survived 10 years or more", page.survived_10y),
    )
    return tuple(Row(label, _cells(figure, len(page.diseases))) for label, figure in lines)


def _cells(figure: Figure, diseases: int) -> tuple[str, ...]:
    cells = [WITHHELD] * diseases if figure.cells is None else [str(n) for n in figure.cells]
    return (*cells, _text(figure.total))
