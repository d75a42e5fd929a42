#!/usr/bin/env python
"""Command line of the registry: `manage.py help` lists the commands."""

import os
import sys

try:
    from django.core.management import execute_from_command_line
    from django.db import connections

    from registry.stack import launch
    from registry.stack.paths import StackError
except ModuleNotFoundError as error:
    sys.exit(f"{error}. Run `make setup` and use .venv/bin/python.")


def make_tables() -> None:
    """Migrate a new database as its owner."""
    execute_from_command_line(["manage.py", "migrate", "--database", "owner", "--verbosity", "0"])
    connections.close_all()


def main() -> int:
    """Run one command with the servers it needs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")
    try:
        with launch.servers_for(sys.argv, make_tables):
            execute_from_command_line(sys.argv)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
