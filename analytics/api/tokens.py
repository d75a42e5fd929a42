"""`POST /api/v1/token`: a token of five minutes for a client's id and secret; and its end before that."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final
from urllib.parse import unquote_plus

from django.http import HttpResponse, JsonResponse
from drf_spectacular.utils import OpenApiResponse
from oauth2_provider.models import AccessToken
from oauth2_provider.oauth2_backends import get_oauthlib_core
from rest_framework import exceptions
from rest_framework.parsers import FormParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from analytics.actions.clients import note_issue
from analytics.api.authentication import checksum, reading_scope, request_id_of
from analytics.api.base import OneFormat
from analytics.api.problems import InvalidParameter, Problem, answer
from analytics.api.schema import RevocationForm, TokenForm, TokenShape, described
from analytics.models import ApiClient
from centers.access import acting
from centers.account.addresses import client_address
from centers.account.limits import Attempt, Limit, attempt
from centers.audit import EventKind, record_event
from centers.sign_in import record_failure

# Wrong secrets of a client from one address, wrong ones from an address, and tokens of a client.
CLIENT_AT_ADDRESS: Final = Limit("client-address", 10, 900)
ADDRESS: Final = Limit("clients-address", 50, 900, shared=True)
ISSUES: Final = Limit("client-tokens", 120, 3600, shared=True)
NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
ERRORS: Final = {
    "invalid_request": "The form lacks a parameter, or one of them is not allowed. It takes"
    " grant_type=client_credentials and, if need be, scope. Id and secret come once: by HTTP Basic"
    " authentication or in the form.",
    "invalid_client": "The client is not known, its secret is another, or it was revoked or has"
    " expired. Send id and secret by HTTP Basic authentication.",
    "unauthorized_client": "This client may not ask for tokens in this way.",
    "unsupported_grant_type": "Only grant_type=client_credentials is offered.",
    "invalid_scope": "The client does not hold one of the scopes asked for.",
}


class Refused(Problem):
    """A refusal in the words of RFC 6749, section 5.2: `error` stands beside the problem's members."""

    def __init__(self, error: str, status: int) -> None:
        error = error if error in ERRORS else "invalid_request"
        super().__init__(error=error, error_description=ERRORS[error])
        self.status_code = 401 if status == 401 else 400
        self.name = error.replace("_", "-")  # type: ignore[misc]
        self.detail_text = ERRORS[error]  # type: ignore[misc]


