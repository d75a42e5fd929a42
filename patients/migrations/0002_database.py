"""Composite keys, row-level security, audit, record versions, and coded missing values."""

from django.db import migrations

from centers.database import APP, IN_SCOPE, WORKER, audited, center_rows, child_of, sql

ROWS = {
    "prior_therapies": "patients_prior_therapy",
    "courses": "patients_course",
    "cycles": "patients_cycle",
    "assessments": "patients_assessment",
    "local_therapies": "patients_local_therapy",
    "systemic_therapies": "patients_systemic_therapy",
    "follow_ups": "patients_follow_up",
}
IDENTITY = "ident.patient_identity"
PARTIAL = ("lo", "hi", "point")


# Frozen here: a migration never follows a later dictionary.
DATES = {
    "patients": (
        "consent_date",
        "primary_diagnosis_date",
        "metastatic_diagnosis_date",
        "nephrectomy_date",
        "date_of_death",
    ),
    "prior_therapies": ("start_date", "end_date"),
    "courses": (),
    "cycles": ("start_date",),
    "assessments": ("date",),
    "local_therapies": ("date",),
    "systemic_therapies": ("start_date", "end_date"),
    "follow_ups": ("date",),
}
COMPLETE = {
    "patients": (
        "consent",
        "primary_diagnosis_date",
        "metastatic_diagnosis_date",
        "histology",
        "ecog",
        "metastatic_sites",
        "m_stage",
        "clear_cell",
        "nephrectomy",
    ),
    "prior_therapies": (),
    "courses": ("intent", "dose_level", "stop_reason"),
    "cycles": ("doses_given",),
    "assessments": ("basis",),
    "local_therapies": ("site", "indication", "rendered_ned"),
    "systemic_therapies": ("indication",),
    "follow_ups": ("source", "disease_status", "systemic_therapy_since_il2"),
}


def generated(name):
    """Columns that the database computes: an event needs only what was entered."""
    return [f"{column}_{part}" for column in DATES[name] for part in PARTIAL]


VERSIONS = f"""
create table patients_record_version (
    patient_id bigint primary key,
    center_id bigint not null,
    version bigint not null,
    xact xid8 not null,
    changed_at timestamptz not null,
    constraint record_version_patient_fk foreign key (patient_id, center_id)
        references patients_patient (id, center_id)
) with (fillfactor = 70);
alter table patients_record_version enable row level security;
create policy center_scope on patients_record_version for select to {APP} using ({IN_SCOPE});
-- Locking a version row (select for update) orders writers; the triggers alone write it.
create policy center_lock on patients_record_version for update to {APP}
    using ({IN_SCOPE}) with check (false);
create policy worker_reads on patients_record_version for select to {WORKER} using (true);
grant select, update (version) on patients_record_version to {APP};
grant select on patients_record_version to {WORKER};

-- Once per transaction and record, whatever wrote and however many rows.
create function patients_touch() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    insert into patients_record_version as v (patient_id, center_id, version, xact, changed_at)
    select distinct patient_id, center_id, 1, pg_current_xact_id(), now() from changed
    order by patient_id
    on conflict (patient_id) do update set
        center_id = excluded.center_id, version = v.version + 1,
        xact = excluded.xact, changed_at = excluded.changed_at
        where v.xact <> excluded.xact;
    return null;
end $$;
create function patients_touch_patient() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    insert into patients_record_version as v (patient_id, center_id, version, xact, changed_at)
    select id, center_id, 1, pg_current_xact_id(), now() from changed order by id
    on conflict (patient_id) do update set
        center_id = excluded.center_id, version = v.version + 1,
        xact = excluded.xact, changed_at = excluded.changed_at
        where v.xact <> excluded.xact;
    return null;
end $$;
revoke execute on function patients_touch, patients_touch_patient from public;
"""


