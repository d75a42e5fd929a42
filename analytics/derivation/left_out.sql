-- Records that are no longer derived (consent withdrawn, retracted) keep no outcome.
delete from analytics_outcome outcome
using patients_patient record
where outcome.patient_id = any(%(ids)s::bigint[])
  and record.id = outcome.patient_id
  and (record.retracted or record.consent = 'withdrawn')
