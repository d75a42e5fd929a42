-- Records that are no longer derived (consent withdrawn, retracted) keep no outcome.
delete from analytics_outcome outcome
using patients_patient record
where outcome.patient_id = any(%(ids)s::bigint[])
  and record.id = outcome.patient_id
  -- Said of both tables: else a batch may read all records to find the few that are left out.
  and record.id = any(%(ids)s::bigint[])
  and (record.retracted or record.consent = 'withdrawn')
