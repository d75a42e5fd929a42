"""The hard edit checks in the database: one row by constraints, a whole record by one function.

Constraints bear the stable id of their check as their name, and the function raises with it, so a
refusal tells the check and no value. Work on lo/hi as in patients/rules/checks_order.py; a test runs
one case table against both.
"""

from django.db import migrations

from centers.database import APP, sql

MELANOMA = ("m_stage", "ajcc_edition", "braf", "nras", "breslow_mm")
RENAL_CELL = (
    "clear_cell",
    "sarcomatoid",
    "nuclear_grade",
    "nephrectomy",
    "nephrectomy_date",
    "imdc_anemia",
    "imdc_hypercalcemia",
    "imdc_neutrophilia",
    "imdc_thrombocytosis",
)
# Those of them that take a coded reason: of another disease's field only NA is true.
MELANOMA_REASONS = ("m_stage",)
RENAL_CELL_REASONS = ("clear_cell", "nephrectomy")
TEXT_LENGTHS = {
    "patients_patient": {"histology": 60},
    "patients_prior_therapy": {"agent": 200},
    "patients_cycle": {"toxicity_criteria": 200},
    "patients_systemic_therapy": {"agent": 200},
    "ident.patient_identity": {"record_id": 60},
}


def none_of(columns, reasons):
    """The fields are empty; a coded reason in their place is NA."""
    not_na = " and ".join(f"coalesce(missing ->> '{name}', 'NA') = 'NA'" for name in reasons)
    return f"(num_nonnulls({', '.join(columns)}) = 0 and {not_na})"


ONE_ROW = f"""
alter table patients_patient
    add constraint "disease.field" check (
        (disease = 'melanoma' or {none_of(MELANOMA, MELANOMA_REASONS)})
        and (disease = 'renal_cell' or {none_of(RENAL_CELL, RENAL_CELL_REASONS)})),
    add constraint "order.diagnosis" check (metastatic_diagnosis_date_hi >= primary_diagnosis_date_lo),
    add constraint "person.link" check (same_person_id <> id);
alter table patients_cycle add constraint "dose.planned"
    check (doses_given <= least(coalesce(doses_planned, 14), 14));
"""
UNDO_ONE_ROW = """
alter table patients_cycle drop constraint "dose.planned";
alter table patients_patient drop constraint "disease.field", drop constraint "order.diagnosis",
    drop constraint "person.link";
"""


def text_lengths():
    made = "".join(
        f'alter table {table} add constraint "value.length" check ('
        + " and ".join(f"length({name}) <= {most}" for name, most in columns.items())
        + ");"
        for table, columns in TEXT_LENGTHS.items()
    )
    undone = "".join(
        f'alter table {table} drop constraint "value.length";' for table in TEXT_LENGTHS
    )
    return sql(made, undone)


# `unchecked` is set by the first write to a record in a transaction and cleared by the check. A
# write after an early check (set constraints immediate) sets it again, so none can slip through.
TOUCH = """
create or replace function {name}() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    insert into patients_record_version as v (patient_id, center_id, version, xact, changed_at)
    select distinct {key}, center_id, 1, pg_current_xact_id(), now() from changed
    order by {key}
    on conflict (patient_id) do update set
        center_id = excluded.center_id,
        version = v.version + (v.xact <> excluded.xact)::int,
        xact = excluded.xact, changed_at = excluded.changed_at{unchecked}
        where v.xact <> excluded.xact{or_checked};
    return null;
end $$;
"""


def touch(unchecked="", or_checked=""):
    return "".join(
        TOUCH.format(name=name, key=key, unchecked=unchecked, or_checked=or_checked)
        for name, key in (("patients_touch", "patient_id"), ("patients_touch_patient", "id"))
    )


