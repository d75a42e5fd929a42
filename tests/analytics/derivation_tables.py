"""All case tables of rules.md, by section."""

from tests.analytics import (
    derivation_criteria,
    derivation_dates,
    derivation_evidence,
    derivation_pfs,
)

CASES = [
    case
    for tables in (derivation_dates, derivation_evidence, derivation_pfs, derivation_criteria)
    for case in tables.table.cases
]
