"""How often a client may ask: counted in the cache that all web processes share, by client and window."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

logger = logging.getLogger(__name__)
# Requests a window of so many seconds, by what is asked for. docs/api.md prints them.
RATES: Final = {
    "figures": (120, 60),
    "rows": (60, 60),
    "download": (600, 60),
    "order": (60, 3600),
}


class ClientRate(ScopedRateThrottle):
    """A fixed window, counted in one step, so that many requests at once do not slip through.

    Without the cache nothing is limited: what is asked for is still an event of the audit trail.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count one more; whether the window has room for it."""
        name = view.throttle_scope  # type: ignore[attr-defined]  # every view of this API names one
        most, seconds = RATES[name]
        now = time.time()
        self._left = seconds - now % seconds
        key = f"limit:api:{name}:{self._client(request)}:{int(now // seconds)}"
        try:
            cache.add(key, 0, seconds)
            return bool(cache.incr(key) <= most)
        except ValueError:  # the window ended in between
            return True
        except RedisError:
            logger.warning("no cache: the API is not limited")
            return True

    def wait(self) -> float:
        """Seconds until the window ends."""
        return self._left

    @staticmethod
    def _client(request: Any) -> int:
        return int(request.auth.application_id)
