"""Cases of rules.md, sections 1 and 2: see tests/derivation_cases.py for the notation."""

from __future__ import annotations

from datetime import date

from tests.derivation_cases import Table, contact, cycle, drug, local, scan

table = Table()
add = table.add

# --- 1. Dates ---------------------------------------------------------------------------------------
add(
    "point of a month is the 15th, of a year 1 July",
    cycle("2001-03"),
    t0=date(2001, 3, 15),
    t0_precision="month",
)
add(
    "year precision",
    cycle("2001"),
    t0=date(2001, 7, 1),
    t0_lo=date(2001, 1, 1),
    t0_hi=date(2001, 12, 31),
    t0_precision="year",
)
add(
    "a date is in iff its point is on or before the cutoff",
    cycle("2001-03"),
    at="2001-03-15",
    t0=date(2001, 3, 15),
    t0_hi=date(2001, 3, 15),
    t0_precision="month",
    flags={"date_straddles_cutoff"},
)
add(
    "a point after the cutoff is not in",
    cycle("2001-03"),
    at="2001-03-14",
    t0=None,
    received_hd_il2="no",
)
add(
    "hi is clipped and used everywhere",
    cycle("2001"),
    scan("2001", "CR"),
    at="2001-07-01",
    pfs_days=0,
    pfs_days_min=0,
    pfs_days_max=181,
    t0_hi=date(2001, 7, 1),
    flags={"date_straddles_cutoff"},
)
add(
    "an empty date is no evidence",
    cycle(),
    scan(None, "PD"),
    pfs_event=0,
    pfs_censor_reason="no_assessment",
    flags=set(),
)
add(
    "a death is raised to the greatest lo of alive evidence",
    cycle(),
    scan("2010-10-05", "SD"),
    death="2010",
    primary={
        "pfs_end": date(2010, 10, 5),
        "pfs_end_lo": date(2010, 10, 5),
        "pfs_end_hi": date(2010, 12, 31),
    },
    os_end=date(2010, 10, 5),
    os_event=1,
)
add(
    "a death is never raised beyond its hi",
    cycle(),
    scan("2011-02-05", "NE"),
    death="2010",
    os_end=date(2010, 12, 31),
    os_event=1,
    flags={"alive_after_death"},
    primary={"flags": {"alive_after_death", "gap_before_event"}},
)
add(
    "alive evidence of any date raises a death, after the cutoff too",
    cycle(),
    scan("2010-10-05", "NE"),
    death="2010",
    at="2010-09-15",
    os_event=0,
    os_end=date(2010, 9, 15),
    flags=set(),
    pfs_event=0,
)
add(
    "a raised death may fall out of the cutoff",
    cycle(),
    contact("2010-08-01"),
    death="2010",
    at="2010-07-15",
    os_event=0,
    os_end=date(2010, 7, 15),
)
add(
    "more precise row wins a tie of points",
    cycle(),
    scan("2000-07-15", "CR"),
    scan("2000-07", "CR"),
    pfs_end_lo=date(2000, 7, 15),
    pfs_end_hi=date(2000, 7, 15),
)
add(
    "29 February becomes the 28th",
    cycle("2004-02-29"),
    contact("2009-02-28", attested="none"),
    survival_5y="yes",
    no_later_systemic_therapy="yes",
)
add(
    "straddle: follow-up, whatever its vital status",
    cycle(),
    contact("2017", vital="dead"),
    at="2017-07-01",
    flags={"date_straddles_cutoff"},
)
add(
    "straddle: supportive therapy",
    cycle(),
    drug("2017", "supportive"),
    at="2017-07-01",
    flags={"date_straddles_cutoff"},
)
add(
    "straddle: local therapy",
    cycle(),
    local("2017", "planned"),
    at="2017-07-01",
    flags={"date_straddles_cutoff"},
)
add(
    "straddle: metastatic date, untreated too",
    meta="2017",
    at="2017-07-01",
    flags={"date_straddles_cutoff"},
    eligible="no",
)
add(
    "straddle: death",
    cycle(),
    death="2017",
    at="2017-07-01",
    flags={"date_straddles_cutoff"},
    primary={"flags": {"date_straddles_cutoff", "gap_before_event"}},
)
add(
    "no straddle: a cycle not given, a retracted assessment",
    cycle(),
    cycle("2017", "0"),
    scan("2017", "CR", retracted=True),
    at="2017-07-01",
    flags=set(),
)

# --- 2. T0 ------------------------------------------------------------------------------------------
add(
    "a cycle without doses is not given",
    cycle("1999-05-01", "0"),
    cycle(),
    t0=date(2000, 1, 10),
    courses=1,
    doses=9,
)
add(
    "empty doses count as given",
    cycle("2000-01-10", None),
    doses=0,
    courses=1,
    flags={"doses_not_recorded"},
)
add(
    "T0 is combined field by field",
    cycle("2001"),
    cycle("2001-03-10"),
    t0=date(2001, 3, 10),
    t0_lo=date(2001, 1, 1),
    t0_hi=date(2001, 3, 10),
    t0_precision="year",
)
add(
    "not treated",
    contact("2010-01-01", attested="none"),
    local("2005-01-01", None, "yes"),
    death="2011-01-01",
    received_hd_il2="no",
    survival_5y="unknown",
    no_later_systemic_therapy="unknown",
    progression_free_5y="unknown",
    eligible="no",
    long_term_pfs="no",
    courses=0,
    doses=0,
    metastatic_disease="yes",
    surgical_ned=None,
    best_response=None,
    pfs_days=None,
    os_days=None,
    os_event=None,
    pfs_event=None,
    flags=set(),
)
add(
    "retreatment never moves T0",
    cycle(),
    scan("2001-01-10", "PD"),
    cycle("2001-03-01", course=2),
    t0=date(2000, 1, 10),
    courses=2,
    doses=18,
    no_later_systemic_therapy="unknown",
)
