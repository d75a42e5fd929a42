-- The derivation: rules.md, rule set 1. One row for each record and variant; every name is a term of the rules.
--
-- Parameters: ids (bigint[], or null for all records), cutoff (date: C), variants (text[]), years (integer: the
-- threshold, 5 in the rules), reasons (boolean: without them `criteria` is null, and a sixth faster).
-- Reads only clinical tables, so it runs as any role, under row-level security, and over the views of the past.
-- A `key` is a dated row as a number: see functions.sql. `offset 0` keeps a step from being merged into the next
-- one and computed many times over.
with variants (variant, clinical_progression, new_therapy, local_other, local_unknown, contacts_are_negatives, gap) as (
    -- Section 4, the table; and section 3: in fda a follow-up contact is no adequate negative.
    values
        ('primary',    'event',   'cut',     'ignored', 'ignored', true,  'flag'),
        ('fda',        'ignored', 'cut',     'cut',     'cut',     false, 'censor'),
        ('ema',        'event',   'ignored', 'ignored', 'ignored', true,  'event'),
        ('worst_case', 'event',   'event',   'ignored', 'event',   true,  'event')
)
select
    record.id as patient_id,
    record.center_id,
    pfs.variant,
    record.disease,
    given.t0,
    given.t0_lo,
    given.t0_hi,
    case
        when given.t0_lo = given.t0_hi then 'day'
        when date_trunc('month', given.t0_lo) = date_trunc('month', given.t0_hi) then 'month'
        when given.t0 is not null then 'year'
    end as t0_precision,
    pfs.days as pfs_days,
    pfs.days_min as pfs_days_min,
    pfs.days_max as pfs_days_max,
    pfs.event as pfs_event,
    pfs.event_type as pfs_event_type,
    pfs.censor_reason as pfs_censor_reason,
    pfs.end_point as pfs_end,
    pfs.end_lo as pfs_end_lo,
    pfs.end_hi as pfs_end_hi,
    case
        when pfs.event = 1 then 0
        else array_position(array['end_of_follow_up', 'new_systemic_therapy', 'local_therapy',
                                  'gap_before_event', 'no_assessment'], pfs.censor_reason)
    end as cnsr,
    survival.days as os_days,
    survival.event as os_event,
    survival.end_point as os_end,
    metastatic.value as metastatic_disease,
    received.value as received_hd_il2,
    survival.value as survival_5y,
    therapy.value as no_later_systemic_therapy,
    pfs.primary_value as progression_free_5y,
    eligible.value as eligible,
    case when eligible.value = 'yes' and pfs.primary_value = 'yes' then 'yes' else 'no' end as long_term_pfs,
    pfs.best_response,
    case when given.t0 is not null then case when local.rendered_ned then 'yes' else 'no' end end as surgical_ned,
    given.courses,
    given.doses,
    array_remove(array[
        case when straddling.cutoff then 'date_straddles_cutoff' end,
        case when given.without_number then 'doses_not_recorded' end,
        case when pfs.gap_flag then 'gap_before_event' end,
        case when local.unknown_indication is not null then 'local_therapy_indication_unknown' end,
        case when pfs.primary_implied then 'progression_implied_by_local_therapy' end,
        case when seen.progression_at_start then 'progression_straddles_start' end,
        case when given.t0 is not null and death.is_in and alive.lo > death.raw_hi then 'alive_after_death' end
    ], null) as flags,
    -- Section 7: completed years by anniversaries.
    extract(year from given.t0)::integer - extract(year from birth.point)::integer - (
        birth.point + make_interval(years =>
            extract(year from given.t0)::integer - extract(year from birth.point)::integer) > given.t0
    )::integer as age_at_t0,
    pfs.band as pfs_band,
    survival.alive_10y_followed,
    survival.survived_10y,
    survival.last_known_alive,
    pfs.criteria,
    pfs.evidence,
    parameter.cutoff
from patients_patient record
cross join (
    select
        %(cutoff)s::date as cutoff, make_interval(years => %(years)s::integer) as term,
        %(reasons)s::boolean as reasons
) parameter
left join lateral (
    select identity.birth_date_point as point
    from ident.patient_identity identity
    where identity.patient_id = record.id
) birth on true

