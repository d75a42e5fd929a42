"""What every dashboard page and file says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from analytics.derivation.engine import RULE_SET
from analytics.queries.asked import Asked


def said(asked: Asked) -> dict[str, Any]:
    """The context that all dashboard pages share."""
    return {
        "section": "cohort",
        "asked": asked,
        "pooled": asked.pooled,
        "cutoff": asked.cutoff,
        "query": asked.query,
        "versions": versions(),
    }


def versions() -> Mapping[str, Any]:
    """What made the numbers, as every figure and file prints it."""
    return {"registry": settings.VERSION, "rule_set": RULE_SET, "synthetic": settings.DEMO}
