"""Cases of rules.md, sections 4 and 5: see tests/derivation_cases.py for the notation."""

from __future__ import annotations

from datetime import date

from tests.derivation_cases import Table, contact, cycle, drug, local, scan

table = Table()
add = table.add

# --- 4. PFS -----------------------------------------------------------------------------------------
add(
    "NACT by variant",
    cycle(),
    scan("2000-05-01", "SD"),
    drug("2000-06-01"),
    scan("2000-07-01", "PD"),
    primary={
        "pfs_event": 0,
        "pfs_end": date(2000, 5, 1),
        "pfs_censor_reason": "new_systemic_therapy",
        "cnsr": 2,
    },
    fda={"pfs_event": 0, "pfs_end": date(2000, 5, 1), "cnsr": 2},
    ema={"pfs_event": 1, "pfs_end": date(2000, 7, 1), "cnsr": 0},
    worst_case={"pfs_event_type": "new_therapy", "pfs_end": date(2000, 6, 1), "cnsr": 0},
)
add(
    "NACT on the day of the event does not cut",
    cycle(),
    scan("2000-06-01", "PD"),
    drug("2000-06-01"),
    pfs_event_type="progression",
)
add(
    "NACT on T0's day is none",
    cycle(),
    scan("2000-05-01", "SD"),
    drug("2000-01-10"),
    pfs_censor_reason="end_of_follow_up",
)
for indication in ("residual_disease", "planned", "palliation", "diagnostic"):
    add(
        f"local therapy {indication}",
        cycle(),
        scan("2000-05-01", "SD"),
        local("2000-06-01", indication),
        scan("2000-08-01", "SD"),
        pfs_end=date(2000, 8, 1),
        pfs_event=0,
        flags=set(),
        fda={"pfs_end": date(2000, 5, 1), "pfs_censor_reason": "local_therapy", "cnsr": 3},
    )
for indication in ("unknown", None):
    add(
        f"local therapy {indication or 'empty'} indication",
        cycle(),
        scan("2000-05-01", "SD"),
        local("2000-06-01", indication),
        scan("2000-08-01", "SD"),
        flags={"local_therapy_indication_unknown"},
        primary={"pfs_end": date(2000, 8, 1)},
        fda={"pfs_end": date(2000, 5, 1), "pfs_censor_reason": "local_therapy"},
        ema={"pfs_end": date(2000, 8, 1)},
        worst_case={"pfs_event_type": "local_therapy", "pfs_end": date(2000, 6, 1)},
    )
add(
    "fda: the smaller point cuts",
    cycle(),
    scan("2000-03-01", "SD"),
    local("2000-05-01", "planned"),
    scan("2000-05-20", "SD"),
    drug("2000-06-01"),
    fda={"pfs_censor_reason": "local_therapy", "pfs_end": date(2000, 3, 1)},
)
add(
    "fda: on a tie the systemic therapy cuts",
    cycle(),
    local("2000-06-01", "planned"),
    drug("2000-06-01"),
    fda={"pfs_censor_reason": "new_systemic_therapy"},
)
add(
    "a negative on the therapy's day counts for the cut",
    cycle(),
    scan("2000-06-01", "SD"),
    drug("2000-06-01"),
    primary={"pfs_end": date(2000, 6, 1), "pfs_censor_reason": "new_systemic_therapy"},
)
add(
    "a cut without negative ends at T0 with its own reason",
    cycle("2000"),
    drug("2001-06-01"),
    primary={
        "pfs_days": 0,
        "pfs_days_min": 0,
        "pfs_days_max": 0,
        "pfs_censor_reason": "new_systemic_therapy",
    },
)
add(
    "death is an event",
    cycle(),
    scan("2000-05-01", "SD"),
    death="2000-06-01",
    pfs_event_type="death",
    pfs_days=143,
)
add(
    "tie of progression and death",
    cycle(),
    scan("2000-06-01", "PD"),
    death="2000-06-01",
    pfs_event_type="progression",
)
add(
    "tie of death and new therapy",
    cycle(),
    drug("2000-06-01"),
    death="2000-06-01",
    pfs_event_type="death",
)
add(
    "tie of new and local therapy",
    cycle(),
    drug("2000-06-01"),
    local("2000-06-01", None),
    worst_case={"pfs_event_type": "new_therapy"},
)
add(
    "a death before T0's point is an event of 0 days",
    cycle("2001"),
    death="2001-03-05",
    pfs_event_type="death",
    pfs_days=0,
    pfs_days_min=0,
    pfs_days_max=63,
)
for days, kind, last, event, gap in (
    # the last negative's day after T0, the event's day; the limit is exceeded or not
    (0, "PD", None, 183, False), (0, "PD", None, 184, True), (729, "PD", 729, 729 + 183, False),
    (729, "PD", 729, 729 + 184, True), (730, "PD", 730, 730 + 366, False), (730, "PD", 730, 730 + 367, True),
    (1825, "PD", 1825, 1825 + 367, True), (1826, "PD", 1826, 1826 + 731, False), (1826, "PD", 1826, 1826 + 732, True),
):  # fmt: skip
    start = date(2000, 1, 10).toordinal()
    day = {n: f"{date.fromordinal(start + n)}" for n in (days, event)}
    add(
        f"gap {last} to {event}",
        cycle(),
        *([scan(day[days], "SD")] if last else []),
        scan(day[event], kind),
        pfs_event=1,
        primary={"pfs_event": 1, "flags": {"gap_before_event"} if gap else set()},
        flags=set(),
        fda={
            "pfs_event": 0 if gap else 1,
            "pfs_censor_reason": "gap_before_event" if gap else None,
            "cnsr": 4 if gap else 0,
        },
    )
