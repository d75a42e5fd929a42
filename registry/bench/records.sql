-- Records for the benchmarks, set by set: about 2 courses, 4 cycles, 6 assessments, 1 therapy and 4 follow-ups each.
--
-- Parameters: records, centers. Every record passes the hard edit checks. Nothing here depends on the day or the
-- machine: random() starts from a fixed seed and nothing runs in parallel.
set local session_replication_role = replica;
set local max_parallel_workers_per_gather = 0;
set local work_mem = '256MB';
set local synchronous_commit = off;
select setseed(0.25);

-- A date as people enter it: three in a hundred the year only, seven year and month.
create function pg_temp.entered(day date, chance double precision) returns text immutable language sql as $$
    select case when chance < 0.03 then to_char(day, 'YYYY') when chance < 0.10 then to_char(day, 'YYYY-MM')
                else to_char(day, 'YYYY-MM-DD') end
$$;
create function pg_temp.one_of(given text[], chance double precision) returns text immutable language sql as $$
    select given[1 + floor(chance * array_length(given, 1))::int]
$$;

insert into centers_center (public_id, code, name, city, country, irb_number, status, created_at)
select gen_random_uuid(), 'C' || to_char(n, 'FM00'), 'Center ' || n, '', '', '', 'active', now()
from generate_series(1, %(centers)s) n order by n;

-- One row a record: when treatment began, how long the record is followed, when the disease progressed.
create temporary table history on commit drop as
with centers as (
    select array_agg(id order by code) as ids from centers_center
),
drawn as materialized (
    select n as id, random() as a, random() as b, random() as c, random() as d, random() as e, random() as f,
        random() as g, random() as h, random() as i, random() as j
    from generate_series(1, %(records)s) n order by n
),
treated as (
    select drawn.*, ids[1 + floor(%(centers)s * a * a)::int] as center_id,
        date '1990-01-02' + floor(b * 7300)::int as t0,
        300 + floor(-ln(1 - c) * 2200)::int as survival
    from drawn cross join centers
)
select id, center_id, t0, pg_temp.one_of('{melanoma,melanoma,renal_cell}', d) as disease,
    t0 - 30 - floor(e * 500)::int as metastatic,
    t0 - 600 - floor(f * f * 3000)::int as primary_diagnosis,
    t0 - 9200 - floor(g * 18000)::int as birth,
    t0 + survival < date '2018-12-31' and h < 0.9 as died,
    least(t0 + survival, date '2018-12-31') as ended,
    least(t0 + survival, date '2018-12-31') - t0 as span,
    1 + floor(i * 3)::int as courses,
    1 + floor(j * 9)::int as progressed,
    a as chance
from treated order by id;
analyze history;

insert into patients_patient (id, public_id, center_id, registry_number, sex, disease, cohort, consent,
    primary_diagnosis_date, metastatic_diagnosis_date, histology, ecog, metastatic_sites, ldh_ratio, date_of_death,
    cause_of_death, created_at)
select id, gen_random_uuid(), center_id, 'IL2-' || to_char(id, 'FM000000000'),
    pg_temp.one_of('{female,male}', random()), disease, 'retrospective', 'signed',
    pg_temp.entered(primary_diagnosis, random()), pg_temp.entered(metastatic, random()),
    case disease when 'melanoma' then '8720/3' else '8310/3' end, pg_temp.one_of('{0,1}', random()), '{lung}', 1.2,
    case when died then pg_temp.entered(ended, random()) end, case when died then 'index_disease' end, now()
from history order by id;
insert into ident.patient_identity (patient_id, center_id, record_id, birth_date, sealed)
select id, center_id, 'R' || to_char(id, 'FM0000000'), to_char(birth, 'YYYY-MM-DD'), '' from history order by id;
insert into patients_record_version (patient_id, center_id, version, xact, changed_at, unchecked)
select id, center_id, 1, pg_current_xact_id(), now(), false from history order by id;

insert into patients_course (id, public_id, center_id, patient_id, course_number, intent, dose_level, created_at)
select (id - 1) * 3 + number, gen_random_uuid(), center_id, id, number,
    case when number = 1 then 'initial' else 'continuation' end, '600000', now()
from history cross join lateral generate_series(1, courses) number order by id, number;
insert into patients_cycle (public_id, center_id, patient_id, course_id, cycle_number, start_date, doses_planned,
    doses_given, worst_toxicity_grade, created_at)
select gen_random_uuid(), center_id, id, (id - 1) * 3 + number, cycle,
    case when number = 1 then to_char(t0 + 7 * (cycle - 1), 'YYYY-MM-DD')
        else pg_temp.entered(t0 + 75 * (number - 1) + 7 * (cycle - 1), random() * 4) end,
    14, case when random() < 0.97 then 4 + floor(random() * 11)::int end, '3', now()
from history cross join lateral generate_series(1, courses) number cross join generate_series(1, 2) cycle
order by id, number, cycle;

insert into patients_assessment (public_id, center_id, patient_id, date, response, basis, criteria, created_at)
select gen_random_uuid(), center_id, id,
    pg_temp.entered(t0 + floor(span * (number + random() / 2) / 7)::int, random()),
    case when number < progressed then pg_temp.one_of('{CR,PR,PR,SD,SD}', chance)
        when number = progressed then 'PD' else pg_temp.one_of('{PD,SD,NE}', random()) end,
    pg_temp.one_of('{imaging,imaging,imaging,imaging,imaging,imaging,imaging,pathology,clinical}', random()),
    'RECIST10', now()
from history cross join generate_series(1, 6) number order by id, number;

create temporary table later_therapy on commit drop as
select id, center_id, random() < 0.55 as is_systemic, t0 + 180 + floor(random() * (span - 180))::int as day,
    random() as a, random() as b, random() as c
from history order by id;
analyze later_therapy;
insert into patients_systemic_therapy (public_id, center_id, patient_id, start_date, therapy_class, indication, created_at)
select gen_random_uuid(), center_id, id, pg_temp.entered(day, a),
    pg_temp.one_of('{chemotherapy,checkpoint_inhibitor,targeted,interferon,supportive}', b),
    pg_temp.one_of('{progression,progression,adjuvant,other_malignancy,unknown}', c), now()
from later_therapy where is_systemic order by id;
insert into patients_local_therapy (public_id, center_id, patient_id, date, modality, site, indication, rendered_ned, created_at)
select gen_random_uuid(), center_id, id, pg_temp.entered(day, a),
    pg_temp.one_of('{metastasectomy,external_beam,stereotactic}', b), 'lung',
    pg_temp.one_of('{residual_disease,progressing_lesion,new_lesion,palliation,unknown}', c), 'no', now()
from later_therapy where not is_systemic order by id;

insert into patients_follow_up (public_id, center_id, patient_id, date, source, vital_status, disease_status,
    systemic_therapy_since_il2, created_at)
select gen_random_uuid(), h.center_id, h.id, to_char(contact, 'YYYY-MM-DD'), 'visit',
    case when number = 4 and died then 'dead' else 'alive' end,
    case when progressed > 6 or contact < t0 + span * progressed / 7 then 'stable_disease' else 'unknown' end,
    case when l.is_systemic and l.day <= contact then 'yes' when random() < 0.1 then 'unknown' else 'none' end, now()
from history h join later_therapy l using (id) cross join generate_series(1, 4) number
    cross join lateral (select t0 + span * number / 4 as contact) made
order by h.id, number;

-- Rows entered later get the next ids.
select setval(pg_get_serial_sequence('patients_patient', 'id'), max(id)) from patients_patient;
select setval(pg_get_serial_sequence('patients_course', 'id'), max(id)) from patients_course;