-- Section 2: given cycles of any course, and T0 (lo, hi and point each the smallest). Cycles of a retracted course
-- are retracted with it.
cross join lateral (
    select coalesce(array_agg(course.id), '{}') as courses
    from patients_course course
    where course.patient_id = record.id and course.retracted
    offset 0
) retracted
cross join lateral (
    select
        min(lo) filter (where is_in) as t0_lo,
        min(hi) filter (where is_in) as t0_hi,
        min(point) filter (where is_in) as t0,
        min(evidence_key(point, lo, 1, id)) filter (where is_in) as start_key,
        min(evidence_key(lo, lo, 1, id)) filter (where is_in) as least_lo_key,
        count(distinct course_id) filter (where is_in)::integer as courses,
        coalesce(sum(doses_given) filter (where is_in), 0)::integer as doses,
        bool_or(doses_given is null) filter (where is_in) as without_number,
        bool_or(is_in and raw_hi > parameter.cutoff) as straddles,
        -- For the entry that would resolve a survival unknown: cycles that may lie a threshold before C.
        count(*) filter (where is_in and (lo + parameter.term)::date <= parameter.cutoff) as ripe_cycles,
        max(hi) filter (where is_in and (lo + parameter.term)::date <= parameter.cutoff) as ripe_hi,
        max(lo) as alive_lo,
        max(point) as alive_point,
        max(evidence_latest(evidence_key(least(lo, parameter.cutoff), least(lo, parameter.cutoff), 1, id)))
            filter (where parameter.reasons) as alive_key,
        max(evidence_latest(evidence_key(raw_hi, raw_hi, 1, id))) as reach_key
    from (
        select
            cycle.id, cycle.course_id, cycle.doses_given,
            cycle.start_date_lo as lo, cycle.start_date_point as point,
            cycle.start_date_hi as raw_hi, least(cycle.start_date_hi, parameter.cutoff) as hi,
            cycle.start_date_point <= parameter.cutoff as is_in
        from patients_cycle cycle
        where cycle.patient_id = record.id and not cycle.retracted
          and cycle.start_date_point is not null
          and cycle.doses_given is distinct from 0
          and cycle.course_id <> all (retracted.courses)
    ) dated
) given

-- Section 3: assessments. `seen` holds what one reading of the rows gives; negatives as keys of evidence_latest().
cross join lateral (
    select
        min(evidence_key(point, lo, 2, id)) filter (where is_in and response = 'PD' and point > given.t0)
            as progression,
        min(evidence_key(point, lo, 2, id))
            filter (where is_in and response = 'PD' and point > given.t0 and basis is distinct from 'clinical')
            as progression_not_clinical,
        bool_or(is_in and response = 'PD' and point <= given.t0 and hi > given.t0) as progression_at_start,
        array_agg(evidence_latest(evidence_key(point, lo, 2, id)))
            filter (where is_in and response in ('CR', 'PR', 'SD', 'NED') and point >= given.t0) as negatives,
        min(point) filter (where is_in and response = 'CR' and point > given.t0) as first_cr,
        min(point) filter (where is_in and response = 'PR' and point > given.t0) as first_pr,
        min(point) filter (where is_in and response = 'SD' and point > given.t0) as first_sd,
        min(point) filter (where is_in and response = 'NE' and point > given.t0) as first_ne,
        bool_or(is_in and raw_hi > parameter.cutoff) as straddles,
        max(lo) as alive_lo,
        max(point) as alive_point,
        max(evidence_latest(evidence_key(least(lo, parameter.cutoff), least(lo, parameter.cutoff), 2, id)))
            filter (where parameter.reasons) as alive_key,
        max(evidence_latest(evidence_key(raw_hi, raw_hi, 2, id))) as reach_key
    from (
        select
            assessment.id, assessment.response, assessment.basis,
            assessment.date_lo as lo, assessment.date_point as point,
            assessment.date_hi as raw_hi, least(assessment.date_hi, parameter.cutoff) as hi,
            assessment.date_point <= parameter.cutoff as is_in
        from patients_assessment assessment
        where assessment.patient_id = record.id and not assessment.retracted
          and assessment.date_point is not null
    ) dated
) seen

