"""Two writers at once: the second waits, then sees what the first saved."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connections, transaction

from centers.access import Scope, acting
from centers.models import Center
from patients import registry_numbers
from patients.actions.records import Conflict, RecordChange, Refused, save_records
from patients.models import Patient, PatientIdentity
from tests.patients.record_changes import amend, change, load, new_record, save

WAIT_SECONDS = 20
WRITERS = 8


def while_open(first: Callable[[], object], second: Callable[[], object]) -> list[BaseException]:
    """Run `first` in a transaction that stays open until `second` waits for it; errors of second."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            second()
        except Exception as error:  # handed to the test
            errors.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        first()
        thread.start()
        thread.join(timeout=1)
        assert thread.is_alive(), "the second writer did not wait"
    thread.join(timeout=WAIT_SECONDS)
    assert not thread.is_alive()
    return errors


def test_second_editor_of_a_version_conflicts(center: Center, coordinator: Scope) -> None:
    saved = save(coordinator, new_record(center))[0]
    errors = while_open(
        lambda: amend(
            coordinator, saved, change("patients", {"sex": "male"}), expected=1, reason="x"
        ),
        lambda: amend(
            coordinator, saved, change("patients", {"ecog": "1"}), expected=1, reason="x"
        ),
    )
    assert [type(error) for error in errors] == [Conflict]


def test_second_editor_without_version_keeps_both_changes(
    center: Center, coordinator: Scope
) -> None:
    saved = save(coordinator, new_record(center))[0]
    errors = while_open(
        lambda: amend(coordinator, saved, change("patients", {"sex": "male"}), reason="x"),
        lambda: amend(coordinator, saved, change("patients", {"ecog": "1"}), reason="x"),
    )
    assert errors == []
    values = load(coordinator, saved).patient.values
    assert (values["sex"], values["ecog"]) == ("male", "1")


def test_same_record_id_created_at_once_is_refused(center: Center, coordinator: Scope) -> None:
    errors = while_open(
        lambda: save(coordinator, new_record(center)),
        lambda: save(coordinator, new_record(center, sex="male")),
    )
    assert len(errors) == 1
    assert isinstance(errors[0], Refused)
    assert [f.check for f in errors[0].findings] == ["record.duplicate"]


def test_taken_registry_number_is_drawn_again(
    center: Center, coordinator: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter([5, 5, 6])
    monkeypatch.setattr(registry_numbers.secrets, "randbelow", lambda _: next(drawn))
    save(coordinator, new_record(center))
    save(coordinator, new_record(center, "R2"))
    with acting(coordinator), transaction.atomic():
        numbers = sorted(Patient.objects.values_list("registry_number", flat=True))
    assert [number[4:12] for number in numbers] == ["00000005", "00000006"]


def test_no_free_registry_number_is_an_error(
    center: Center, coordinator: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_numbers.secrets, "randbelow", lambda _: 5)
    save(coordinator, new_record(center))
    with pytest.raises(IntegrityError, match="registry_number"):
        save(coordinator, new_record(center, "R2"))


def test_save_inside_a_larger_transaction_rolls_back_alone(
    center: Center, coordinator: Scope
) -> None:
    with acting(coordinator), transaction.atomic():
        save(coordinator, new_record(center))
        with pytest.raises(Refused):
            save(coordinator, new_record(center, "R2", date_of_death="1999"))
        bad = [change("patients", {"record_id": "R3", "sex": "male"})]
        with pytest.raises(Refused):
            save_records(actor=coordinator, changes=[RecordChange(center.pk, None, bad)])
        save(coordinator, new_record(center, "R4", sex="male"))
    with acting(coordinator), transaction.atomic():
        assert Patient.objects.count() == 2


def test_records_created_at_once_all_get_numbers_of_their_own(
    center: Center, coordinator: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first draws are the same by twos, so that some find theirs taken or being written."""
    draws = itertools.count()

    def draw(_: int) -> int:
        place = next(draws)
        return place // 2 if place < WRITERS else place

    monkeypatch.setattr(secrets, "randbelow", draw)
    together, errors = threading.Barrier(WRITERS), list[BaseException]()

    def run(number: int) -> None:
        try:
            together.wait(timeout=WAIT_SECONDS)
            save(coordinator, new_record(center, f"R{number}"))
        except BaseException as error:  # handed to the test
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=WAIT_SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    assert errors == []
    with acting(coordinator), transaction.atomic():
        numbers = list(Patient.objects.values_list("registry_number", flat=True))
        ids = set(PatientIdentity.objects.values_list("record_id", flat=True))
    assert len(set(numbers)) == len(numbers) == WRITERS
    assert all(registry_numbers.is_registry_number(number) for number in numbers)
    assert ids == {f"R{number}" for number in range(WRITERS)}
    assert next(draws) > WRITERS
