"""Signatures over the canonical record, locks, and queries that are closed with a note.

docs/signatures.md describes what is hashed. The database itself decides who signs and what: the
application names the record, the meaning and the hash that the person saw, and nothing else.
"""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from centers.database import APP, audited, center_rows, child_of, sql

# Version 1 of the canonical record. Frozen here: a migration never follows a later dictionary, and
# the hash of an old signature is computed by the version that it names, for ever.
PATIENT = (
    "sex",
    "race",
    "ethnicity",
    "disease",
    "cohort",
    "consent",
    "consent_date",
    "primary_diagnosis_date",
    "metastatic_diagnosis_date",
    "histology",
    "primary_site",
    "ecog",
    "weight_kg",
    "metastatic_sites",
    "ldh_ratio",
    "m_stage",
    "ajcc_edition",
    "braf",
    "nras",
    "breslow_mm",
    "clear_cell",
    "sarcomatoid",
    "nuclear_grade",
    "nephrectomy",
    "nephrectomy_date",
    "imdc_anemia",
    "imdc_hypercalcemia",
    "imdc_neutrophilia",
    "imdc_thrombocytosis",
    "date_of_death",
    "cause_of_death",
)
ROWS = {
    "prior_therapies": (
        "patients_prior_therapy",
        ("start_date", "end_date", "therapy_class", "agent", "setting"),
    ),
    "courses": (
        "patients_course",
        (
            "course_number",
            "intent",
            "dose_level",
            "dose_unit_as_written",
            "concurrent",
            "stop_reason",
        ),
    ),
    "cycles": (
        "patients_cycle",
        (
            "cycle_number",
            "start_date",
            "doses_planned",
            "doses_given",
            "weight_kg",
            "hold_reasons",
            "worst_toxicity_grade",
            "toxicity_criteria",
            "icu",
            "vasopressors",
        ),
    ),
    "assessments": (
        "patients_assessment",
        ("date", "response", "basis", "criteria", "modality", "new_lesion"),
    ),
    "local_therapies": (
        "patients_local_therapy",
        (
            "date",
            "modality",
            "site",
            "indication",
            "rendered_ned",
            "margin",
            "viable_tumor",
            "dose_gy",
            "fractions",
        ),
    ),
    "systemic_therapies": (
        "patients_systemic_therapy",
        ("start_date", "end_date", "therapy_class", "agent", "indication"),
    ),
    "follow_ups": (
        "patients_follow_up",
        (
            "date",
            "source",
            "vital_status",
            "disease_status",
            "systemic_therapy_since_il2",
            "second_malignancy",
        ),
    ),
}


def fields(columns):
    """The values of a row by field name."""
    pairs = ", ".join(f"'{name}', r.{name}" for name in columns)
    return f"jsonb_build_object({pairs})"


def row(columns, more=""):
    """A row: its public id, whether it is retracted, coded reasons, values."""
    return (
        "jsonb_build_object('id', r.public_id, 'retracted', r.retracted, 'missing', r.missing,"
        f" {more}'values', {fields(columns)})"
    )


def rows(name):
    """All rows of a form in order of their public id, retracted ones included."""
    table, columns = ROWS[name]
    course = (
        "'course', (select c.public_id from patients_course c where c.id = r.course_id), "
        if name == "cycles"
        else ""
    )
    return (
        f"'{name}', coalesce((select jsonb_agg({row(columns, course)} order by r.public_id)"
        f" from {table} r where r.patient_id = patient), '[]')"
    )


