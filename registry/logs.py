"""Log lines that say where and what kind, never what was typed.

The text of an error may hold a value: PostgreSQL repeats the row that it refused ("DETAIL: Failing
row contains ..."), Python the text it could not read. So an exception is logged by its type, the
places of the code it went through and, of a database error, its code and constraint. A request is
named by its route: a path may hold what somebody typed, or be a one-time link.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from http import HTTPMethod, HTTPStatus
from types import TracebackType
from typing import Any, Final

from django.http import HttpRequest

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

# The request or task that is being answered, for the lines written meanwhile; empty outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# What PostgreSQL adds to a message, up to the end of its line.
_DETAIL: Final = re.compile(r"(DETAIL|HINT|CONTEXT|QUERY|LINE \d+):.*", re.DOTALL)
# Line breaks of any kind, and what would steer a terminal.
_CONTROLS: Final = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), " ")
# Words of Django's lines about requests that are its own; others may repeat the request.
_CSRF: Final = "django.security.csrf"
_PHRASES: Final = {int(status): status.phrase for status in HTTPStatus}
_OWN_WORDS: Final = frozenset(_PHRASES.values()) | frozenset(HTTPMethod)
# Lines of gunicorn that go on with a part of the request, or with the text of an error.
_REPEATING: Final = ("Invalid request", "Error handling request", "Exception during worker exit")


class PlainFormatter(logging.Formatter):
    """The format of the settings, without texts of exceptions."""

    def format(self, record: logging.LogRecord) -> str:
        """One record. A task's failure brings its traceback as text: it goes too."""
        record = logging.makeLogRecord(record.__dict__)
        record.exc_text = None
        record.args = _without_texts(record.args)
        if isinstance(request := getattr(record, "request", None), HttpRequest):
            record.msg, record.args = _without_path(record, route_name(request))
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class's
        """The line itself: one line, whatever line breaks the message has."""
        record.message = _DETAIL.sub(r"\1: withheld", record.message).translate(_CONTROLS)
        return super().formatMessage(record)

    def formatException(self, exc_info: ExcInfo) -> str:  # noqa: N802 - the base class's
        """Types and places, the cause first."""
        _, error, _ = exc_info
        parts = [_described(one) for one in reversed(list(_chain(error)))]
        return "\n".join(parts)


class JsonFormatter(PlainFormatter):
    """One JSON object a line: time (UTC), level, logger, message, request_id, fields, error."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, as a line; `error` is what the plain format prints below it."""
        message, _, error = super().format(record).partition("\n")
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
            "request_id": request_id.get(),
            **getattr(record, "fields", {}),
            "error": error,
        }
        return json.dumps({name: value for name, value in line.items() if value not in ("", None)})


class ServerFormatter(PlainFormatter):
    """gunicorn's lines about requests that never reached the registry, or that it could not answer."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, without what was sent: a line that nobody can read may hold anything."""
        record = logging.makeLogRecord(record.__dict__)
        if begun := next((words for words in _REPEATING if str(record.msg).startswith(words)), ""):
            record.msg, record.args = begun, ()
        return super().format(record)


def route_name(request: HttpRequest) -> str:
    """The name of the route; "none" for addresses that lead nowhere and for static files."""
    match = request.resolver_match
    return (match.url_name if match else None) or "none"


def _without_path(record: logging.LogRecord, route: str) -> tuple[str, tuple[Any, ...]]:
    """Message and arguments of Django's line about a request, with the route in place of the path.

    The path is always the last argument. A line without arguments is the text of an exception.
    """
    if not isinstance(record.args, tuple) or not record.args:
        return "%s: %s", (_PHRASES.get(getattr(record, "status_code", 0), "Refused"), route)
    *words, _path = record.args
    if record.name == _CSRF:
        # Behind the dash stands the origin or the referer that was sent.
        return record.msg, (*(str(word).partition(" - ")[0] for word in words), route)
    return record.msg, (*(word if word in _OWN_WORDS else "withheld" for word in words), route)


def _without_texts(args: Any) -> Any:
    """Celery hands over a failure as a mapping; exceptions anywhere become their types."""
    if isinstance(args, Mapping):
        kept = {name: _type_of(value) for name, value in args.items()}
        withheld = {"exc", "traceback", "args", "kwargs"} & set(kept)
        return kept | dict.fromkeys(withheld, "withheld") if "traceback" in kept else kept
    if isinstance(args, tuple):
        return tuple(_type_of(value) for value in args)
    return args


def _type_of(value: Any) -> Any:
    return _name(value) if isinstance(value, BaseException) else value


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _described(error: BaseException) -> str:
    places = "".join(traceback.format_tb(error.__traceback__))
    diagnosis = getattr(error, "diag", None)
    code = getattr(error, "sqlstate", None)
    said = [_name(error), f"sqlstate {code}" if code else ""]
    said += [
        f"{what} {name}"
        for what in ("table", "constraint")
        if (name := getattr(diagnosis, f"{what}_name", None))
    ]
    return f"{places}{', '.join(part for part in said if part)}"
