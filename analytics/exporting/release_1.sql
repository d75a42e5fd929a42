create table frozen.record (
    cut_id bigint not null references analytics_data_cut,
    center_id bigint not null,
    patient_id bigint not null,
    t0_year integer,
    t0_precision text,
    anchored boolean,
    age_at_t0 integer,
    oldest_age integer,
    sex text,
    race text,
    ethnicity text,
    disease text,
    cohort text,
    primary_diagnosis_date_day integer,
    primary_diagnosis_date_precision text,
    metastatic_diagnosis_date_day integer,
    metastatic_diagnosis_date_precision text,
    histology text,
    primary_site text,
    ecog text,
    weight_kg numeric,
    metastatic_sites text,
    ldh_ratio numeric,
    m_stage text,
    ajcc_edition text,
    braf text,
    nras text,
    breslow_mm numeric,
    clear_cell text,
    sarcomatoid text,
    nuclear_grade text,
    nephrectomy text,
    nephrectomy_date_day integer,
    nephrectomy_date_precision text,
    imdc_anemia text,
    imdc_hypercalcemia text,
    imdc_neutrophilia text,
    imdc_thrombocytosis text,
    cause_of_death text,
    metastatic_disease text,
    received_hd_il2 text,
    survival_5y text,
    no_later_systemic_therapy text,
    progression_free_5y text,
    eligible text,
    long_term_pfs text,
    best_response text,
    surgical_ned text,
    pfs_band text,
    courses integer,
    doses integer,
    pfs_days integer,
    pfs_cnsr integer,
    pfs_event_type text,
    pfs_censor_reason text,
    fda_days integer,
    fda_cnsr integer,
    fda_event_type text,
    fda_censor_reason text,
    ema_days integer,
    ema_cnsr integer,
    ema_event_type text,
    ema_censor_reason text,
    worst_case_days integer,
    worst_case_cnsr integer,
    worst_case_event_type text,
    worst_case_censor_reason text,
    os_days integer,
    os_cnsr integer,
    unique (cut_id, patient_id),
    foreign key (patient_id, center_id) references patients_patient (id, center_id)
);
create table frozen.prior_therapies (
    cut_id bigint not null references analytics_data_cut,
    center_id bigint not null,
    patient_id bigint not null,
    start_date_day integer,
    start_date_precision text,
    end_date_day integer,
    end_date_precision text,
    therapy_class text,
    setting text,
    foreign key (patient_id, center_id) references patients_patient (id, center_id)
);
create index on frozen.prior_therapies (cut_id, patient_id);
create table frozen.courses (
    cut_id bigint not null references analytics_data_cut,
    center_id bigint not null,
    patient_id bigint not null,
    course_number integer,
    intent text,
    dose_level text,
    concurrent text,
    stop_reason text,
    foreign key (patient_id, center_id) references patients_patient (id, center_id)
);
create index on frozen.courses (cut_id, patient_id);
create table frozen.cycles (
    cut_id bigint not null references analytics_data_cut,
    center_id bigint not null,
    patient_id bigint not null,
    course_number integer,
    cycle_number integer,
    start_date_day integer,
    start_date_precision text,
    doses_planned integer,
    doses_given integer,
    weight_kg numeric,
    hold_reasons text,
    worst_toxicity_grade text,
    icu text,
    vasopressors text,
    foreign key (patient_id, center_id) references patients_patient (id, center_id)
);
create index on frozen.cycles (cut_id, patient_id);
create table frozen.assessments (
    cut_id bigint not null references analytics_data_cut,
    center_id bigint not null,
    patient_id bigint not null,
    date_day integer,
    date_precision text,
    response text,
    basis text,
    criteria text,
    modality text,
    new_lesion text,
    foreign key (patient_id, center_id) references patients_patient (id, center_id)
);
create index on frozen.assessments (cut_id, patient_id);
create table frozen.local_therapies (
    cut_id bigint not null references analytics_data_cut,
    center_id bigint not null,
    patient_id bigint not null,
    date_day integer,
    date_precision text,
    modality text,
    site text,
    indication text,
    rendered_ned text,
    margin text,
    viable_tumor text,
    dose_gy numeric,
    fractions integer,
    foreign key (patient_id, center_id) references patients_patient (id, center_id)
);
create index on frozen.local_therapies (cut_id, patient_id);
create table frozen.systemic_therapies (
    cut_id bigint not null references analytics_data_cut,
    center_id bigint not null,
    patient_id bigint not null,
    start_date_day integer,
    start_date_precision text,
    end_date_day integer,
    end_date_precision text,
    therapy_class text,
    indication text,
    foreign key (patient_id, center_id) references patients_patient (id, center_id)
);
create index on frozen.systemic_therapies (cut_id, patient_id);
create table frozen.follow_ups (
    cut_id bigint not null references analytics_data_cut,
    center_id bigint not null,
    patient_id bigint not null,
    date_day integer,
    date_precision text,
    vital_status text,
    disease_status text,
    systemic_therapy_since_il2 text,
    second_malignancy text,
    foreign key (patient_id, center_id) references patients_patient (id, center_id)
);
create index on frozen.follow_ups (cut_id, patient_id);
create view pseudonym.current_job as
select job.id, job.project_id, job.cut_id, job.profile, job.population, job.disease,
    array(select value from pseudonym.rare where rare.job_id = job.id and field = 'race') as rare_race,
    array(select value from pseudonym.rare where rare.job_id = job.id and field = 'ethnicity') as rare_ethnicity,
    array(select value from pseudonym.rare where rare.job_id = job.id and field = 'histology') as rare_histology,
    array(select value from pseudonym.rare where rare.job_id = job.id and field = 'primary_site') as rare_primary_site