-- Sections 3 and 4: local therapies after T0. An empty indication is `unknown`.
cross join lateral (
    select
        min(evidence_key(point, lo, 3, id))
            filter (where is_in and point > given.t0 and indication in ('progressing_lesion', 'new_lesion')) as lesion,
        min(evidence_key(point, lo, 3, id))
            filter (where is_in and point > given.t0
                      and indication in ('residual_disease', 'planned', 'palliation', 'diagnostic')) as other_indication,
        min(evidence_key(point, lo, 3, id))
            filter (where is_in and point > given.t0 and indication = 'unknown') as unknown_indication,
        bool_or(is_in and point > given.t0 and rendered_ned = 'yes') as rendered_ned,
        bool_or(is_in and raw_hi > parameter.cutoff) as straddles,
        max(lo) as alive_lo,
        max(point) as alive_point,
        max(evidence_latest(evidence_key(least(lo, parameter.cutoff), least(lo, parameter.cutoff), 3, id)))
            filter (where parameter.reasons) as alive_key,
        max(evidence_latest(evidence_key(raw_hi, raw_hi, 3, id))) as reach_key
    from (
        select
            therapy.id, coalesce(therapy.indication, 'unknown') as indication, therapy.rendered_ned,
            therapy.date_lo as lo, therapy.date_point as point, therapy.date_hi as raw_hi,
            therapy.date_point <= parameter.cutoff as is_in
        from patients_local_therapy therapy
        where therapy.patient_id = record.id and not therapy.retracted
          and therapy.date_point is not null
    ) dated
) local

-- Section 3: systemic therapies by their start; every class is alive evidence, only some disqualify.
cross join lateral (
    select
        min(evidence_key(point, lo, 4, id)) filter (where is_in and disqualifies and point > given.t0) as new_therapy,
        min(evidence_key(point, lo, 4, id)) filter (where is_in and disqualifies and lo > given.t0_hi) as certainly_later,
        max(evidence_latest(evidence_key(hi, hi, 4, id)))
            filter (where is_in and disqualifies and lo <= given.t0_hi and hi > given.t0_lo) as at_start,
        bool_or(is_in and disqualifies and lo <= given.t0_hi and hi > given.t0_lo and lo > given.t0_lo)
            as at_start_after_lo,
        bool_or(is_in and raw_hi > parameter.cutoff) as straddles,
        max(lo) as alive_lo,
        max(point) as alive_point,
        max(evidence_latest(evidence_key(least(lo, parameter.cutoff), least(lo, parameter.cutoff), 4, id)))
            filter (where parameter.reasons) as alive_key,
        max(evidence_latest(evidence_key(raw_hi, raw_hi, 4, id))) as reach_key
    from (
        select
            therapy.id,
            therapy.therapy_class is distinct from 'supportive' and (
                therapy.indication is distinct from 'other_malignancy'
                or coalesce(therapy.therapy_class, '') in (
                    'checkpoint_inhibitor', 'interferon', 'low_dose_il2', 'other_cytokine', 'targeted', 'mtor', 'braf_mek')
            ) as disqualifies,
            therapy.start_date_lo as lo, therapy.start_date_point as point,
            therapy.start_date_hi as raw_hi, least(therapy.start_date_hi, parameter.cutoff) as hi,
            therapy.start_date_point <= parameter.cutoff as is_in
        from patients_systemic_therapy therapy
        where therapy.patient_id = record.id and not therapy.retracted
          and therapy.start_date_point is not null
    ) dated
) systemic

-- Sections 3, 5 and 6: follow-up contacts. The vital status matters only for being alive.
cross join lateral (
    select
        array_agg(evidence_latest(evidence_key(point, lo, 5, id)))
            filter (where is_in and disease_status in ('no_evidence_of_disease', 'stable_disease') and point >= given.t0)
            as negatives,
        min(evidence_key(point, lo, 5, id)) filter (where is_in and attestation = 'yes' and point > given.t0)
            as attested_yes,
        max(evidence_latest(evidence_key(lo, lo, 5, id))) filter (where is_in and attestation = 'none') as attested_none,
        -- Contacts whose day may lie at or before C; one that is certainly later decides nothing at C.
        max(evidence_latest(evidence_key(raw_hi, raw_hi, 5, id)))
            filter (where attestation = 'none' and lo <= parameter.cutoff) as attested_reach,
        bool_or(is_in and raw_hi > parameter.cutoff) as straddles,
        max(lo) filter (where alive) as alive_lo,
        max(point) filter (where alive) as alive_point,
        max(evidence_latest(evidence_key(least(lo, parameter.cutoff), least(lo, parameter.cutoff), 5, id)))
            filter (where alive and parameter.reasons) as alive_key,
        max(evidence_latest(evidence_key(raw_hi, raw_hi, 5, id))) filter (where alive) as reach_key
    from (
        select
            contact.id, contact.disease_status, contact.systemic_therapy_since_il2 as attestation,
            contact.vital_status = 'alive' as alive,
            contact.date_lo as lo, contact.date_point as point, contact.date_hi as raw_hi,
            contact.date_point <= parameter.cutoff as is_in
        from patients_follow_up contact
        where contact.patient_id = record.id and not contact.retracted
          and contact.date_point is not null
    ) dated
) contacts

