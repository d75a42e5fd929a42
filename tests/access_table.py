"""What each address must answer to whom: written down a second time, beside the code that decides.

`ROUTES` has a line for every route: the permission it needs and the kind of object it is about. A
route without a line, or one that declares another permission, fails tests/architecture; the walk in
tests/deep visits every route as every person with every method and compares.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from analytics.actions.clients import make_client
from analytics.actions.data_cuts import make_cut
from analytics.actions.exports import request_export
from analytics.actions.projects import add_member
from analytics.actions.views import save_view
from analytics.models import DataCut, Project
from centers.access import acting, scope_of, system_scope
from centers.actions.centers import create_center
from centers.actions.users import add_membership, create_user
from centers.audit import EventKind, record_event
from centers.models import SYSTEM_USER_ID, User
from centers.queries.administration import memberships_of
from centers.roles import EVERY_CENTER, PERMISSIONS, Permission, Role
from patients.actions.drafts import DraftPage, save_draft
from patients.actions.records import RecordChange, RowChange, save_records
from patients.models import ContactAttempt, Draft
from patients.queries.duplicates import duplicate_pairs
from patients.query_models import Query
from tests.api_tools import project
from tests.importing import DECIDES, packed, uploaded
from tests.universe import SURVIVOR, USERS, Forms, Universe, add_record

P = Permission
ABSENT = uuid.UUID("00000000-0000-4000-8000-000000000000")
ANYBODY, ACCOUNT, CLIENT = "anybody", "account", "client"
# Centers whose objects the walk asks for; "" stands for an object that there is not.
FIRST, SECOND, NOWHERE = "C01", "C02", ""
RECORD_OF = {FIRST: "survivor", SECOND: "stranger"}
IMPORTERS = {FIRST: "carla", SECOND: "otto"}

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """A line of the table. `kind`: about what the page is, a key of KINDS.

    `fixed` are arguments that name no object. `is_off`: there is no such page for the
    universe's people; a setting or a second factor would bring it. `posting`: what its POST needs.
    `is_withheld`: pooled figures of so few records are not there for who sees no others.
    """

    permission: Permission | str
    kind: str = "nothing"
    fixed: Arguments = field(default_factory=dict)
    is_off: bool = False
    posting: Permission | None = None
    is_withheld: bool = False
    is_unbuilt: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """The universe with what only administrators see: a spare center, a spare person, a client."""

    universe: Universe
    center: uuid.UUID
    user: uuid.UUID
    membership: uuid.UUID
    client: uuid.UUID
    draft: uuid.UUID
    queries: Mapping[str, uuid.UUID]
    imports: Mapping[str, uuid.UUID]
    contacts: Mapping[str, uuid.UUID]
    pair: tuple[uuid.UUID, uuid.UUID]
    cut: uuid.UUID
    view: uuid.UUID
    project: uuid.UUID
    member: uuid.UUID
    export: uuid.UUID

    def record(self, center: str) -> uuid.UUID:
        """Public id of a record of the center."""
        name = RECORD_OF.get(center)
        return self.universe.records[name].public_id if name else ABSENT

    def row(self, center: str) -> uuid.UUID:
        """Public id of a follow-up of that record."""
        name = RECORD_OF.get(center)
        return self.universe.row_id(name, "follow_ups") if name else ABSENT

    def center_id(self, center: str) -> uuid.UUID:
        """Public id of a center."""
        return self.universe.centers[center].public_id if center else ABSENT


def build_world(universe: Universe, spare: str = "C09", twin: Forms = SURVIVOR) -> World:
    """What is missing in the universe: things that a walk may change without changing a walker.

    `spare`: a code that no center has. `twin`: what the second center knows of a person of the first.
    """
    system = system_scope()
    center = create_center(actor=system, values={"code": spare, "name": "Spare Center"})
    user = create_user(actor=system, username="spare", full_name="Spare Example", is_demo=True)
    add_membership(actor=system_scope(), user_id=user.pk, role=Role.MONITOR, center_id=center.pk)
    with acting(system_scope()), transaction.atomic():
        agreed = project()
        client, _ = make_client(
            label="Spare client",
            project=agreed,
            owner=universe.users["ines"],
            scopes=["outcomes"],
        )
    for code in (FIRST, SECOND):
        _import_something(universe, code)
    cut = make_cut(actor=system_scope(), name="First cut", cutoff=date(2017, 6, 30))
    return World(
        universe,
        center.public_id,
        user.public_id,
        _membership_of(user),
        client.public_id,
        _keep_draft(universe),
        {code: _open_query(universe, code) for code in (FIRST, SECOND)},
        {code: _upload(universe, who, code) for code, who in IMPORTERS.items()},
        {code: _log_attempt(universe, code) for code in (FIRST, SECOND)},
        _add_twin(universe, twin),
        cut.public_id,
        _save_view(universe),
        agreed.public_id,
        user.public_id,
        _ask_for_export(universe, agreed, cut),
    )


def _ask_for_export(universe: Universe, agreed: Project, cut: DataCut) -> uuid.UUID:
    """An export of a project whose member the investigator is."""
    for user in (universe.users["ines"], universe.users["dana"]):
        add_member(actor=system_scope(), project_id=agreed.pk, user_id=user.pk)
    job, _ = request_export(
        actor=system_scope(), project_id=agreed.pk, cut_id=cut.pk, population="treated"
    )
    public_id: uuid.UUID = job.public_id
    return public_id


def _membership_of(user: User) -> uuid.UUID:
    """How pages name the person's only membership."""
    with acting(system_scope()), transaction.atomic():
        (line,) = memberships_of(user)
    return line.key


