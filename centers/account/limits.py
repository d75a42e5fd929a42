"""Limits on guessing, counted in the cache that all web processes share.

An attempt is counted before it is checked, so that many at once do not slip through, and is given
back when it was right. Who is locked out is the pair of account and address: the owner of the
account can still sign in from elsewhere. Without the cache there is no counting, so nobody signs
in (`LimitsUnavailable`, a page with status 503); who is signed in works on.
"""

from __future__ import annotations

import math
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from django.core.cache import cache
from django.utils.crypto import salted_hmac
from django.utils.translation import ngettext
from redis.exceptions import RedisError


class LimitsUnavailable(Exception):
    """The cache does not answer: nothing can be counted, so nothing is tried."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many wrong attempts in a window of so many seconds.

    `shared`: many people may stand behind one subject, so one's success clears no other's count.
    """

    name: str
    most: int
    seconds: int
    shared: bool = False

    def minutes_left(self) -> int:
        """Minutes until the window ends, rounded up."""
        return math.ceil((self.seconds - time.time() % self.seconds) / 60)


ACCOUNT_AT_ADDRESS: Final = Limit("account-address", 5, 900)
ADDRESS: Final = Limit("address", 50, 900, shared=True)
# Codes and answers of one account, wherever they come from: who sends them has its password.
ANSWERS: Final = Limit("answers", 5, 900)
SIGNING: Final = Limit("signing", 3, 900)
RESETS_OF_ADDRESS: Final = Limit("resets-address", 10, 3600, shared=True)
RESETS_OF_ACCOUNT: Final = Limit("resets-account", 3, 3600)


def account_subject(typed: str, address: str) -> str:
    """The subject of ACCOUNT_AT_ADDRESS: one for all spellings that sign-in takes for the same account."""
    # As the form reads it: no spaces around, full-width letters as plain ones, upper as lower case.
    name = unicodedata.normalize("NFKC", typed.strip()).strip().upper()
    return f"{name[:150]} {address}"


@contextmanager
def counting() -> Iterator[None]:
    """Turns a silent cache into LimitsUnavailable."""
    try:
        yield
    except RedisError as error:
        raise LimitsUnavailable from error


def _key(limit: Limit, subject: str) -> str:
    window = int(time.time() // limit.seconds)
    return f"limit:{limit.name}:{window}:{salted_hmac('limits', subject.lower()).hexdigest()}"


def count(limit: Limit, subject: str) -> int:
    """Count one more and answer how many this window has had. Raises LimitsUnavailable."""
    key = _key(limit, subject)
    with counting():
        cache.add(key, 0, limit.seconds)
        try:
            return cache.incr(key)
        except ValueError:  # the window ended in between
            cache.add(key, 1, limit.seconds)
            return 1


def is_spent(limit: Limit, subject: str) -> bool:
    """Whether the window has had as many as are allowed. Raises LimitsUnavailable."""
    with counting():
        return int(cache.get(_key(limit, subject), 0)) >= limit.most


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that was counted under each limit; `counts` are the numbers so far."""

    subjects: tuple[tuple[Limit, str], ...]
    counts: tuple[int, ...]

    @property
    def refused(self) -> Limit | None:
        """The limit that it is beyond, or None: then it may be tried."""
        pairs = zip(self.subjects, self.counts, strict=True)
        return next((limit for (limit, _), number in pairs if number > limit.most), None)

    @property
    def is_last(self) -> bool:
        """Whether the next one is refused, should this one be wrong."""
        pairs = zip(self.subjects, self.counts, strict=True)
        return any(number == limit.most for (limit, _), number in pairs)

    def was_right(self) -> None:
        """Give it back. Raises LimitsUnavailable."""
        with counting():
            for limit, subject in self.subjects:
                if limit.shared:
                    with suppress(ValueError):  # the window ended in between
                        cache.decr(_key(limit, subject))
                else:
                    cache.delete(_key(limit, subject))


def too_many(tried: Attempt) -> str:
    """What to say when an attempt is refused."""
    assert tried.refused is not None
    minutes = tried.refused.minutes_left()
    said = ngettext(
        "Too many attempts. Try again in %(minutes)s minute.",
        "Too many attempts. Try again in %(minutes)s minutes.",
        minutes,
    )
    return said % {"minutes": minutes}


def attempt(*subjects: tuple[Limit, str]) -> Attempt:
    """Count an attempt. Raises LimitsUnavailable."""
    return Attempt(subjects, tuple(count(limit, subject) for limit, subject in subjects))
