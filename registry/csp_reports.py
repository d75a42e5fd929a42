"""Reports of browsers that the Content-Security-Policy refused something on a page.

Anybody may send one, so nothing of it is believed or repeated: the log gets the name of a known
directive and the name of one of our own routes, never an address or a text of the report.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from redis.exceptions import RedisError

from centers.access import public

logger = logging.getLogger(__name__)

MOST_BYTES: Final = 8192
MOST_A_MINUTE: Final = 60
MOST_IN_ONE: Final = 5
DIRECTIVES: Final = frozenset(
    {
        "default-src",
        "script-src",
        "script-src-elem",
        "script-src-attr",
        "style-src",
        "style-src-elem",
        "style-src-attr",
        "img-src",
        "font-src",
        "connect-src",
        "form-action",
        "base-uri",
        "frame-ancestors",
        "frame-src",
        "object-src",
        "media-src",
        "worker-src",
        "manifest-src",
    }
)


@csrf_exempt
@require_POST
@public
def csp_report(request: HttpRequest) -> HttpResponse:
    """Note what was refused. Always 204: a report is thrown away, never an error."""
    text = request.read(MOST_BYTES + 1)
    if len(text) <= MOST_BYTES and _is_within_limit():
        for directive, page in _refusals(text):
            logger.warning("the policy refused %s on %s", directive, page)
    return HttpResponse(status=204)


def _is_within_limit() -> bool:
    """Whether this minute takes another one. Without the cache nothing is logged."""
    key = f"csp-reports:{int(time.time() // 60)}"
    try:
        cache.add(key, 0, 60)
        return bool(cache.incr(key) <= MOST_A_MINUTE)
    except (ValueError, RedisError):
        return False


def _refusals(text: bytes) -> Iterator[tuple[str, str]]:
    """Directive and name of the page, of both kinds of report (report-uri, Reporting API)."""
    for body in _bodies(text)[:MOST_IN_ONE]:
        directive = body.get("effective-directive") or body.get("effectiveDirective")
        directive = directive or body.get("violated-directive")
        page = body.get("document-uri") or body.get("documentURL")
        if isinstance(directive, str) and isinstance(page, str):
            name = directive.split(" ")[0]
            yield name if name in DIRECTIVES else "something", _route_of(page)


def _bodies(text: bytes) -> list[dict[str, Any]]:
    try:
        report = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if isinstance(report, dict):
        found = [report.get("csp-report")]
    else:
        items = report if isinstance(report, list) else []
        found = [item.get("body") for item in items if isinstance(item, dict)]
    return [body for body in found if isinstance(body, dict)]


def _route_of(address: str) -> str:
    """The name of the route; not the path, which anybody could make up."""
    try:
        return resolve(urlsplit(address).path).url_name or "a page"
    except (Resolver404, ValueError):
        return "no page of the registry"
