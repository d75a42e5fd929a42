"""Errors of the API as RFC 9457 problem details, in fixed words: nothing of the request is echoed."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback

DETAILS: Final = {
    400: "A query parameter is unknown or has a value that is not allowed. See docs/api.md.",
    401: "A valid bearer token is needed: Authorization: Bearer TOKEN.",
    403: "The owner of this token may not read the cohort.",
    404: "There is nothing here.",
    405: "This method is not offered.",
    406: "This format is not offered.",
    415: "This media type is not read.",
    429: "Too many requests; try again later.",
}


class ProblemRenderer(JSONRenderer):
    """The only body the API's framework renders: data is streamed past it."""

    media_type = "application/problem+json"
    format = "problem"


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """The framework's exception handler. None lets an unforeseen error become a plain 500."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    status = error.status_code
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": DETAILS.get(status, "The request could not be answered."),
    }
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    return Response(body, status=status, headers=headers)
