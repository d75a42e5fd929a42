"""The figures of the overview as the page prints them: text, with what is withheld said so."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.charts.cohort import disease_label, span_text
from analytics.charts.km import years
from analytics.queries.overview import Figure, Overview

WITHHELD = gettext_noop("withheld")


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
    return _(WITHHELD) if value is None else str(value)


def _absent(page: Overview) -> str:
    """What stands for a figure of the eligible cohort that is not there: withheld, or nobody."""
    return "-" if page.eligible.total == 0 else _(WITHHELD)


def _split(figure: Figure, page: Overview) -> str:
    """ "54 melanoma + 46 renal cell", or empty when withheld."""
    if figure.cells is None:
        return ""
    return " + ".join(
        f"{number} {disease_label(disease).lower()}"
        for number, disease in zip(figure.cells, page.diseases, strict=True)
    )


def _follow_up(page: Overview) -> Printed:
    observed = _absent(page) if page.follow_up_observed is None else years(page.follow_up_observed)
    reverse = page.follow_up_reverse
    if reverse is None:
        note = ""
    elif reverse.day is None:
        note = _("reverse Kaplan-Meier: not reached")
    else:
        note = _("reverse Kaplan-Meier: %(years)s years") % {"years": years(reverse.day)}
    return Printed(_("median follow-up, years (observed times)"), observed, note)


def figures(page: Overview) -> tuple[Printed, ...]:
    """The paper's figures, in its order."""
    span = span_text(*page.pfs_range) if page.pfs_range else _absent(page)
    return (
        Printed(
            _("eligible long-term survivors"),
            _text(page.eligible.total),
            _split(page.eligible, page),
        ),
        Printed(_("progression-free survival, years"), span, _("completed years; + is censored")),
        _follow_up(page),
        Printed(
            _("alive 10 years or more"),
            _text(page.alive_10y_followed.total),
            _split(page.alive_10y_followed, page),
        ),
    )


def rows(page: Overview) -> tuple[Row, ...]:
    """The table by disease: the denominator first, then the eligible cohort and its parts."""
    lines = (
        (_("Treated with HD IL-2 (denominator)"), page.treated),
        (_("Eligible"), page.eligible),
        (_("Alive, followed 10 years or more"), page.alive_10y_followed),
        (_("Survived 10 years or more"), page.survived_10y),
    )
    return tuple(Row(label, _cells(figure, len(page.diseases))) for label, figure in lines)


def _cells(figure: Figure, diseases: int) -> tuple[str, ...]:
    cells = [_(WITHHELD)] * diseases if figure.cells is None else [str(n) for n in figure.cells]
    return (*cells, _text(figure.total))