# The plain record ID and birth date are not hashed: with their sealed form kept in the trail, a hash
# of them would let anybody test guesses after the identifiers were erased. The sealed form holds both.
LINKED = (
    "'same_person', (select o.public_id from patients_patient o where o.id = r.same_person_id), "
)
CANONICAL = f"""
create function patients_canonical_1(patient bigint) returns jsonb
language sql stable set search_path = pg_catalog, public as $$
    select jsonb_build_object(
        'dictionary', 1,
        'identity', (select jsonb_build_object('sealed', encode(sha256(i.sealed), 'hex'),
            'missing', i.missing) from ident.patient_identity i where i.patient_id = patient),
        'patient', {row(PATIENT, LINKED)},
        'forms', jsonb_build_object({", ".join(rows(name) for name in ROWS)}))
    from patients_patient r where r.id = patient
$$;
-- The version that new signatures are made with.
create function patients_dictionary() returns integer language sql immutable parallel safe as $$
    select 1
$$;
create function patients_canonical(patient bigint, dictionary integer default patients_dictionary())
returns jsonb language sql stable set search_path = pg_catalog, public as $$
    select case dictionary when 1 then patients_canonical_1(patient) end
$$;
create function patients_record_hash(patient bigint, dictionary integer default patients_dictionary())
returns bytea language sql stable set search_path = pg_catalog, public as $$
    select sha256(convert_to(patients_canonical(patient, dictionary)::text, 'UTF8'))
$$;
-- Without a version: the words that are signed today.
create function patients_meaning(meaning text, version integer default 1) returns text
language sql immutable parallel safe as $$
    select case meaning || ' ' || version
        when 'verified 1' then 'I verified these data against the source'
        when 'approved 1' then 'I approve this record as complete and accurate' end
$$;
"""
UNDO_CANONICAL = """
drop function patients_meaning;
drop function patients_record_hash;
drop function patients_canonical;
drop function patients_dictionary;
drop function patients_canonical_1;
"""

# Everything but record, meaning and the hash that was shown is the database's own knowledge.
SIGNING = """
create function patients_sign() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    today date := (now() at time zone 'utc')::date;
begin
    -- Writers of the record wait here, or we wait for them: the hash is of what is committed.
    select v.version into new.record_version from patients_record_version v
    where v.patient_id = new.patient_id and v.center_id = new.center_id for update;
    if new.signer_id is distinct from centers_actor() then
        raise exception 'Nobody signs for another person.'
            using errcode = '42501', constraint = 'signature.signer';
    end if;
    select u.full_name, m.role into new.signer_name, new.signer_role
    from centers_membership m join centers_user u on u.id = m.user_id
    where u.id = new.signer_id and u.is_active and m.center_id = new.center_id
        and m.role = 'principal_investigator'
        and m.starts_on <= today and (m.ends_on is null or m.ends_on >= today);
    if not found then
        raise exception 'Only a principal investigator of the center signs.'
            using errcode = '42501', constraint = 'signature.role';
    end if;
    new.dictionary_version := patients_dictionary();
    if new.record_hash is distinct from patients_record_hash(new.patient_id) then
        raise exception 'The record is not the one that was shown.'
            using errcode = '23514', constraint = 'signature.hash';
    end if;
    if new.meaning = 'approved' and not exists (
        select from patients_signature s where s.patient_id = new.patient_id
            and s.meaning = 'verified' and s.broken_at is null) then
        raise exception 'A record is verified before it is approved.'
            using errcode = '23514', constraint = 'signature.unverified';
    end if;
    new.meaning_version := 1;
    new.meaning_text := patients_meaning(new.meaning, 1);
    new.signed_at := clock_timestamp();
    new.seal_number := (select max(number) from audit.seal);
    new.broken_at := null;
    new.broken_by_id := null;
    new.broken_by_name := '';
    new.broken_by_event := null;
    new.broken_reason := '';
    return new;
end $$;

-- The one change a signature knows: from standing to broken.
create function patients_keep_signature() returns trigger
language plpgsql set search_path = pg_catalog, public as $$
declare
    breaking text[] := '{broken_at,broken_by_id,broken_by_name,broken_by_event,broken_reason}';
begin
    if old.broken_at is not null or new.broken_at is null
        or to_jsonb(new) - breaking <> to_jsonb(old) - breaking then
        raise exception 'A signature is never changed.'
            using errcode = '23514', constraint = 'signature.kept';
    end if;
    return new;
end $$;

-- `every`: whatever the hash says. Called after the rows of a statement were written and audited.
create function patients_break_signatures(patient bigint, every boolean default false)
returns void language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    update patients_signature s set
        broken_at = clock_timestamp(),
        broken_by_id = centers_actor(),
        broken_by_name = coalesce(
            (select u.full_name from centers_user u where u.id = centers_actor()), ''),
        broken_by_event = (select max(e.id) from audit.event e where e.patient_id = patient
            and e.xact = pg_current_xact_id() and e.table_name not in ('', 'patients_signature')),
        broken_reason = coalesce(btrim(current_setting('registry.reason', true)), '')
    where s.patient_id = patient and s.broken_at is null
        and (every or s.record_hash <> patients_record_hash(patient, s.dictionary_version));
end $$;

-- What the hash leaves out of the identity: the plain copies beside the sealed form.
create function patients_break_identity() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform patients_break_signatures(new.patient_id, true);
    return null;
end $$;
revoke execute on function patients_sign, patients_break_signatures, patients_break_identity
    from public;

create trigger sign before insert on patients_signature
    for each row execute function patients_sign();
create trigger keep before update on patients_signature
    for each row execute function patients_keep_signature();
-- Its name puts it behind the trigger `audit`.
create trigger break_signatures after update on ident.patient_identity
    for each row when (old.record_id is distinct from new.record_id
        or old.birth_date is distinct from new.birth_date)
    execute function patients_break_identity();
"""
UNDO_SIGNING = """
drop trigger break_signatures on ident.patient_identity;
drop trigger keep on patients_signature;
drop trigger sign on patients_signature;
drop function patients_break_identity;
drop function patients_break_signatures;
drop function patients_keep_signature;
drop function patients_sign;
"""

