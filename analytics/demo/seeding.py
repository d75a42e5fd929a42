"""Puts the demo into an empty registry, through the same actions that people use.

Everything is saved in one transaction, so that a seeding that was killed leaves an empty registry
and the next one starts afresh; the outcomes are derived after it, batch by batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.contrib.auth.hashers import make_password
from django.db import transaction

from analytics.demo.centers import DEMO_CENTERS, DEMO_PASSWORD, demo_accounts
from analytics.demo.plan import STANDARD
from analytics.demo.records import DemoRecord, demo_records
from analytics.demo.story import LOCKED, Cells
from analytics.derivation.stale import drain
from centers.access import Scope, acting, scope_of, system_scope
from centers.actions.centers import create_center
from centers.actions.users import add_membership, create_user
from centers.models import Center, User
from centers.roles import Role
from patients.actions.records import RecordChange, RowChange, save_records
from patients.rules.dictionary import FORMS, RECORD_FORMS
from patients.rules.values import Value, parse_value

BATCH: Final = 60
# Memberships of the demo are as old as its registry, so that the day of seeding does not show.
OPENED: Final = date(2016, 1, 4)
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Seeded:
    """What seeding made."""

    centers: int
    accounts: int
    records: int


def seed(total: int = STANDARD, progress: Progress = lambda line: None) -> Seeded | None:
    """Fill an empty registry with `total` records; None, and nothing done, when it has a center.

    Raises ValueError for fewer records than the standard cohort has.
    """
    if total < STANDARD:
        raise ValueError(f"The demo has at least {STANDARD} records.")
    with acting(system_scope()), transaction.atomic():
        if Center.objects.exists():
            return None
        centers = _save_centers()
        coordinators, accounts = _save_accounts(centers)
        progress(f"{len(centers)} centers, {accounts} accounts")
        saved = 0
        for code, batch in _batches(demo_records(total)):
            changes = [RecordChange(centers[code], None, row_changes(record)) for record in batch]
            # Each center's records by its own coordinator, as they would be entered.
            save_records(actor=coordinators[code], changes=changes, today=LOCKED)
            saved += len(batch)
            progress(f"{saved} of {total} records saved")
    with acting(system_scope()):
        progress(f"{drain()} records derived")
    return Seeded(len(centers), accounts, saved)


def _save_centers() -> dict[str, int]:
    """The centers; ids by code."""
    actor = system_scope()
    return {
        center.code: create_center(
            actor=actor,
            values={
                "code": center.code,
                "name": center.name,
                "city": center.city,
                "country": "US",
                "irb_number": f"SYNTHETIC-{center.code}",
                "activation_date": OPENED,
            },
        ).pk
        for center in DEMO_CENTERS
    }


def _save_accounts(centers: dict[str, int]) -> tuple[dict[str, Scope], int]:
    """The accounts with their roles; the scopes of the coordinators by center code, and how many."""
    actor = system_scope()
    coordinators: dict[str, User] = {}
    accounts = demo_accounts()
    # Hashing takes a good part of a second on a busy machine: once for all of them.
    encoded = make_password(DEMO_PASSWORD)
    for account in accounts:
        user = create_user(
            actor=actor,
            username=account.username,
            full_name=account.full_name,
            encoded_password=encoded,
            is_demo=True,
        )
        role = Role(account.role)
        center_id = centers[account.center] if account.center else None
        add_membership(
            actor=actor, user_id=user.pk, role=role, center_id=center_id, starts_on=OPENED
        )
        if role == Role.COORDINATOR:
            coordinators[account.center] = user
    return {code: scope_of(user) for code, user in coordinators.items()}, len(accounts)


def _batches(records: Iterable[DemoRecord]) -> Iterator[tuple[str, list[DemoRecord]]]:
    """Records of one center at a time, so that a person's second record never precedes the first."""
    waiting: dict[str, list[DemoRecord]] = {}
    for record in records:
        batch = waiting.setdefault(record.center, [])
        batch.append(record)
        if len(batch) == BATCH:
            yield record.center, waiting.pop(record.center)
    yield from waiting.items()


def row_changes(record: DemoRecord) -> list[RowChange]:
    """The record's rows as the actions take them, in the order of saving."""
    return [
        RowChange(form.name, _values(form.name, cells))
        for form in RECORD_FORMS
        for cells in record.rows[form.name]
    ]


def _values(form: str, cells: Cells) -> dict[str, Value]:
    fields = FORMS[form].by_name
    return {
        name: text if name == "record_id" else parse_value(fields[name], text)
        for name, text in cells.items()
    }
