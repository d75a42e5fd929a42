"""Roles and permissions as code: the table that pages, tests and docs read."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from centers.marks import gettext_noop


class Permission(StrEnum):
    """One thing a person may do; checked per center where it concerns records."""

    VIEW_RECORDS = "view_records"
    VIEW_IDENTIFIERS = "view_identifiers"
    REVEAL_IDENTIFIERS = "reveal_identifiers"
    EDIT_RECORDS = "edit_records"
    IMPORT_RECORDS = "import_records"
    DOWNLOAD_RECORDS = "download_records"
    RETIRE_RECORDS = "retire_records"
    ERASE_IDENTIFIERS = "erase_identifiers"
    VERIFY_RECORDS = "verify_records"
    SIGN_RECORDS = "sign_records"
    LOCK_RECORDS = "lock_records"
    ANSWER_QUERIES = "answer_queries"
    MANAGE_QUERIES = "manage_queries"
    VIEW_HISTORY = "view_history"
    REVIEW_AUDIT = "review_audit"
    VIEW_DUPLICATES = "view_duplicates"
    VIEW_COHORT = "view_cohort"
    CUT_DATA = "cut_data"
    MANAGE_CENTERS = "manage_centers"
    MANAGE_USERS = "manage_users"
    MANAGE_CLIENTS = "manage_clients"
    MANAGE_PROJECTS = "manage_projects"
    REQUEST_EXPORTS = "request_exports"
    APPROVE_EXPORTS = "approve_exports"
    MANAGE_OPERATIONS = "manage_operations"


class Role(StrEnum):
    """What a membership makes of a person. `system` is command-line work and cannot sign in."""

    COORDINATOR = "coordinator"
    PRINCIPAL_INVESTIGATOR = "principal_investigator"
    MONITOR = "monitor"
    DATA_MANAGER = "data_manager"
    INVESTIGATOR = "investigator"
    ADMINISTRATOR = "administrator"
    SYSTEM = "system"

    @property
    def label(self) -> str:
        """For people, in English: "principal investigator"; a page translates it."""
        return self.value.replace("_", " ")


# What `label` gives, for the catalogue.
LABELS: Final = (
    gettext_noop("coordinator"),
    gettext_noop("principal investigator"),
    gettext_noop("monitor"),
    gettext_noop("data manager"),
    gettext_noop("investigator"),
    gettext_noop("administrator"),
    gettext_noop("system"),
)


_P = Permission
_MONITORING: Final = frozenset(
    {
        _P.VIEW_RECORDS,
        _P.REVEAL_IDENTIFIERS,
        _P.LOCK_RECORDS,
        _P.MANAGE_QUERIES,
        _P.VIEW_HISTORY,
        _P.REVIEW_AUDIT,
        _P.VIEW_COHORT,
    }
)
PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.COORDINATOR: frozenset(
        {
            _P.VIEW_RECORDS,
            _P.VIEW_IDENTIFIERS,
            _P.EDIT_RECORDS,
            _P.IMPORT_RECORDS,
            _P.DOWNLOAD_RECORDS,
            _P.RETIRE_RECORDS,
            _P.ANSWER_QUERIES,
            _P.VIEW_HISTORY,
            _P.VIEW_COHORT,
        }
    ),
    Role.PRINCIPAL_INVESTIGATOR: frozenset(
        {
            _P.VIEW_RECORDS,
            _P.VIEW_IDENTIFIERS,
            _P.DOWNLOAD_RECORDS,
            _P.ERASE_IDENTIFIERS,
            _P.VERIFY_RECORDS,
            _P.SIGN_RECORDS,
            _P.VIEW_HISTORY,
            _P.REVIEW_AUDIT,
            _P.VIEW_COHORT,
        }
    ),
    Role.MONITOR: _MONITORING,
    Role.DATA_MANAGER: _MONITORING
    | {_P.VIEW_DUPLICATES, _P.CUT_DATA, _P.REQUEST_EXPORTS, _P.APPROVE_EXPORTS},
    Role.INVESTIGATOR: frozenset({_P.VIEW_COHORT, _P.CUT_DATA, _P.REQUEST_EXPORTS}),
    Role.ADMINISTRATOR: frozenset(
        {
            _P.MANAGE_CENTERS,
            _P.MANAGE_USERS,
            _P.MANAGE_CLIENTS,
            _P.MANAGE_PROJECTS,
            _P.MANAGE_OPERATIONS,
        }
    ),
    Role.SYSTEM: frozenset(Permission),
}
# Held for the whole registry: they have no center of their own.
REGISTRY_WIDE: Final = frozenset({Role.DATA_MANAGER, Role.INVESTIGATOR, Role.ADMINISTRATOR})
# Of these, the roles whose rights hold at every center, records included.
EVERY_CENTER: Final = frozenset({Role.DATA_MANAGER})