from analytics_export_job job join analytics_project project on project.id = job.project_id
where job.public_id = (select nullif(current_setting('registry.export', true), '')::uuid)
    and job.state = 'running' and job.profile = project.profile
    and project.closed_at is null and project.agreement_expires_on >= current_date;
create view release.safe_harbor_subjects with (security_barrier) as
with job as materialized (select * from pseudonym.current_job where profile = 'safe_harbor')
select subject.code as subject,
    r.disease as disease,
    r.sex as sex,
    case when coalesce(r.oldest_age >= 90, false) then '90+' else (r.age_at_t0 / 5 * 5) || '-' || (r.age_at_t0 / 5 * 5 + 4) end as age_band,
    case when not coalesce(r.oldest_age >= 90, false) and r.anchored then (2006 + floor((r.t0_year - 2006) / 6.0) * 6)::integer || '-' || ((2006 + floor((r.t0_year - 2006) / 6.0) * 6)::integer + 5) end as index_era,
    r.metastatic_disease as metastatic_disease,
    r.received_hd_il2 as received_hd_il2,
    r.survival_5y as survival_5y,
    r.no_later_systemic_therapy as no_later_systemic_therapy,
    r.progression_free_5y as progression_free_5y,
    r.eligible as eligible,
    r.long_term_pfs as long_term_pfs,
    r.best_response as best_response,
    r.surgical_ned as surgical_ned,
    r.courses as courses,
    case when r.doses = 0 then '0' when r.doses <= 14 then '1 to 14' when r.doses <= 28 then '15 to 28' when r.doses <= 42 then '29 to 42' else '43+' end as doses_band
from job
join frozen.record r on r.cut_id = job.cut_id
    and (job.population = 'treated' or r.eligible = 'yes')
    and r.disease in ('melanoma', 'renal_cell')
    and (job.disease = '' or r.disease = job.disease)
join pseudonym.subject subject
    on subject.project_id = job.project_id and subject.patient_id = r.patient_id
where not exists (select from patients_patient gone where gone.id = subject.patient_id
    and (gone.consent = 'withdrawn' or gone.retracted));
