"""Registry numbers: `IL2-` and 8 random digits with a check digit, such as IL2-48271935-7.

They carry no meaning and no order of enrolment. The check digit is Damm's (H. M. Damm, 2004): it
finds every single wrong digit and every swap of neighbours.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

# The quasigroup of order 10 from Damm's thesis.
_DAMM: Final = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)
_PATTERN: Final = re.compile(r"IL2-(\d{8})-(\d)")


def new_registry_number() -> str:
    """A random number; the caller retries in the rare case that it is taken."""
    digits = f"{secrets.randbelow(10**8):08d}"
    return f"IL2-{digits}-{check_digit(digits)}"


def is_registry_number(text: str) -> bool:
    """Whether the form and the check digit are right."""
    match = _PATTERN.fullmatch(text)
    return match is not None and check_digit(match[1]) == match[2]


def check_digit(digits: str) -> str:
    """Damm's check digit of a text of decimal digits."""
    interim = "0"
    for digit in digits:
        interim = _DAMM[int(interim)][int(digit)]
    return interim
