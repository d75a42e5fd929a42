"""`manage.py import_records`: import a bundle of records, all or nothing."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from centers.access import Scope, scope_of, system_scope
from centers.models import SYSTEM_USER_ID, Center, User
from centers.roles import Permission
from patients.importing.report import ImportResult, summary, write_report
from patients.importing.run import ImportOptions, import_bundle
from patients.importing.sources import BundleError

USAGE = 2


class Command(BaseCommand):
    """Exit status: 0 imported or nothing to do, 1 refused (nothing written), 2 wrong use."""

    help = "Import records from a folder or zip of CSV files, or an XLSX workbook: all or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The options of the command."""
        parser.add_argument("bundle", type=Path, help="folder, .zip or .xlsx; see docs/import.md")
        centers = parser.add_mutually_exclusive_group(required=True)
        centers.add_argument("--center", help="code of the center; rows of others are refused")
        centers.add_argument("--all", action="store_true", help="rows of all your centers")
        parser.add_argument(
            "--create-centers", action="store_true", help="create centers that do not exist yet"
        )
        parser.add_argument("--actor", default="", help="user name; else the system account")
        parser.add_argument("--reason", default="", help="why saved values change")
        parser.add_argument(
            "--dry-run", action="store_true", help="check and report, write nothing"
        )
        parser.add_argument("--report", type=Path, help="write the findings as .csv or .json")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the import and print its report."""
        actor = _actor(options["actor"])
        _check_center(actor, options["center"], create=options["create_centers"])
        report: Path | None = options["report"]
        _check_report(report)
        job = ImportOptions(
            options["bundle"],
            options["center"],
            options["create_centers"],
            options["reason"],
            options["dry_run"],
        )
        try:
            result = import_bundle(actor=actor, options=job, progress=self._progress)
        except BundleError as problem:
            raise CommandError(str(problem), returncode=USAGE) from None
        except DatabaseError as problem:
            # The database's own text may hold values of a row.
            raise CommandError(
                f"The database failed ({type(problem).__name__}); nothing was written. Try again"
                " when it is well, and see its log.",
                returncode=1,
            ) from None
        for line in summary(result):
            self.stdout.write(line)
        _write_report(result, report)
        if result.log.refused:
            raise CommandError(
                "The bundle was refused and nothing was written. Mend what the report lists, then"
                " import it again.",
                returncode=1,
            )

    def _progress(self, text: str) -> None:
        self.stderr.write(self.style.NOTICE(f"import: {text}"))


def _actor(username: str) -> Scope:
    """The scope of the named account, or of the built-in one."""
    if not username:
        return system_scope()
    user = User.objects.filter(username__iexact=username).first()
    if user is not None and user.pk == SYSTEM_USER_ID:
        return system_scope()
    if user is None or not user.is_active:
        raise CommandError("--actor: there is no active account of that name.", returncode=USAGE)
    return scope_of(user)


def _check_center(actor: Scope, code: str | None, *, create: bool) -> None:
    """Refuse what cannot be imported at all, before anything is read."""
    if create and not actor.may(Permission.MANAGE_CENTERS):
        raise CommandError("--create-centers: only an administrator may.", returncode=USAGE)
    center = Center.objects.filter(code=code).first() if code is not None else None
    if center is None and code is not None and not create:
        raise CommandError(
            "--center: there is no center with that code. Correct it, or add --create-centers.",
            returncode=USAGE,
        )
    if center is not None and not actor.may(Permission.IMPORT_RECORDS, center.pk):
        raise CommandError("--center: the account may not import there.", returncode=USAGE)
    if center is None and not create and not actor.may(Permission.IMPORT_RECORDS):
        raise CommandError("--all: the account may not import anywhere.", returncode=USAGE)


def _check_report(path: Path | None) -> None:
    """Find out before the import whether the report can be written."""
    try:
        if path is not None:
            path.open("w", encoding="utf-8").close()
    except OSError as problem:
        words = f"--report: that file cannot be written: {problem.strerror}."
        raise CommandError(words, returncode=USAGE) from None


def _write_report(result: ImportResult, path: Path | None) -> None:
    try:
        if path is not None:
            write_report(result, path)
    except OSError as problem:
        did = "The records were imported" if result.written else "Nothing was imported"
        words = f"{did}, but the report cannot be written: {problem.strerror}."
        raise CommandError(words, returncode=1) from None
