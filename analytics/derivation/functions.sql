-- Dated rows as sortable numbers, so that "first" and "last" of rules.md section 1 are min() and max().
--
-- A key holds, from the highest bits: point, imprecision (0 day, 1 month, 2 year), form, row id. The smallest key
-- is therefore the earliest row by point, on a tie the more precise one (greater lo), then the smaller id.
-- evidence_latest() turns the ties round: the greatest of those keys is the latest row by point, on a tie again
-- the more precise one, then the smaller id. It is its own inverse.
-- All are inlined into the statement that calls them; jsonb_build_* are stable, so what uses them is too.
-- Forms: 1 cycle, 2 assessment, 3 local therapy, 4 systemic therapy, 5 follow-up, 6 the patient row itself.

create function evidence_key(point date, lo date, form integer, id bigint) returns bigint
language sql immutable parallel safe
return ((point - date '0001-01-01')::bigint << 42)
     | (case point - lo when 0 then 0 when 14 then 1 else 2 end::bigint << 40)
     | (form::bigint << 37)
     | id;

create function evidence_latest(key bigint) returns bigint
language sql immutable parallel safe
return key # 4398046511103;  -- 2^42 - 1: all bits below the point

create function evidence_point(key bigint) returns date
language sql immutable parallel safe
return date '0001-01-01' + (key >> 42)::integer;

create function evidence_lo(key bigint) returns date
language sql immutable parallel safe
return case (key >> 40) & 3
    when 0 then date '0001-01-01' + (key >> 42)::integer
    when 1 then date '0001-01-01' + (key >> 42)::integer - 14
    else (date '0001-01-01' + (key >> 42)::integer - interval '6 months')::date
end;

create function evidence_hi(key bigint) returns date
language sql immutable parallel safe
return case (key >> 40) & 3
    when 0 then date '0001-01-01' + (key >> 42)::integer
    when 1 then (date '0001-01-01' + (key >> 42)::integer - 14 + interval '1 month')::date - 1
    else (date '0001-01-01' + (key >> 42)::integer + interval '6 months')::date - 1
end;

-- ["assessments", 17]: the form of the data dictionary and the row's id.
create function evidence_row(key bigint) returns jsonb
language sql stable parallel safe
return case when key is not null then jsonb_build_array(
    (array['cycles', 'assessments', 'local_therapies',
           'systemic_therapies', 'follow_ups', 'patients'])[(key >> 37) & 7],
    key & 137438953471)  -- 2^37 - 1
end;

-- The single entry that would resolve an unknown: what to enter, a day that would do, the row it amends.
create function resolving_entry(code text, day date, key bigint) returns jsonb
language sql stable parallel safe
return jsonb_build_object('code', code, 'day', day, 'row', evidence_row(key));

-- One criterion as stored: value, reason, the rows it rests on, the entry that would resolve it.
create function criterion(value text, reason text, first_key bigint, second_key bigint, resolve jsonb) returns jsonb
language sql stable parallel safe
return jsonb_build_object('value', value, 'reason', reason, 'resolve', resolve, 'evidence', case
    when first_key is null then '[]'::jsonb
    when second_key is null then jsonb_build_array(evidence_row(first_key))
    else jsonb_build_array(evidence_row(first_key), evidence_row(second_key))
end);
