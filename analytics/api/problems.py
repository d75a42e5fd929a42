"""Errors of the API as RFC 9457 problem details, in fixed words: nothing of the request is echoed."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any, ClassVar, Final

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import set_rollback

from centers.account.limits import LimitsUnavailable

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
# Where a problem is told apart from others of its status, a name of its own.
TYPES: Final = "urn:hd-il2-registry:problem:"
DETAILS: Final = {
    400: "The request is not understood. Compare it with the documentation of this address.",
    401: "A valid bearer token is needed: Authorization: Bearer TOKEN. Ask for a new one with the"
    " client's id and secret.",
    403: "This client may not do this.",
    404: "There is nothing here for this client.",
    405: "This method is not offered here. The header Allow lists those that are.",
    406: "This address does not answer in the format asked for.",
    409: "The state of this resource does not allow it.",
    410: "It is not there any more.",
    412: "The resource is not the one that the condition names. Read it again.",
    413: "The request is longer than this address reads.",
    415: "This media type is not read here.",
    416: "The file has no such range.",
    422: "The request contradicts an earlier one.",
    429: "Too many requests. Wait as long as the header Retry-After says.",
    500: "The registry could not answer. The error is logged under the request id.",
    503: "The registry cannot answer at the moment. Try again after the time in Retry-After.",
}
RETRY_SECONDS: Final = 5


class Problem(exceptions.APIException):
    """A problem with a name and words of its own. `members` extend its body: values of ours alone."""

    name: ClassVar[str] = ""
    detail_text: ClassVar[str] = ""

    def __init__(self, **members: Any) -> None:
        super().__init__()
        self.members = members


class InvalidParameter(Problem):
    """A parameter that is not known, or a value that is not allowed."""

    status_code = 400
    name = "invalid-parameter"
    detail_text = (
        "A parameter is unknown, is repeated or has a value that is not allowed; `parameter` names"
        " it where it is one of this address. Compare it with the documentation."
    )


class InsufficientScope(Problem):
    """The token lacks the scope."""

    status_code = 403
    name = "insufficient-scope"
    detail_text = "The token lacks the scope that this address needs. Ask for a token with it."
    auth_header = 'Bearer realm="registry", error="insufficient_scope"'


class AgreementEnded(Problem):
    """The client's project is closed, or the day of its agreement is past."""

    status_code = 403
    name = "agreement-ended"
    detail_text = "The client's project is closed, or its agreement has expired."


class Conflict(Problem):
    """Another resource stands in the way."""

    status_code = 409
    name = "conflict"
    detail_text = DETAILS[409]


class NotReady(Problem):
    """The export is not released yet."""

    status_code = 409
    name = "not-ready"
    detail_text = "The export is not released yet. Its state says how far it is."


class Gone(Problem):
    """The export's files may not be fetched any more."""

    status_code = 410
    name = "gone"
    detail_text = "The export was refused, called back, ended, or its time is over."


class KeyUsed(Problem):
    """An idempotency key comes with another request than the first time."""

    status_code = 422
    name = "key-used"
    detail_text = "This Idempotency-Key belongs to another request. Take a new one."


class Changed(Problem):
    """If-Match names a state that is not there any more."""

    status_code = 412
    name = "changed"
    detail_text = DETAILS[412]


class RangeNotSatisfiable(Problem):
    """The range lies outside of the file."""

    status_code = 416
    name = "range"
    detail_text = DETAILS[416]


class NotReleased(Problem):
    """No released export holds these rows."""

    status_code = 404
    name = "not-released"
    detail_text = "No released export of the project holds these rows of the cut as CSV. Ask for one at exports."


class Withheld(Problem):
    """Figures that disclosure control keeps back."""

    status_code = 403
    name = "withheld"
    detail_text = (
        "These figures are withheld: a group, its complement or the difference of two readings of it"
        " is below 11 records, or there are more groups than one analysis shows."
    )


def problem(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """The framework's exception handler: every error becomes a problem, unforeseen ones are logged."""
    known = _known(error)
    set_rollback()
    if known is None:
        logger.error("API: unforeseen error", exc_info=error)
        known = exceptions.APIException()
    headers = {}
    if challenge := getattr(known, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(known, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, int(-(-wait // 1))))
    if isinstance(known, Unavailable):
        headers["Retry-After"] = str(RETRY_SECONDS)
    return answer(known, context.get("request"), headers)


class Unavailable(exceptions.APIException):
    """The database or the cache does not answer."""

    status_code = 503


def _known(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, SuspiciousOperation):
        return exceptions.ParseError()
    if isinstance(error, OperationalError | LimitsUnavailable):
        return Unavailable()
    return None


def answer(
    error: exceptions.APIException, request: Request | None, headers: dict[str, str]
) -> HttpResponse:
    """A problem as an answer; `instance` is the request's id, as the log has it."""
    status = error.status_code
    name, text, members = "", DETAILS.get(status, DETAILS[400]), {}
    if isinstance(error, Problem):
        name, text, members = error.name, error.detail_text, error.members
    body = {
        "type": f"{TYPES}{name}" if name else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": text,
        **members,
    }
    if request is not None and (request_id := request.META.get("registry.request_id")):
        body["instance"] = f"urn:uuid:{request_id}"
    return HttpResponse(json.dumps(body), status=status, content_type=MEDIA_TYPE, headers=headers)
