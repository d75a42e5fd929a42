"""The codebook of a profile: every column of every table, for machines (JSON) and for people."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import rfc8785

from analytics.exporting.choices import RECIPE_VERSION
from analytics.exporting.columns import Column
from analytics.exporting.fields import FIELDS, TREATMENTS, Treatment
from analytics.exporting.tables import RELEASES
from analytics.projects import PROFILES, RESEARCH, SAFE_HARBOR

LIMITS: Final = {
    SAFE_HARBOR: (
        "De-identified by 45 CFR 164.514(b)(2): no date but six-year eras, no center, no free text.",
        "A small cohort stays re-identifiable however it is cut: do not link it, do not pass it on.",
        "Times are whole weeks, cut.",
    ),
    RESEARCH: (
        "For use under the data-use agreement of the project alone: do not link it, do not pass it on.",
        "Exact intervals and the year of the first dose are quasi-identifiers.",
        "Dates known to the month are rounded to 30 days, to the year to 365.",
        "AVAL of such a date counts from the middle of the month or year.",
        "Survival that the cutoff itself censors is moved back to the last death before it.",
        "That changes no survival curve; the median follow-up may be shorter.",
    ),
}
COHORT_LIMIT: Final = (
    "The eligible cohort is conditioned on surviving five years (immortal time): say so, and give the"
    " treated records as denominator."
)


def codebook(profile: str) -> dict[str, Any]:
    """Tables, columns, labels, units, codes, and what was done with the fields they come from."""
    return {
        "version": RECIPE_VERSION,
        "profile": profile,
        "title": PROFILES[profile],
        "limits": [*LIMITS[profile], COHORT_LIMIT],
        "tables": [
            {
                "name": table.name,
                "dataset": table.dataset,
                "title": table.title,
                "key": list(table.key),
                "columns": [_column(column, profile) for column in table.columns],
            }
            for table in RELEASES[profile].values()
        ],
    }


def codebook_bytes(profile: str) -> bytes:
    """The codebook in canonical JSON (RFC 8785)."""
    return rfc8785.dumps(codebook(profile))


def codebook_hash(profile: str) -> str:
    """SHA-256 (hexadecimal) of the canonical codebook."""
    return hashlib.sha256(codebook_bytes(profile)).hexdigest()


def codebook_markdown(profile: str) -> str:
    """The codebook as a text for people."""
    book = codebook(profile)
    lines = [f"# Codebook: {book['title']}", ""]
    lines += [f"- {limit}" for limit in book["limits"]]
    for table in book["tables"]:
        key = ", ".join(table["key"]) or "none: rows may be equal"
        lines += ["", f"## {table['name']} - {table['title']}", "", f"Key: {key}.", ""]
        lines += [
            "| column | SAS | label | type | unit | values | how |",
            "|---|---|---|---|---|---|---|",
        ]
        for column in table["columns"]:
            values = ", ".join(column["codes"])
            how = "; ".join(filter(None, [column["treatment"], column["note"]]))
            lines.append(
                f"| `{column['name']}` | {column['short']} | {column['label']} | {column['type']} |"
                f" {column['unit']} | {values} | {how} |"
            )
    return "\n".join(lines) + "\n"


def _column(column: Column, profile: str) -> dict[str, Any]:
    found = list(dict.fromkeys(FIELDS[source].treatment(profile) for source in column.sources))
    treatments = [one for one in found if one != Treatment.USED] or found
    return {
        "name": column.name,
        "short": column.short,
        "label": column.label,
        "type": column.kind,
        "unit": column.unit,
        "codes": list(column.codes),
        "note": column.note,
        "sources": list(column.sources),
        "classes": sorted({FIELDS[source].field_class for source in column.sources}),
        "treatment": "; ".join(TREATMENTS[one] for one in treatments),
    }
