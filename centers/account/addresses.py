"""Where a request comes from, for limits only: it is hashed into their keys and stored nowhere."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from django.conf import settings
from django.http import HttpRequest

# A household or a hospital gets a whole /64, so single addresses below it tell nothing.
IPV6_PREFIX: Final = 64


def client_address(request: HttpRequest) -> str:
    """The address that connected; behind our own proxy the last one of X-Forwarded-For.

    Entries before the last were written by whoever sent the request, and are not believed.
    Anything that is no address (a Unix socket has none) is "local".
    """
    text = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_TLS_PROXY:
        text = request.META.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", 1)[-1] or text
    try:
        address = ip_address(text.strip())
    except ValueError:
        return "local"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ip_network((address, IPV6_PREFIX), strict=False).network_address)
    return str(address)
