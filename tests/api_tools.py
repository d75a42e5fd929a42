"""Asking the REST API as a program does: a client, its token, answers read to their end."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from analytics.actions.clients import make_client
from analytics.actions.projects import create_project
from analytics.clients import SCOPES
from analytics.models import ApiClient, Project
from centers.access import acting, system_scope
from centers.models import SYSTEM_USER_ID, User

TOKEN, REVOKE = "/api/v1/token", "/api/v1/token/revoke"
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.body.decode())))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Program:
    """A client of the API with its secret."""

    client: ApiClient
    secret: str

    @property
    def basic(self) -> str:
        """Its id and secret as HTTP Basic authentication."""
        pair = f"{self.client.client_id}:{self.secret}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def ask(self, scope: str = "", **extra: str) -> Answer:
        """Ask for a token."""
        form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        return send("post", TOKEN, form, headers={"Authorization": self.basic} | extra)

    def token(self, scope: str = "") -> str:
        """A new token."""
        found: str = self.ask(scope).json["access_token"]
        return found

    def get(self, path: str, **extra: str) -> Answer:
        """Ask for something with a new token."""
        return get(path, self.token(), **extra)


def project(name: str = "Registry study", **values: Any) -> Project:
    """The project of this name, made when there is none."""
    found = Project.objects.filter(name=name).first()
    if found is not None:
        return found
    return create_project(
        actor=system_scope(),
        name=name,
        **{
            "purpose": "Long-term survival",
            "profile": "safe_harbor",
            "agreement": "DUA 7",
            "agreement_expires_on": timezone.now().date() + timedelta(days=365),
            "recipients": "Ines Example",
        }
        | values,
    )


def program(
    owner: User | None = None,
    scopes: Iterable[str] = tuple(SCOPES),
    days: int = 90,
    of: Project | None = None,
) -> Program:
    """A client; without an owner the system account answers for it."""
    with acting(system_scope()), transaction.atomic():
        owner = owner or User.objects.get(pk=SYSTEM_USER_ID)
        of = of or project()
        return Program(
            *make_client(label="test", project=of, owner=owner, scopes=scopes, days=days)
        )


def get(path: str, token: str | None = None, **extra: str) -> Answer:
    """GET, with a token or without."""
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return send("get", path, headers=headers | extra)


def send(
    method: str,
    path: str,
    data: Mapping[str, Any] | str = "",
    *,
    headers: Mapping[str, str],
    **more: Any,
) -> Answer:
    """Any request; streamed bodies are read to the end."""
    client = Client(raise_request_exception=False)
    if method == "get":
        return read(client.get(path, headers=dict(headers)))
    if "content_type" not in more:
        data = data if isinstance(data, str) else urlencode(data)
        more["content_type"] = "application/x-www-form-urlencoded"
    return read(getattr(client, method)(path, data, headers=dict(headers), **more))


def read(response: HttpResponse) -> Answer:
    """The answer."""
    body = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
    return Answer(response.status_code, dict(response.items()), body)


def is_problem(answer: Answer, status: int, name: str = "") -> Any:
    """Check that it is one, with the request's id; answers its body."""
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == PROBLEM
    body = answer.json
    assert body["status"] == status
    assert body["type"] == (f"urn:hd-il2-registry:problem:{name}" if name else "about:blank")
    assert body["instance"] == f"urn:uuid:{answer.headers['X-Request-Id']}"
    assert body["title"]
    assert body["detail"]
    return body
