"""What is written as JSON fits the schema in the package."""

import json

import pytest
from jsonschema import Draft202012Validator

from lm_eval_faith.report import report_schema


@pytest.fixture(scope="module")
def validator():
    schema = report_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_every_report_fits(
    command, validator, provided_run, second_run, generated_runs
):
    for arguments in (
        ("report", provided_run, *generated_runs),
        ("compare", provided_run, second_run),
        ("compare", *generated_runs),
        ("agree", provided_run, *generated_runs),
    ):
        code, out, said = command(*arguments, "--format", "json", "--n-resamples", 50)
        assert code == 0, said
        validator.validate(json.loads(out, parse_constant=pytest.fail))
    _, out, _ = command("power", "--std", 1, "--format", "json")
    validator.validate(json.loads(out))


def test_other_names_do_not_fit(command, validator, provided_run):
    _, out, _ = command("report", provided_run, "--format", "json", "--n-resamples", 50)
    content = json.loads(out)
    content["reports"][0]["estimates"][0]["mean"] = 1.0
    assert not validator.is_valid(content)
    assert not validator.is_valid({"schema_version": 3, "reports": []})


def test_the_command_prints_the_schema(command):
    code, out, _ = command("schema")
    assert code == 0 and json.loads(out) == report_schema()
