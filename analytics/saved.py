"""The model of saved views."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from centers.models import User


class SavedView(models.Model):
    """A cohort page's address under a name, for whoever saved it alone.

    `page` is the name of a route, `query` the page's parameters. It holds no figure: opening it, like
    opening a shared link, is evaluated for the reader of that moment.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=100)
    page = models.CharField(max_length=40)
    query = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "analytics_saved_view"
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "name"],
                name="analytics_saved_view_name",
                violation_error_message="You have a view of that name: choose another.",
            )
        ]

    def __str__(self) -> str:
        return self.name
