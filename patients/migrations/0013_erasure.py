"""Erased identifiers, the blind index of persons, duplicates across centers."""

import django.db.models.deletion
from django.db import migrations, models

from centers.database import APP, audited, center_rows, child_of, sql

IDENTITY = "ident.patient_identity"
PLAIN = (
    "record_id",
    "birth_date",
    "birth_date_lo",
    "birth_date_hi",
    "birth_date_point",
)


def reaudited(left_out, before):
    """The audit trigger of the identity table with other columns left out of its events."""
    forward, backward = (
        audited(IDENTITY, key="patient_id", left_out=columns) for columns in (left_out, before)
    )
    return sql(
        f"drop trigger audit on {IDENTITY};{forward.sql}",
        f"drop trigger audit on {IDENTITY};{backward.sql}",
    )


# Once destroyed, always destroyed; and only of a record that is on the list of erased ones. While
# `registry.erasing` names the record, its erasure is under way and passes.
GUARDS = """
create function patients_keep_destroyed() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if old.destroyed_at is not null then
        raise exception 'The identifiers of this record were erased.'
            using errcode = '23514', constraint = 'person.erased', table = 'data_key';
    end if;
    if new.destroyed_at is not null
            and not exists (select from patients_erasure e where e.patient_id = new.patient_id) then
        raise exception 'A key is destroyed by an erasure only.'
            using errcode = '23514', constraint = 'data_key_erasure', table = 'data_key';
    end if;
    return new;
end $$;
create function patients_keep_erased() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if coalesce(current_setting('registry.erasing', true), '') <> old.patient_id::text
            and exists (select from patients_erasure e where e.patient_id = old.patient_id) then
        raise exception 'The identifiers of this record were erased.'
            using errcode = '23514', constraint = 'person.erased', table = 'patient_identity';
    end if;
    return new;
end $$;
revoke execute on function patients_keep_destroyed, patients_keep_erased from public;
create trigger keep_destroyed before update on ident.data_key
    for each row execute function patients_keep_destroyed();
create trigger keep_erased before update on ident.patient_identity
    for each row execute function patients_keep_erased();
"""
UNDO_GUARDS = """
drop trigger keep_destroyed on ident.data_key;
drop trigger keep_erased on ident.patient_identity;
drop function patients_keep_destroyed, patients_keep_erased;
"""

# Which records are of one person, whatever the center. Nobody is granted the table: a center must
# not learn that another one has the same person. The two functions are its only doors.
PERSONS = f"""
create table ident.person_index (
    patient_id bigint primary key,
    center_id bigint not null,
    person_index bytea not null,
    constraint person_index_patient_id_center_fk foreign key (patient_id, center_id)
        references patients_patient (id, center_id)
);
create index person_index_value on ident.person_index (person_index);
alter table ident.person_index enable row level security;

-- A null index takes the record out. Records outside the scope are left alone.
create function patients_index_persons(patients bigint[], indexes bytea[]) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    delete from ident.person_index i using unnest(patients, indexes) as given (patient, person)
    where i.patient_id = given.patient and given.person is null
        and i.center_id = any((select centers_scope())::bigint[]);
    insert into ident.person_index as i (patient_id, center_id, person_index)
    select p.id, p.center_id, given.person
    from unnest(patients, indexes) as given (patient, person)
    join patients_patient p on p.id = given.patient
    where given.person is not null and p.center_id = any((select centers_scope())::bigint[])
    on conflict (patient_id) do update set person_index = excluded.person_index
        where i.person_index <> excluded.person_index;
end $$;

-- Pairs of standing records of two centers that may be one person, for data managers.
create function patients_duplicates_across_centers()
returns table (first_id bigint, second_id bigint, same_person boolean, same_treatment boolean)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
    if not (centers_has_role('data_manager') or centers_has_role('system')) then
        raise exception 'Only data managers compare centers.' using errcode = '42501';
    end if;
    return query
    with person as (
        select i.patient_id, i.center_id, i.person_index
        from ident.person_index i join patients_patient p on p.id = i.patient_id
        where not p.retracted
    ), treated as (
        select p.id, p.center_id, p.sex::text as sex, i.birth_date_lo as born,
            min(y.start_date_lo) as first_cycle
        from patients_patient p
        join ident.patient_identity i on i.patient_id = p.id
        join patients_cycle y on y.patient_id = p.id
        where not p.retracted and i.birth_date_lo = i.birth_date_hi
            and not y.retracted and y.doses_given is distinct from 0
            and y.start_date_lo = y.start_date_hi
        group by p.id, i.birth_date_lo
    ), pair as (
        select a.patient_id as one, b.patient_id as other, true as person, false as treatment
        from person a join person b on b.person_index = a.person_index
            and b.patient_id > a.patient_id and b.center_id <> a.center_id
        union all
        select a.id, b.id, false, true
        from treated a join treated b on b.born = a.born and b.sex = a.sex
            and b.first_cycle = a.first_cycle and b.id > a.id and b.center_id <> a.center_id
    )
    select one, other, bool_or(person), bool_or(treatment) from pair group by one, other
    order by one, other;
end $$;
revoke execute on function patients_index_persons, patients_duplicates_across_centers from public;
grant execute on function patients_index_persons, patients_duplicates_across_centers to {APP};
"""
UNDO_PERSONS = """
drop function patients_index_persons, patients_duplicates_across_centers;
drop table ident.person_index;
"""