create view release.safe_harbor_time_to_event with (security_barrier) as
with job as materialized (select * from pseudonym.current_job where profile = 'safe_harbor')
select subject.code as subject,
    e.paramcd as paramcd,
    e.param as param,
    e.days / 7 as aval,
    'WEEKS' as avalu,
    e.cnsr as cnsr,
    e.evntdesc as evntdesc,
    e.cnsdtdsc as cnsdtdsc,
    0 as astdy,
    e.days / 7 as ady
from job
join frozen.record r on r.cut_id = job.cut_id
    and (job.population = 'treated' or r.eligible = 'yes')
    and r.disease in ('melanoma', 'renal_cell')
    and (job.disease = '' or r.disease = job.disease)
join pseudonym.subject subject
    on subject.project_id = job.project_id and subject.patient_id = r.patient_id
cross join lateral (values
    ('PFS', 'Progression-free survival (primary)', r.pfs_days, r.pfs_cnsr, case when r.pfs_cnsr = 0 then r.pfs_event_type else r.pfs_censor_reason end, case when r.pfs_cnsr <> 0 then case when r.pfs_days = 0 then 'first dose' else 'last adequate assessment without progression' end end),
    ('PFSFDA', 'Progression-free survival (fda)', r.fda_days, r.fda_cnsr, case when r.fda_cnsr = 0 then r.fda_event_type else r.fda_censor_reason end, case when r.fda_cnsr <> 0 then case when r.fda_days = 0 then 'first dose' else 'last adequate assessment without progression' end end),
    ('PFSEMA', 'Progression-free survival (ema)', r.ema_days, r.ema_cnsr, case when r.ema_cnsr = 0 then r.ema_event_type else r.ema_censor_reason end, case when r.ema_cnsr <> 0 then case when r.ema_days = 0 then 'first dose' else 'last adequate assessment without progression' end end),
    ('PFSWC', 'Progression-free survival (worst case)', r.worst_case_days, r.worst_case_cnsr, case when r.worst_case_cnsr = 0 then r.worst_case_event_type else r.worst_case_censor_reason end, case when r.worst_case_cnsr <> 0 then case when r.worst_case_days = 0 then 'first dose' else 'last adequate assessment without progression' end end),
    ('OS', 'Overall survival', r.os_days, r.os_cnsr, case when r.os_cnsr = 0 then 'death' else 'end_of_follow_up' end, case when r.os_cnsr <> 0 then 'last known alive' end)
) e (paramcd, param, days, cnsr, evntdesc, cnsdtdsc)
where not exists (select from patients_patient gone where gone.id = subject.patient_id
    and (gone.consent = 'withdrawn' or gone.retracted));
