"""How often a person may do something an hour: counted in the cache, by person and hour.

The cache counts and knows nothing else. Without it nothing is limited, and everything is still an
event of the audit trail: a broken cache must not keep a site from its own records.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from django.core.cache import cache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
HOUR: Final = 3600


def is_over_limit(act: str, actor_id: int, most: int) -> bool:
    """Count one more `act` of the person in this hour; whether that is more than `most`."""
    key = f"limit:{act}:{actor_id}:{int(time.time() // HOUR)}"
    try:
        cache.add(key, 0, HOUR)
        return cache.incr(key) > most
    except ValueError:  # it ran out between the two: a new hour
        return False
    except RedisError:
        logger.warning("no cache: %s is not limited", act)
        return False