def touches(table, function="patients_touch"):
    """Statement triggers: one pass over the rows of a statement, single or bulk."""
    made = "".join(
        f"create trigger touch_{event} after {event} on {table}"
        f" referencing {side} table as changed for each statement execute function {function}();"
        for event, side in (("insert", "new"), ("update", "new"), ("delete", "old"))
    )
    undone = "".join(
        f"drop trigger touch_{event} on {table};" for event in ("insert", "update", "delete")
    )
    return sql(made, undone)


MISSING = """
create function patients_missing_valid(missing jsonb, fields text[]) returns boolean
language sql immutable parallel safe as $$
    select missing = '{}'::jsonb or (
        jsonb_typeof(missing) = 'object' and missing - fields = '{}'::jsonb
        and (select bool_and(value in ('NASK', 'NAVAIL', 'UNK', 'NA'))
            from jsonb_each_text(missing)))
$$;
"""


def missing_reasons(table, fields):
    """A coded reason only for fields that take one, and never beside a value."""
    names = ",".join(fields)
    beside = " and ".join(f"not (missing ? '{name}' and {name} is not null)" for name in fields)
    beside = beside or "true"
    name = f"{table.split('.')[-1]}_missing"
    return sql(
        f"alter table {table} add constraint {name}_valid"
        f" check (patients_missing_valid(missing, '{{{names}}}'));"
        f"alter table {table} add constraint {name}_without_value"
        f" check (missing = '{{}}'::jsonb or ({beside}));",
        f"alter table {table} drop constraint {name}_valid;"
        f"alter table {table} drop constraint {name}_without_value;",
    )


def clinical(name, table):
    """Everything that a table of rows needs."""
    return [
        child_of(table, "patient_id", "patients_patient"),
        center_rows(table),
        audited(table, left_out=generated(name)),
        touches(table),
        missing_reasons(table, COMPLETE[name]),
    ]


class Migration(migrations.Migration):
    dependencies = [("patients", "0001_initial"), ("centers", "0002_database")]

    operations = [
        sql(
            f"grant usage on schema ident to {APP}, {WORKER};",
            f"revoke usage on schema ident from {APP}, {WORKER};",
        ),
        sql(
            VERSIONS,
            "drop function patients_touch; drop function patients_touch_patient;"
            " drop table patients_record_version;",
        ),
        sql(MISSING, "drop function patients_missing_valid;"),
        center_rows("patients_patient"),
        child_of("patients_patient", "same_person_id", "patients_patient"),
        audited(
            "patients_patient",
            patient="id",
            left_out=generated("patients"),
        ),
        touches("patients_patient", "patients_touch_patient"),
        missing_reasons("patients_patient", COMPLETE["patients"]),
        child_of(IDENTITY, "patient_id", "patients_patient"),
        center_rows(IDENTITY),
        # The plain identifiers stay out of the event: their sealed form is in it.
        audited(
            IDENTITY,
            key="patient_id",
            left_out=["record_id", "birth_date", *(f"birth_date_{p}" for p in PARTIAL)],
        ),
        touches(IDENTITY),
        missing_reasons(IDENTITY, ["birth_date"]),
        child_of("ident.data_key", "patient_id", "patients_patient"),
        center_rows("ident.data_key"),
        sql(
            f"revoke select on ident.data_key from {WORKER};"
            f"grant select, insert, update on ident.index_key to {APP};",
        ),
        *(step for name, table in ROWS.items() for step in clinical(name, table)),
        sql(
            "alter table patients_cycle add constraint cycle_course_record_fk"
            " foreign key (course_id, patient_id, center_id)"
            " references patients_course (id, patient_id, center_id)"
            " deferrable initially immediate;"
            "create index patients_cycle_course on patients_cycle (course_id);",
            "drop index patients_cycle_course;"
            "alter table patients_cycle drop constraint cycle_course_record_fk;",
        ),
        child_of("patients_query", "patient_id", "patients_patient"),
        center_rows("patients_query"),
        sql(f"revoke all on patients_query from {WORKER};"),
    ]
