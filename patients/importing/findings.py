"""What an import found wrong: bounded lists, exact counts, never a cell's value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["hard", "soft"]
LISTED_FINDINGS: Final = 1_000
_NAME_LENGTH: Final = 60


@dataclass(frozen=True, slots=True)
class ImportFinding:
    """One finding: the file (or sheet), the line (header = 1), the column, the check and its words."""

    file: str
    row: int | None
    column: str
    check: str
    severity: Severity
    message: str


class FindingLog:
    """Collects findings at flat memory: the first `limit` of each severity, and all counts.

    `blocked` says that a file or row could not be read, so records cannot be put together.
    `unknown_names` are those of files or sheets that are no form's, as they stand: not for printing.
    """

    def __init__(self, limit: int = LISTED_FINDINGS) -> None:
        self.limit = limit
        self.counts: Counter[tuple[Severity, str]] = Counter()
        self.blocked = False
        self.unknown_names: list[str] = []
        self._listed: dict[Severity, list[ImportFinding]] = {"hard": [], "soft": []}

    def add(self, finding: ImportFinding) -> None:
        """Count the finding, and list it while there is room."""
        self.counts[finding.severity, finding.check] += 1
        listed = self._listed[finding.severity]
        if len(listed) < self.limit:
            listed.append(finding)

    def hard(
        self,
        file: str,
        row: int | None,
        column: str,
        check: str,
        message: str,
        *,
        blocks: bool = False,
    ) -> None:
        """A hard finding; `blocks` when the rest of a row or file stays unread."""
        self.blocked = self.blocked or blocks
        self.add(ImportFinding(file, row, column, check, "hard", message))

    def listed(self, severity: Severity) -> list[ImportFinding]:
        """The findings kept of this severity, in the order found."""
        return self._listed[severity]

    def total(self, severity: Severity) -> int:
        """How many were found of this severity, listed or not."""
        return sum(n for (kind, _), n in self.counts.items() if kind == severity)

    @property
    def refused(self) -> bool:
        """Whether anything hard was found."""
        return self.total("hard") > 0


def shown_name(name: str) -> str:
    """A file's or sheet's name, safe to print: plain characters only, not long, no formula."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "?" for c in name)
    return plain.lstrip("-")[:_NAME_LENGTH] or "?"
