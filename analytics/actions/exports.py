"""Exports: asked for, released or refused by a second person, called back, ended.

Building is the worker's (analytics/exporting/engine.py); the database refuses a release for
research without a second person.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics.actions.projects import require_member
from analytics.export_jobs import ExportState
from analytics.exporting.choices import (
    DISEASES,
    FORMATS,
    POPULATIONS,
    TABLES,
    recipe,
    recipe_hash,
)
from analytics.exporting.hints import hint_exports
from analytics.models import DataCut, ExportJob, ExportRevocation, Project
from centers.access import Scope, acting, set_reason
from centers.roles import Permission

# Files of a released export are kept so long.
READY_DAYS: Final = 30
# So many exports of one project may wait at once.
MOST_WAITING: Final = 5
_WAITING: Final = (ExportState.QUEUED, ExportState.RUNNING)


class KeyReused(ValidationError):
    """The idempotency key belongs to another request of the project."""


def request_export(
    *,
    actor: Scope,
    project_id: int,
    cut_id: int,
    population: str,
    disease: str = "",
    tables: Collection[str] = (),
    formats: Sequence[str] = ("csv",),
    idempotency_key: str | None = None,
    client: str = "",
) -> tuple[ExportJob, bool]:
    """Queue an export of the project; (job, whether it is new). `client`: the API client's name.

    With a key, the same request again answers the first one's job. Raises ValidationError (by
    field; KeyReused), PermissionDenied (right or membership), Project.DoesNotExist and
    DataCut.DoesNotExist.
    """
    actor.require(Permission.REQUEST_EXPORTS)
    with acting(actor), transaction.atomic():
        # The project's row orders requests: neither key nor quota is passed by two at once.
        project = Project.objects.select_for_update().get(pk=project_id)
        require_member(actor, project, client)
        cut = DataCut.objects.get(pk=cut_id)
        _check(project, population, disease, tables, formats)
        job = ExportJob(
            project=project,
            cut=cut,
            profile=project.profile,
            population=population,
            disease=disease,
            recipe=recipe(project.profile, population, disease, tables),
            formats=[name for name in FORMATS if name in formats],
            idempotency_key=idempotency_key,
            requested_by_id=actor.actor_id,
            client=client,
        )
        job.recipe_hash = recipe_hash(job.recipe)
        if idempotency_key is not None and (first := _first(job)) is not None:
            return first, False
        _within_quota(project)
        job.save()
        hint_exports()
        return job, True


def approve_export(*, actor: Scope, job_id: int, reason: str) -> ExportJob:
    """Release an export that waits for a second person. The page asks who is there once more.

    Raises ValidationError (not waiting, agreement expired, no reason), PermissionDenied (right, or
    one's own request), ExportJob.DoesNotExist.
    """
    with acting(actor), transaction.atomic():
        job = _to_decide(actor, job_id, reason)
        if not job.project.is_open(timezone.now().date()):
            raise ValidationError(_("The project is closed or its agreement has expired."))
        _decide(job, actor, ExportState.READY, reason)
        return job


def refuse_export(*, actor: Scope, job_id: int, reason: str) -> ExportJob:
    """Refuse an export that waits for a second person; its files are removed. Raises as approve."""
    with acting(actor), transaction.atomic():
        job = _to_decide(actor, job_id, reason)
        _decide(job, actor, ExportState.REFUSED, reason)
        hint_exports()
        return job


def call_back_export(*, actor: Scope, job_id: int, reason: str) -> bool:
    """Call a released export back: no more downloads, and recipients see it on the revocation list.

    False when it is not released. Raises ValidationError (no reason), PermissionDenied.
    """
    actor.require(Permission.APPROVE_EXPORTS)
    with acting(actor), transaction.atomic():
        set_reason(_reason(reason))
        job = ExportJob.objects.select_for_update(of=("self",)).get(pk=job_id)
        if job.state != ExportState.READY:
            return False
        job.state = ExportState.REVOKED
        job.save(update_fields=["state"])
        ExportRevocation.objects.create(job=job, reason="called_back")
        hint_exports()
        return True


def end_export(*, actor: Scope, job_id: int, client: str = "") -> bool:
    """The requester's side needs the export no more: its files are removed. False when there is nothing to end.

    Raises PermissionDenied, ExportJob.DoesNotExist.
    """
    actor.require(Permission.REQUEST_EXPORTS)
    with acting(actor), transaction.atomic():
        job = (
            ExportJob.objects.select_for_update(of=("self",))
            .select_related("project")
            .get(pk=job_id)
        )
        require_member(actor, job.project, client)
        if job.state not in (*_WAITING, ExportState.REVIEW, ExportState.READY):
            return False
        job.state = ExportState.EXPIRED
        job.save(update_fields=["state"])
        hint_exports()
        return True


def _check(
    project: Project,
    population: str,
    disease: str,
    tables: Collection[str],
    formats: Sequence[str],
) -> None:
    if not project.is_open(timezone.now().date()):
        raise ValidationError(_("The project is closed or its agreement has expired."))
    if population not in POPULATIONS:
        raise ValidationError({"population": _("Choose one of the populations.")})
    if disease not in DISEASES:
        raise ValidationError({"disease": _("Choose one of the diseases.")})
    if set(tables) - set(TABLES[project.profile]):
        raise ValidationError({"tables": _("The project's profile has no such table.")})
    if not formats or set(formats) - set(FORMATS):
        raise ValidationError({"formats": _("Choose at least one of the formats.")})


def _first(job: ExportJob) -> ExportJob | None:
    """The job of the key, when it is the same request. Raises KeyReused."""
    first = ExportJob.objects.filter(
        project=job.project, idempotency_key=job.idempotency_key
    ).first()
    if first is None:
        return None
    same = (first.recipe_hash, first.cut_id, first.formats) == (
        job.recipe_hash,
        job.cut_id,
        job.formats,
    )
    if not same:
        raise KeyReused(_("This idempotency key belongs to another request."))
    return first


def _within_quota(project: Project) -> None:
    waiting = ExportJob.objects.filter(project=project, state__in=_WAITING).count()
    if waiting >= MOST_WAITING:
        raise ValidationError(
            _("%(most)s exports of this project wait already. Ask again when one is done.")
            % {"most": MOST_WAITING}
        )


def _to_decide(actor: Scope, job_id: int, reason: str) -> ExportJob:
    actor.require(Permission.APPROVE_EXPORTS)
    set_reason(_reason(reason))
    job = ExportJob.objects.select_for_update(of=("self",)).select_related("project").get(pk=job_id)
    if job.requested_by_id == actor.actor_id:
        raise PermissionDenied(_("A second person decides: not the one who asked for the export."))
    if job.state != ExportState.REVIEW:
        raise ValidationError(_("This export does not wait for a decision."))
    return job


def _decide(job: ExportJob, actor: Scope, state: ExportState, reason: str) -> None:
    now = timezone.now()
    job.state = state
    job.approved_by_id = actor.actor_id
    job.decided_at = now
    job.decision_reason = reason.strip()
    job.expires_at = now + timedelta(days=READY_DAYS)
    job.save(update_fields=["state", "approved_by", "decided_at", "decision_reason", "expires_at"])


def _reason(reason: str) -> str:
    if not reason.strip():
        raise ValidationError({"reason": _("Say why: the audit trail keeps the reason.")})
    return reason.strip()
