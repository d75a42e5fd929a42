"""Pages of the audit trail: review, people, access log."""

from __future__ import annotations

from datetime import date

from django.urls import path, register_converter

from centers import views_access, views_audit


class DayConverter:
    """A day YYYY-MM-DD of the calendar."""

    regex = r"(?:19|20|21)\d{2}-\d{2}-\d{2}"

    def to_python(self, value: str) -> date:
        """The day. Raises ValueError: then no such page exists."""
        return date.fromisoformat(value)

    def to_url(self, value: date | str) -> str:
        """YYYY-MM-DD."""
        return str(value)


register_converter(DayConverter, "day")

_FINDING = "monitoring/audit/<slug:kind>/<uuid:center>/<uuid:user>/<day:day>/"
_PERSON = "monitoring/audit/people/<uuid:user>/"
_ACCOUNT = "administration/access/<uuid:user>/"

urlpatterns = [
    path("monitoring/audit/", views_audit.audit_review, name="audit_review"),
    path(_FINDING, views_audit.audit_finding, name="audit_finding"),
    path(
        f"{_FINDING}events.<slug:form>",
        views_audit.audit_finding_download,
        name="audit_finding_download",
    ),
    path(_PERSON, views_audit.audit_user, name="audit_user"),
    path(
        f"{_PERSON}events.<slug:form>", views_audit.audit_user_download, name="audit_user_download"
    ),
    path("administration/access/", views_access.access_log, name="access_log"),
    path(
        "administration/access/events.<slug:form>",
        views_access.access_log_download,
        name="access_log_download",
    ),
    path(_ACCOUNT, views_access.access_user, name="access_user"),
    path(
        f"{_ACCOUNT}events.<slug:form>",
        views_access.access_user_download,
        name="access_user_download",
    ),
]