def _keep_draft(universe: Universe) -> uuid.UUID:
    """A draft of DRAFTER, of a page of First Center."""
    actor = scope_of(universe.users[DRAFTER])
    address = universe.url(RECORD_OF[FIRST], "baseline/")
    record = universe.records[RECORD_OF[FIRST]].public_id
    page = DraftPage(universe.centers[FIRST].pk, address, "Baseline", record, 1)
    save_draft(actor=actor, page=page, boxes={"weight_kg": ["72"]})
    with acting(actor), transaction.atomic():
        public_id: uuid.UUID = Draft.objects.get().public_id
    return public_id


def _save_view(universe: Universe) -> uuid.UUID:
    """A saved view of DRAFTER."""
    actor = scope_of(universe.users[DRAFTER])
    public_id: uuid.UUID = save_view(
        actor=actor, name="Men", page="cohort_overview", query="sex=male"
    ).public_id
    return public_id


def _log_attempt(universe: Universe, code: str) -> uuid.UUID:
    """An attempt to reach the patient of the center's record."""
    with acting(system_scope()), transaction.atomic():
        attempt = ContactAttempt.objects.create(
            center=universe.centers[code],
            patient_id=universe.records[RECORD_OF[code]].patient_id,
            attempted_on=date(2012, 3, 5),
            channel="phone",
            outcome="no_answer",
            made_by_id=SYSTEM_USER_ID,
        )
    public_id: uuid.UUID = attempt.public_id
    return public_id


def _open_query(universe: Universe, code: str) -> uuid.UUID:
    """An open query about the center's record."""
    with acting(system_scope()), transaction.atomic():
        query = Query.objects.create(
            center=universe.centers[code],
            patient_id=universe.records[RECORD_OF[code]].patient_id,
            check_id="follow_up.gap",
            form_name="follow_ups",
            message="A gap of 24 months or more",
            opened_by_id=SYSTEM_USER_ID,
        )
    public_id: uuid.UUID = query.public_id
    return public_id


def _upload(universe: Universe, username: str, code: str) -> uuid.UUID:
    """An import with its preview: a contact of the center's record."""
    contact = DECIDES | {"center": code, "record_id": f"{code}-0001"}
    return uploaded(universe, packed({"follow_ups": [contact]}), username, code)


def _add_twin(universe: Universe, forms: Forms) -> tuple[uuid.UUID, uuid.UUID]:
    """The same person at both centers, as a pair in the order of the page."""
    twin = {**forms["patients"][0], "record_id": "C02-0099"}
    add_record(universe.centers[SECOND], {**forms, "patients": [twin]})
    with acting(system_scope()), transaction.atomic():
        (pair,) = duplicate_pairs()
    return pair.first.public_id, pair.second.public_id


