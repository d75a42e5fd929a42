"""Projects: made, amended, closed, their codes destroyed; who belongs to one; named cohorts."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics.export_jobs import ExportState
from analytics.exporting.choices import DISEASES, POPULATIONS
from analytics.models import (
    Cohort,
    ExportJob,
    ExportRevocation,
    Project,
    ProjectMember,
)
from analytics.projects import PROFILES
from centers.access import Scope, acting, set_reason
from centers.models import SYSTEM_USER_ID, User
from centers.roles import Permission

_LONGEST: Final = {"name": 100, "agreement": 100, "purpose": 2000, "recipients": 2000}


def create_project(
    *,
    actor: Scope,
    name: str,
    purpose: str,
    profile: str,
    agreement: str,
    agreement_expires_on: date,
    recipients: str,
) -> Project:
    """A project under an agreement. Raises ValidationError (by field) and PermissionDenied."""
    actor.require(Permission.MANAGE_PROJECTS)
    texts = _texts(name=name, purpose=purpose, agreement=agreement, recipients=recipients)
    if profile not in PROFILES:
        raise ValidationError({"profile": _("Choose one of the profiles.")})
    _unexpired(agreement_expires_on)
    with acting(actor), transaction.atomic():
        _free(texts["name"])
        return Project.objects.create(
            **texts,
            profile=profile,
            agreement_expires_on=agreement_expires_on,
            created_by_id=actor.actor_id,
        )


def amend_project(
    *,
    actor: Scope,
    project_id: int,
    name: str,
    purpose: str,
    agreement: str,
    agreement_expires_on: date,
    recipients: str,
    reason: str,
) -> Project:
    """Change what is said of an open project; its profile stays. Raises as create_project."""
    actor.require(Permission.MANAGE_PROJECTS)
    texts = _texts(name=name, purpose=purpose, agreement=agreement, recipients=recipients)
    with acting(actor), transaction.atomic():
        set_reason(_reason(reason))
        project = Project.objects.select_for_update().get(pk=project_id)
        if project.closed_at is not None:
            raise ValidationError(_("This project is closed: nothing of it changes any more."))
        if agreement_expires_on != project.agreement_expires_on:
            _unexpired(agreement_expires_on)
        _free(texts["name"], but=project.pk)
        for field, value in {**texts, "agreement_expires_on": agreement_expires_on}.items():
            setattr(project, field, value)
        project.save(update_fields=[*texts, "agreement_expires_on"])
        return project


def add_member(*, actor: Scope, project_id: int, user_id: int) -> bool:
    """Let a person request and fetch the project's exports; False when they could already.

    Raises ValidationError (closed account or project), PermissionDenied, User.DoesNotExist.
    """
    actor.require(Permission.MANAGE_PROJECTS)
    with acting(actor), transaction.atomic():
        project = Project.objects.select_for_update().get(pk=project_id)
        user = User.objects.exclude(pk=SYSTEM_USER_ID).get(pk=user_id)
        if project.closed_at is not None:
            raise ValidationError(_("This project is closed."))
        if not user.is_active:
            raise ValidationError({"user": _("This account is closed. Choose an open one.")})
        if ProjectMember.objects.filter(project=project, user=user, removed_at=None).exists():
            return False
        ProjectMember.objects.create(project=project, user=user, added_by_id=actor.actor_id)
        return True


def remove_member(*, actor: Scope, project_id: int, user_id: int) -> bool:
    """End a person's access to the project's exports; False when there was none."""
    actor.require(Permission.MANAGE_PROJECTS)
    with acting(actor), transaction.atomic():
        standing = ProjectMember.objects.filter(
            project_id=project_id, user_id=user_id, removed_at=None
        )
        return bool(standing.update(removed_at=timezone.now()))


def close_project(*, actor: Scope, project_id: int, reason: str) -> bool:
    """Nothing is exported any more and what was released is called back; False when closed already."""
    actor.require(Permission.MANAGE_PROJECTS)
    with acting(actor), transaction.atomic():
        set_reason(_reason(reason))
        project = Project.objects.select_for_update().get(pk=project_id)
        if project.closed_at is not None:
            return False
        project.closed_at = timezone.now()
        project.save(update_fields=["closed_at"])
        for job in ExportJob.objects.select_for_update().filter(project=project):
            _call_back(job)
        return True


def destroy_codes(*, actor: Scope, project_id: int, reason: str) -> int:
    """Delete the codes of a closed project: nobody can link its files to records again. How many.

    Raises ValidationError (open project, no reason) and PermissionDenied.
    """
    actor.require(Permission.MANAGE_PROJECTS)
    with acting(actor), transaction.atomic():
        set_reason(_reason(reason))
        project = Project.objects.select_for_update().get(pk=project_id)
        if project.closed_at is None:
            raise ValidationError(_("Close the project first: an open one needs its codes."))
        with connection.cursor() as cursor:
            cursor.execute("select pseudonym.destroy(%s)", [project.pk])
            destroyed = int(cursor.fetchone()[0])
        if project.codes_destroyed_at is None:
            project.codes_destroyed_at = timezone.now()
            project.save(update_fields=["codes_destroyed_at"])
        return destroyed


def create_cohort(
    *,
    actor: Scope,
    name: str,
    population: str,
    disease: str = "",
    project_id: int | None = None,
    client: str = "",
) -> Cohort:
    """Name a choice of records. Raises ValidationError (by field) and PermissionDenied."""
    actor.require(Permission.REQUEST_EXPORTS)
    if population not in POPULATIONS:
        raise ValidationError({"population": _("Choose one of the populations.")})
    if disease not in DISEASES:
        raise ValidationError({"disease": _("Choose one of the diseases.")})
    named = _text("name", name, 100)
    with acting(actor), transaction.atomic():
        if Cohort.objects.filter(project=project_id, name=named).exists():
            raise ValidationError({"name": _("There is a cohort of that name: choose another.")})
        return Cohort.objects.create(
            project_id=project_id,
            name=named,
            population=population,
            disease=disease,
            made_by_id=actor.actor_id,
            client=client,
        )


def require_member(actor: Scope, project: Project, client: str = "") -> None:
    """The project's people, its API clients (bound to it by their token) and command-line work.

    Raises PermissionDenied.
    """
    if client or actor.actor_id == SYSTEM_USER_ID:
        return
    standing = project.members.filter(user_id=actor.actor_id, removed_at=None)
    if not standing.exists():
        raise PermissionDenied(_("Only members of the project may do this."))


def _call_back(job: ExportJob) -> None:
    """A released export is called back; one under way is refused."""
    if job.state == ExportState.READY:
        job.state = ExportState.REVOKED
        job.save(update_fields=["state"])
        ExportRevocation.objects.get_or_create(job=job, defaults={"reason": "project_closed"})
    elif job.state in (ExportState.QUEUED, ExportState.RUNNING, ExportState.REVIEW):
        job.state = ExportState.REFUSED
        job.save(update_fields=["state"])


def _texts(**given: str) -> dict[str, str]:
    return {name: _text(name, value, _LONGEST[name]) for name, value in given.items()}


def _text(name: str, value: str, longest: int) -> str:
    value = value.strip()
    if not 1 <= len(value) <= longest:
        raise ValidationError(
            {name: _("Write 1 to %(longest)s characters.") % {"longest": longest}}
        )
    return value


def _reason(reason: str) -> str:
    if not reason.strip():
        raise ValidationError({"reason": _("Say why: the audit trail keeps the reason.")})
    return reason.strip()


def _unexpired(day: date) -> None:
    if day < timezone.now().date():
        raise ValidationError({"agreement_expires_on": _("This day is past: give a later one.")})


def _free(name: str, but: int | None = None) -> None:
    if Project.objects.filter(name=name).exclude(pk=but or 0).exists():
        raise ValidationError({"name": _("There is a project of that name: choose another.")})


def project_choices(actor: Scope) -> Any:
    """Open projects for which the actor may request exports, by name."""
    found = Project.objects.filter(closed_at=None)
    if actor.actor_id != SYSTEM_USER_ID:
        found = found.filter(members__user_id=actor.actor_id, members__removed_at=None)
    return found
