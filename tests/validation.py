"""Requirements and the tests that hold them: docs/validation.md, and evidence from a run of these tests.

A test says `@pytest.mark.requirement("D1")`. `python -m tests.validation` writes the page; with the results of
`make validation` (files of JUnit's XML) it prints the evidence instead and ends with status 1 unless everything passed.
"""

from __future__ import annotations

import ast
import platform
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

BASE: Final = Path(__file__).resolve().parent.parent
PAGE: Final = BASE / "docs" / "validation.md"
# What is required, and who asks for it as far as the design's sources do.
REQUIREMENTS: Final = {
    "D1": ("the derivation follows its rules, case by case", "protocol"),
    "D2": ("the same, against a second implementation on generated histories", "protocol"),
    "D3": ("statistics equal R's", "protocol"),
    "D4": ("what was known at a moment comes out again", "E6 4.2.2"),
    "A1": ("every change leaves who, when, old, new and why; nobody changes it unseen", "11.10(e), E6 4.2.2"),
    "A2": ("direct changes of the database are found", "EMA 2023"),
    "A3": ("no event is lost or sealed twice", "11.10(e)"),
    "A4": ("readings and downloads are events", "E6 4.2.2"),
    "A5": ("the trail is reviewed and the review signed off", "E6 4.2.3"),
    "A6": ("who had access on a day", "FDA Q&A 2024"),
    "S1": ("a signature has name, time, meaning, and breaks with any change", "11.50, 11.70"),
    "S2": ("a signature cannot be moved or forged", "11.70"),
    "S3": ("a locked record is changed by nobody", "E6"),
    "P1": ("every address asks for its permission, every person, method and object", "11.10(d), ASVS 8"),
    "P2": ("a center learns nothing of another", "GDPR 32"),
    "P3": ("the database logins hold exactly what was reviewed", "ASVS 8"),
    "P4": ("who enters neither verifies, signs, locks nor reviews", "E6"),
    "P5": ("sessions end, idle and absolute", "ASVS 7.3"),
    "P6": ("guessing passwords is stopped and tells nothing", "ASVS 6.3"),
    "P7": ("typed text never runs", "ASVS 1.2"),
    "P8": ("secrets stand in no variable of a container", "ASVS 13.3"),
    "I1": ("logs and errors hold nothing that was typed", "GDPR 32"),
    "I2": ("health and metrics tell strangers nothing of the data", "GDPR 32"),
    "I3": ("no small count follows from what pooled figures show", "GDPR 89"),
    "I4": ("erased identifiers stay erased", "GDPR 17"),
    "E1": ("exports hold no identifier and no date", "GDPR 89"),
    "E2": ("exports come out the same and show a flipped byte", "11.10(b)"),
    "E3": ("withdrawn consent calls back", "GDPR 7"),
    "R1": ("no acknowledged save is lost or doubled", "11.10(a)"),
    "R2": ("a backup comes back, proved", "E6 4.3"),
    "R3": ("an unsafe deployment does not start", "ASVS 13"),
    "R4": ("what fails five times is seen and tried again", "operations"),
    "R5": ("an import is there as a whole or not at all", "11.10(a)"),
    "R6": ("a killed worker leaves correct outcomes", "11.10(a)"),
    "U1": ("pages are accessible", "EN 301 549"),
    "U2": ("a whole history is entered by keyboard alone", "EN 301 549"),
}  # fmt: skip
HEAD: Final = """\
# Validation

Written by `python -m tests.validation` from the marks of the tests; a test fails while this page differs. Which requirement is held by which test. Sources: the design of this registry, 21 CFR 11, ICH E6(R3), GDPR, ASVS 5.0, EN 301 549.

`make validation` runs these tests, on real processes and in a real browser, and writes `validation-evidence.md`: each requirement with its result, the commit, the versions and the figures that tests tell (saves under faults, events found). A release is valid only when all of them pass; `.ci/run` runs them with all others.

"""
FOOT: Final = """
**What a site still validates**: that its own processes (training, agreements, who gets which role, restore drills on its own servers) are in place. `validation-evidence.md` and the evidence of a drill (`manage.py restore_drill --evidence`) belong into its file.
"""
PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"


