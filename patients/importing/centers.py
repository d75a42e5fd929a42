"""Which centers a bundle may write, and those it brings along in centers.csv."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from re import compile as pattern
from typing import Final, cast

from django.core.exceptions import ValidationError

from centers.access import Scope
from centers.actions.centers import CenterValue, amend_center, create_center
from centers.models import Center
from centers.roles import Permission
from patients.importing.findings import FindingLog
from patients.importing.matching import Origin
from patients.importing.sources import Table
from patients.importing.tables import CellReader, check_cells, read_header

MAX_CENTERS: Final = 10_000
_CODE: Final = pattern(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(slots=True)
class CenterGate:
    """Says which center codes may be imported, and creates or amends centers.

    `only` is the code of `--center`, None for `--all`; `ids` are the centers that exist.
    """

    actor: Scope
    only: str | None
    create: bool
    log: FindingLog
    ids: dict[str, int] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)
    _wanted: dict[str, None] = field(default_factory=dict)
    _given: dict[str, tuple[Origin, dict[str, CenterValue]]] = field(default_factory=dict)
    _verdicts: dict[str, tuple[str, str] | None] = field(default_factory=dict)

    def problem(self, code: str) -> tuple[str, str] | None:
        """Check and message when rows of this center may not be imported here and now."""
        if code not in self._verdicts:
            if len(self._verdicts) >= MAX_CENTERS:
                return "center.unknown", f"The bundle names more than {MAX_CENTERS} centers."
            self._verdicts[code] = self._judge(code)
        return self._verdicts[code]

    def _judge(self, code: str) -> tuple[str, str] | None:
        if self.only is not None and code != self.only:
            return (
                "center.foreign",
                f"The row is of another center than {self.only}. Take it out, or import --all.",
            )
        known = self.ids.get(code)
        if known is not None and self.actor.may(Permission.IMPORT_RECORDS, known):
            return None
        if known is None and self.create:
            if not _CODE.fullmatch(code):
                return "value.text", "A center code has letters, digits, - and _ only."
            self._wanted[code] = None
            return None
        return (
            "center.unknown",
            "There is no center with this code that you may import for (--create-centers makes it).",
        )

    def read(self, table: Table, reader: CellReader) -> None:
        """Read centers.csv; it is small and kept."""
        rows = table.rows(self.log)
        header = read_header(table, next(rows, None), self.log)
        if header is None:
            return
        names = [item.name for item in header.fields]
        for line, cells, refused in check_cells(header, table, rows, reader, self.log):
            if refused or len(self._given) >= MAX_CENTERS:
                self.log.blocked = True
                continue
            values = {
                item.name: cast(CenterValue, reader.read(item, cell))
                for item, cell in zip(header.fields, cells, strict=True)
            }
            code = str(values.pop("center"))
            problem = self.problem(code)
            if problem is not None:
                self.log.hard(table.label, line, "center", *problem)
            elif code in self._given:
                message = f"This center is on line {self._given[code][0].line} already."
                self.log.hard(table.label, line, names[0], "row.duplicate", message)
            else:
                self._given[code] = Origin(table.label, line), values

    def settle(self, reason: str) -> Scope:
        """Create and amend centers in the open transaction; the actor's scope with the new ones."""
        scope = self.actor
        for code in self._wanted:
            origin, values = self._given.pop(code, (Origin("bundle", 0), {}))
            center = self._created(code, origin, values, scope, reason)
            if center is not None:
                self.ids[code] = center.pk
                scope = scope.with_center(center.pk)
                self.tally["new"] += 1
        saved = {center.code: center for center in Center.objects.filter(code__in=self._given)}
        for code, (origin, values) in self._given.items():
            self._amend(saved[code], origin, values, reason)
        return scope

    def _created(
        self,
        code: str,
        origin: Origin,
        values: dict[str, CenterValue],
        scope: Scope,
        reason: str,
    ) -> Center | None:
        try:
            return create_center(
                actor=scope, values={"code": code, "name": code, **values}, reason=reason
            )
        except ValidationError as problem:
            self._refuse(origin, problem)
            # Its records have nowhere to go, so none are looked at.
            self.log.blocked = True
            return None

    def _amend(
        self, center: Center, origin: Origin, values: dict[str, CenterValue], reason: str
    ) -> None:
        if all(_same(getattr(center, name), value) for name, value in values.items()):
            self.tally["unchanged"] += 1
            return
        if not self.actor.may(Permission.MANAGE_CENTERS):
            message = "Only an administrator changes a center. Take centers out of the bundle."
            self.log.hard(origin.file, origin.line, "", "center.permission", message)
            return
        try:
            amend_center(actor=self.actor, center_id=center.pk, values=values, reason=reason)
            self.tally["changed"] += 1
        except ValidationError as problem:
            self._refuse(origin, problem)

    def _refuse(self, origin: Origin, problem: ValidationError) -> None:
        """Django's messages repeat values, so only the columns are told."""
        line = origin.line or None
        if getattr(problem, "code", None) == "reason":
            message = "A saved center changes: give the reason (--reason)."
            self.log.hard(origin.file, line, "", "reason.required", message)
            return
        names = problem.message_dict if hasattr(problem, "error_dict") else {"": []}
        for name in names:
            column = "center" if name == "code" else name
            message = "The value cannot be saved for a center. Correct it."
            self.log.hard(origin.file, line, column, "center.value", message)


def _same(saved: str | date | None, given: CenterValue) -> bool:
    """An empty text is '' in this table and None in a bundle."""
    return (saved or None) == given