def _import_something(universe: Universe, code: str) -> None:
    """A finding of the audit review at the center: a row written by an import, today."""
    name = RECORD_OF[code]
    scope = system_scope()
    row = universe.row_key(name, "follow_ups")
    change = RecordChange(
        universe.centers[code].pk,
        universe.records[name].patient_id,
        [RowChange("follow_ups", {"source": "letter"}, row_id=row)],
    )
    save_records(actor=scope, changes=[change], reason="Corrected by import")
    with acting(scope), transaction.atomic():
        record_event(EventKind.IMPORT, {"rows": 1}, center_id=universe.centers[code].pk)


def system_user() -> uuid.UUID:
    """Public id of the account that imports."""
    with acting(system_scope()), transaction.atomic():
        public_id: uuid.UUID = User.objects.get(pk=SYSTEM_USER_ID).public_id
    return public_id


# About what a page is: the arguments that name an object of a center (NOWHERE: one there is not).
KINDS: dict[str, Callable[[World, str], Arguments]] = {
    "nothing": lambda world, center: {},
    "record": lambda world, center: {"record": world.record(center)},
    "form": lambda world, center: {"record": world.record(center), "form": "follow_ups"},
    "row": lambda world, center: {
        "record": world.record(center),
        "form": "follow_ups",
        "row": world.row(center),
    },
    "center": lambda world, center: {"center": world.center if center else ABSENT},
    "user": lambda world, center: {"user": world.user if center else ABSENT},
    "membership": lambda world, center: {
        "user": world.user,
        "membership": world.membership if center else ABSENT,
    },
    "client": lambda world, center: {"client": world.client if center else ABSENT},
    "project": lambda world, center: {"project": world.project if center else ABSENT},
    "member": lambda world, center: {
        "project": world.project if center else ABSENT,
        "user": world.member,
    },
    "export": lambda world, center: {"export": world.export if center else ABSENT},
    "finding": lambda world, center: {
        "kind": "imports",
        "center": world.center_id(center),
        "user": system_user(),
        "day": timezone.now().date(),
    },
    "cohort": lambda world, center: {"cohort": ABSENT},
    "api_export": lambda world, center: {"export": ABSENT},
    "draft": lambda world, center: {"draft": world.draft if center else ABSENT},
    "cut": lambda world, center: {"cut": world.cut if center else ABSENT},
    "view": lambda world, center: {"view": world.view if center else ABSENT},
    "contact": lambda world, center: {
        "record": world.record(center),
        "contact": world.contacts.get(center, ABSENT),
    },
    "query": lambda world, center: {"query": world.queries.get(center, ABSENT)},
    "import": lambda world, center: {"job": world.imports.get(center, ABSENT)},
    "pair": lambda world, center: {
        "first": world.pair[0],
        "second": world.pair[1] if center else ABSENT,
    },
    # The system's account wrote at both centers, and another person's page is as absent as none.
    "person": lambda world, center: {"user": system_user() if center else ABSENT},
}
# Kinds of which there are two, one a center; of others there is one, for whoever has the permission.
OF_A_CENTER = frozenset({"record", "form", "row", "finding", "query", "import", "contact"})
# The one person to whom the draft and the saved view exist.
DRAFTER = "carla"
FILE: Arguments = {"form": "csv"}

