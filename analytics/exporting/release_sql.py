"""The SQL of the schemas `frozen` and `release`, made from the tables of columns.

The migration holds it as text (release_1.sql); a test compares the two, so that a column added here
without a migration, or in the database without a line in the registry, fails.
"""

from __future__ import annotations

from typing import Final

from analytics.exporting.choices import TIME_TO_EVENT
from analytics.exporting.columns import Table
from analytics.exporting.frozen import frozen_tables
from analytics.exporting.tables import CENSOR_DATES, ENDPOINTS, RELEASES
from analytics.projects import RESEARCH

RELEASE: Final = "registry_release"
# Values of these become `rare` below 11 records of the export.
RARE_FIELDS: Final = tuple(
    column.name for column in RELEASES[RESEARCH]["subjects"].columns if "rare_" in column.sql
)
_RARE: Final = "".join(
    f""",
    array(select value from pseudonym.rare where rare.job_id = job.id and field = '{name}') as rare_{name}"""
    for name in RARE_FIELDS
)
# What the session names, and only while the worker builds it under a standing agreement.
PSEUDONYM: Final = f"""create view pseudonym.current_job as
select job.id, job.project_id, job.cut_id, job.profile, job.population, job.disease{_RARE}
from analytics_export_job job join analytics_project project on project.id = job.project_id
where job.public_id = (select nullif(current_setting('registry.export', true), '')::uuid)
    and job.state = 'running' and job.profile = project.profile
    and project.closed_at is null and project.agreement_expires_on >= current_date;
"""
_CHOSEN: Final = """
from job
join frozen.record {record} on {record}.cut_id = job.cut_id
    and (job.population = 'treated' or {record}.eligible = 'yes')
    and {record}.disease in ('melanoma', 'renal_cell')
    and (job.disease = '' or {record}.disease = job.disease)
join pseudonym.subject subject
    on subject.project_id = job.project_id and subject.patient_id = {record}.patient_id"""
_CENTER: Final = """
left join pseudonym.shown_center center on center.job_id = job.id and center.center_id = r.center_id"""
_LEFT_OUT: Final = """
where not exists (select from patients_patient gone where gone.id = subject.patient_id
    and (gone.consent = 'withdrawn' or gone.retracted))"""


def release_ddl() -> str:
    """All of it, as the migration holds it."""
    return f"{frozen_ddl()}{PSEUDONYM}{views_ddl()}"


def frozen_ddl() -> str:
    """The tables of frozen rows, with row-level security."""
    parts = []
    for name, columns in frozen_tables().items():
        listed = "".join(f",\n    {column.name} {column.type}" for column in columns)
        unique = ",\n    unique (cut_id, patient_id)" if name == "record" else ""
        parts.append(
            f"create table frozen.{name} (\n    cut_id bigint not null references analytics_data_cut,"
            f"\n    center_id bigint not null,\n    patient_id bigint not null{listed}{unique},"
            "\n    foreign key (patient_id, center_id) references patients_patient (id, center_id)\n);\n"
        )
        if name != "record":
            parts.append(f"create index on frozen.{name} (cut_id, patient_id);\n")
    return "".join(parts)


def views_ddl() -> str:
    """The views of every release."""
    return "".join(
        view_ddl(profile, table)
        for profile, tables in RELEASES.items()
        for table in tables.values()
    )


def view_name(profile: str, table: str) -> str:
    """Where a table of a release is read."""
    return f"release.{profile}_{table}"


def view_ddl(profile: str, table: Table) -> str:
    """One view: rows of the export that the session names, while it is being built."""
    listed = ",\n    ".join(f"{column.sql} as {column.name}" for column in table.columns)
    return (
        f"create view {view_name(profile, table.name)} with (security_barrier) as\n"
        f"with job as materialized (select * from pseudonym.current_job where profile = '{profile}')\n"
        f"select {listed}{_from(profile, table)};\n"
    )


def _from(profile: str, table: Table) -> str:
    if table.name == TIME_TO_EVENT:
        return _CHOSEN.format(record="r") + _ends() + _LEFT_OUT
    if table.frozen == "record":
        return _CHOSEN.format(record="r") + (_CENTER if profile == RESEARCH else "") + _LEFT_OUT
    rows = f"\njoin frozen.{table.frozen} r on r.cut_id = job.cut_id and r.patient_id = record.patient_id"
    return _CHOSEN.format(record="record") + rows + _LEFT_OUT


def _ends() -> str:
    lines = []
    for code, (words, stem) in ENDPOINTS.items():
        if code == "OS":
            event, reason = "'death'", "'end_of_follow_up'"
            when = f"'{CENSOR_DATES[2]}'"
        else:
            event, reason = f"r.{stem}_event_type", f"r.{stem}_censor_reason"
            when = (
                f"case when r.{stem}_days = 0 then '{CENSOR_DATES[1]}' else '{CENSOR_DATES[0]}' end"
            )
        lines.append(
            f"    ('{code}', '{words}', r.{stem}_days, r.{stem}_cnsr,"
            f" case when r.{stem}_cnsr = 0 then {event} else {reason} end,"
            f" case when r.{stem}_cnsr <> 0 then {when} end)"
        )
    joined = ",\n".join(lines)
    names = "paramcd, param, days, cnsr, evntdesc, cnsdtdsc"
    return f"\ncross join lateral (values\n{joined}\n) e ({names})"
