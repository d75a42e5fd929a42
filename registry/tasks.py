"""Tasks of the operations queue: for a process that has logins which web and worker never get."""

from __future__ import annotations

from pathlib import Path

from celery import shared_task
from django.conf import settings

from registry.backups import expire
from registry.runs import noted_backup


@shared_task(name="registry.tasks.scheduled_backup")
def scheduled_backup() -> None:
    """Back up into REGISTRY_BACKUP_DIR and keep the newest REGISTRY_BACKUPS_KEPT. Raises BackupError."""
    target = Path(settings.REGISTRY_BACKUP_DIR)
    noted_backup(target)
    expire(target, settings.REGISTRY_BACKUPS_KEPT)
