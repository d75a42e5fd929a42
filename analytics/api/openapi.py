"""The API described by itself: OpenAPI 3.1 as JSON, and as a page that needs no script."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from analytics.api.base import OneFormat
from analytics.clients import SCOPES
from centers.access import public

METHODS: Final = ("get", "post", "delete")


@cache
def openapi() -> bytes:
    """The document, the same bytes for the same code; docs/openapi.json is a copy that a test compares."""
    made = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    rendered: bytes = OpenApiJsonRenderer().render(made)
    return json.dumps(json.loads(rendered), indent=1, sort_keys=True).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Member:
    """A parameter, or a member of an object. `href`: the object that it is, on the page."""

    name: str
    kind: str
    text: str
    needed: bool
    href: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer by its status. `headers` are their names."""

    status: str
    text: str
    media: str
    shape: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of an address. `scope` is empty where any token will do, None where none is needed."""

    id: str
    method: str
    path: str
    summary: str
    scope: str | None
    members: tuple[Member, ...]
    body: str
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """An object that the API takes or gives."""

    name: str
    text: str
    members: tuple[Member, ...]


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """All operations, in the order of their addresses."""
    for path, found in document["paths"].items():
        for method in METHODS:
            if method in found:
                yield _operation(path, method, found[method])


def _operation(path: str, method: str, said: Mapping[str, Any]) -> Operation:
    members = [
        Member(
            one["name"],
            f"{_kind(one['schema'])}{_place(one['in'])}",
            one.get("description", ""),
            one.get("required", False),
        )
        for one in said.get("parameters", [])
    ]
    body: Mapping[str, Any] = next(
        iter(said.get("requestBody", {}).get("content", {}).values()), {}
    )
    replies = [_reply(status, one) for status, one in said["responses"].items()]
    asked = said.get("security", [{}])
    by_token = bool(asked and "client" in asked[0])
    return Operation(
        said["operationId"],
        method.upper(),
        path,
        said.get("summary", ""),
        " ".join(asked[0]["client"]) if by_token else None,
        tuple(members),
        _name(body.get("schema", {})),
        tuple(replies),
    )


def _place(place: str) -> str:
    return {"query": "", "header": ", header", "path": ", in the address"}[place]


def _reply(status: str, said: Mapping[str, Any]) -> Reply:
    content: Mapping[str, Any] = said.get("content", {})
    media = next(iter(content), "")
    shape = _name(content[media].get("schema", {})) if media else ""
    return Reply(status, said.get("description", ""), media, shape)


def _name(schema: Mapping[str, Any]) -> str:
    """The object that a schema refers to, itself or as one of several or the null."""
    for one in (
        schema,
        *schema.get("oneOf", ()),
        *schema.get("allOf", ()),
        schema.get("items", {}),
    ):
        if "$ref" in one:
            return str(one["$ref"]).rsplit("/", 1)[-1]
    return ""


def _kind(schema: Mapping[str, Any]) -> str:
    if name := _name(schema):
        return f"list of {name}" if "items" in schema else name
    if "enum" in schema:
        return " | ".join(str(one) or '""' for one in schema["enum"])
    kinds = schema.get("type", "")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    text = " or ".join(str(kind) for kind in kinds)
    if "items" in schema:
        text += f" of {_kind(schema['items'])}"
    return f"{text}, {schema['format']}" if "format" in schema else text


def shapes(document: Mapping[str, Any]) -> Iterator[Shape]:
    """All objects, by name; lists of words stand where they are used."""
    known = document["components"]["schemas"]
    for name, said in known.items():
        if "properties" not in said:
            continue
        needed = said.get("required", [])
        members = [
            Member(
                one,
                _kind(
                    known.get(_name(what), what) if "enum" in known.get(_name(what), {}) else what
                ),
                what.get("description", ""),
                one in needed,
                _name(what) if "properties" in known.get(_name(what), {}) else "",
            )
            for one, what in said["properties"].items()
        ]
        yield Shape(name, said.get("description", ""), tuple(members))


@require_safe
@public
def schema(request: HttpRequest) -> HttpResponse:
    """The document, for programs."""
    return HttpResponse(openapi(), content_type="application/vnd.oai.openapi+json")


@extend_schema(exclude=True)
class Absent(APIView):
    """An address below the API that there is not."""

    authentication_classes = []
    permission_classes = []
    content_negotiation_class = OneFormat

    def get(self, request: Request, rest: str) -> HttpResponse:
        """A problem, not a page. Raises Http404."""
        raise Http404

    post = put = patch = delete = get


absent = Absent.as_view(http_method_names=["get", "head", "post", "put", "patch", "delete"])
absent.permission = None  # type: ignore[attr-defined]  # there is nothing to be had


@require_safe
@public
def docs(request: HttpRequest) -> HttpResponse:
    """The document, for people."""
    document = json.loads(openapi())
    context = {
        "section": "api",
        "operations": list(operations(document)),
        "shapes": list(shapes(document)),
        "scopes": SCOPES,
    }
    return render(request, "analytics/api_docs.html", context)
