"""What every page knows."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from analytics.derivation.engine import current_cutoff
from centers.access import Scope, current_scope
from centers.models import Center
from centers.roles import Permission
from centers.session_limits import WARNING_SECONDS, told

# Sections of the main navigation: name, label, icon, pages (url name, label, permission).
# A section opens its first page that the reader may see; several pages make tabs.
Page = tuple[str, str, Permission]
SECTIONS: Final[tuple[tuple[str, str, str, tuple[Page, ...]], ...]] = (
    (
        "records",
        "Records",
        "records",
        (
            ("record_list", "Records", Permission.VIEW_RECORDS),
            ("work_list", "Work to do", Permission.EDIT_RECORDS),
            ("due_list", "Follow-up", Permission.EDIT_RECORDS),
        ),
    ),
    (
        "cohort",
        "Cohort",
        "cohort",
        (
            ("cohort_overview", "Overview", Permission.VIEW_COHORT),
            ("cohort_survival", "Survival", Permission.VIEW_COHORT),
            ("cohort_progression", "Progression", Permission.VIEW_COHORT),
            ("cohort_sensitivity", "Sensitivity", Permission.VIEW_COHORT),
            ("cohort_description", "Description", Permission.VIEW_COHORT),
            ("cohort_flow", "Flow", Permission.VIEW_COHORT),
            ("cohort_swimmer", "Swimmer plot", Permission.VIEW_COHORT),
            ("cohort_accrual", "Accrual", Permission.VIEW_COHORT),
            ("cohort_quality", "Data quality", Permission.VIEW_COHORT),
            ("cohort_report", "Report", Permission.VIEW_COHORT),
            ("cut_list", "Data cuts", Permission.CUT_DATA),
            ("view_list", "Saved views", Permission.VIEW_COHORT),
        ),
    ),
    (
        "monitoring",
        "Monitoring",
        "lock",
        (
            ("query_list", "Queries", Permission.VIEW_RECORDS),
            ("lock_list", "Locks and signatures", Permission.REVIEW_AUDIT),
            ("audit_review", "Audit review", Permission.REVIEW_AUDIT),
            ("duplicate_list", "Duplicates across centers", Permission.VIEW_DUPLICATES),
        ),
    ),
    ("exports", "Exports", "download", (("export_list", "Exports", Permission.REQUEST_EXPORTS),)),
    (
        "administration",
        "Administration",
        "partial",
        (
            ("center_list", "Centers", Permission.MANAGE_CENTERS),
            ("user_list", "People", Permission.MANAGE_USERS),
            ("project_list", "Projects", Permission.MANAGE_PROJECTS),
            ("client_list", "API clients", Permission.MANAGE_CLIENTS),
            ("access_log", "Access log", Permission.MANAGE_USERS),
            ("operations", "Operations", Permission.MANAGE_OPERATIONS),
        ),
    ),
)
TABS: Final = tuple(name for name, _, _, pages in SECTIONS if len(pages) > 1)


def pages_of(section: str, scope: Scope) -> list[tuple[str, str]]:
    """The pages of a section that the reader may open: (url name, label)."""
    pages = next(pages for name, _, _, pages in SECTIONS if name == section)
    return [(url, label) for url, label, permission in pages if scope.may(permission)]


def navigation(scope: Scope) -> list[dict[str, str]]:
    """The sections with a page for the reader, each with its first page."""
    shown = []
    for name, label, icon, _ in SECTIONS:
        if pages := pages_of(name, scope):
            icon = f"components/icons/{icon}.html"
            shown.append({"section": name, "label": label, "icon": icon, "url": pages[0][0]})
    return shown


def _session(request: HttpRequest) -> dict[str, int]:
    """Seconds: until the session ends, how long it may be idle, and before its end to warn."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    idle = settings.REGISTRY_IDLE_MINUTES * 60
    return {"seconds": told(request), "idle": idle, "warn": WARNING_SECONDS}


def registry(request: HttpRequest) -> dict[str, Any]:
    """`demo`, `version`, `cutoff` (date), `scope`, `scope_centers` (list of the reader's centers),
    `session` (seconds for its warning), `may` ({permission: bool}, held anywhere), `navigation` (sections), `tabs` ({section: pages}).
    """
    scope = current_scope()
    return {
        "demo": settings.DEMO,
        "version": settings.VERSION,
        "cutoff": current_cutoff(),
        "scope": scope,
        "may": {p.value: scope is not None and scope.may(p) for p in Permission},
        "session": _session(request),
        "navigation": navigation(scope) if scope else [],
        "tabs": {name: pages_of(name, scope) for name in TABS} if scope else {},
        "scope_centers": SimpleLazyObject(
            lambda: list(
                Center.objects.filter(id__in=scope.center_ids if scope else ()).order_by("code")
            )
        ),
    }