LOCKING = f"""
create function patients_lock_record() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    today date := (now() at time zone 'utc')::date;
    acting_name text;
begin
    perform from patients_record_version v where v.patient_id = new.patient_id for update;
    select u.full_name into acting_name from centers_user u
    where u.id = centers_actor() and (centers_has_role('system') or exists (
        select from centers_membership m where m.user_id = u.id and u.is_active
            and m.starts_on <= today and (m.ends_on is null or m.ends_on >= today)
            and (m.role = 'monitor' and m.center_id = new.center_id
                or m.role = 'data_manager' and m.center_id is null)));
    if not found then
        raise exception 'Only monitors and data managers lock and unlock.'
            using errcode = '42501', constraint = 'lock.role';
    end if;
    if tg_op = 'INSERT' then
        new.locked_by_id := centers_actor();
        new.locked_by_name := acting_name;
        new.locked_at := clock_timestamp();
        new.unlocked_by_id := null;
        new.unlocked_by_name := '';
        new.unlocked_at := null;
        new.unlock_reason := '';
        return new;
    end if;
    if old.unlocked_at is not null
        or to_jsonb(new) - 'unlock_reason' <> to_jsonb(old) - 'unlock_reason' then
        raise exception 'A lock is only ever opened, once.'
            using errcode = '23514', constraint = 'lock.kept';
    end if;
    new.unlocked_by_id := centers_actor();
    new.unlocked_by_name := acting_name;
    new.unlocked_at := clock_timestamp();
    return new;
end $$;
revoke execute on function patients_lock_record from public;
create trigger lock_record before insert or update on patients_lock
    for each row execute function patients_lock_record();
grant update (unlock_reason) on patients_lock to {APP};
"""
UNDO_LOCKING = "drop trigger lock_record on patients_lock; drop function patients_lock_record;"

# Once per transaction and record as before; then what a written row means for locks and signatures.
# The version row is held by now, so a lock or a signature cannot come in between. Erasing the
# identifiers of a person passes a lock, and nothing but the identifiers.
TOUCH = """
create or replace function {name}() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
{declare}begin
    insert into patients_record_version as v (patient_id, center_id, version, xact, changed_at)
    select distinct {key}, center_id, 1, pg_current_xact_id(), now() from changed
    order by {key}
    on conflict (patient_id) do update set
        center_id = excluded.center_id,
        version = v.version + (v.xact <> excluded.xact)::int,
        xact = excluded.xact, changed_at = excluded.changed_at, unchecked = true
        where v.xact <> excluded.xact or not v.unchecked;
{guard}    return null;
end $$;
"""
DECLARE = """declare
    signed bigint;
"""
GUARD = """    if exists (select from changed c join patients_lock k on k.patient_id = c.{key}
        where k.unlocked_at is null and not (tg_table_name = 'patient_identity'
            and current_setting('registry.erasing', true) = k.patient_id::text)) then
        raise exception 'The record is locked.' using errcode = '23514',
            constraint = 'record.locked', table = tg_table_name, schema = tg_table_schema;
    end if;
    for signed in select distinct s.patient_id from changed c
        join patients_signature s on s.patient_id = c.{key} where s.broken_at is null
    loop
        perform patients_break_signatures(signed);
    end loop;
"""


