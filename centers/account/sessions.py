"""Sessions in rows that know their person, so that they can be listed and ended."""

from __future__ import annotations

import re
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import OperationalError
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from centers.models import Session

_ABOUT: Final = "about"
_BROWSERS: Final = (
    ("Edge", r"\bEdg"),
    ("Opera", r"\bOPR/"),
    ("Firefox", r"\bFirefox/|\bFxiOS/"),
    ("Chrome", r"Chrom(e|ium)/|\bCriOS/"),
    ("Safari", r"\bSafari/"),
)
_SYSTEMS: Final = (
    ("iOS", r"\biPhone|\biPad"),
    ("Android", r"\bAndroid"),
    ("Windows", r"\bWindows"),
    ("macOS", r"\bMac OS X|\bMacintosh"),
    ("Linux", r"\bLinux"),
)


class SessionStore(DatabaseStore):
    """Django's own, with a person in each row."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """The table."""
        return Session

    def save(self, must_create: bool = False) -> None:
        """Keep it. Raises OperationalError where the database is away, which Django would tell as a session's end."""
        try:
            super().save(must_create)
        except UpdateError as error:
            if isinstance(error.__context__, OperationalError):
                raise error.__context__ from None
            raise

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        """The row, with what the account page lists. No address is kept."""
        row: Any = super().create_model_instance(data)
        about = data.get(_ABOUT, {})
        row.user_id = data.get(SESSION_KEY)
        row.public_id = about.get("id") or uuid.uuid4()
        row.browser = about.get("browser", "")
        row.seen_at = timezone.now()
        started = about.get("started")
        row.started_at = datetime.fromtimestamp(started, UTC) if started else row.seen_at
        return row


def living() -> Q:
    """Rows of sessions that the clock has not ended yet (centers/session_limits.py ends them)."""
    idle = timedelta(minutes=settings.REGISTRY_IDLE_MINUTES)
    return kept() & Q(seen_at__gt=timezone.now() - idle)


def kept() -> Q:
    """Those that stay in the table: an idle one tells its browser at the next visit that it ended."""
    longest = timedelta(hours=settings.REGISTRY_SESSION_HOURS)
    now = timezone.now()
    return Q(expire_date__gt=now, started_at__gt=now - longest)


def note_start(request: HttpRequest) -> None:
    """A person has signed in: the session begins now, in this browser."""
    request.session[_ABOUT] = {
        "id": str(uuid.uuid4()),
        "started": time.time(),
        "browser": describe(request.headers.get("User-Agent", "")),
    }


def describe(agent: str) -> str:
    """ "Firefox on Windows": enough to know one's own sessions by, and no more."""
    browser = next((name for name, found in _BROWSERS if re.search(found, agent)), "A browser")
    system = next((name for name, found in _SYSTEMS if re.search(found, agent)), "")
    return f"{browser} on {system}" if system else browser


def is_own(request: HttpRequest, public_id: uuid.UUID) -> bool:
    """Whether it is the session of this request."""
    return bool(request.session.get(_ABOUT, {}).get("id") == str(public_id))