ROUTES: dict[str, Expected] = {
    "home": Expected(ANYBODY),
    "live": Expected(ANYBODY),
    "ready": Expected(ANYBODY),
    "metrics": Expected(ANYBODY, is_off=True),
    "login": Expected(ANYBODY),
    "logout": Expected(ANYBODY),
    "welcome": Expected(ANYBODY, fixed={"uidb64": "MQ", "token": "set-password"}),
    "account_login": Expected(ANYBODY),
    "mfa_authenticate": Expected(ANYBODY),
    "passkey_sign_in": Expected(ANYBODY),
    "password_forgotten": Expected(ANYBODY),
    "hospital_sign_in": Expected(ANYBODY, is_off=True),
    "hospital_return": Expected(ANYBODY),
    "csp_report": Expected(ANYBODY),
    "confirm": Expected(ACCOUNT),
    "account": Expected(ACCOUNT),
    "account_setup": Expected(ACCOUNT),
    "account_add_app": Expected(ACCOUNT),
    "account_add_passkey": Expected(ACCOUNT),
    "account_remove_factor": Expected(ACCOUNT),
    "account_recovery_codes": Expected(ACCOUNT, is_off=True),
    "account_password": Expected(ACCOUNT),
    "account_end_session": Expected(ACCOUNT),
    "session_keep": Expected(ACCOUNT),
    "record_list": Expected(P.VIEW_RECORDS),
    "record_find": Expected(P.VIEW_RECORDS),
    "record_switch": Expected(P.VIEW_RECORDS),
    "blank_forms": Expected(P.VIEW_RECORDS),
    "work_list": Expected(P.EDIT_RECORDS),
    "due_list": Expected(P.EDIT_RECORDS),
    "reminder_set": Expected(P.EDIT_RECORDS),
    "record_contacts": Expected(P.VIEW_RECORDS, "record"),
    "contact_create": Expected(P.EDIT_RECORDS, "record"),
    "contact_retract": Expected(P.EDIT_RECORDS, "contact"),
    "record_create": Expected(P.EDIT_RECORDS),
    "record_detail": Expected(P.VIEW_RECORDS, "record"),
    "record_outcome": Expected(P.VIEW_RECORDS, "record"),
    "record_amend": Expected(P.EDIT_RECORDS, "record"),
    "consent_withdraw": Expected(P.EDIT_RECORDS, "record"),
    "course_grid": Expected(P.EDIT_RECORDS, "record"),
    "course_create": Expected(P.EDIT_RECORDS, "record"),
    "row_create": Expected(P.EDIT_RECORDS, "form"),
    "row_amend": Expected(P.EDIT_RECORDS, "row"),
    "row_retract": Expected(P.EDIT_RECORDS, "row"),
    "row_restore": Expected(P.EDIT_RECORDS, "row"),
    "record_history": Expected(P.VIEW_HISTORY, "record"),
    "record_history_download": Expected(P.VIEW_HISTORY, "record", FILE),
    "record_verify": Expected(P.VERIFY_RECORDS, "record"),
    "record_sign": Expected(P.SIGN_RECORDS, "record"),
    "record_lock": Expected(P.LOCK_RECORDS, "record"),
    "record_print": Expected(P.VIEW_RECORDS, "record"),
    "record_reveal": Expected(P.REVEAL_IDENTIFIERS, "record"),
    "record_retire": Expected(P.RETIRE_RECORDS, "record"),
    "record_erase": Expected(P.ERASE_IDENTIFIERS, "record"),
    "record_download": Expected(P.DOWNLOAD_RECORDS),
    "import_list": Expected(P.IMPORT_RECORDS),
    "import_create": Expected(P.IMPORT_RECORDS),
    "import_template": Expected(P.IMPORT_RECORDS, fixed={"kind": "zip"}),
    "import_detail": Expected(P.IMPORT_RECORDS, "import"),
    "import_columns": Expected(P.IMPORT_RECORDS, "import"),
    "import_cells": Expected(P.IMPORT_RECORDS, "import"),
    "import_effects": Expected(P.IMPORT_RECORDS, "import"),
    "import_report": Expected(P.IMPORT_RECORDS, "import"),
    "import_check": Expected(P.IMPORT_RECORDS, "import"),
    "import_commit": Expected(P.IMPORT_RECORDS, "import"),
    "import_undo": Expected(P.IMPORT_RECORDS, "import"),
    "import_discard": Expected(P.IMPORT_RECORDS, "import"),
    "draft_list": Expected(P.EDIT_RECORDS),
    "draft_save": Expected(P.EDIT_RECORDS),
    "draft_discard": Expected(P.EDIT_RECORDS, "draft"),
    "lock_list": Expected(P.REVIEW_AUDIT, posting=P.LOCK_RECORDS),
    "query_list": Expected(P.VIEW_RECORDS),
    "query_detail": Expected(P.VIEW_RECORDS, "query"),
    "query_answer": Expected(P.ANSWER_QUERIES, "query"),
    "query_close": Expected(P.MANAGE_QUERIES, "query"),
    "query_reopen": Expected(P.MANAGE_QUERIES, "query"),
    "query_raise": Expected(P.MANAGE_QUERIES, "record"),
    "duplicate_list": Expected(P.VIEW_DUPLICATES),
    "duplicate_review": Expected(P.VIEW_DUPLICATES, "pair"),
    "cohort_overview": Expected(P.VIEW_COHORT),
    "cohort_description": Expected(P.VIEW_COHORT),
    "cohort_survival": Expected(P.VIEW_COHORT),
    "cohort_progression": Expected(P.VIEW_COHORT),
    "cohort_swimmer": Expected(P.VIEW_COHORT),
    "cohort_flow": Expected(P.VIEW_COHORT),
    "cohort_flow_records": Expected(P.VIEW_COHORT),
    "cohort_accrual": Expected(P.VIEW_COHORT),
    "cohort_quality": Expected(P.VIEW_COHORT),
    "cohort_file": Expected(
        P.VIEW_COHORT, fixed={"figure": "survival", "kind": "csv"}, is_withheld=True
    ),
    "record_past": Expected(P.VIEW_RECORDS, "record"),
    "cohort_sensitivity": Expected(P.VIEW_COHORT),
    "cohort_report": Expected(P.VIEW_COHORT),
    "cohort_report_file": Expected(P.VIEW_COHORT),
    "view_list": Expected(P.VIEW_COHORT),
    "view_save": Expected(P.VIEW_COHORT, fixed={"page": "cohort_overview"}),
    "view_remove": Expected(P.VIEW_COHORT, "view"),
    "cut_list": Expected(P.CUT_DATA),
    "cut_create": Expected(P.CUT_DATA),
    "cut_compare": Expected(P.CUT_DATA),
    "cut_detail": Expected(P.CUT_DATA, "cut"),
    "cut_rename": Expected(P.CUT_DATA, "cut"),
    "cut_lock": Expected(P.CUT_DATA, "cut"),
    "cut_reproduce": Expected(P.CUT_DATA, "cut"),
    "export_list": Expected(P.REQUEST_EXPORTS),
    "export_create": Expected(P.REQUEST_EXPORTS),
    "export_codebook": Expected(P.REQUEST_EXPORTS, fixed={"profile": "research"}),
    "export_key": Expected(ANYBODY),
    "export_detail": Expected(P.REQUEST_EXPORTS, "export"),
    "export_decide": Expected(P.APPROVE_EXPORTS, "export"),
    "export_call_back": Expected(P.APPROVE_EXPORTS, "export"),
    "export_end": Expected(P.REQUEST_EXPORTS, "export"),
    # Nothing of it is built in the walk.
    "export_file": Expected(
        P.REQUEST_EXPORTS, "export", fixed={"file": "subjects.csv"}, is_unbuilt=True
    ),
    "project_list": Expected(P.MANAGE_PROJECTS),
    "project_create": Expected(P.MANAGE_PROJECTS),
    "project_detail": Expected(P.MANAGE_PROJECTS, "project"),
    "project_amend": Expected(P.MANAGE_PROJECTS, "project"),
    "project_close": Expected(P.MANAGE_PROJECTS, "project"),
    "project_destroy": Expected(P.MANAGE_PROJECTS, "project"),
    "project_add_member": Expected(P.MANAGE_PROJECTS, "project"),
    "project_remove_member": Expected(P.MANAGE_PROJECTS, "member"),
    "api_token": Expected(ANYBODY),
    "api_token_revoke": Expected(ANYBODY),
    "api_schema": Expected(ANYBODY),
    "api_docs": Expected(ANYBODY),
    "api_survival": Expected(CLIENT),
    "api_centers": Expected(CLIENT),
    "api_cohorts": Expected(CLIENT),
    "api_cohort": Expected(CLIENT, "cohort"),
    "api_cuts": Expected(CLIENT),
    "api_codebook": Expected(CLIENT),
    "api_outcomes": Expected(CLIENT),
    "api_exports": Expected(CLIENT),
    "api_export": Expected(CLIENT, "api_export"),
    "api_export_manifest": Expected(CLIENT, "api_export"),
    "api_export_file": Expected(CLIENT, "api_export", {"file": "manifest.json"}),
    "api_outcomes_csv": Expected(CLIENT),
    "api_absent": Expected(ANYBODY, fixed={"rest": "nothing"}, is_off=True),
    "audit_review": Expected(P.REVIEW_AUDIT),
    "audit_finding": Expected(P.REVIEW_AUDIT, "finding"),
    "audit_finding_download": Expected(P.REVIEW_AUDIT, "finding", FILE),
    "audit_user": Expected(P.REVIEW_AUDIT, "person"),
    "audit_user_download": Expected(P.REVIEW_AUDIT, "person", FILE),
    "access_log": Expected(P.MANAGE_USERS),
    "access_log_download": Expected(P.MANAGE_USERS, fixed=FILE),
    "access_user": Expected(P.MANAGE_USERS, "user"),
    "access_user_download": Expected(P.MANAGE_USERS, "user", FILE),
    "operations": Expected(P.MANAGE_OPERATIONS),
    "operations_retry": Expected(P.MANAGE_OPERATIONS),
    "center_list": Expected(P.MANAGE_CENTERS),
    "center_create": Expected(P.MANAGE_CENTERS),
    "center_detail": Expected(P.MANAGE_CENTERS, "center"),
    "center_amend": Expected(P.MANAGE_CENTERS, "center"),
    "center_close": Expected(P.MANAGE_CENTERS, "center"),
    "center_reopen": Expected(P.MANAGE_CENTERS, "center"),
    "user_list": Expected(P.MANAGE_USERS),
    "user_create": Expected(P.MANAGE_USERS),
    "user_detail": Expected(P.MANAGE_USERS, "user"),
    "user_amend": Expected(P.MANAGE_USERS, "user"),
    "user_deactivate": Expected(P.MANAGE_USERS, "user"),
    "user_reactivate": Expected(P.MANAGE_USERS, "user"),
    "user_link": Expected(P.MANAGE_USERS, "user"),
    "membership_create": Expected(P.MANAGE_USERS, "user"),
    "membership_end": Expected(P.MANAGE_USERS, "membership"),
    "user_sessions": Expected(P.MANAGE_USERS, "user"),
    "user_second_factor": Expected(P.MANAGE_USERS, "user"),
    "client_list": Expected(P.MANAGE_CLIENTS),
    "client_create": Expected(P.MANAGE_CLIENTS),
    "client_revoke": Expected(P.MANAGE_CLIENTS, "client"),
}


