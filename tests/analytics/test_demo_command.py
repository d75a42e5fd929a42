"""What `seed_demo` refuses, and that a seeding that fails leaves an empty registry."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from analytics.demo import seeding
from analytics.demo.plan import STANDARD
from centers.models import Center, User

pytestmark = pytest.mark.usefixtures("database")


def test_deployment_refuses_the_demo(settings: Any) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="deployment") as refusal:
        call_command("seed_demo")
    assert refusal.value.returncode == 1
    assert not Center.objects.exists()


def test_fewer_records_than_the_standard_are_refused() -> None:
    with pytest.raises(CommandError, match="at least"):
        call_command("seed_demo", records=STANDARD - 1)
    with pytest.raises(ValueError, match="at least"):
        seeding.seed(10)
    assert not Center.objects.exists()


def test_seeding_that_is_stopped_leaves_nothing() -> None:
    def stop(line: str) -> None:
        if "records saved" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seeding.seed(progress=stop)
    assert not Center.objects.exists()
    assert not User.objects.filter(is_demo=True).exists()