create view release.research_subjects with (security_barrier) as
with job as materialized (select * from pseudonym.current_job where profile = 'research')
select subject.code as subject,
    center.code as center,
    r.disease as disease,
    r.sex as sex,
    case when not coalesce(r.oldest_age >= 90, false) then r.age_at_t0 end as age,
    case when coalesce(r.oldest_age >= 90, false) then '90+' else (r.age_at_t0 / 5 * 5) || '-' || (r.age_at_t0 / 5 * 5 + 4) end as age_band,
    case when not coalesce(r.oldest_age >= 90, false) and r.anchored then r.t0_year end as index_year,
    r.t0_precision as t0_precision,
    case when r.race = any(job.rare_race) then 'rare' else r.race end as race,
    case when r.ethnicity = any(job.rare_ethnicity) then 'rare' else r.ethnicity end as ethnicity,
    r.cohort as cohort,
    r.primary_diagnosis_date_day as primary_diagnosis_day,
    r.primary_diagnosis_date_precision as primary_diagnosis_precision,
    r.metastatic_diagnosis_date_day as metastatic_diagnosis_day,
    r.metastatic_diagnosis_date_precision as metastatic_diagnosis_precision,
    case when r.histology = any(job.rare_histology) then 'rare' else r.histology end as histology,
    case when r.primary_site = any(job.rare_primary_site) then 'rare' else r.primary_site end as primary_site,
    r.ecog as ecog,
    r.weight_kg as weight_kg,
    r.metastatic_sites as metastatic_sites,
    r.ldh_ratio as ldh_ratio,
    r.m_stage as m_stage,
    r.ajcc_edition as ajcc_edition,
    r.braf as braf,
    r.nras as nras,
    r.breslow_mm as breslow_mm,
    r.clear_cell as clear_cell,
    r.sarcomatoid as sarcomatoid,
    r.nuclear_grade as nuclear_grade,
    r.nephrectomy as nephrectomy,
    r.nephrectomy_date_day as nephrectomy_day,
    r.nephrectomy_date_precision as nephrectomy_precision,
    r.imdc_anemia as imdc_anemia,
    r.imdc_hypercalcemia as imdc_hypercalcemia,
    r.imdc_neutrophilia as imdc_neutrophilia,
    r.imdc_thrombocytosis as imdc_thrombocytosis,
    r.cause_of_death as cause_of_death,
    r.metastatic_disease as metastatic_disease,
    r.received_hd_il2 as received_hd_il2,
    r.survival_5y as survival_5y,
    r.no_later_systemic_therapy as no_later_systemic_therapy,
    r.progression_free_5y as progression_free_5y,
    r.eligible as eligible,
    r.long_term_pfs as long_term_pfs,
    r.best_response as best_response,
    r.surgical_ned as surgical_ned,
    r.courses as courses,
    r.doses as doses,
    r.pfs_band as pfs_band
from job
join frozen.record r on r.cut_id = job.cut_id
    and (job.population = 'treated' or r.eligible = 'yes')
    and r.disease in ('melanoma', 'renal_cell')
    and (job.disease = '' or r.disease = job.disease)
join pseudonym.subject subject
    on subject.project_id = job.project_id and subject.patient_id = r.patient_id
left join pseudonym.shown_center center on center.job_id = job.id and center.center_id = r.center_id
where not exists (select from patients_patient gone where gone.id = subject.patient_id
    and (gone.consent = 'withdrawn' or gone.retracted));
create view release.research_time_to_event with (security_barrier) as
with job as materialized (select * from pseudonym.current_job where profile = 'research')
select subject.code as subject,
    e.paramcd as paramcd,
    e.param as param,
    e.days as aval,
    'DAYS' as avalu,
    e.cnsr as cnsr,
    e.evntdesc as evntdesc,
    e.cnsdtdsc as cnsdtdsc,
    0 as astdy,
    e.days as ady
from job
join frozen.record r on r.cut_id = job.cut_id
    and (job.population = 'treated' or r.eligible = 'yes')
    and r.disease in ('melanoma', 'renal_cell')
    and (job.disease = '' or r.disease = job.disease)
join pseudonym.subject subject
    on subject.project_id = job.project_id and subject.patient_id = r.patient_id
