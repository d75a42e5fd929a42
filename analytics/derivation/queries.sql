-- Queries to the site that follow from the outcomes of some records: one for each unknown criterion that an entry would
-- resolve and that still matters (the record may yet be eligible), and one for each flag that asks the site to look.
-- One statement for all of them: opens, changes the words of what stands, closes what no longer stands, and opens
-- again what comes back. A query that a person closed stays closed for as long as what it asked stands.
-- `words` is what wording.py says of codes.
-- Each record is looked up by its key: asked with any(), a table without statistics is read whole (a third of a first fill).
with chosen as materialized (
    select distinct unnest(%(ids)s::bigint[]) as id
),
outcomes as materialized (
    select stored.patient_id, stored.center_id, stored.eligible, stored.criteria, stored.flags
    from chosen
    join analytics_outcome stored on stored.patient_id = chosen.id and stored.variant = 'primary'
),
found as materialized (
    select
        stored.patient_id, stored.center_id, 'criterion' as kind, 'outcome.' || criterion.key as check_id,
        coalesce(entry.form_name, place ->> 0) as form_name,
        entry.row_id,
        case
            when entry.form_name is null then place ->> 1
            else coalesce(words.said #>> array['fields', criterion.key, entry.form_name],
                          words.said #>> array['fields', entry.form_name], '')
        end as field_name,
        format('%%s is unknown: %%s would decide', words.said #>> array['titles', criterion.key],
            replace(coalesce(words.said #>> array['rows', criterion.key, entry.form_name],
                             words.said #>> array['rows', entry.form_name],
                             words.said #>> array['entries', entry.code]),
                '{day}', coalesce(to_char(entry.day, 'DD-Mon-YYYY'), ''))) as message
    from outcomes stored
    cross join (select %(words)s::jsonb as said) words
    cross join lateral jsonb_each(stored.criteria) criterion
    cross join lateral (
        select
            criterion.value #>> '{resolve,code}' as code,
            (criterion.value #>> '{resolve,day}')::date as day,
            case when criterion.value #>> '{resolve,code}' = 'day_of_row'
                then criterion.value #>> '{resolve,row,0}' end as form_name,
            case when criterion.value #>> '{resolve,code}' = 'day_of_row'
                then (criterion.value #>> '{resolve,row,1}')::bigint end as row_id
        offset 0
    ) entry
    cross join lateral (select words.said #> array['places', entry.code] as place) named
    where stored.eligible <> 'no'
      and criterion.value ->> 'value' = 'unknown'
      and entry.code <> 'none'
    union all
    select
        stored.patient_id, stored.center_id, 'flag', 'outcome.' || flag.name,
        words.said #>> array['flags', flag.name, '0'], null, words.said #>> array['flags', flag.name, '1'],
        words.said #>> array['flags', flag.name, '2']
    from outcomes stored
    cross join (select %(words)s::jsonb as said) words
    cross join lateral unnest(stored.flags) flag (name)
    where words.said -> 'flags' ? flag.name
),
gone as (
    update patients_query asked set
        stands = false,
        closed_at = coalesce(asked.closed_at, now()),
        closing_note = case when asked.closed_at is null then %(resolved)s else asked.closing_note end
    from chosen
    where asked.patient_id = chosen.id
      and asked.kind in ('criterion', 'flag')
      and asked.stands
      and not exists (select from found where found.patient_id = asked.patient_id and found.check_id = asked.check_id)
    returning new.id, new.patient_id, new.center_id, old.closed_at is null as is_told
),
kept as (
    insert into patients_query as asked
        (center_id, patient_id, kind, check_id, form_name, row_id, field_name, message, opened_by_id)
    select center_id, patient_id, kind, check_id, form_name, row_id, field_name, message, 1
    from found
    where not exists (
        select from patients_query same
        where same.patient_id = found.patient_id and same.check_id = found.check_id
          and same.kind in ('criterion', 'flag') and same.center_id = found.center_id and same.stands
          and (same.message, same.form_name, same.field_name, same.row_id)
              is not distinct from (found.message, found.form_name, found.field_name, found.row_id)
    )
    order by patient_id, check_id
    on conflict (patient_id, check_id, center_id) where kind in ('criterion', 'flag') do update set
        message = excluded.message, form_name = excluded.form_name,
        field_name = excluded.field_name, row_id = excluded.row_id, stands = true,
        reopened_at = case when asked.stands then asked.reopened_at else now() end,
        answered_at = case when asked.stands then asked.answered_at end,
        closed_at = case when asked.stands then asked.closed_at end,
        closed_by_id = case when asked.stands then asked.closed_by_id end,
        closing_note = case when asked.stands then asked.closing_note else '' end
    returning new.id, new.patient_id, new.center_id, old.stands is false as is_told
),
told as (
    select id, patient_id, center_id, 'closed' as act, %(resolved)s as text from gone where is_told
    union all
    select id, patient_id, center_id, 'reopened', %(returned)s from kept where is_told
)
insert into patients_query_message (query_id, patient_id, center_id, act, text, author_id)
select id, patient_id, center_id, act, text, 1 from told
