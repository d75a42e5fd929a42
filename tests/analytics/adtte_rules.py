"""The rules that an ADTTE must keep (ADaM, and the registry's own); what breaks them, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

REASONS = {
    "1": "end_of_follow_up",
    "2": "new_systemic_therapy",
    "3": "local_therapy",
    "4": "gap_before_event",
    "5": "no_assessment",
}
EVENTS = {"progression", "implied_progression", "death", "new_therapy", "local_therapy"}
ENDPOINTS = ("OS", "PFS", "PFSEMA", "PFSFDA", "PFSWC")
Line = Mapping[str, str]


def broken(lines: Sequence[Line], subjects: Sequence[Line]) -> list[str]:
    """One sentence for each rule that a line breaks."""
    found = []
    keys = [(line["USUBJID"], line["PARAMCD"]) for line in lines]
    if len(set(keys)) != len(keys):
        found.append("a subject has an endpoint twice")
    if {key[0] for key in keys} != {line["USUBJID"] for line in subjects}:
        found.append("subjects differ from ADSL")
    if len(keys) != len(ENDPOINTS) * len(subjects):
        found.append("an endpoint is missing")
    for line in lines:
        found += [f"{line['PARAMCD']} of {line['USUBJID']}: {word}" for word in _broken(line)]
    return found


def _broken(line: Line) -> list[str]:
    value, start, end = int(line["AVAL"]), int(line["ASTDY"]), int(line["ADY"])
    rules = {
        "AVAL is not ADY - ASTDY": value == end - start,
        "AVAL is negative": value >= 0,
        "PARAMCD is unknown": line["PARAMCD"] in ENDPOINTS,
        "CNSR 0 without an event": line["CNSR"] != "0" or line["EVNTDESC"] in EVENTS,
        "CNSR says another reason": line["CNSR"] == "0"
        or REASONS.get(line["CNSR"]) == line["EVNTDESC"],
        "CNSDTDSC does not fit CNSR": (line["CNSR"] == "0") == (line["CNSDTDSC"] == ""),
        "OS has another event than death": line["PARAMCD"] != "OS"
        or (line["CNSR"] in ("0", "1") and (line["CNSR"] == "1" or line["EVNTDESC"] == "death")),
    }
    return [word for word, holds in rules.items() if not holds]