-- Section 5: alive evidence of any date; section 1: the death's lo and point are raised to it, never beyond its hi.
cross join lateral (
    select
        greatest(given.alive_lo, seen.alive_lo, local.alive_lo, systemic.alive_lo, contacts.alive_lo) as lo,
        greatest(given.alive_point, seen.alive_point, local.alive_point, systemic.alive_point, contacts.alive_point)
            as point,
        greatest(given.alive_key, seen.alive_key, local.alive_key, systemic.alive_key, contacts.alive_key) as key,
        greatest(given.reach_key, seen.reach_key, local.reach_key, systemic.reach_key, contacts.reach_key) as reach_key
    offset 0
) alive
cross join lateral (
    select
        raised.lo, raised.point, raised.raw_hi,
        least(raised.raw_hi, parameter.cutoff) as hi,
        coalesce(raised.point <= parameter.cutoff, false) as is_in,
        coalesce(raised.point > parameter.cutoff, false) as is_later
    from (
        select
            least(greatest(record.date_of_death_lo, alive.lo), record.date_of_death_hi) as lo,
            least(greatest(record.date_of_death_point, alive.lo), record.date_of_death_hi) as point,
            record.date_of_death_hi as raw_hi
        where record.date_of_death_point is not null
        union all
        select null, null, null where record.date_of_death_point is null
        offset 0
    ) raised
    offset 0
) death

-- Flag date_straddles_cutoff: any row in at C with hi > C, for an untreated record too.
cross join lateral (
    select
        coalesce(given.straddles, false) or coalesce(seen.straddles, false) or coalesce(local.straddles, false)
        or coalesce(systemic.straddles, false) or coalesce(contacts.straddles, false)
        or (death.is_in and death.raw_hi > parameter.cutoff)
        or coalesce(record.metastatic_diagnosis_date_point <= parameter.cutoff
                    and record.metastatic_diagnosis_date_hi > parameter.cutoff, false) as cutoff
    offset 0
) straddling

-- Section 6: the anniversaries that decide, and the first two criteria.
cross join lateral (
    select
        (given.t0_lo + parameter.term)::date as due_lo,
        (given.t0_hi + parameter.term)::date as due_hi,
        (given.t0 + interval '10 years')::date as tenth,
        case when parameter.reasons then resolving_entry('day_of_row', given.t0_lo, given.least_lo_key) end as first_cycle_day,
        evidence_key(parameter.cutoff, parameter.cutoff, 6, record.id) as patient_key
    offset 0
) anniversary
cross join lateral (
    select
        reason,
        case reason when 'other_disease' then 'no' when 'metastatic_date' then 'yes' else 'unknown' end as value,
        case reason
            when 'date_missing' then resolving_entry('metastatic_date', parameter.cutoff, anniversary.patient_key)
            when 'date_precision' then resolving_entry('day_of_row', parameter.cutoff, anniversary.patient_key)
            when 'date_after_cutoff' then resolving_entry('none', record.metastatic_diagnosis_date_point, null)
        end as resolve
    from (
        select case
            when record.disease is null or record.disease not in ('melanoma', 'renal_cell') then 'other_disease'
            when record.metastatic_diagnosis_date_point is null then 'date_missing'
            when record.metastatic_diagnosis_date_point <= parameter.cutoff then 'metastatic_date'
            when record.metastatic_diagnosis_date_lo <= parameter.cutoff then 'date_precision'
            else 'date_after_cutoff'
        end as reason
    ) decided
    offset 0
) metastatic
cross join lateral (
    select
        case when given.t0 is null then 'no' else 'yes' end as value,
        case when given.t0 is null then 'no_given_cycle' else 'given_cycle' end as reason
    offset 0
) received