cross join lateral (values
    ('PFS', 'Progression-free survival (primary)', r.pfs_days, r.pfs_cnsr, case when r.pfs_cnsr = 0 then r.pfs_event_type else r.pfs_censor_reason end, case when r.pfs_cnsr <> 0 then case when r.pfs_days = 0 then 'first dose' else 'last adequate assessment without progression' end end),
    ('PFSFDA', 'Progression-free survival (fda)', r.fda_days, r.fda_cnsr, case when r.fda_cnsr = 0 then r.fda_event_type else r.fda_censor_reason end, case when r.fda_cnsr <> 0 then case when r.fda_days = 0 then 'first dose' else 'last adequate assessment without progression' end end),
    ('PFSEMA', 'Progression-free survival (ema)', r.ema_days, r.ema_cnsr, case when r.ema_cnsr = 0 then r.ema_event_type else r.ema_censor_reason end, case when r.ema_cnsr <> 0 then case when r.ema_days = 0 then 'first dose' else 'last adequate assessment without progression' end end),
    ('PFSWC', 'Progression-free survival (worst case)', r.worst_case_days, r.worst_case_cnsr, case when r.worst_case_cnsr = 0 then r.worst_case_event_type else r.worst_case_censor_reason end, case when r.worst_case_cnsr <> 0 then case when r.worst_case_days = 0 then 'first dose' else 'last adequate assessment without progression' end end),
    ('OS', 'Overall survival', r.os_days, r.os_cnsr, case when r.os_cnsr = 0 then 'death' else 'end_of_follow_up' end, case when r.os_cnsr <> 0 then 'last known alive' end)
) e (paramcd, param, days, cnsr, evntdesc, cnsdtdsc)
where not exists (select from patients_patient gone where gone.id = subject.patient_id
    and (gone.consent = 'withdrawn' or gone.retracted));
create view release.research_prior_therapies with (security_barrier) as
with job as materialized (select * from pseudonym.current_job where profile = 'research')
select subject.code as subject,
    r.start_date_day as start_day,
    r.start_date_precision as start_precision,
    r.end_date_day as end_day,
    r.end_date_precision as end_precision,
    r.therapy_class as therapy_class,
    r.setting as setting
from job
join frozen.record record on record.cut_id = job.cut_id
    and (job.population = 'treated' or record.eligible = 'yes')
    and record.disease in ('melanoma', 'renal_cell')
    and (job.disease = '' or record.disease = job.disease)
join pseudonym.subject subject
    on subject.project_id = job.project_id and subject.patient_id = record.patient_id
join frozen.prior_therapies r on r.cut_id = job.cut_id and r.patient_id = record.patient_id
where not exists (select from patients_patient gone where gone.id = subject.patient_id
    and (gone.consent = 'withdrawn' or gone.retracted));
create view release.research_courses with (security_barrier) as
with job as materialized (select * from pseudonym.current_job where profile = 'research')
select subject.code as subject,
    r.course_number as course_number,
    r.intent as intent,
    r.dose_level as dose_level,
    r.concurrent as concurrent,
    r.stop_reason as stop_reason
from job
join frozen.record record on record.cut_id = job.cut_id
    and (job.population = 'treated' or record.eligible = 'yes')
    and record.disease in ('melanoma', 'renal_cell')
    and (job.disease = '' or record.disease = job.disease)
join pseudonym.subject subject
    on subject.project_id = job.project_id and subject.patient_id = record.patient_id
join frozen.courses r on r.cut_id = job.cut_id and r.patient_id = record.patient_id
where not exists (select from patients_patient gone where gone.id = subject.patient_id
    and (gone.consent = 'withdrawn' or gone.retracted));
create view release.research_cycles with (security_barrier) as
with job as materialized (select * from pseudonym.current_job where profile = 'research')
select subject.code as subject,
    r.course_number as course_number,
    r.cycle_number as cycle_number,
    r.start_date_day as start_day,
    r.start_date_precision as start_precision,
    r.doses_planned as doses_planned,
    r.doses_given as doses_given,
    r.weight_kg as weight_kg,
    r.hold_reasons as hold_reasons,
    r.worst_toxicity_grade as worst_toxicity_grade,
    r.icu as icu,
    r.vasopressors as vasopressors
from job
join frozen.record record on record.cut_id = job.cut_id
    and (job.population = 'treated' or record.eligible = 'yes')
    and record.disease in ('melanoma', 'renal_cell')
    and (job.disease = '' or record.disease = job.disease)
join pseudonym.subject subject
    on subject.project_id = job.project_id and subject.patient_id = record.patient_id
join frozen.cycles r on r.cut_id = job.cut_id and r.patient_id = record.patient_id
where not exists (select from patients_patient gone where gone.id = subject.patient_id
    and (gone.consent = 'withdrawn' or gone.retracted));
