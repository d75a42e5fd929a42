"""A cohort with its events, a data cut, two projects, and exports built by the worker's own engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import transaction

from analytics.actions.data_cuts import make_cut
from analytics.actions.exports import approve_export, request_export
from analytics.actions.projects import add_member, create_project
from analytics.export_jobs import ExportState
from analytics.exporting import store
from analytics.exporting.engine import build_waiting
from analytics.models import DataCut, ExportJob, Project
from analytics.projects import RESEARCH, SAFE_HARBOR
from centers.access import acting, scope_of, system_scope
from centers.models import User
from centers.roles import Role
from tests.analytics.cohort_records import cohort_records
from tests.analytics.conftest import derive_all, person
from tests.oracle import Record

CUTOFF = date(2017, 6, 30)
CLINICAL = (
    "patients_patient",
    "patients_prior_therapy",
    "patients_course",
    "patients_cycle",
    "patients_assessment",
    "patients_local_therapy",
    "patients_systemic_therapy",
    "patients_follow_up",
)
ALL_FORMATS = ("csv", "parquet", "adam", "xpt", "sav", "dta", "xlsx")


@dataclass
class World:
    """What exports start from."""

    cut: DataCut
    projects: dict[str, Project]
    asker: User
    approver: User
    administrator: User
    built: dict[str, ExportJob] = field(default_factory=dict)


def note_events(superuser: psycopg.Connection) -> None:
    """The events that rows loaded past the triggers would have: time travel reads them."""
    for table in CLINICAL:
        patient = "id" if table == "patients_patient" else "patient_id"
        generated = superuser.execute(
            "select array_agg(attname::text) from pg_attribute where attrelid = %s::regclass"
            " and attgenerated <> '' and not attisdropped",
            [table],
        ).fetchone()
        superuser.execute(
            f"""
            insert into audit.event (at, xact, actor_id, role, center_id, patient_id, table_name,
                row_id, operation, after, app_version, row_hash)
            select now(), pg_current_xact_id(), 1, 'system', center_id, {patient}, %s, id, 'insert',
                to_jsonb(row) - %s::text[], '', '' from {table} row order by id
            """,
            [table, (generated and generated[0]) or []],
        )


def build_world(
    superuser: psycopg.Connection,
    records: Sequence[Record] | None = None,
    change: Callable[[], None] = lambda: None,
) -> World:
    """The world of the generated cohort; `change` is done to the rows before their events are noted."""
    derive_all(superuser, records or cohort_records())
    change()
    note_events(superuser)
    with acting(system_scope()), transaction.atomic():
        asker = person("asker", Role.INVESTIGATOR)
        approver = person("approver", Role.DATA_MANAGER)
        administrator = person("admin", Role.ADMINISTRATOR)
    cut = make_cut(actor=system_scope(), name="The cut", cutoff=CUTOFF)
    projects = {name: make_project(administrator, asker, name) for name in (SAFE_HARBOR, RESEARCH)}
    return World(cut, projects, asker, approver, administrator)


def make_project(administrator: User, member: User, profile: str, name: str = "") -> Project:
    made = create_project(
        actor=scope_of(administrator),
        name=name or f"Project {profile}",
        purpose="Long-term outcome",
        profile=profile,
        agreement="DUA-1",
        agreement_expires_on=date(2099, 12, 31),
        recipients="A university",
    )
    add_member(actor=scope_of(administrator), project_id=made.pk, user_id=member.pk)
    return made


def ask(world: World, profile: str = RESEARCH, **given: Any) -> ExportJob:
    values: dict[str, Any] = {
        "project_id": world.projects[profile].pk,
        "cut_id": world.cut.pk,
        "population": "treated",
        "formats": ALL_FORMATS,
        **given,
    }
    return request_export(actor=scope_of(world.asker), **values)[0]


def build(world: World, profile: str = RESEARCH, **given: Any) -> ExportJob:
    """An export asked for, built, and released by the second person where it waits for one."""
    job = ask(world, profile, **given)
    build_waiting()
    return release(world, job)


def release(world: World, job: ExportJob) -> ExportJob:
    job = again(job)
    if job.state == ExportState.REVIEW:
        approve_export(actor=scope_of(world.approver), job_id=job.pk, reason="Read the report")
        job = again(job)
    assert job.state == ExportState.READY, (job.state, job.error)
    return job


def again(job: ExportJob) -> ExportJob:
    """The row as it stands."""
    with acting(system_scope()), transaction.atomic():
        return ExportJob.objects.select_related("project", "cut").get(pk=job.pk)


def fetched(job: ExportJob, folder: Path) -> Path:
    """Its files under their names, as a recipient has them."""
    for entry in job.files or ():
        (folder / entry["name"]).write_bytes(store.place(entry["sha256"]).read_bytes())
    return folder


def hashes(job: ExportJob) -> dict[str, str]:
    return {entry["name"]: entry["sha256"] for entry in job.files or ()}


def use_folder(folder: Path) -> None:
    """A store of the test's own."""
    settings.REGISTRY_EXPORT_DIR = folder
