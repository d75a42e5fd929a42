"""A small OpenID provider on this machine: it signs with keys of its own and may misbehave as told."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

CLIENT = "registry"
SECRET = "the client's secret"


@dataclass
class Provider:
    """What it says of the person who signs in there, and how it signs that.

    `claims` are added to the token, None removes one; `algorithm` and `key` sign it; `headers` go on
    its head. `asked` is the last request of a token.
    """

    address: str = ""
    issuer: str = ""
    subject: str = "subject-1"
    email: str = "ada@example.org"
    verified: bool = True
    claims: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, Any] = field(default_factory=lambda: {"kid": "k1"})
    key: RSAPrivateKey | str = field(default_factory=lambda: generate_private_key(65537, 2048))
    algorithm: str = "RS256"
    published: RSAPrivateKey | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    redirects: bool = False

    def __post_init__(self) -> None:
        assert not isinstance(self.key, str)
        self.published = self.key

    def approve(self, url: str) -> str:
        """The person agrees on the page at `url`; answers the address to which they are sent back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.issuer}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
        }

    def keys(self) -> dict[str, Any]:
        assert self.published is not None
        jwk = RSAAlgorithm.to_jwk(self.published.public_key(), as_dict=True)
        return {"keys": [jwk | {"kid": "k1", "use": "sig", "alg": "RS256"}]}

    def token(self, sent: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """As a provider must: code once, secret and PKCE verifier right."""
        self.asked = sent
        asked = self.codes.pop(sent.get("code", ""), None)
        if asked is None or sent.get("client_secret") != SECRET:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": self.subject,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "email": self.email,
            "email_verified": self.verified,
        } | self.claims
        kept = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode(kept, self.key, algorithm=self.algorithm, headers=self.headers)
        return 200, {"access_token": "unused", "token_type": "Bearer", "id_token": token}


@contextmanager
def running_provider() -> Iterator[Provider]:
    """It answers on a free port of the loopback until the end of the block."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if provider.redirects:
                self.send_response(302)
                self.send_header("Location", f"{provider.address}/elsewhere")
                self.end_headers()
                return
            answers = {
                "/.well-known/openid-configuration": provider.configuration,
                "/keys": provider.keys,
            }
            found = answers.get(self.path)
            self._say(200 if found else 404, found() if found else {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            sent = {name: values[0] for name, values in parse_qs(body).items()}
            self._say(*provider.token(sent))

        def _say(self, status: int, value: dict[str, Any]) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.address = provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