def touch(declare="", guard=""):
    return "".join(
        TOUCH.format(name=name, key=key, declare=declare, guard=guard.format(key=key))
        for name, key in (("patients_touch", "patient_id"), ("patients_touch_patient", "id"))
    )


def user(**options):
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
        **options,
    )


def of_record():
    """Key, public id, center and record of a row about a record."""
    return [
        (
            "id",
            models.BigAutoField(
                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
        ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
        (
            "center",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="centers.center",
            ),
        ),
    ]


def patient(related_name):
    return (
        "patient",
        models.ForeignKey(
            db_constraint=False,
            db_index=False,
            on_delete=django.db.models.deletion.PROTECT,
            related_name=related_name,
            to="patients.patient",
        ),
    )


class Migration(migrations.Migration):
    dependencies = [("patients", "0011_identified"), ("centers", "0006_audit_review")]

    operations = [
        migrations.CreateModel(
            name="Signature",
            fields=[
                *of_record(),
                patient("signatures"),
                ("meaning", models.TextField()),
                ("meaning_version", models.SmallIntegerField()),
                ("meaning_text", models.TextField()),
                ("signer", user()),
                ("signer_name", models.TextField()),
                ("signer_role", models.TextField()),
                ("signed_at", models.DateTimeField()),
                ("record_version", models.BigIntegerField()),
                ("dictionary_version", models.SmallIntegerField()),
                ("record_hash", models.BinaryField()),
                ("seal_number", models.BigIntegerField(null=True)),
                ("broken_at", models.DateTimeField(null=True)),
                ("broken_by", user(null=True)),
                ("broken_by_name", models.TextField(blank=True)),
                ("broken_by_event", models.BigIntegerField(null=True)),
                ("broken_reason", models.TextField(blank=True)),
            ],
            options={
                "db_table": "patients_signature",
                "indexes": [
                    models.Index(fields=["patient", "center"], name="patients_signature_record")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(meaning__in=["verified", "approved"]),
                        name="patients_signature_meaning",
                    ),
                    models.UniqueConstraint(
                        fields=["center", "patient", "meaning"],
                        condition=models.Q(broken_at__isnull=True),
                        name="patients_signature_standing",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Lock",
            fields=[
                *of_record(),
                patient("locks"),
                ("locked_by", user()),
                ("locked_by_name", models.TextField()),
                ("locked_at", models.DateTimeField()),
                ("reason", models.TextField()),
                ("unlocked_by", user(null=True)),
                ("unlocked_by_name", models.TextField(blank=True)),
                ("unlocked_at", models.DateTimeField(null=True)),
                ("unlock_reason", models.TextField(blank=True)),
            ],
            options={
                "db_table": "patients_lock",
                "indexes": [
                    models.Index(fields=["patient", "center"], name="patients_lock_record")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=~models.Q(reason=""), name="patients_lock_reason"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(unlocked_at__isnull=True, unlock_reason="")
                        | (models.Q(unlocked_at__isnull=False) & ~models.Q(unlock_reason="")),
                        name="patients_lock_unlock_reason",
                    ),
                    models.UniqueConstraint(
                        fields=["center", "patient"],
                        condition=models.Q(unlocked_at__isnull=True),
                        name="patients_lock_standing",
                    ),
                ],
            },
        ),
        migrations.AddField("query", "closed_by", user(null=True)),
        migrations.AddField("query", "closing_note", models.TextField(blank=True, default="")),
        migrations.AddIndex(
            "query",
            models.Index(
                fields=["center", "opened_at"],
                name="patients_query_open",
                condition=models.Q(closed_at__isnull=True),
            ),
        ),
        sql(CANONICAL, UNDO_CANONICAL),
        child_of("patients_signature", "patient_id", "patients_patient"),
        center_rows("patients_signature", write="select, insert"),
        audited("patients_signature", reason=False),
        child_of("patients_lock", "patient_id", "patients_patient"),
        center_rows("patients_lock", write="select, insert"),
        audited("patients_lock", reason=True),
        sql(SIGNING, UNDO_SIGNING),
        sql(LOCKING, UNDO_LOCKING),
        sql(touch(DECLARE, GUARD), touch()),
    ]
