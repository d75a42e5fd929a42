"""Centers, people, memberships, and the audit events that the database writes."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Final

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from centers.roles import REGISTRY_WIDE, Role

# Made by the first migration; the actor of command-line and worker work. It cannot sign in.
SYSTEM_USER_ID: Final = 1


_WIDE: Final = [role.value for role in Role if role in REGISTRY_WIDE]


def _today() -> Any:
    return timezone.now().date()


class Center(models.Model):
    """A treatment center. Its code is the one of the import bundle, such as C01."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.CharField(max_length=12, unique=True)
    name = models.CharField(max_length=200)
    city = models.CharField(max_length=200, blank=True)
    country = models.CharField("Country (ISO 3166)", max_length=2, blank=True)
    irb_number = models.CharField("IRB number", max_length=60, blank=True)
    irb_expiry = models.DateField("IRB expiry", null=True, blank=True)
    activation_date = models.DateField(null=True, blank=True)
    status = models.CharField(
        max_length=6, choices=[("active", "Active"), ("closed", "Closed")], default="active"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="centers_center_status", condition=models.Q(status__in=["active", "closed"])
            ),
            models.CheckConstraint(
                name="centers_center_code",
                condition=models.Q(code__regex=r"^[A-Za-z0-9][A-Za-z0-9_-]*$"),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class UserManager(BaseUserManager["User"]):
    """Finds an account by its user name, in any case."""

    def get_by_natural_key(self, username: str | None) -> User:
        """The account that signs in."""
        return self.get(username__iexact=username)


class User(AbstractBaseUser):
    """A person's account. Accounts are never reused; what one may do lies in memberships."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    username = models.CharField(max_length=150, unique=True)
    full_name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("username"), name="centers_user_username"),
        ]

    def __str__(self) -> str:
        return self.username

    def get_full_name(self) -> str:
        """As printed beside events."""
        return self.full_name

    def get_short_name(self) -> str:
        """As shown in the header."""
        return self.full_name


class Membership(models.Model):
    """A person's role at one center, or (investigators, administrators) in the whole registry."""

    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    center = models.ForeignKey(Center, models.PROTECT, null=True, related_name="memberships")
    role = models.CharField(max_length=30, choices=[(r.value, r.label) for r in Role])
    starts_on = models.DateField(default=_today)
    ends_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="centers_membership_role",
                condition=models.Q(role__in=[r.value for r in Role if r != Role.SYSTEM]),
            ),
            models.CheckConstraint(
                name="centers_membership_place",
                condition=models.Q(center__isnull=True, role__in=_WIDE)
                | (models.Q(center__isnull=False) & ~models.Q(role__in=_WIDE)),
            ),
            # The day before its start says that a membership never was.
            models.CheckConstraint(
                name="centers_membership_order",
                condition=models.Q(ends_on__isnull=True)
                | models.Q(
                    ends_on__gte=models.ExpressionWrapper(
                        models.F("starts_on") - models.Value(1), models.DateField()
                    )
                ),
            ),
            models.UniqueConstraint(
                fields=["user", "center", "role", "starts_on"],
                name="centers_membership_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role}"


class AuditEvent(models.Model):
    """One write, as the trigger saw it. Nobody is granted insert, update or delete."""

    at = models.DateTimeField()
    actor = models.ForeignKey(User, models.DO_NOTHING, db_constraint=False)
    role = models.TextField()
    center_id = models.BigIntegerField(null=True)
    patient_id = models.BigIntegerField(null=True)
    table_name = models.TextField()
    row_id = models.BigIntegerField(null=True)
    operation = models.TextField()
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(null=True)
    request_id = models.UUIDField(null=True)
    app_version = models.TextField()

    class Meta:
        managed = False
        db_table = '"audit"."event"'

    def __str__(self) -> str:
        return f"{self.operation} {self.table_name}"
