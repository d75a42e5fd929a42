"""Roles and permissions as code: the table that pages, tests and docs read."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """One thing a person may do; checked per center where it concerns records."""

    VIEW_RECORDS = "view_records"
    VIEW_IDENTIFIERS = "view_identifiers"
    EDIT_RECORDS = "edit_records"
    IMPORT_RECORDS = "import_records"
    SIGN_RECORDS = "sign_records"
    VIEW_COHORT = "view_cohort"
    MANAGE_CENTERS = "manage_centers"


class Role(StrEnum):
    """What a membership makes of a person. `system` is command-line work and cannot sign in."""

    COORDINATOR = "coordinator"
    PRINCIPAL_INVESTIGATOR = "principal_investigator"
    MONITOR = "monitor"
    INVESTIGATOR = "investigator"
    ADMINISTRATOR = "administrator"
    SYSTEM = "system"

    @property
    def label(self) -> str:
        """For people: "principal investigator"."""
        return self.value.replace("_", " ")


_P = Permission
PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.COORDINATOR: frozenset(
        {
            _P.VIEW_RECORDS,
            _P.VIEW_IDENTIFIERS,
            _P.EDIT_RECORDS,
            _P.IMPORT_RECORDS,
            _P.VIEW_COHORT,
        }
    ),
    Role.PRINCIPAL_INVESTIGATOR: frozenset(
        {_P.VIEW_RECORDS, _P.VIEW_IDENTIFIERS, _P.SIGN_RECORDS, _P.VIEW_COHORT}
    ),
    Role.MONITOR: frozenset({_P.VIEW_RECORDS, _P.VIEW_COHORT}),
    Role.INVESTIGATOR: frozenset({_P.VIEW_COHORT}),
    Role.ADMINISTRATOR: frozenset({_P.MANAGE_CENTERS}),
    Role.SYSTEM: frozenset(Permission),
}
# These two are held for the whole registry: they have no center of their own.
REGISTRY_WIDE: Final = frozenset({Role.INVESTIGATOR, Role.ADMINISTRATOR})
