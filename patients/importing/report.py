"""The report of an import: a summary for people, the findings for a file (CSV or JSON)."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from centers.cells import harmless
from patients.importing.findings import FindingLog, ImportFinding
from patients.importing.matching import Kind
from patients.rules.dictionary import RECORD_FORMS

COLUMNS: Final = ("file", "row", "column", "check", "severity", "message")
KINDS: Final[tuple[Kind, ...]] = ("new", "changed", "unchanged", "retracted")
_SHOWN: Final = 50


@dataclass(slots=True)
class ImportResult:
    """What an import found and did. `written` is False after a refusal, a dry run or no change."""

    log: FindingLog
    dry_run: bool = False
    written: bool = False
    rows_read: int = 0
    records: Counter[str] = field(default_factory=Counter)
    rows: Counter[tuple[str, Kind]] = field(default_factory=Counter)
    centers: Counter[str] = field(default_factory=Counter)

    @property
    def changes(self) -> bool:
        """Whether the bundle has anything that the registry has not."""
        return any(self.records[k] or self.centers[k] for k in ("new", "changed"))


def summary(result: ImportResult) -> Iterator[str]:
    """The lines of the report on standard output."""
    if result.centers:
        yield "Centers: " + _counts(result.centers)
    if not result.log.blocked:
        yield "Records: " + _counts(result.records)
        yield f"{'Rows':<20}" + "".join(f"{kind:>12}" for kind in KINDS)
        for form in RECORD_FORMS:
            counts = [result.rows[form.name, kind] for kind in KINDS]
            if any(counts):
                yield f"{form.name:<20}" + "".join(f"{count:>12,}" for count in counts)
    yield from _findings(result)
    yield _ending(result)


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[kind]:,} {kind}" for kind in KINDS[:3])


def _findings(result: ImportResult) -> Iterator[str]:
    log = result.log
    soft = sorted((c, n) for (severity, c), n in log.counts.items() if severity == "soft")
    if soft:
        yield "Unlikely (saved and opened as queries):" if result.written else "Unlikely:"
        yield from (f"  {check}: {count:,}" for check, count in soft)
    if not log.refused:
        return
    yield f"Refused ({log.total('hard'):,} findings):"
    yield from (f"  {_place(f)}: {f.message} [{f.check}]" for f in log.listed("hard")[:_SHOWN])
    hard = sorted((c, n) for (severity, c), n in log.counts.items() if severity == "hard")
    if log.total("hard") > _SHOWN:
        yield f"  ... and {log.total('hard') - _SHOWN:,} more. By check:"
        yield from (f"  {check}: {count:,}" for check, count in hard)
    if log.blocked:
        yield (
            "Records were not checked as a whole, since parts of the bundle could not be read:"
            " mend these first."
        )


def _place(finding: ImportFinding) -> str:
    line = "" if finding.row is None else f" line {finding.row}"
    return finding.file + line + (f", {finding.column}" if finding.column else "")


def _ending(result: ImportResult) -> str:
    if result.log.refused:
        return "Nothing written."
    if not result.changes:
        return "Nothing written: the registry has all of it already."
    return "Nothing written (dry run)." if result.dry_run else "Imported."


def write_report(result: ImportResult, path: Path) -> None:
    """Write the findings to a file: JSON when its name ends so, else CSV. Raises OSError."""
    found = [*result.log.listed("hard"), *result.log.listed("soft")]
    if path.suffix.lower() == ".json":
        text = json.dumps(_as_json(result, found), indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for finding in found:
            row = "" if finding.row is None else finding.row
            said = (finding.column, finding.check, finding.severity, finding.message)
            writer.writerow([harmless(cell) for cell in (finding.file, row, *said)])
        more = result.log.counts.total() - len(found)
        if more:
            writer.writerow(["", "", "", "report.more", "", f"{more} more findings are not listed"])


def _as_json(result: ImportResult, found: list[ImportFinding]) -> dict[str, Any]:
    return {
        "written": result.written,
        "dry_run": result.dry_run,
        "refused": result.log.refused,
        "records": {kind: result.records[kind] for kind in KINDS[:3]},
        "rows": {
            form.name: {kind: result.rows[form.name, kind] for kind in KINDS}
            for form in RECORD_FORMS
        },
        "counts": [
            {"severity": severity, "check": check, "count": count}
            for (severity, check), count in sorted(result.log.counts.items())
        ],
        "findings": [asdict(finding) for finding in found],
    }
