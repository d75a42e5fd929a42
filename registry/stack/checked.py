"""Run the checks of a deployment, then become the command given.

`python -m registry.stack.checked gunicorn registry.wsgi:application ...` does not start when a check
finds an error, whatever starts it: the container, the supervisor, a person. The demo starts at once.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from registry.stack.paths import CHECKOUT

CHECK = ("check", "--deploy", "--fail-level", "ERROR", "--database", "default")
YES = frozenset({"1", "true", "yes", "on"})
REFUSED = 78  # EX_CONFIG of sysexits.h


def is_demo(given: Mapping[str, str] = os.environ) -> bool:
    """Whether this is the synthetic demo, which is checked for nothing."""
    return given.get("REGISTRY_DEMO", "").lower() in YES


def command_line(command: Sequence[str], given: Mapping[str, str] = os.environ) -> list[str]:
    """The command, with the checks before it outside the demo."""
    before = [] if is_demo(given) else [sys.executable, "-m", "registry.stack.checked"]
    return [*before, *command]


def main(command: Sequence[str]) -> int:
    """Exit status 78 when the checks refuse, 2 when no command is given; else this never returns."""
    if not command:
        print("usage: python -m registry.stack.checked COMMAND [ARGUMENT ...]", file=sys.stderr)
        return 2
    if not is_demo():
        done = subprocess.run([sys.executable, str(CHECKOUT / "manage.py"), *CHECK], check=False)
        if done.returncode:
            print("Not started: the checks above found errors.", file=sys.stderr)
            return REFUSED
    return os.execvp(command[0], list(command))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
