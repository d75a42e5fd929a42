"""What every view of the API has in common."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from django.http import HttpResponse
from django.utils.http import quote_etag
from django.utils.translation import override
from rest_framework import exceptions
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from analytics.api.authentication import (
    ClientAuthentication,
    InScope,
    client_of,
    client_scope,
    reading_scope,
    request_id_of,
)
from analytics.api.problems import InvalidParameter
from analytics.api.throttling import ClientRate
from centers.access import Scope

JSON: Final = "application/json"
# Kept by nobody between: but who asks may compare.
PRIVATE: Final = "private, no-store"


class OneFormat(DefaultContentNegotiation):
    """The path names the format; the Accept header is not asked."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Always the first."""
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """A view for clients with a token. `scope`: what the token must hold (`scope_to_post`, if any, to POST); `throttle_scope`: its rate.

    `deprecated` (a day, YYYY-MM-DD) and `sunset` announce its end in the headers of every answer.
    """

    authentication_classes = [ClientAuthentication]
    permission_classes = [InScope]
    throttle_classes = [ClientRate]
    renderer_classes = [JSONRenderer]
    parser_classes = [JSONParser]
    scope: ClassVar[str] = ""
    scope_to_post: ClassVar[str] = ""
    throttle_scope = "figures"
    metadata_class = None
    # Names of the parameters in the address; any other is refused.
    parameters: ClassVar[frozenset[str]] = frozenset()
    deprecated: ClassVar[int | None] = None
    sunset: ClassVar[str] = ""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """In English, whatever the pages are in: programs read it."""
        with override(None):
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Token, scope, rate; then the parameters. Raises APIException."""
        super().initial(request, *args, **kwargs)
        for name, values in request.query_params.lists():
            if name not in self.parameters:
                raise InvalidParameter
            if len(values) > 1 or "\0" in values[0]:
                raise InvalidParameter(parameter=name)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Deprecation (RFC 9745) and Sunset (RFC 8594), where the view has them."""
        if self.deprecated is not None:
            response["Deprecation"] = f"@{self.deprecated}"
        if self.sunset:
            response["Sunset"] = self.sunset
        return super().finalize_response(request, response, *args, **kwargs)

    def acting_scope(self, request: Request) -> Scope:
        """The scope in which the client acts: its project's, without rows of records."""
        return client_scope(client_of(request), request_id_of(request))

    def reading(self, request: Request) -> Scope:
        """The scope in which de-identified rows of all centers are read."""
        return reading_scope(client_of(request), request_id_of(request))


def chosen(request: Request, name: str, allowed: Mapping[str, Any] | tuple[str, ...]) -> str:
    """A parameter out of a list whose first is the default. Raises InvalidParameter."""
    choices = tuple(allowed)
    value: str = request.query_params.get(name, choices[0])
    if value not in choices:
        raise InvalidParameter(parameter=name)
    return value


def page_size(request: Request, default: int, most: int) -> int:
    """The parameter `limit`. Raises InvalidParameter."""
    text = request.query_params.get("limit", str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= most):
        raise InvalidParameter(parameter="limit")
    return int(text)


def identifier(request: Request, name: str) -> uuid.UUID | None:
    """A parameter that is a public id; None when it is not given. Raises InvalidParameter."""
    if not (text := request.query_params.get(name, "")):
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        raise InvalidParameter(parameter=name) from None


def sent(request: Request, allowed: Mapping[str, type], needed: Collection[str]) -> dict[str, Any]:
    """The JSON object that was sent, its members by name and type.

    Raises InvalidParameter, UnsupportedMediaType.
    """
    # A form has been read by then, so the framework would take it for an empty object.
    if request.content_type.split(";")[0].strip().lower() != JSON:
        raise exceptions.UnsupportedMediaType(request.content_type)
    body: Any = request.data
    if not isinstance(body, dict):
        raise InvalidParameter
    for name in body:
        if name not in allowed:
            raise InvalidParameter
    for name, kind in allowed.items():
        value = body.get(name)
        missing = name in needed and name not in body
        if missing or (name in body and not isinstance(value, kind)):
            raise InvalidParameter(parameter=name)
        if kind is str and "\0" in (value or ""):
            raise InvalidParameter(parameter=name)
    return body


def document(request: Request, body: Mapping[str, Any]) -> HttpResponse:
    """A JSON document with its ETag; 304 to who has it already (If-None-Match)."""
    content = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    etag = quote_etag(hashlib.sha256(content).hexdigest())
    if is_known(request, etag):
        return HttpResponse(status=304, headers={"ETag": etag, "Cache-Control": PRIVATE})
    return HttpResponse(
        content, content_type=JSON, headers={"ETag": etag, "Cache-Control": PRIVATE}
    )


def is_known(request: Request, etag: str) -> bool:
    """Whether If-None-Match names the ETag (or any)."""
    given = request.headers.get("If-None-Match", "")
    tags = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    return etag in tags or "*" in tags
