"""The report of the cohort in the manner of the paper: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils import timezone

from analytics.charts.overview import figures, rows
from analytics.charts.survival import RATE_YEARS, SurvivalFigure, survival_figure, title_of
from analytics.derivation.engine import RULE_SET
from analytics.models import DataCut
from analytics.queries.asked import Reading
from analytics.queries.data_cuts import seal_of
from analytics.queries.filters import EVERYBODY
from analytics.queries.flow import flow
from analytics.queries.known import known_at, outcomes_at
from analytics.queries.overview import overview
from analytics.queries.survival import Analysis, survival_groups
from analytics.queries.table_one import DISEASES, table_one
from centers.sealing import head

# The curves of the paper's manner: the cohort, by disease, all treated, from 5 years on, OS.
ANALYSES: Final = (
    Analysis("pfs", "primary", "eligible", ""),
    Analysis("pfs", "primary", "eligible", "disease"),
    Analysis("pfs", "primary", "treated", "disease"),
    Analysis("pfs", "primary", "landmark", "disease"),
    Analysis("os", "primary", "treated", "disease"),
)
STYLE_PLACE: Final = "<!-- style -->"


EVERYTHING: Final = Reading(own_centers=True, filters=EVERYBODY, own_ids=())


def report_html(cutoff: date, cut: DataCut | None = None) -> str:
    """The report for the rows in scope as a file, every number of one moment: a cut's, or now.

    The reader of the scope is taken as a member of all its centers. Raises what the derivation raises.
    """
    with _standing(cutoff, cut):
        context = report_context(cutoff, EVERYTHING)
    return report_file(context | {"cut": cut})


def report_file(context: Mapping[str, Any]) -> str:
    """The report as one file that needs nothing else."""
    page = render_to_string("analytics/report.html", dict(context))
    return page.replace(STYLE_PLACE, f"<style>{_style()}</style>", 1)


@contextmanager
def _standing(cutoff: date, cut: DataCut | None) -> Iterator[None]:
    """Outcomes derived for this report alone, from the rows of the cut or of now."""
    with ExitStack() as stack:
        if cut is not None:
            stack.enter_context(known_at(seal_of(cut), "default"))
        stack.enter_context(outcomes_at(cutoff, "default"))
        yield


def report_context(cutoff: date, reading: Reading, *, tables: bool = True) -> dict[str, Any]:
    """What the report's template shows, of the outcomes that stand.

    `tables`: the flow and Table 1 are shown; not to readers of pooled figures at another moment.
    """
    page = overview(cutoff, **reading)
    drawings: list[SurvivalFigure] = []
    withheld: list[str] = []
    for analysis in ANALYSES:
        groups = survival_groups(analysis, cutoff, **reading)
        drawing = survival_figure(analysis, groups.counts or {})
        if drawing is not None:
            drawings.append(drawing)
        elif groups.withheld:
            withheld.append(title_of(analysis))
    return {
        "cutoff": cutoff,
        "page": page,
        "figures": figures(page),
        "rows": rows(page),
        "flow": flow(cutoff, **reading) if tables else None,
        "table": table_one(cutoff, **reading) if tables else None,
        "diseases": DISEASES,
        "drawings": drawings,
        "withheld_curves": withheld,
        "rate_years": RATE_YEARS,
        "seal": head("default"),
        "made_at": timezone.now(),
        "rule_set": RULE_SET,
        "code_version": settings.VERSION,
        "demo": settings.DEMO,
    }


def _style() -> str:
    """The registry's one stylesheet."""
    path = finders.find("registry/registry.css")
    assert isinstance(path, str)
    return Path(path).read_text(encoding="utf-8")
