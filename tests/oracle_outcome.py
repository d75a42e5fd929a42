"""One derived row of the oracle: every column of `derive` and of an outcome, from the parts in oracle.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tests import oracle
from tests.oracle import CNSR, Chart, Pfs, Record, Span, completed_years, days
from tests.oracle_criteria import (
    Criterion,
    Entry,
    frame,
    metastatic_disease,
    no_later_systemic_therapy,
    progression_free_5y,
    received_hd_il2,
    survival_5y,
)

REQUIRED = ("metastatic_disease", "received_hd_il2", "survival_5y", "no_later_systemic_therapy")
CRITERIA = (*REQUIRED, "progression_free_5y")


@dataclass(frozen=True)
class Outcome:
    """Columns by name, the criteria, and the rows that gave the start and the end of PFS."""

    columns: dict[str, object]
    flags: frozenset[str]
    criteria: dict[str, Criterion]
    start: tuple[str, int] | None = None
    end: tuple[str, int] | None = None


def derive(record: Record, cutoff: date, variant: str, years: int = 5) -> Outcome | None:
    """The outcome of one record; None when the record is left out."""
    if record.consent == "withdrawn" or record.retracted:
        return None
    chart = Chart(record, cutoff)
    return _treated(chart, variant, years) if chart.t0 else _untreated(chart)


def _untreated(chart: Chart) -> Outcome:
    unknown = Criterion("unknown", "not_treated", (), Entry("given_cycle"))
    criteria = dict.fromkeys(CRITERIA, unknown) | {
        "metastatic_disease": metastatic_disease(chart),
        "received_hd_il2": received_hd_il2(chart),
    }
    columns: dict[str, object] = {name: c.value for name, c in criteria.items()}
    columns |= {
        "disease": chart.record.disease,
        "eligible": "no",
        "long_term_pfs": "no",
        "courses": 0,
        "doses": 0,
    }
    found = {"date_straddles_cutoff"} if oracle.straddles(chart) else set()
    return Outcome(columns, frozenset(found), criteria)


def _treated(chart: Chart, variant: str, years: int) -> Outcome:
    pfs, primary = (
        oracle.progression_free(chart, variant),
        oracle.progression_free(chart, "primary"),
    )
    around = frame(chart, primary, years)
    criteria = {
        "metastatic_disease": metastatic_disease(chart),
        "received_hd_il2": received_hd_il2(chart),
        "survival_5y": survival_5y(around),
        "no_later_systemic_therapy": no_later_systemic_therapy(around),
        "progression_free_5y": progression_free_5y(around),
    }
    start = oracle.first(chart.cycles)
    columns = {
        "disease": chart.record.disease,
        "t0": chart.start.point,
        "t0_lo": chart.start.lo,
        "t0_hi": chart.start.hi,
        "t0_precision": oracle.precision(chart.start),
        **_pfs(chart.start, pfs),
        **_os(chart),
        **{name: c.value for name, c in criteria.items()},
        **_eligible({name: c.value for name, c in criteria.items()}),
        "best_response": oracle.best_response(chart),
        "surgical_ned": _yes_no(
            any(r.get("rendered_ned") == "yes" for r in chart.after("local_therapy"))
        ),
        "courses": len({r.get("course_number") for r in chart.cycles}),
        "doses": sum(int(r.get("doses_given") or 0) for r in chart.cycles),
        "age_at_t0": _age(chart),
        "pfs_band": oracle.band(chart.start, primary),
    }
    found = frozenset(oracle.flags(chart, pfs))
    return Outcome(
        columns,
        found,
        criteria,
        start and start.ref,
        pfs.row.ref if pfs.row else start and start.ref,
    )


def _pfs(t0: Span, pfs: Pfs) -> dict[str, object]:
    from_start = pfs.row is None
    end = pfs.end
    return {
        "pfs_days": days(t0.point, end.point),
        "pfs_days_min": 0 if from_start else days(t0.hi, end.lo),
        "pfs_days_max": 0 if from_start else days(t0.lo, end.hi),
        "pfs_event": int(pfs.event_type is not None),
        "pfs_event_type": pfs.event_type,
        "pfs_censor_reason": pfs.censor_reason,
        "pfs_end": end.point,
        "pfs_end_lo": end.lo,
        "pfs_end_hi": end.hi,
        "cnsr": CNSR[pfs.censor_reason] if pfs.censor_reason else 0,
    }


def _os(chart: Chart) -> dict[str, object]:
    death, alive = chart.death_in, chart.last_known_alive()
    end = death.point if death else alive.point
    decade = oracle.anniversary(chart.start.point, 10)
    return {
        "os_days": days(chart.start.point, end),
        "os_event": int(death is not None),
        "os_end": end,
        "last_known_alive": alive.point,
        "alive_10y_followed": death is None and alive.point >= decade,
        "survived_10y": alive.point >= decade or (death is not None and death.point >= decade),
    }


def _eligible(criteria: dict[str, str]) -> dict[str, str]:
    required = [criteria[name] for name in REQUIRED]
    eligible = "no" if "no" in required else "unknown" if "unknown" in required else "yes"
    long_term = eligible == "yes" and criteria["progression_free_5y"] == "yes"
    return {"eligible": eligible, "long_term_pfs": _yes_no(long_term)}


def _yes_no(answer: bool) -> str:
    return "yes" if answer else "no"


def _age(chart: Chart) -> int | None:
    birth = chart.record.birth_date
    return completed_years(Span.parse(birth).point, chart.start.point) if birth else None