def tests_of_requirements() -> dict[str, list[str]]:
    """`path::function` of the tests that are marked, by requirement, both in order."""
    found: dict[str, list[str]] = {name: [] for name in REQUIREMENTS}
    for path in sorted((BASE / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                for name in _marks(node):
                    found[name].append(f"{path.relative_to(BASE).as_posix()}::{node.name}")
    return found


def _marks(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if (
            isinstance(decorator, ast.Call)
            and ast.unparse(decorator.func) == "pytest.mark.requirement"
        ):
            yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


def page() -> str:
    """The whole page, Markdown."""
    rows = [
        [name, *REQUIREMENTS[name], ", ".join(tests)]
        for name, tests in tests_of_requirements().items()
    ]
    return HEAD + _table(["id", "requirement", "from", "test"], rows) + FOOT


def results(reports: Sequence[str]) -> dict[str, str]:
    """From JUnit's XML: PASSED or FAILED by `path::function`; of many cases the worst."""
    found: dict[str, str] = {}
    for case in _cases(reports):
        name = _test(case).partition("[")[0]
        is_bad = any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
        found[name] = FAILED if is_bad else found.get(name, PASSED)
    return found


def figures(reports: Sequence[str]) -> list[tuple[str, str]]:
    """From JUnit's XML: a test and what it counted or measured (the fixture `tell`), in their order."""
    return [
        (_test(case), told.attrib["value"])
        for case in _cases(reports)
        for told in case.iterfind("properties/property[@name='figure']")
    ]


def _cases(reports: Sequence[str]) -> Iterator[ET.Element]:
    for report in reports:
        yield from ET.fromstring(report).iter("testcase")


def _test(case: ET.Element) -> str:
    return f"{case.attrib['classname'].replace('.', '/')}.py::{case.attrib['name']}"


def judged(found: Mapping[str, str]) -> dict[str, str]:
    """The result of each requirement: FAILED or NOT_RUN where one of its tests is."""
    judgements = {}
    for name, tests in tests_of_requirements().items():
        said = {found.get(test, NOT_RUN) for test in tests} or {NOT_RUN}
        judgements[name] = next(one for one in (FAILED, NOT_RUN, PASSED) if one in said)
    return judgements


def evidence(
    judgements: Mapping[str, str], told: Sequence[tuple[str, str]], of: Mapping[str, str]
) -> str:
    """Markdown: each requirement, its result and its tests, then figures; `of` says of what (commit, versions)."""
    tests = tests_of_requirements()
    rows = [
        [name, REQUIREMENTS[name][0], result, ", ".join(tests[name])]
        for name, result in judgements.items()
    ]
    counted: dict[str, int] = defaultdict(int)
    for result in judgements.values():
        counted[result] += 1
    said = ", ".join(f"{number} {result}" for result, number in sorted(counted.items()))
    facts = "".join(f"- {name}: {value}\n" for name, value in of.items())
    head = f"# Evidence of validation\n\n{facts}- requirements: {said}\n\n"
    held = _table(["id", "requirement", "result", "test"], rows)
    return f"{head}{held}\n## Figures of this run\n\n{_table(['test', 'figures'], told)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return (
        "".join(f"| {' | '.join(line)} |\n" for line in lines)
        .replace("| --- ", "|---")
        .replace("|--- |", "|---|")
    )


def facts() -> dict[str, str]:
    """When, which commit, which Python, which kind of machine."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    commit = subprocess.run(command, cwd=BASE, capture_output=True, text=True, check=False)
    return {
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": commit.stdout.strip() or "not known",
        "Python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def main(arguments: Sequence[str]) -> int:
    """Write the page, or print the evidence of the results that are named."""
    if not arguments:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    reports = [Path(argument).read_text(encoding="utf-8") for argument in arguments]
    judgements = judged(results(reports))
    sys.stdout.write(evidence(judgements, figures(reports), facts()))
    return int(set(judgements.values()) != {PASSED})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
