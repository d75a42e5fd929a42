"""The Celery application and its beat table: messages are hints, rows are the truth."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import task_postrun, task_prerun

from registry.logs import request_id

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")

app = Celery("registry")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

SWEEP_SECONDS = 5
SEAL_SECONDS = 5
EXPORT_SECONDS = 10
beat_schedule: dict[str, dict[str, Any]] = {
    # Picks up what a lost hint left behind, and notices a moved cutoff or rule set.
    "sweep": {
        "task": "analytics.tasks.sweep",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": SWEEP_SECONDS},
    },
    # The same for exports that wait, and for one whose worker was killed.
    "exports": {
        "task": "analytics.tasks.build_exports",
        "schedule": EXPORT_SECONDS,
        "options": {"expires": EXPORT_SECONDS},
    },
    # Files of exports whose time is over, or that were refused or called back.
    "expire-exports": {
        "task": "analytics.tasks.expire_exports",
        "schedule": crontab(minute="*/10"),
        "options": {"expires": 600},
    },
    # Audit events are sealed soon after their commit (docs/audit.md).
    "seal": {
        "task": "centers.tasks.seal",
        "schedule": SEAL_SECONDS,
        "options": {"expires": SEAL_SECONDS},
    },
    # Rows of ended sessions go; nobody could use them.
    "clear-sessions": {
        "task": "centers.tasks.clear_sessions",
        "schedule": crontab(minute="20"),
        "options": {"expires": 600},
    },
    # Drafts of forms that nobody went on with for 30 days.
    "purge-drafts": {
        "task": "patients.tasks.purge_drafts",
        "schedule": crontab(hour="3", minute="40"),
        "options": {"expires": 3600},
    },
    # Steps of imports whose hint was lost or whose worker was killed.
    "sweep-imports": {
        "task": "patients.tasks.sweep_imports",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": SWEEP_SECONDS},
    },
    # Uploads and previews that have expired.
    "purge-imports": {
        "task": "patients.tasks.purge_imports",
        "schedule": crontab(minute="50"),
        "options": {"expires": 3600},
    },
    # What is known of batches of more than a week ago.
    "forget-batches": {
        "task": "analytics.tasks.forget_batches",
        "schedule": crontab(hour="3", minute="50"),
        "options": {"expires": 3600},
    },
    # Due contacts by mail: sent once a week to each person, tried every day.
    "send-reminders": {
        "task": "patients.tasks.send_reminders",
        "schedule": crontab(hour="6", minute="10"),
        "options": {"expires": 3600},
    },
    # With the cutoff `today` the outcomes of a new day differ.
    "new-day": {
        "task": "analytics.tasks.sweep",
        "schedule": crontab(hour="0", minute="1"),
        "options": {"expires": 3600},
    },
}
if os.environ.get("REGISTRY_BACKUP_DIR"):
    # Taken by the operations process alone, the one with the backup login (docs/backup.md).
    beat_schedule["backup"] = {
        "task": "registry.tasks.scheduled_backup",
        "schedule": crontab(hour="2", minute="15"),
        "options": {"queue": "operations", "expires": 3600},
    }
app.conf.beat_schedule = beat_schedule


@task_prerun.connect
def name_task(task_id: str, **_: Any) -> None:
    """Lines of the log written by a task carry its id."""
    request_id.set(task_id)


@task_postrun.connect
def forget_task(**_: Any) -> None:
    """Outside of a task there is none."""
    request_id.set("")