def held(username: str, permission: Permission) -> frozenset[str]:
    """Centers (FIRST, SECOND) where a person of the universe holds the permission, from its map."""
    found: set[str] = set()
    for role, code in USERS[username]:
        if permission in PERMISSIONS[role]:
            found |= {code} if code else {FIRST, SECOND} if role in EVERY_CENTER else set()
    return frozenset(found)


def holds(username: str, permission: Permission) -> bool:
    """Whether the person holds it anywhere, or for the whole registry."""
    return any(permission in PERMISSIONS[role] for role, _ in USERS[username])


def objects_of(expected: Expected) -> tuple[str, ...]:
    """The objects that a page is asked for: each center's, and one that there is not."""
    if expected.kind == "nothing":
        return (FIRST,)
    return (FIRST, SECOND, NOWHERE) if expected.kind in OF_A_CENTER else (FIRST, NOWHERE)


def address(world: World, name: str, center: str) -> str:
    """The path of a route for an object of the center."""
    expected = ROUTES[name]
    return reverse(name, kwargs={**KINDS[expected.kind](world, center), **expected.fixed})


def answer(username: str, name: str, center: str, method: str = "GET") -> int:
    """The status to a person ("": to nobody): 302 is the way to sign-in, 200 all that is no refusal."""
    expected = ROUTES[name]
    if not username and expected.permission != ANYBODY:
        return 302
    if expected.is_off:
        return 404
    if expected.permission == ANYBODY:
        return 200
    if isinstance(expected.permission, Permission):
        if not holds(username, expected.permission):
            return 403
        if method == "POST" and expected.posting and not holds(username, expected.posting):
            return 403
        if expected.is_withheld and not held(username, expected.permission):
            return 404
        if expected.kind in OF_A_CENTER:
            return _answer_at_center(username, expected, center)
    if (
        center == NOWHERE
        or expected.is_unbuilt
        or (expected.kind in ("draft", "view") and username != DRAFTER)
    ):
        return 404
    return 200


def _answer_at_center(username: str, expected: Expected, center: str) -> int:
    assert isinstance(expected.permission, Permission)
    is_of_record = expected.kind in ("record", "form", "row", "query", "contact")
    seen = P.VIEW_RECORDS if is_of_record else expected.permission
    if center not in held(username, seen):
        return 404
    return 200 if center in held(username, expected.permission) else 403
