"""Loaded by the supervised worker: its pool processes end with it, even in the middle of a task.

A killed worker's idle pool processes end by themselves, but a busy one would go on with its task.
"""

import os
import signal

from celery.signals import worker_process_init

from registry.stack.processes import die_with_parent


@worker_process_init.connect
def end_with_worker(**_: object) -> None:
    """Ask the kernel to end this pool process with its worker. A half-done task is rolled back and run again."""
    die_with_parent(signal.SIGKILL, os.getppid())()
