-- The derived rows of some records into analytics_outcome; a row that says the same is left alone.
insert into analytics_outcome as stored (
    patient_id, center_id, variant, disease, t0, t0_lo, t0_hi, t0_precision, pfs_days, pfs_days_min, pfs_days_max, pfs_event,
    pfs_event_type, pfs_censor_reason, pfs_end, pfs_end_lo, pfs_end_hi, cnsr, os_days, os_event, os_end, metastatic_disease, received_hd_il2, survival_5y,
    no_later_systemic_therapy, progression_free_5y, eligible, long_term_pfs, best_response, surgical_ned, courses, doses, flags, age_at_t0, pfs_band, alive_10y_followed, survived_10y, last_known_alive, criteria, evidence, cutoff,
    rule_set)
select derived.*, %(rule_set)s
from (
/* outcome.sql */
) derived
-- A scalar sub-select is always one look-up by key for each row; an anti-join may read the whole table.
where (
    select (kept.center_id, kept.disease, kept.t0, kept.t0_lo, kept.t0_hi, kept.t0_precision, kept.pfs_days, kept.pfs_days_min, kept.pfs_days_max, kept.pfs_event, kept.pfs_event_type, kept.pfs_censor_reason, kept.pfs_end, kept.pfs_end_lo, kept.pfs_end_hi, kept.cnsr, kept.os_days, kept.os_event, kept.os_end, kept.metastatic_disease, kept.received_hd_il2, kept.survival_5y, kept.no_later_systemic_therapy, kept.progression_free_5y, kept.eligible, kept.long_term_pfs, kept.best_response, kept.surgical_ned, kept.courses, kept.doses, kept.flags, kept.age_at_t0, kept.pfs_band, kept.alive_10y_followed, kept.survived_10y, kept.last_known_alive, kept.criteria, kept.evidence, kept.cutoff)
        is not distinct from
           (derived.center_id, derived.disease, derived.t0, derived.t0_lo, derived.t0_hi, derived.t0_precision, derived.pfs_days, derived.pfs_days_min, derived.pfs_days_max, derived.pfs_event, derived.pfs_event_type, derived.pfs_censor_reason, derived.pfs_end, derived.pfs_end_lo, derived.pfs_end_hi, derived.cnsr, derived.os_days, derived.os_event, derived.os_end, derived.metastatic_disease, derived.received_hd_il2, derived.survival_5y, derived.no_later_systemic_therapy, derived.progression_free_5y, derived.eligible, derived.long_term_pfs, derived.best_response, derived.surgical_ned, derived.courses, derived.doses, derived.flags, derived.age_at_t0, derived.pfs_band, derived.alive_10y_followed, derived.survived_10y, derived.last_known_alive, derived.criteria, derived.evidence, derived.cutoff)
    from analytics_outcome kept
    where kept.patient_id = derived.patient_id and kept.variant = derived.variant and kept.rule_set = %(rule_set)s
) is not true
on conflict (patient_id, variant) do update set
    center_id = excluded.center_id,
    disease = excluded.disease,
    t0 = excluded.t0,
    t0_lo = excluded.t0_lo,
    t0_hi = excluded.t0_hi,
    t0_precision = excluded.t0_precision,
    pfs_days = excluded.pfs_days,
    pfs_days_min = excluded.pfs_days_min,
    pfs_days_max = excluded.pfs_days_max,
    pfs_event = excluded.pfs_event,
    pfs_event_type = excluded.pfs_event_type,
    pfs_censor_reason = excluded.pfs_censor_reason,
    pfs_end = excluded.pfs_end,
    pfs_end_lo = excluded.pfs_end_lo,
    pfs_end_hi = excluded.pfs_end_hi,
    cnsr = excluded.cnsr,
    os_days = excluded.os_days,
    os_event = excluded.os_event,
    os_end = excluded.os_end,
    metastatic_disease = excluded.metastatic_disease,
    received_hd_il2 = excluded.received_hd_il2,
    survival_5y = excluded.survival_5y,
    no_later_systemic_therapy = excluded.no_later_systemic_therapy,
    progression_free_5y = excluded.progression_free_5y,
    eligible = excluded.eligible,
    long_term_pfs = excluded.long_term_pfs,
    best_response = excluded.best_response,
    surgical_ned = excluded.surgical_ned,
    courses = excluded.courses,
    doses = excluded.doses,
    flags = excluded.flags,
    age_at_t0 = excluded.age_at_t0,
    pfs_band = excluded.pfs_band,
    alive_10y_followed = excluded.alive_10y_followed,
    survived_10y = excluded.survived_10y,
    last_known_alive = excluded.last_known_alive,
    criteria = excluded.criteria,
    evidence = excluded.evidence,
    cutoff = excluded.cutoff,
    rule_set = excluded.rule_set,
    derived_at = clock_timestamp()