WHOLE_RECORD = """
create function patients_refuse_impossible(patient bigint) returns void
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
    today date := (now() at time zone 'utc')::date;
    base record;       -- the patient's row and birth
    course record;
    cycle record;      -- all live cycles; t0 over the given ones, without a cutoff
    assessed record;
    treated record;    -- local therapies
    systemic record;
    prior record;
    contact record;
    documented date;   -- the least lo of what documents a progression
    refused text;
begin
    select p.retracted, p.date_of_death_hi as death_hi, i.birth_date_lo as birth_lo,
        least(p.consent_date_hi, p.primary_diagnosis_date_hi, p.metastatic_diagnosis_date_hi,
            p.nephrectomy_date_hi, p.date_of_death_hi) as first_hi,
        greatest(p.primary_diagnosis_date_lo, p.metastatic_diagnosis_date_lo,
            p.nephrectomy_date_lo) as event_lo,
        greatest(p.consent_date_lo, p.date_of_death_lo, i.birth_date_lo) as other_lo
    into base
    from patients_patient p left join ident.patient_identity i on i.patient_id = p.id
    where p.id = patient;
    if not found or base.retracted then
        return;
    end if;

    select coalesce(max(c.course_number) <> count(*), false) as gap,
        coalesce(bool_or(not exists (select from patients_cycle y
            where y.course_id = c.id and not y.retracted)), false) as without_cycle
    into course
    from patients_course c where c.patient_id = patient and not c.retracted;

    select min(lo) filter (where given) as t0_lo, min(hi) filter (where given) as t0_hi,
        min(hi) as first_hi, max(lo) as event_lo, bool_or(course_retracted) as without_course,
        bool_or(hi < course_lo) as before_cycle, bool_or(hi < courses_lo) as before_course
    into cycle
    from (
        select y.start_date_lo as lo, y.start_date_hi as hi,
            y.doses_given is distinct from 0 as given, c.retracted as course_retracted,
            max(y.start_date_lo) over (partition by y.course_id order by y.cycle_number
                rows between unbounded preceding and 1 preceding) as course_lo,
            max(y.start_date_lo) over (order by c.course_number
                groups between unbounded preceding and 1 preceding) as courses_lo
        from patients_cycle y join patients_course c on c.id = y.course_id
        where y.patient_id = patient and not y.retracted
    ) in_order;

    select min(date_hi) as first_hi, max(date_lo) as event_lo,
        min(date_lo) filter (where response = 'PD') as progression_lo
    into assessed
    from patients_assessment where patient_id = patient and not retracted;

    select min(date_hi) as first_hi, max(date_lo) as event_lo,
        min(date_lo) filter (where indication in ('progressing_lesion', 'new_lesion'))
            as progression_lo
    into treated
    from patients_local_therapy where patient_id = patient and not retracted;

    select least(min(start_date_hi), min(end_date_hi)) as first_hi,
        greatest(max(start_date_lo), max(end_date_lo)) as event_lo,
        min(start_date_hi) as start_hi,
        min(start_date_hi) filter (where start_date_lo > cycle.t0_hi
            and therapy_class <> 'supportive'
            and (indication is distinct from 'other_malignancy' or therapy_class in (
                'checkpoint_inhibitor', 'interferon', 'low_dose_il2', 'other_cytokine',
                'targeted', 'mtor', 'braf_mek'))) as disqualifying_hi
    into systemic
    from patients_systemic_therapy where patient_id = patient and not retracted;

    select least(min(start_date_hi), min(end_date_hi)) as first_hi,
        greatest(max(start_date_lo), max(end_date_lo)) as event_lo,
        max(start_date_lo) as start_lo
    into prior
    from patients_prior_therapy where patient_id = patient and not retracted;

    select min(date_hi) as first_hi, max(date_lo) as last_lo,
        max(date_lo) filter (where vital_status <> 'dead') as event_lo,
        coalesce(bool_or(vital_status = 'dead'), false) as dead,
        max(date_lo) filter (where systemic_therapy_since_il2 = 'none') as none_lo,
        min(date_hi) filter (where disease_status = 'progressive_disease') as progressive_hi
    into contact
    from patients_follow_up where patient_id = patient and not retracted;

    documented := least(assessed.progression_lo, treated.progression_lo);
    refused := case
        when base.birth_lo >= least(base.first_hi, cycle.first_hi, assessed.first_hi,
            treated.first_hi, systemic.first_hi, prior.first_hi, contact.first_hi)
            then 'order.birth'
        when greatest(base.event_lo, base.other_lo, cycle.event_lo, assessed.event_lo,
            treated.event_lo, systemic.event_lo, prior.event_lo, contact.last_lo) > today
            then 'date.future'
        when greatest(base.event_lo, cycle.event_lo, assessed.event_lo, treated.event_lo,
            systemic.event_lo, prior.event_lo, contact.event_lo) > base.death_hi
            then 'order.after_death'
        when contact.dead and base.death_hi is null then 'death.date_missing'
        when cycle.without_course then 'cycle.course_missing'
        when course.without_cycle then 'course.cycle_missing'
        when course.gap then 'course.numbers'
        when cycle.before_cycle then 'order.cycles'
        when cycle.before_course then 'order.courses'
        when treated.first_hi < cycle.t0_lo then 'local.before_il2'
        when systemic.start_hi < cycle.t0_lo then 'systemic.before_il2'
        when prior.start_lo > cycle.t0_hi then 'prior.after_il2'
        when contact.none_lo >= systemic.disqualifying_hi then 'attestation.none'
        when contact.progressive_hi < documented
            or (contact.progressive_hi is not null and documented is null)
            then 'follow_up.progression_undocumented'
    end;
    if refused is not null then
        raise exception 'The record is refused by the edit check %.', refused
            using errcode = '23514', constraint = refused, table = 'patients_patient';
    end if;
end $$;

create function patients_check_record() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform patients_refuse_impossible(new.patient_id);
    update patients_record_version set unchecked = false
    where patient_id = new.patient_id and unchecked;
    return null;
end $$;
revoke execute on function patients_refuse_impossible, patients_check_record from public;

create constraint trigger patients_refuse_impossible after insert or update
    on patients_record_version deferrable initially deferred
    for each row when (new.unchecked) execute function patients_check_record();
"""
UNDO_WHOLE_RECORD = """
drop trigger patients_refuse_impossible on patients_record_version;
drop function patients_check_record;
drop function patients_refuse_impossible;
"""


class Migration(migrations.Migration):
    dependencies = [("patients", "0002_database")]

    operations = [
        sql(ONE_ROW, UNDO_ONE_ROW),
        text_lengths(),
        sql(
            "alter table patients_record_version add column unchecked boolean not null default true;"
            + touch(", unchecked = true", " or not v.unchecked"),
            touch() + "alter table patients_record_version drop column unchecked;",
        ),
        sql(WHOLE_RECORD, UNDO_WHOLE_RECORD),
        # New records take their ids before they are saved, so that two may name each other.
        sql(
            f"grant usage on sequence patients_patient_id_seq to {APP};",
            f"revoke usage on sequence patients_patient_id_seq from {APP};",
        ),
    ]