-- Section 5: overall survival; section 6: survival_5y. Yes is tested before no.
cross join lateral (
    select
        last_known_alive, alive_10y_followed, survived_10y, end_point, event, reason,
        case when given.t0 is not null then greatest(end_point - given.t0, 0) end as days,
        case
            when reason in ('alive_at_anniversary', 'died_after_anniversary') then 'yes'
            when reason in ('died_before_anniversary', 'too_early') then 'no'
            else 'unknown'
        end as value,
        case
            when reason = 'too_early' then given.start_key
            when reason = 'not_treated' then null
            when reason <> 'alive_at_anniversary' and death.is_in then anniversary.patient_key
            when reason = 'date_precision' and reaches then evidence_latest(reach_key)
            else evidence_latest(alive_key)
        end as evidence,
        case
            when not parameter.reasons then null
            when reason = 'not_treated' then resolving_entry('given_cycle', null, null)
            when reason = 'follow_up_needed' then resolving_entry('follow_up', anniversary.due_hi, null)
            when reason <> 'date_precision' then null
            when death.is_in and death.hi >= anniversary.due_hi
                then resolving_entry('day_of_row', death.hi, anniversary.patient_key)
            when death.is_in and death.lo < anniversary.due_lo
                then resolving_entry('day_of_row', death.lo, anniversary.patient_key)
            when death.is_in then anniversary.first_cycle_day
            when reaches then resolving_entry('day_of_row', anniversary.due_hi, evidence_latest(reach_key))
            when alive_lo >= anniversary.due_lo then anniversary.first_cycle_day
            when given.ripe_cycles = 1 then resolving_entry('day_of_row', given.ripe_hi, given.least_lo_key)
            else resolving_entry('none', anniversary.due_hi, null)
        end as resolve
    from (
        select
            known.*,
            anniversary.due_hi <= parameter.cutoff and evidence_point(reach_key) >= anniversary.due_hi as reaches,
            case when given.t0 is not null then alive_point end as last_known_alive,
            case when given.t0 is not null then not death.is_in and alive_point >= anniversary.tenth end
                as alive_10y_followed,
            case when given.t0 is not null then
                alive_point >= anniversary.tenth or (death.is_in and death.point >= anniversary.tenth) end as survived_10y,
            case when given.t0 is null then null when death.is_in then death.point else alive_point end as end_point,
            case when given.t0 is not null then death.is_in::integer end as event,
            case
                when given.t0 is null then 'not_treated'
                when alive_lo >= anniversary.due_hi then 'alive_at_anniversary'
                when death.is_in and death.lo >= anniversary.due_hi then 'died_after_anniversary'
                when death.is_in and death.hi < anniversary.due_lo then 'died_before_anniversary'
                when not death.is_in and parameter.cutoff < anniversary.due_lo then 'too_early'
                when death.is_in or parameter.cutoff < anniversary.due_hi
                     or evidence_point(reach_key) >= anniversary.due_hi then 'date_precision'
                else 'follow_up_needed'
            end as reason
        from (
            -- Last known alive at C, field by field; a death after C proves life at C.
            select
                least(greatest(alive.lo, case when death.is_later then death.lo end), parameter.cutoff) as alive_lo,
                least(greatest(alive.point, case when death.is_later then death.point end), parameter.cutoff)
                    as alive_point,
                greatest(alive.key, case when death.is_later then evidence_latest(evidence_key(
                    least(death.lo, parameter.cutoff), least(death.lo, parameter.cutoff), 6, record.id)) end) as alive_key,
                greatest(alive.reach_key, case when death.is_later then evidence_latest(evidence_key(
                    death.raw_hi, death.raw_hi, 6, record.id)) end) as reach_key
            offset 0
        ) known
        offset 0
    ) decided
    offset 0
) survival

