"""Centers, people, memberships, and the audit events that the database writes."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, ClassVar, Final

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.module_loading import import_string

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


def in_force(day: date, prefix: str = "") -> models.Q:
    """Memberships of a day (UTC); both first and last day count. `prefix`: the lookup that leads to them."""
    return models.Q(**{f"{prefix}starts_on__lte": day}) & (
        models.Q(**{f"{prefix}ends_on": None}) | models.Q(**{f"{prefix}ends_on__gte": day})
    )


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


class Session(AbstractBaseSession):
    """A browser in which somebody is signed in, or about to be. The key is a secret; lists use `public_id`.

    `browser` is a few words such as "Firefox on Windows"; no address is kept.
    """

    public_id = models.UUIDField(default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions")
    browser = models.CharField(max_length=40, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta(AbstractBaseSession.Meta):
        abstract = False

    def __str__(self) -> str:
        return self.browser

    @classmethod
    def get_session_store_class(cls) -> Any:
        """Where rows are read and written."""
        return import_string(f"{settings.SESSION_ENGINE}.SessionStore")


class OpenIdentity(models.Model):
    """A person's account at a hospital's OpenID provider: the pair names it for ever."""

    user = models.ForeignKey(User, models.PROTECT, related_name="identities")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="centers_openidentity_once"),
            models.UniqueConstraint(
                fields=["user", "issuer"], name="centers_openidentity_one_a_person"
            ),
        ]

    def __str__(self) -> str:
        return self.issuer


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
    row_hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = '"audit"."event"'

    def __str__(self) -> str:
        return f"{self.operation} {self.table_name}"


class OperationRun(models.Model):
    """A backup that was made or tried, or a drill of one: seen by administrators, changed by nobody.

    `detail` names the backup and what did not pass; nothing of any record.
    """

    kind = models.CharField(max_length=10)
    passed = models.BooleanField()
    seconds = models.FloatField()
    detail = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "centers_operation_run"
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="centers_operation_run_kind",
                condition=models.Q(kind__in=["backup", "drill"]),
            )
        ]

    def __str__(self) -> str:
        return self.kind


class AuditReview(models.Model):
    """A reviewer has looked at a finding of the audit review. Nobody changes it afterwards.

    `key` names the finding; `events` is how many events it had then: more make it open again.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    center = models.ForeignKey(Center, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=30)
    key = models.CharField(max_length=200)
    starts_on = models.DateField()
    ends_on = models.DateField()
    events = models.PositiveIntegerField()
    reviewer = models.ForeignKey(User, models.PROTECT, related_name="+")
    note = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "centers_audit_review"
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="centers_audit_review_note", condition=models.Q(note__regex=r"\S")
            ),
            models.CheckConstraint(
                name="centers_audit_review_period",
                condition=models.Q(ends_on__gte=models.F("starts_on")),
            ),
            models.UniqueConstraint(
                fields=["center", "key", "events"], name="centers_audit_review_once"
            ),
        ]

    def __str__(self) -> str:
        return self.kind