MANAGERS = """(select centers_has_role('data_manager')) or (select centers_has_role('system'))"""
REVIEWS = f"""
alter table patients_duplicate_review enable row level security;
create policy data_managers on patients_duplicate_review to {APP}
    using ({MANAGERS}) with check ({MANAGERS});
grant select, insert, update on patients_duplicate_review to {APP};
"""


class Migration(migrations.Migration):
    dependencies = [("patients", "0012_signatures")]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "patient",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="erasure",
                        serialize=False,
                        to="patients.patient",
                    ),
                ),
                (
                    "center",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="centers.center",
                    ),
                ),
                ("record_index", models.BinaryField(null=True)),
                ("requested_on", models.DateField()),
                ("reason", models.TextField()),
                (
                    "erased_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="centers.user",
                    ),
                ),
                ("erased_at", models.DateTimeField()),
            ],
            options={"db_table": "patients_erasure"},
        ),
        child_of("patients_erasure", "patient_id", "patients_patient"),
        center_rows("patients_erasure", write="select, insert"),
        audited("patients_erasure", key="patient_id", left_out=["record_index"]),
        migrations.AddField("datakey", "destroyed_at", models.DateTimeField(null=True)),
        sql(
            "alter table ident.data_key add constraint data_key_destroyed"
            " check ((destroyed_at is null) = (length(wrapped) > 0));",
            "alter table ident.data_key drop constraint data_key_destroyed;",
        ),
        reaudited([*PLAIN, "mrn_index"], PLAIN),
        sql(GUARDS, UNDO_GUARDS),
        sql(PERSONS, UNDO_PERSONS),
        migrations.CreateModel(
            name="DuplicateReview",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "first",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="patients.patient",
                    ),
                ),
                (
                    "second",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="patients.patient",
                    ),
                ),
                ("verdict", models.TextField()),
                ("note", models.TextField()),
                (
                    "reviewed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="centers.user",
                    ),
                ),
                ("reviewed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "patients_duplicate_review",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("first", "second"), name="patients_duplicate_review_pair"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(first__lt=models.F("second")),
                        name="patients_duplicate_review_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(verdict__in=["same", "different"]),
                        name="patients_duplicate_review_verdict",
                    ),
                ],
            },
        ),
        sql(REVIEWS, f"revoke all on patients_duplicate_review from {APP};"),
        # No center: an event with one would tell that center of the other's record.
        audited("patients_duplicate_review", patient="", reason=False),
    ]