-- Section 6: no_later_systemic_therapy. No is tested first, then the straddle, then yes.
cross join lateral (
    select
        reason,
        case
            when reason in ('later_therapy', 'attested_yes') then 'no'
            when reason = 'attested_none' then 'yes'
            else 'unknown'
        end as value,
        case reason
            when 'not_treated' then null
            when 'later_therapy' then systemic.certainly_later
            when 'attested_yes' then contacts.attested_yes
            when 'therapy_straddles_start' then evidence_latest(systemic.at_start)
            else evidence_latest(case when reason = 'date_precision' and anniversary.due_hi <= parameter.cutoff
                                      then contacts.attested_reach else contacts.attested_none end)
        end as evidence,
        case
            when not parameter.reasons or reason in ('later_therapy', 'attested_yes', 'attested_none') then null
            when reason = 'not_treated' then resolving_entry('given_cycle', null, null)
            when reason = 'therapy_straddles_start' and evidence_point(systemic.at_start) > given.t0_hi
                then resolving_entry('day_of_row', evidence_point(systemic.at_start), evidence_latest(systemic.at_start))
            when reason = 'therapy_straddles_start' and systemic.at_start_after_lo then anniversary.first_cycle_day
            when reason = 'therapy_straddles_start' and given.t0 < parameter.cutoff
                then resolving_entry('attestation_yes', given.t0 + 1, null)
            when reason = 'therapy_straddles_start' then resolving_entry('none', null, null)
            when reason = 'attestation_needed' then resolving_entry('attestation', anniversary.due_hi, null)
            when reason = 'too_early' then resolving_entry('none', anniversary.due_hi, null)
            when anniversary.due_hi <= parameter.cutoff
                then resolving_entry('day_of_row', anniversary.due_hi, evidence_latest(contacts.attested_reach))
            else anniversary.first_cycle_day
        end as resolve
    from (
        select case
            when given.t0 is null then 'not_treated'
            when systemic.certainly_later is not null then 'later_therapy'
            when contacts.attested_yes is not null then 'attested_yes'
            when systemic.at_start is not null then 'therapy_straddles_start'
            when evidence_point(contacts.attested_none) >= anniversary.due_hi then 'attested_none'
            when anniversary.due_hi <= parameter.cutoff then case
                when evidence_point(contacts.attested_reach) >= anniversary.due_hi then 'date_precision'
                else 'attestation_needed'
            end
            when evidence_point(contacts.attested_none) >= anniversary.due_lo then 'date_precision'
            else 'too_early'
        end as reason
    ) decided
    offset 0
) therapy

-- Section 6: eligible is `no` if any of the four is, else `unknown` if any is, else `yes`.
cross join lateral (
    select case
        when 'no' in (metastatic.value, received.value, survival.value, therapy.value) then 'no'
        when 'unknown' in (metastatic.value, received.value, survival.value, therapy.value) then 'unknown'
        else 'yes'
    end as value
    offset 0
) eligible