add(
    "gap of an implied progression",
    cycle(),
    local("2001-01-10", "new_lesion"),
    flags={"progression_implied_by_local_therapy"},
    primary={"flags": {"progression_implied_by_local_therapy", "gap_before_event"}, "pfs_event": 1},
    fda={"pfs_censor_reason": "gap_before_event", "pfs_days": 0},
)
add(
    "a negative on the day of death counts",
    cycle(),
    scan("2001-01-10", "SD"),
    death="2001-01-10",
    pfs_event=1,
    flags=set(),
)
add(
    "a negative on the day of a PD does not",
    cycle(),
    scan("2001-01-10", "SD"),
    scan("2001-01-10", "PD"),
    primary={"flags": {"gap_before_event"}},
    fda={"pfs_event": 0, "pfs_days": 0},
)
add(
    "the gap uses the variant's own negatives",
    cycle(),
    contact("2000-06-01", disease="stable_disease"),
    scan("2000-10-01", "PD"),
    primary={"flags": set()},
    fda={"pfs_censor_reason": "gap_before_event", "pfs_days": 0},
)
add(
    "fda looks for no later event after a gap",
    cycle(),
    scan("2000-02-01", "SD"),
    scan("2001-02-01", "PD"),
    scan("2001-03-01", "SD"),
    scan("2001-04-01", "PD"),
    fda={"pfs_end": date(2000, 2, 1), "pfs_censor_reason": "gap_before_event"},
)
add(
    "fda: cuts before the gap rule",
    cycle(),
    drug("2001-01-01"),
    scan("2002-01-01", "PD"),
    fda={"pfs_censor_reason": "new_systemic_therapy"},
)
add(
    "no gap for a new therapy as event",
    cycle(),
    drug("2002-01-01"),
    worst_case={"pfs_event_type": "new_therapy", "flags": set()},
)
add(
    "censored at the last adequate negative",
    cycle(),
    scan("2000-05-01", "SD"),
    scan("2000-07-01", "NE"),
    pfs_end=date(2000, 5, 1),
    pfs_censor_reason="end_of_follow_up",
    cnsr=1,
)
add(
    "censored at T0 without any",
    cycle("2000-01"),
    pfs_days=0,
    pfs_days_min=0,
    pfs_days_max=0,
    pfs_censor_reason="no_assessment",
    cnsr=5,
)

# --- 5. Overall survival ----------------------------------------------------------------------------
add(
    "alive evidence of every kind",
    cycle(),
    drug("2003-01-01", "supportive"),
    os_end=date(2003, 1, 1),
    os_event=0,
)
add("NE is alive evidence", cycle(), scan("2003-01-01", "NE"), os_end=date(2003, 1, 1))
add(
    "a contact counts only when alive",
    cycle(),
    contact("2003-01-01", "unknown"),
    contact("2002-01-01"),
    os_end=date(2002, 1, 1),
)
add(
    "evidence after the cutoff proves life at it",
    cycle(),
    contact("2020-01-01"),
    os_end=date(2017, 6, 30),
    last_known_alive=date(2017, 6, 30),
)
add(
    "a death after the cutoff proves life at it",
    cycle(),
    death="2020-01-01",
    os_end=date(2017, 6, 30),
    os_event=0,
    survival_5y="yes",
)
add(
    "a late row counts with its own lo",
    cycle("2013-01-02"),
    contact("2018"),
    at="2018-03-01",
    survival_5y="unknown",
    last_known_alive=date(2018, 3, 1),
)
add(
    "alive after death is flagged, by lo against unclipped hi",
    cycle(),
    contact("2005-02-01"),
    death="2005-01",
    flags={"alive_after_death"},
    primary={"flags": {"alive_after_death", "gap_before_event"}},
)
add(
    "not flagged within the death's interval",
    cycle(),
    contact("2005-01-20"),
    death="2005-01",
    flags=set(),
    primary={"flags": {"gap_before_event"}},
    os_end=date(2005, 1, 20),
)
