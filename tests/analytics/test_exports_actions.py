"""Projects and export jobs: who may do what, in which order, and what the database refuses by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from analytics.actions import exports, projects
from analytics.actions.data_cuts import make_cut
from analytics.export_jobs import ExportState
from analytics.models import DataCut, ExportJob, ExportRevocation, Project
from analytics.projects import RESEARCH, SAFE_HARBOR
from centers.access import Scope, acting, scope_of, system_scope
from tests.snapshot import start_from
from tests.universe import Universe, build_universe

LATER = date(2099, 12, 31)


def make_project(universe: Universe, profile: str = RESEARCH, **given: Any) -> Project:
    values: dict[str, Any] = {
        "name": f"Project {profile}",
        "purpose": "Long-term outcome",
        "profile": profile,
        "agreement": "DUA-1",
        "agreement_expires_on": LATER,
        "recipients": "A university",
        **given,
    }
    made = projects.create_project(actor=scope_of(universe.users["adam"]), **values)
    for name in ("ines", "dana"):
        projects.add_member(
            actor=scope_of(universe.users["adam"]),
            project_id=made.pk,
            user_id=universe.users[name].pk,
        )
    return made


def _build() -> tuple[Universe, DataCut, Project]:
    universe = build_universe()
    cut = make_cut(actor=system_scope(), name="First", cutoff=date(2017, 6, 30))
    return universe, cut, make_project(universe)


@pytest.fixture
def world(database: None, superuser: psycopg.Connection) -> tuple[Universe, DataCut, Project]:
    return start_from("a project", _build, superuser)


World = tuple[Universe, DataCut, Project]


def ask(world: World, who: str = "ines", **given: Any) -> tuple[ExportJob, bool]:
    universe, cut, project = world
    values = {"project_id": project.pk, "cut_id": cut.pk, "population": "treated", **given}
    return exports.request_export(actor=scope_of(universe.users[who]), **values)


def set_state(job: ExportJob, state: ExportState) -> None:
    """As the worker leaves it."""
    with acting(system_scope()), transaction.atomic(using="worker"):
        ExportJob.objects.using("worker").filter(pk=job.pk).update(state=state)


def test_request_is_answered_once_for_a_key(world: World) -> None:
    job, new = ask(world, idempotency_key="k1")
    assert new
    assert job.recipe["tables"][:2] == ["subjects", "time_to_event"]
    assert len(job.recipe_hash) == 64
    again, new = ask(world, idempotency_key="k1")
    assert (again.pk, new) == (job.pk, False)
    with pytest.raises(exports.KeyReused):
        ask(world, idempotency_key="k1", formats=["parquet"])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"population": "everybody"}, "population"),
        ({"disease": "gout"}, "disease"),
        ({"tables": ["patients"]}, "tables"),
        ({"formats": []}, "formats"),
        ({"formats": ["pdf"]}, "formats"),
    ],
)
def test_refused_request_names_the_field(world: World, given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ask(world, **given)
    assert set(refused.value.message_dict) == {field}


def test_only_members_with_the_right_request(world: World) -> None:
    universe, _, project = world
    with pytest.raises(PermissionDenied):
        ask(world, "carla")
    projects.remove_member(
        actor=scope_of(universe.users["adam"]),
        project_id=project.pk,
        user_id=universe.users["ines"].pk,
    )
    with pytest.raises(PermissionDenied):
        ask(world)
    for act in (projects.close_project, projects.destroy_codes):
        with pytest.raises(PermissionDenied):
            act(actor=scope_of(universe.users["ines"]), project_id=project.pk, reason="x")


def test_quota_holds(world: World) -> None:
    for _ in range(exports.MOST_WAITING):
        ask(world)
    with pytest.raises(ValidationError, match="wait already"):
        ask(world)


def test_release_needs_a_second_person_and_a_standing_agreement(
    world: World, superuser: psycopg.Connection
) -> None:
    universe, _, project = world
    own, _ = ask(world, "dana")
    job, _ = ask(world)
    dana = scope_of(universe.users["dana"])
    with pytest.raises(ValidationError, match="does not wait"):
        exports.approve_export(actor=dana, job_id=job.pk, reason="ok")
    for one in (own, job):
        set_state(one, ExportState.REVIEW)
    with pytest.raises(PermissionDenied, match="second person"):
        exports.approve_export(actor=dana, job_id=own.pk, reason="ok")
    with pytest.raises(PermissionDenied):
        exports.approve_export(actor=scope_of(universe.users["ines"]), job_id=job.pk, reason="ok")
    with pytest.raises(ValidationError):
        exports.approve_export(actor=dana, job_id=job.pk, reason=" ")
    _expire(superuser, project)
    with pytest.raises(ValidationError, match="expired"):
        exports.approve_export(actor=dana, job_id=job.pk, reason="ok")
    _expire(superuser, project, 10)
    released = exports.approve_export(actor=dana, job_id=job.pk, reason="Read the risk report")
    assert released.is_fetchable(timezone.now())
    assert not released.is_fetchable(timezone.now() + timedelta(days=31))
    with acting(system_scope()), transaction.atomic(), pytest.raises(IntegrityError):
        ExportJob.objects.filter(pk=own.pk).update(state=ExportState.READY.value)
    assert exports.call_back_export(actor=dana, job_id=job.pk, reason="Wrong cut")
    assert not exports.call_back_export(actor=dana, job_id=job.pk, reason="Wrong cut")
    assert (
        exports.refuse_export(actor=system_scope(), job_id=own.pk, reason="No").state
        == ExportState.REFUSED
    )


def _expire(superuser: psycopg.Connection, project: Project, days: int = -1) -> None:
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update analytics_project set agreement_expires_on = current_date + %s where id = %s",
        [days, project.pk],
    )
    superuser.execute("reset session_replication_role")


def test_database_holds_the_two_people(world: World) -> None:
    universe, _, _ = world
    job, _ = ask(world)
    with acting(system_scope()), transaction.atomic(), pytest.raises(IntegrityError):
        ExportJob.objects.filter(pk=job.pk).update(approved_by=universe.users["ines"])


def test_closed_project_exports_nothing_and_calls_back(world: World) -> None:
    universe, _, project = world
    adam = scope_of(universe.users["adam"])
    released, _ = ask(world)
    waiting, _ = ask(world)
    set_state(released, ExportState.REVIEW)
    exports.approve_export(actor=scope_of(universe.users["dana"]), job_id=released.pk, reason="ok")
    amend: dict[str, Any] = {
        "project_id": project.pk,
        "name": "Renamed",
        "purpose": "p",
        "agreement": "a",
        "recipients": "r",
        "agreement_expires_on": LATER,
    }
    assert projects.amend_project(actor=adam, **amend, reason="New name").name == "Renamed"
    assert projects.close_project(actor=adam, project_id=project.pk, reason="Done")
    assert not projects.close_project(actor=adam, project_id=project.pk, reason="Done")
    with acting(system_scope()), transaction.atomic():
        states = dict(ExportJob.objects.values_list("pk", "state"))
        assert states == {released.pk: "revoked", waiting.pk: "refused"}
        assert [str(r) for r in ExportRevocation.objects.all()] == ["project_closed"]
    with pytest.raises(ValidationError):
        ask(world)
    with pytest.raises(ValidationError):
        projects.amend_project(actor=adam, **amend, reason="x")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "Project research"}, "name"),
        ({"profile": "open"}, "profile"),
        ({"agreement_expires_on": date(2001, 1, 1)}, "agreement_expires_on"),
        ({"purpose": "x" * 2001}, "purpose"),
    ],
)
def test_refused_project_names_the_field(world: World, given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        make_project(world[0], **given)
    assert set(refused.value.message_dict) == {field}


def test_cohorts_are_named_once_in_a_project(world: World) -> None:
    universe, _, project = world
    ines: Scope = scope_of(universe.users["ines"])
    make: Callable[..., Any] = projects.create_cohort
    made = make(actor=ines, name="Mine", population="eligible", project_id=project.pk)
    assert (made.population, made.disease) == ("eligible", "")
    for bad in ({"name": "Mine"}, {"population": "x"}, {"disease": "x"}):
        values = {"name": "Other", "population": "eligible", "project_id": project.pk, **bad}
        with pytest.raises(ValidationError):
            make(actor=ines, **values)


def test_safe_harbor_release_needs_no_second_person_in_the_database(world: World) -> None:
    universe, cut, _ = world
    open_project = make_project(universe, SAFE_HARBOR)
    job, _ = ask((universe, cut, open_project))
    set_state(job, ExportState.READY)
    ines = scope_of(universe.users["ines"])
    assert exports.end_export(actor=ines, job_id=job.pk)
    assert not exports.end_export(actor=ines, job_id=job.pk)