-- Section 4: progression-free survival of each variant. The primary reading is always among them, because
-- progression_free_5y, the PFS band, the best response and a flag are its own in every variant.
cross join lateral (
    select
        read.*,
        first_value(read.own_value) over primary_first as primary_value,
        first_value(read.own_band) over primary_first as band,
        first_value(read.own_implied) over primary_first as primary_implied,
        first_value(read.own_best_response) over primary_first as best_response,
        first_value(read.own_criteria) over primary_first as criteria
    from (
        select
            rule.variant, rule.variant = 'primary' as is_primary,
            closed.event, closed.event_type, closed.censor_reason, closed.gap_flag,
            finish.point as end_point, finish.lo as end_lo, finish.hi as end_hi,
            -- Durations: none below 0; an end at T0 for want of a negative has 0 days in all three.
            case when given.t0 is not null then greatest(finish.point - given.t0, 0) end as days,
            case
                when given.t0 is null then null
                when finish.key is null then 0
                else greatest(finish.lo - given.t0_hi, 0)
            end as days_min,
            case
                when given.t0 is null then null
                when finish.key is null then 0
                else greatest(finish.hi - given.t0_lo, 0)
            end as days_max,
            case when given.t0 is null then '{}' else jsonb_build_object(
                'start', evidence_row(given.start_key),
                'end', evidence_row(coalesce(finish.key, given.start_key))) end as evidence,
            reading.implied is not null as own_implied,
            free.value as own_value,
            -- Section 7: bands by anniversaries of T0.point reached at the end of PFS.
            case
                when finish.point >= (given.t0 + interval '30 years')::date then '30+'
                when finish.point >= (given.t0 + interval '25 years')::date then '25-<30'
                when finish.point >= (given.t0 + interval '20 years')::date then '20-<25'
                when finish.point >= (given.t0 + interval '15 years')::date then '15-<20'
                when finish.point >= (given.t0 + interval '10 years')::date then '10-<15'
                when finish.point >= (given.t0 + interval '5 years')::date then '5-<10'
            end as own_band,
            -- Section 7: up to the first of progression (any basis), implied progression and NACT, that day included.
            case
                when seen.first_cr <= reading.response_limit then 'CR'
                when seen.first_pr <= reading.response_limit then 'PR'
                when seen.first_sd <= reading.response_limit then 'SD'
                when evidence_point(reading.progression) <= reading.response_limit then 'PD'
                when seen.first_ne <= reading.response_limit then 'NE'
            end as own_best_response,
            case when rule.variant = 'primary' and parameter.reasons then jsonb_build_object(
                'metastatic_disease', criterion(metastatic.value, metastatic.reason,
                    anniversary.patient_key, null, metastatic.resolve),
                'received_hd_il2', criterion(received.value, received.reason, given.start_key, null, null),
                'survival_5y', criterion(survival.value, survival.reason, survival.evidence, null, survival.resolve),
                'no_later_systemic_therapy', criterion(therapy.value, therapy.reason,
                    therapy.evidence, null, therapy.resolve),
                'progression_free_5y', criterion(free.value, free.reason, coalesce(finish.key, given.start_key),
                    case when free.reason = 'cut_by_therapy' then systemic.new_therapy end,
                    case
                        when free.value <> 'unknown' then null
                        when free.reason = 'not_treated' then resolving_entry('given_cycle', null, null)
                        when closed.event = 1 and finish.hi >= anniversary.due_hi
                            then resolving_entry('day_of_row', finish.hi, finish.key)
                        when closed.event = 1 and finish.lo < anniversary.due_lo
                            then resolving_entry('day_of_row', finish.lo, finish.key)
                        when closed.event = 1 then anniversary.first_cycle_day
                        when finish.may_reach then resolving_entry('day_of_row', finish.hi, finish.key)
                        when free.reason = 'assessment_needed'
                            then resolving_entry('adequate_negative', greatest(anniversary.due_hi, finish.point), null)
                        when free.reason = 'date_precision' then anniversary.first_cycle_day
                        when free.reason = 'cut_by_therapy' then resolving_entry('none', null, null)
                        else resolving_entry('none', anniversary.due_hi, null)
                    end)
            ) end as own_criteria
        from variants rule

        -- Section 3: the progression and the implied progression of the variant; the therapies that cut in it.
        cross join lateral (
            select
                chosen.progression,
                case
                    when evidence_point(chosen.progression) <= evidence_point(local.lesion) then null
                    else local.lesion
                end as implied,
                case when rule.new_therapy = 'event' then systemic.new_therapy end as therapy_event,
                case when rule.local_unknown = 'event' then local.unknown_indication end as local_event,
                case when rule.new_therapy = 'cut' then evidence_point(systemic.new_therapy) end as systemic_cut,
                least(
                    case when rule.local_other = 'cut' then evidence_point(local.other_indication) end,
                    case when rule.local_unknown = 'cut' then evidence_point(local.unknown_indication) end
                ) as local_cut,
                least(
                    evidence_point(chosen.progression),
                    case when evidence_point(chosen.progression) <= evidence_point(local.lesion) then null
                         else evidence_point(local.lesion) end,
                    evidence_point(systemic.new_therapy),
                    parameter.cutoff
                ) as response_limit
            from (
                select case rule.clinical_progression
                    when 'event' then seen.progression
                    else seen.progression_not_clinical
                end as progression
            ) chosen
            offset 0
        ) reading

        -- The earliest event by point; on a tie progression or implied progression, then death, then new therapy,
        -- then local therapy.
        cross join lateral (
            select
                earliest.point,
                case earliest.point
                    when evidence_point(reading.progression) then 'progression'
                    when evidence_point(reading.implied) then 'implied_progression'
                    when earliest.death then 'death'
                    when evidence_point(reading.therapy_event) then 'new_therapy'
                    when evidence_point(reading.local_event) then 'local_therapy'
                end as type,
                case earliest.point
                    when evidence_point(reading.progression) then reading.progression
                    when evidence_point(reading.implied) then reading.implied
                    when earliest.death then anniversary.patient_key
                    when evidence_point(reading.therapy_event) then reading.therapy_event
                    when evidence_point(reading.local_event) then reading.local_event
                end as key
            from (
                select dated.death, least(
                    evidence_point(reading.progression),
                    evidence_point(reading.implied),
                    dated.death,
                    evidence_point(reading.therapy_event),
                    evidence_point(reading.local_event)) as point
                from (select case when death.is_in and given.t0 is not null then death.point end as death) dated
                offset 0
            ) earliest
            offset 0
        ) event

        -- Cut: a therapy before the event; of two the one with the smaller point, on a tie the systemic one.
        cross join lateral (
            select least(
                case when event.point is null or reading.systemic_cut < event.point then reading.systemic_cut end,
                case when event.point is null or reading.local_cut < event.point then reading.local_cut end
            ) as point
            offset 0
        ) cut

        -- The last adequate negative that may count: up to the cut; before the event, for a death its day too; up to C.
        cross join lateral (
            select
                (
                    select evidence_latest(max(key))
                    from unnest(
                        case
                            when rule.contacts_are_negatives then seen.negatives || contacts.negatives
                            else seen.negatives
                        end
                    ) key
                    where evidence_point(key) <= allowed.up_to
                ) as key,
                allowed.up_to
            from (
                select case
                    when cut.point is not null then cut.point
                    when event.type = 'death' then event.point
                    when event.point is not null then event.point - 1
                    else parameter.cutoff
                end as up_to
                offset 0
            ) allowed
            offset 0
        ) negative

        -- Gap: from that negative (T0 if none) to a progression, an implied progression or a death.
        cross join lateral (
            select coalesce(
                cut.point is null
                and event.type in ('progression', 'implied_progression', 'death')
                and event.point - since.point > case
                    when since.point - given.t0 < 730 then 183
                    when since.point - given.t0 < 1826 then 366
                    else 731
                end, false) as precedes_event
            from (select coalesce(evidence_point(negative.key), given.t0) as point) since
            offset 0
        ) gap

        -- Cuts are tried before the gap rule; without event, cut or gap the last negative ends it, else T0.
        cross join lateral (
            select
                case when given.t0 is not null then (reason is null)::integer end as event,
                case when reason is null then event.type end as event_type,
                reason as censor_reason,
                reason is null and gap.precedes_event and rule.gap = 'flag' as gap_flag
            from (
                select case
                    when given.t0 is null then null
                    when cut.point = reading.systemic_cut then 'new_systemic_therapy'
                    when cut.point is not null then 'local_therapy'
                    when gap.precedes_event and rule.gap = 'censor' then 'gap_before_event'
                    when event.point is not null then null
                    when negative.key is not null then 'end_of_follow_up'
                    else 'no_assessment'
                end as reason
            ) decided
            offset 0
        ) closed

        -- The end: the event, else that negative, else T0 (then key is null). hi is clipped to C.
        cross join lateral (
            select
                ending.key, ending.point, ending.lo, ending.hi,
                coalesce(ending.key is not null and ending.hi between anniversary.due_hi and negative.up_to, false)
                    as may_reach
            from (
                select
                    key,
                    case
                        when closed.event_type = 'death' then death.point
                        when key is null then given.t0
                        else evidence_point(key)
                    end as point,
                    case
                        when closed.event_type = 'death' then death.lo
                        when key is null then given.t0_lo
                        else evidence_lo(key)
                    end as lo,
                    case
                        when closed.event_type = 'death' then death.hi
                        when key is null then given.t0_hi
                        else least(evidence_hi(key), parameter.cutoff)
                    end as hi
                from (select case when closed.event = 1 then event.key else negative.key end as key offset 0) row_of_end
                offset 0
            ) ending
            offset 0
        ) finish

        -- Section 6: progression_free_5y. Yes is tested before no; an event after the day is a yes.
        cross join lateral (
            select
                reason,
                case
                    when reason in ('event_after_anniversary', 'progression_free') then 'yes'
                    when reason = 'event_before_anniversary' then 'no'
                    when reason = 'too_early' and parameter.cutoff < anniversary.due_lo then 'no'
                    else 'unknown'
                end as value
            from (
                select case
                    when given.t0 is null then 'not_treated'
                    when finish.lo >= anniversary.due_hi and closed.event = 1 then 'event_after_anniversary'
                    when finish.lo >= anniversary.due_hi then 'progression_free'
                    when closed.event = 1 and finish.hi < anniversary.due_lo then 'event_before_anniversary'
                    when closed.event = 0 and parameter.cutoff < anniversary.due_lo then 'too_early'
                    when closed.event = 1 or finish.may_reach then 'date_precision'
                    when anniversary.due_hi <= negative.up_to then 'assessment_needed'
                    when finish.lo >= anniversary.due_lo then 'date_precision'
                    when cut.point is not null then 'cut_by_therapy'
                    else 'too_early'
                end as reason
            ) decided
            offset 0
        ) free
        where rule.variant = 'primary' or rule.variant = any(%(variants)s::text[])
        offset 0
    ) read
    window primary_first as (order by read.is_primary desc rows between unbounded preceding and current row)
) pfs
where not record.retracted
  and record.consent is distinct from 'withdrawn'
  and pfs.variant = any(%(variants)s::text[])
  and (%(ids)s::bigint[] is null or record.id = any(%(ids)s::bigint[]))
