"""`manage.py export`: make, list and fetch de-identified exports, and verify what was fetched."""

from __future__ import annotations

import shutil
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from analytics.actions.exports import request_export
from analytics.export_jobs import ExportState
from analytics.exporting import store
from analytics.exporting.choices import DISEASES, FORMATS, POPULATIONS
from analytics.exporting.engine import build_waiting
from analytics.exporting.manifest import problems, public_key_pem
from analytics.management.arguments import FAILURE, USAGE, worker_alias
from analytics.models import DataCut, ExportJob, Project
from centers.access import acting, system_scope
from centers.audit import EventKind, record_event


class Command(BaseCommand):
    """Requests as the system account; an export for research still waits for a second person."""

    help = "De-identified exports of projects: make, list, fetch, verify."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """One of five verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        make = verbs.add_parser("make", help="ask for an export and build it now")
        make.add_argument("project", help="name of the project")
        make.add_argument("cut", help="name of the data cut")
        make.add_argument("--population", choices=list(POPULATIONS), default="treated")
        make.add_argument("--disease", choices=[code for code in DISEASES if code], default="")
        make.add_argument("--formats", default="csv", help=f"of {', '.join(FORMATS)}")
        verbs.add_parser("list", help="list the exports, newest first")
        fetch = verbs.add_parser("fetch", help="copy a released export's files into a folder")
        fetch.add_argument("export", type=_key)
        fetch.add_argument("folder", type=Path)
        verify = verbs.add_parser(
            "verify", help="check fetched files; exit status 1 if one differs"
        )
        verify.add_argument("folder", type=Path)
        verify.add_argument("--key", type=Path, help="public key (default: this registry's)")
        verbs.add_parser("key", help="print the public key that verifies manifests")

    def handle(self, *_: Any, **options: Any) -> None:
        """Exit status 1 when something is absent, refused or not what was released."""
        getattr(self, f"_{options['verb']}")(options)

    def _make(self, options: dict[str, Any]) -> None:
        worker_alias()
        with acting(system_scope()), transaction.atomic():
            project = Project.objects.filter(name=options["project"]).first()
            cut = DataCut.objects.filter(name=options["cut"]).first()
        if project is None or cut is None:
            word = "project" if project is None else "data cut"
            raise CommandError(f"There is no {word} of that name.", returncode=FAILURE)
        try:
            job, _ = request_export(
                actor=system_scope(),
                project_id=project.pk,
                cut_id=cut.pk,
                population=options["population"],
                disease=options["disease"],
                formats=options["formats"].split(","),
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages), returncode=FAILURE) from error
        build_waiting()
        self._print(_find(job.public_id))

    def _list(self, _: dict[str, Any]) -> None:
        with acting(system_scope()), transaction.atomic():
            for job in ExportJob.objects.select_related("project"):
                self._print(job)

    def _fetch(self, options: dict[str, Any]) -> None:
        job = _find(options["export"])
        if not job.is_fetchable(timezone.now()):
            raise CommandError(
                f"This export is not released: it is {job.state}.", returncode=FAILURE
            )
        options["folder"].mkdir(parents=True, exist_ok=True)
        for entry in job.files or ():
            with acting(system_scope()), transaction.atomic():
                detail = {"what": "export", "export": str(job.public_id), "file": entry["name"]}
                whole = {"sha256": entry["sha256"], "first": 0, "last": entry["bytes"] - 1}
                record_event(EventKind.DOWNLOAD, {**detail, **whole, "client": "command"})
            shutil.copyfile(store.place(entry["sha256"]), options["folder"] / entry["name"])

    def _verify(self, options: dict[str, Any]) -> None:
        try:
            key = options["key"].read_bytes() if options["key"] else None
            found = problems(options["folder"], key)
        except (OSError, ValueError) as error:
            reason = "The key cannot be read: give the public key in PEM."
            raise CommandError(reason, returncode=USAGE) from error
        if found:
            raise CommandError("\n".join(found), returncode=FAILURE)
        self.stdout.write("Every file is the one that was released, and the manifest is signed.")

    def _key(self, _: dict[str, Any]) -> None:
        self.stdout.write(public_key_pem(), ending="")

    def _print(self, job: ExportJob) -> None:
        hint = " (a second person releases it)" if job.state == ExportState.REVIEW else ""
        self.stdout.write(f"{job.public_id} {job.profile} {job.state}{hint} {job.error}".rstrip())


def _find(key: UUID) -> ExportJob:
    with acting(system_scope()), transaction.atomic():
        job = ExportJob.objects.select_related("project").filter(public_id=key).first()
    if job is None:
        raise CommandError("There is no export of that id.", returncode=FAILURE)
    return job


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError("write the id of an export, as `export list` prints it") from None
