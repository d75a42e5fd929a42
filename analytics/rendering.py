"""A figure's SVG as PNG (300 dpi) and PDF, by resvg in a process of its own (ADR 28)."""

from __future__ import annotations

import re
import subprocess
import sys
from threading import BoundedSemaphore
from typing import Final

from django.utils.translation import gettext as _

DOTS_AN_INCH: Final = 300
SECONDS: Final = 20
# Each takes about 50 MB and half a second of one core; others wait.
AT_ONCE: Final = 2
_turns = BoundedSemaphore(AT_ONCE)
_PROGRAM: Final = """
import sys, vl_convert
svg = sys.stdin.buffer.read().decode()
made = vl_convert.svg_to_pdf(svg) if sys.argv[1] == "pdf" else vl_convert.svg_to_png(svg, scale=1, ppi=%d)
sys.stdout.buffer.write(made)
"""
# The PDF writer numbers several fonts in no fixed order; of one font the same drawing gives the same bytes.
_WEIGHT: Final = re.compile(r' font-weight="\d+"')
# And it lists resources in no fixed order: sorted, at the same length, so that offsets hold.
_RESOURCES: Final = re.compile(rb"(?: +/[A-Za-z]+\d+ \d+ 0 R\n){2,}")


class RenderingFailed(RuntimeError):
    """No picture in time; the message may be shown."""


def rendered(svg: str, kind: str) -> bytes:
    """The drawing as `png` or `pdf`. Raises RenderingFailed when it took too long or failed."""
    if not _turns.acquire(timeout=SECONDS):
        raise RenderingFailed(_("Too many figures are being drawn. Try again in a while."))
    try:
        found = subprocess.run(  # noqa: S603  # this interpreter and a program of this module
            [sys.executable, "-I", "-c", _PROGRAM % DOTS_AN_INCH, kind],
            input=(_WEIGHT.sub("", svg) if kind == "pdf" else svg).encode(),
            capture_output=True,
            timeout=SECONDS,
            check=True,
            env={},
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise RenderingFailed(
            _("The figure could not be drawn. Try again, or take the SVG.")
        ) from error
    finally:
        _turns.release()
    return _RESOURCES.sub(_sorted_lines, found.stdout) if kind == "pdf" else found.stdout


def _sorted_lines(found: re.Match[bytes]) -> bytes:
    return b"".join(sorted(found[0].splitlines(keepends=True)))
