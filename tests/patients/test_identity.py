"""Identifiers: sealed, bound to their record, found only within their center."""

from __future__ import annotations

import pytest
from django.db import transaction
from pytest_django import Settings

from centers.access import acting, system_scope
from patients import identity
from patients.registry_numbers import check_digit, is_registry_number, new_registry_number

PLAIN = {"record_id": "S-1", "birth_date": "1950-03-02", "mrn": "MRN-77", "initials": "AB"}


def test_sealed_identifiers_open_with_their_key_and_hide_the_text() -> None:
    key = identity.new_record_key("record-1")
    sealed = identity.seal(key, PLAIN)
    assert identity.unseal(key, sealed) == PLAIN
    assert all(value.encode() not in sealed for value in PLAIN.values())
    assert identity.seal(key, PLAIN) != sealed


def test_ciphertext_moved_to_another_record_does_not_open() -> None:
    key = identity.new_record_key("record-1")
    moved = identity.RecordKey("record-2", key.key)
    with pytest.raises(identity.SealBroken):
        identity.unseal(moved, identity.seal(key, PLAIN))
    with pytest.raises(identity.SealBroken):
        identity.unwrap("record-2", identity.wrap(key))


def test_changed_ciphertext_does_not_open() -> None:
    key = identity.new_record_key("record-1")
    sealed = bytearray(identity.seal(key, PLAIN))
    sealed[-1] ^= 1
    with pytest.raises(identity.SealBroken):
        identity.unseal(key, bytes(sealed))


def test_another_key_encryption_key_does_not_unwrap(settings: Settings) -> None:
    wrapped = identity.wrap(identity.new_record_key("record-1"))
    settings.REGISTRY_IDENTIFIER_KEY = b"x" * 32
    with pytest.raises(identity.SealBroken):
        identity.unwrap("record-1", wrapped)


def test_blind_index_finds_the_same_number_in_one_center_only(database: None) -> None:
    with acting(system_scope()), transaction.atomic():
        key = identity.load_index_key()
        assert identity.load_index_key() == key
    index = identity.blind_index(key, "mrn", 1, "mrn 77")
    assert index == identity.blind_index(key, "mrn", 1, "MRN77")
    assert index != identity.blind_index(key, "mrn", 2, "mrn 77")
    assert index != identity.blind_index(key, "initials", 1, "mrn 77")


def test_registry_numbers_are_well_formed_and_find_slips() -> None:
    number = new_registry_number()
    assert is_registry_number(number)
    digits = number[4:12]
    wrong = str((int(digits[0]) + 1) % 10) + digits[1:]
    assert check_digit(wrong) != check_digit(digits)
    swapped = digits[1] + digits[0] + digits[2:]
    assert digits[0] == digits[1] or check_digit(swapped) != check_digit(digits)
    assert not is_registry_number("IL2-1234567-1")


def test_check_digit_is_damms() -> None:
    assert check_digit("572") == "4"  # the worked example of Damm's thesis
