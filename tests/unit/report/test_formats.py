from __future__ import annotations

import json

from jsonschema import Draft7Validator

from pytest_nexus.report.ci.summary import Known, summarise
from pytest_nexus.report.formats.ctrf import ctrf
from pytest_nexus.report.formats.json_document import as_json
from tests.support.builders import attempt, failure
from tests.support.sessions import session

STATUS = {"enum": ["passed", "failed", "skipped", "pending", "other"]}
WHOLE = {"type": "integer"}
TEXT = {"type": "string", "minLength": 1}
COUNTS = ("tests", "passed", "failed", "skipped", "pending", "other", "start", "stop")
SCHEMA = {
    "required": ["reportFormat", "specVersion", "results"],
    "additionalProperties": False,
    "properties": {
        "reportFormat": {"const": "CTRF"},
        "specVersion": {"const": "1.0.0"},
        "generatedBy": TEXT,
        "results": {
            "required": ["tool", "summary", "tests"],
            "additionalProperties": False,
            "properties": {
                "tool": {
                    "required": ["name"],
                    "additionalProperties": False,
                    "properties": {"name": TEXT, "version": TEXT},
                },
                "summary": {
                    "required": list(COUNTS),
                    "additionalProperties": False,
                    "properties": dict.fromkeys((*COUNTS, "flaky", "duration"), WHOLE),
                },
                "tests": {
                    "items": {
                        "required": ["name", "status", "duration"],
                        "additionalProperties": False,
                        "properties": {
                            "name": TEXT, "status": STATUS, "duration": WHOLE, "rawStatus": TEXT,
                            "filePath": TEXT, "threadId": TEXT, "message": TEXT, "retries": WHOLE,
                            "flaky": {"type": "boolean"},
                            "suite": {"type": "array", "minItems": 1, "items": TEXT},
                            "retryAttempts": {
                                "items": {
                                    "required": ["attempt", "status"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "attempt": {"type": "integer", "minimum": 1},
                                        "status": STATUS,
                                        "duration": WHOLE,
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}  # fmt: skip
"""What version 1.0 of the format asks of the members that nexus writes."""

BAD = attempt("tests/test_a.py::TestX::test_b[1]", "failed", failure=failure(), worker="gw3")
SUMMARY = summarise(
    [
        session(
            BAD,
            attempt("a.py::healed", "failed", failure=failure()),
            attempt("a.py::healed", number=2),
            attempt("a.py::skipped", "skipped"),
            attempt("a.py::xfailed", "xfailed"),
            attempt('a.py::q["x\\y"]', "error"),
            quarantined=('a.py::q["x\\y"]',),
        )
    ],
    (),
    Known(3),
)


def test_ctrf_is_what_the_format_says():
    document = json.loads(json.dumps(ctrf(SUMMARY, "9.2.0")))
    Draft7Validator(SCHEMA).validate(document)
    counts = document["results"]["summary"]
    assert [counts[name] for name in COUNTS[:6]] == [5, 1, 1, 1, 0, 2]
    assert counts["flaky"] == 1
    assert (counts["start"], counts["stop"]) == (1000, 11000)


def test_ctrf_of_a_healed_test_lists_its_attempts():
    (healed,) = [test for test in ctrf(SUMMARY)["results"]["tests"] if test["flaky"]]
    assert (healed["status"], healed["retries"]) == ("passed", 1)
    assert [one["status"] for one in healed["retryAttempts"]] == ["failed", "passed"]


def test_ctrf_of_a_test_in_a_class_has_its_suites_and_its_worker():
    test = ctrf(SUMMARY)["results"]["tests"][0]
    assert test["suite"] == ["tests/test_a.py", "TestX"]
    assert (test["filePath"], test["threadId"]) == ("tests/test_a.py", "gw3")
    assert test["message"] == "AssertionError: assert # == #"


def test_json_has_the_counts_and_the_reasons():
    document = json.loads(json.dumps(as_json(SUMMARY)))
    assert document["good"] is False
    assert document["counts"]["healed"] == 1
    (failed,) = document["new_failures"]
    assert failed["failure"]["signature"] == "00112233445566aa"
    assert failed["since"] is None