class CredentialsView(APIView):
    """A form with the client's id and secret; nothing of it may stand in the address."""

    authentication_classes = []
    permission_classes = []
    parser_classes = [FormParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = OneFormat

    def answered(self, request: Request) -> HttpResponse:
        """Count the attempt, then answer; refusals are events, and are kept."""
        if request.META.get("QUERY_STRING"):
            raise InvalidParameter
        data: Any = request.data
        form = {str(name): str(value) for name, value in data.items()}
        if any("\0" in text for pair in form.items() for text in pair):
            raise InvalidParameter
        if _has_two_logins(request, form):
            raise Refused("invalid_request", 400)
        name, address = client_id_of(request, form), client_address(request._request)
        tried = attempt((CLIENT_AT_ADDRESS, f"{name} {address}"), (ADDRESS, address))
        if tried.refused:
            raise exceptions.Throttled(wait=tried.refused.minutes_left() * 60)
        body, status = self.run(request)
        if status == 200:
            tried.was_right()
            return self.done(request, body, name)
        return self.refuse(request, tried, name, body, status)

    def run(self, request: Request) -> tuple[str, int]:
        """What the toolkit answers: body and status."""
        raise NotImplementedError

    def done(self, request: Request, body: str, client_id: str) -> HttpResponse:
        """The answer to what was right."""
        raise NotImplementedError

    @staticmethod
    def refuse(
        request: Request, tried: Attempt, client_id: str, body: str, status: int
    ) -> HttpResponse:
        """A wrong secret is counted and is an event; other refusals are not."""
        refused = Refused(str(json.loads(body).get("error")), status)
        headers = dict(NO_STORE)
        if refused.status_code == 401:
            headers["WWW-Authenticate"] = 'Basic realm="registry", charset="UTF-8"'
            client = ApiClient.objects.filter(client_id=client_id).select_related("user").first()
            record_failure(client.user if client else None, "API client", locked=tried.is_last)
        else:
            tried.was_right()
        return answer(refused, request, headers)


class TokenView(CredentialsView):
    """Client credentials for a token."""

    @described(
        "createToken",
        "A token of five minutes for a client's id and secret",
        {200: TokenShape},
        errors=(415,),
        without=(403, 406),
        request={"application/x-www-form-urlencoded": TokenForm},
        auth=[{"basic": []}],
    )
    def post(self, request: Request) -> HttpResponse:
        """A token."""
        return self.answered(request)

    def run(self, request: Request) -> tuple[str, int]:
        """The toolkit checks the client, its scopes, and keeps the token's hash."""
        _, _, body, status = get_oauthlib_core().create_token_response(request._request)
        return body, status

    def done(self, request: Request, body: str, client_id: str) -> HttpResponse:
        """The token, shown this once. Raises Throttled."""
        made = json.loads(body)
        tokens = AccessToken.objects.select_related("application__user")
        token = tokens.get(token_checksum=checksum(made["access_token"]))
        issued = attempt((ISSUES, token.application.client_id))
        if issued.refused:
            raise exceptions.Throttled(wait=issued.refused.minutes_left() * 60)
        note_issue(token.application)
        _note(request, EventKind.SIGN_IN, token.application, scope=token.scope)
        return JsonResponse(made, headers=NO_STORE)


class RevocationView(CredentialsView):
    """The end of a token before its five minutes (RFC 7009)."""

    @described(
        "revokeToken",
        "The end of a token before its time",
        {200: OpenApiResponse(description="The token does not count, whether it did or not.")},
        errors=(415,),
        without=(403, 406),
        request={"application/x-www-form-urlencoded": RevocationForm},
        auth=[{"basic": []}],
    )
    def post(self, request: Request) -> HttpResponse:
        """The end of a token."""
        return self.answered(request)

    def run(self, request: Request) -> tuple[str, int]:
        """The toolkit checks the client; a token that is not its own changes nothing."""
        _, _, body, status = get_oauthlib_core().create_revocation_response(request._request)
        return body, status

    def done(self, request: Request, body: str, client_id: str) -> HttpResponse:
        """Nothing to say: the token does not count any more."""
        _note(request, EventKind.SIGN_OUT, ApiClient.objects.get(client_id=client_id))
        return HttpResponse(b"", content_type="application/json", headers=NO_STORE)


def _note(request: Request, kind: EventKind, client: ApiClient, **detail: Any) -> None:
    with acting(reading_scope(client, request_id_of(request))):
        record_event(kind, {"client": client.client_id, **detail})


def _has_two_logins(request: Request, form: dict[str, str]) -> bool:
    """Whether a secret comes by HTTP Basic and in the form: RFC 6749, section 2.3 allows one of them.

    The toolkit would try the form after a wrong Basic login, and another client would be counted and
    written down than the one that came in.
    """
    scheme = request.headers.get("Authorization", "").partition(" ")[0]
    return scheme.lower() == "basic" and bool(form.get("client_secret"))


def client_id_of(request: Request, form: dict[str, str]) -> str:
    """The client id of HTTP Basic authentication, else of the form; empty when there is none."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    text = form.get("client_id", "")
    if scheme == "Basic":
        try:
            text = unquote_plus(base64.b64decode(given).decode().split(":", 1)[0])
        except (binascii.Error, ValueError):
            text = ""
    return text.replace("\0", "")[:255]


token = TokenView.as_view(http_method_names=["post"])
token.permission = None  # type: ignore[attr-defined]  # the secret is what opens it
revoke = RevocationView.as_view(http_method_names=["post"])
revoke.permission = None  # type: ignore[attr-defined]
