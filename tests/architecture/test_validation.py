"""The page of requirements says what the tests are marked with; evidence tells what failed or did not run."""

from __future__ import annotations

from tests import validation
from tests.validation import FAILED, NOT_RUN, PASSED, REQUIREMENTS

CASE = '<testcase classname="{where}" name="{name}">{inside}</testcase>'


def test_page_is_current_and_each_requirement_has_a_test() -> None:
    assert [name for name, tests in validation.tests_of_requirements().items() if not tests] == []
    assert validation.PAGE.read_text(encoding="utf-8") == validation.page(), (
        "Write it: python -m tests.validation"
    )


def test_evidence_tells_what_passed_failed_and_did_not_run() -> None:
    tests = validation.tests_of_requirements()
    cases = []
    for name, (test, *_) in tests.items():
        path, function = test.split("::")
        where = path.removesuffix(".py").replace("/", ".")
        if name != "R2":
            cases.append(CASE.format(where=where, name=f"{function}[a]", inside=""))
        if name == "D1":
            cases.append(CASE.format(where=where, name=f"{function}[b]", inside="<failure/>"))
            cases.append(CASE.format(where=where, name=f"{function}[c]", inside=""))
    told = '<properties><property name="figure" value="100 kills, 0 lost"/></properties>'
    cases.append(
        CASE.format(where="tests.deep.test_of_faults", name="test_kills[web]", inside=told)
    )
    reports = [f"<testsuite>{one}</testsuite>" for one in cases]
    found = validation.judged(validation.results(reports))
    assert found["D1"] == FAILED
    assert found["R2"] == NOT_RUN
    # Of two tests the second one did not run.
    assert {name for name, result in found.items() if result == NOT_RUN} == {"R2"} | {
        name for name, held in tests.items() if len(held) > 1
    }
    assert found["A6"] == PASSED
    text = validation.evidence(found, validation.figures(reports), {"commit": "abc"})
    assert "- commit: abc\n" in text
    assert f"| D1 | {REQUIREMENTS['D1'][0]} | failed | {tests['D1'][0]} |" in text
    assert "| tests/deep/test_of_faults.py::test_kills[web] | 100 kills, 0 lost |" in text
