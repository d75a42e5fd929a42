"""The model of API clients: OAuth 2.0 client credentials, with hashed secrets and hashed tokens."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar, Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_noop
from oauth2_provider.models import AbstractApplication

from analytics.projects import Project
from centers.access import scope_of
from centers.models import SYSTEM_USER_ID, User
from centers.roles import Permission

# What a token may be good for. A client holds some of these, a token of it all or fewer.
SCOPES: Final = {
    "figures": gettext_noop("Survival figures, numbers of centers, named cohorts, the codebook"),
    "cohorts": gettext_noop("Naming a cohort"),
    "outcomes": gettext_noop("De-identified outcomes, one row a record"),
    "exports": gettext_noop("Asking for exports, watching, fetching and ending them"),
}


class ApiClient(AbstractApplication):  # type: ignore[misc]  # the toolkit has no types
    """A program that asks for tokens with its id and its secret; of the secret only a hash is kept.

    It reads for one project, under its agreement. `user` answers for it: their account closed or
    their last role ended that opens figures, it is refused. `last_used_at`: its last token.
    """

    project = models.ForeignKey(Project, models.PROTECT, related_name="+")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    scopes = ArrayField(models.TextField())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "analytics_api_client"
        ordering: ClassVar = ["id"]

    def is_valid(self, now: datetime) -> bool:
        """Neither revoked nor expired at `now`."""
        return self.revoked_at is None and now < self.expires_at

    def is_usable(self, request: Any) -> bool:
        """Whether it may have tokens now, and whether those it has still count."""
        return self.is_valid(timezone.now()) and may_own(self.user)


def may_own(user: User) -> bool:
    """Whether the person may answer for a client today; the system account always may."""
    if user.pk == SYSTEM_USER_ID:
        return True
    return user.is_active and scope_of(user).may(Permission.VIEW_COHORT)