create view release.research_assessments with (security_barrier) as
with job as materialized (select * from pseudonym.current_job where profile = 'research')
select subject.code as subject,
    r.date_day as day,
    r.date_precision as precision,
    r.response as response,
    r.basis as basis,
    r.criteria as criteria,
    r.modality as modality,
    r.new_lesion as new_lesion
from job
join frozen.record record on record.cut_id = job.cut_id
    and (job.population = 'treated' or record.eligible = 'yes')
    and record.disease in ('melanoma', 'renal_cell')
    and (job.disease = '' or record.disease = job.disease)
join pseudonym.subject subject
    on subject.project_id = job.project_id and subject.patient_id = record.patient_id
join frozen.assessments r on r.cut_id = job.cut_id and r.patient_id = record.patient_id
where not exists (select from patients_patient gone where gone.id = subject.patient_id
    and (gone.consent = 'withdrawn' or gone.retracted));
create view release.research_local_therapies with (security_barrier) as
with job as materialized (select * from pseudonym.current_job where profile = 'research')
select subject.code as subject,
    r.date_day as day,
    r.date_precision as precision,
    r.modality as modality,
    r.site as site,
    r.indication as indication,
    r.rendered_ned as rendered_ned,
    r.margin as margin,
    r.viable_tumor as viable_tumor,
    r.dose_gy as dose_gy,
    r.fractions as fractions
from job
join frozen.record record on record.cut_id = job.cut_id
    and (job.population = 'treated' or record.eligible = 'yes')
    and record.disease in ('melanoma', 'renal_cell')
    and (job.disease = '' or record.disease = job.disease)
join pseudonym.subject subject
    on subject.project_id = job.project_id and subject.patient_id = record.patient_id
join frozen.local_therapies r on r.cut_id = job.cut_id and r.patient_id = record.patient_id
where not exists (select from patients_patient gone where gone.id = subject.patient_id
    and (gone.consent = 'withdrawn' or gone.retracted));
create view release.research_systemic_therapies with (security_barrier) as
with job as materialized (select * from pseudonym.current_job where profile = 'research')
select subject.code as subject,
    r.start_date_day as start_day,
    r.start_date_precision as start_precision,
    r.end_date_day as end_day,
    r.end_date_precision as end_precision,
    r.therapy_class as therapy_class,
    r.indication as indication
from job
join frozen.record record on record.cut_id = job.cut_id
    and (job.population = 'treated' or record.eligible = 'yes')
    and record.disease in ('melanoma', 'renal_cell')
    and (job.disease = '' or record.disease = job.disease)
join pseudonym.subject subject
    on subject.project_id = job.project_id and subject.patient_id = record.patient_id
join frozen.systemic_therapies r on r.cut_id = job.cut_id and r.patient_id = record.patient_id
where not exists (select from patients_patient gone where gone.id = subject.patient_id
    and (gone.consent = 'withdrawn' or gone.retracted));
create view release.research_follow_ups with (security_barrier) as
with job as materialized (select * from pseudonym.current_job where profile = 'research')
select subject.code as subject,
    r.date_day as day,
    r.date_precision as precision,
    r.vital_status as vital_status,
    r.disease_status as disease_status,
    r.systemic_therapy_since_il2 as systemic_therapy_since_il2,
    r.second_malignancy as second_malignancy
from job
join frozen.record record on record.cut_id = job.cut_id
    and (job.population = 'treated' or record.eligible = 'yes')
    and record.disease in ('melanoma', 'renal_cell')
    and (job.disease = '' or record.disease = job.disease)
join pseudonym.subject subject
    on subject.project_id = job.project_id and subject.patient_id = record.patient_id
join frozen.follow_ups r on r.cut_id = job.cut_id and r.patient_id = record.patient_id
where not exists (select from patients_patient gone where gone.id = subject.patient_id
    and (gone.consent = 'withdrawn' or gone.retracted));
