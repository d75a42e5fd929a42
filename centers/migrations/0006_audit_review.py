"""Audit review: more kinds of reading events, who sees events of access, sign-offs of findings."""

import uuid

from django.db import migrations, models

from centers.database import APP, WORKER, audited, center_rows, sql

KINDS = (
    "sign_in",
    "sign_out",
    "sign_in_failed",
    "locked_out",
    "signing_refused",
    "mfa",
    "read",
    "reveal",
    "search",
    "print",
    "download",
    "export",
    "import",
)
FIRST_KINDS = ("sign_in", "sign_out", "read", "reveal", "export", "import")
# What people did with accounts, centers and files; administrators read these, never clinical rows.
ACCESS_KINDS = (
    "sign_in",
    "sign_out",
    "sign_in_failed",
    "locked_out",
    "signing_refused",
    "mfa",
    "download",
    "export",
    "import",
)
ACCESS_TABLES = (
    "centers_user",
    "centers_membership",
    "centers_center",
    "centers_openidentity",
    "mfa_authenticator",
)


def listed(words):
    """The words as a list of SQL texts; all are fixed above."""
    return ", ".join(f"'{word}'" for word in words)


def record_event(kinds):
    """Events that are no row's change. Fixed kinds; the actor is the scope's."""
    return f"""
create or replace function audit.record_event(kind text, center bigint, patient bigint, detail jsonb)
returns void language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if kind not in ({listed(kinds)}) then
        raise exception 'Unknown kind of event.' using errcode = '22023';
    end if;
    perform audit.append(center, patient, '', null, kind, null, detail,
        nullif(btrim(current_setting('registry.reason', true)), ''));
end $$;
"""


# A page of many centers writes its events in one query. `details`: one a center, in the same order.
RECORD_EVENTS = f"""
create function audit.record_events(kind text, centers bigint[], details jsonb)
returns void language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    place integer;
begin
    if cardinality(centers) <> jsonb_array_length(details) then
        raise exception 'One detail a center.' using errcode = '22023';
    end if;
    for place in 1 .. cardinality(centers) loop
        perform audit.record_event(kind, centers[place], null, details -> place - 1);
    end loop;
end $$;
revoke execute on function audit.record_events from public;
grant execute on function audit.record_events to {APP}, {WORKER};
"""

# Events come in order of time, so a block-range index finds a period and costs a write nothing.
# What one person did is asked for over years, and the answer may be "nothing".
INDEXES = """
create index event_at on audit.event using brin (at) with (autosummarize = on);
create index event_actor on audit.event (actor_id, id);
"""

# Events of readings name records in their detail; none of those is an event of access.
ACCESS_POLICY = f"""
create policy access_events on audit.event for select to {APP} using (
    ((select centers_has_role('administrator')) or (select centers_has_role('system')))
    and patient_id is null
    and (table_name in ({listed(ACCESS_TABLES)})
        or (table_name = '' and operation in ({listed(ACCESS_KINDS)})
            and not coalesce(after, '{{}}') ? 'patient_ids')));
"""


class Migration(migrations.Migration):
    dependencies = [("centers", "0005_sign_in")]

    operations = [
        sql(record_event(KINDS), record_event(FIRST_KINDS)),
        sql(RECORD_EVENTS, "drop function audit.record_events;"),
        sql(INDEXES, "drop index audit.event_actor; drop index audit.event_at;"),
        sql(ACCESS_POLICY, "drop policy access_events on audit.event;"),
        migrations.CreateModel(
            name="AuditReview",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
                ),
                ("kind", models.CharField(max_length=30)),
                ("key", models.CharField(max_length=200)),
                ("starts_on", models.DateField()),
                ("ends_on", models.DateField()),
                ("events", models.PositiveIntegerField()),
                ("note", models.TextField()),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "center",
                    models.ForeignKey(
                        on_delete=models.deletion.PROTECT, related_name="+", to="centers.center"
                    ),
                ),
                (
                    "reviewer",
                    models.ForeignKey(
                        on_delete=models.deletion.PROTECT, related_name="+", to="centers.user"
                    ),
                ),
            ],
            options={
                "db_table": "centers_audit_review",
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        name="centers_audit_review_note",
                        condition=models.Q(note__regex=r"\S"),
                    ),
                    models.CheckConstraint(
                        name="centers_audit_review_period",
                        condition=models.Q(ends_on__gte=models.F("starts_on")),
                    ),
                    models.UniqueConstraint(
                        fields=["center", "key", "events"], name="centers_audit_review_once"
                    ),
                ],
            },
        ),
        center_rows("centers_audit_review", write="select, insert"),
        audited("centers_audit_review", reason=False),
    ]
