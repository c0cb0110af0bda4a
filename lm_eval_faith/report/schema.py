"""The JSON Schema of everything that is written with ``--format json``.

Made from the registry of metrics and from the fields of estimates, so that it holds no
list of its own; a user's metrics are in it once their module is loaded.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

from lm_eval_faith_stats import Estimate

from lm_eval_faith.metrics import metric_names, metrics
from lm_eval_faith.metrics.metric import Better, Of, Unit
from lm_eval_faith.report.card import WORDS
from lm_eval_faith.report.write import SCHEMA_VERSION

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TRUTH: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
NUMBER_OR_NULL: Schema = {
    "type": ["number", "null"],
    "description": "null where it is not defined",
}
LEVEL: Schema = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
SETTING: Schema = {"enum": ["provided", "generated", "replay", "labelled"]}


def report_schema() -> Schema:
    """The schema, in draft 2020-12, of every command with ``--format json``."""
    found = {
        "reports": _list(_report()),
        "comparisons": _list(_comparison()),
        "agreements": _list(_agreement()),
        "power": _power(),
        "leaderboards": _list(_leaderboard()),
        "calibration": _calibration(),
        "metrics": _list(_metric()),
        "files": _list(_file()),
        "findings": _list(_finding()),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:lm-eval-faith:report:{SCHEMA_VERSION}",
        "title": "What lm-eval-faith writes with --format json",
        "description": (
            "report, compare, agree, power, leaderboard, calibrate, metrics, chains, check; "
            "schema_version changes when a name changes or goes."
        ),
        "oneOf": [
            _object(schema_version={"const": SCHEMA_VERSION}, **{name: content})
            for name, content in found.items()
        ],
    }


def _object(**properties: Schema) -> Schema:
    """All of these, and nothing else."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _said(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


def _or_null(schema: Schema) -> Schema:
    return {"oneOf": [schema, {"type": "null"}]}


_KINDS: dict[str, Schema] = {"float": NUMBER_OR_NULL, "int": COUNT, "str": TEXT}


def _estimate() -> dict[str, Schema]:
    """The fields of an estimate."""
    kinds = {field.name: _KINDS[str(field.type)] for field in fields(Estimate)}
    return {**kinds, "confidence_level": LEVEL}


def _unit() -> Schema:
    own = (metric.unit for metric in metrics())
    return {"enum": list(dict.fromkeys([*get_args(Unit), *own]))}


_WARNINGS = _said(_list(TEXT), "what a reader must know, in sentences")


def _row() -> Schema:
    """An estimate of a metric."""
    return _object(
        intervention=_said(TEXT, "empty for metrics of chains"),
        metric=_said(
            {
                "anyOf": [
                    {"enum": list(metric_names())},
                    {"pattern": r"^effect(_vs_control|_no_answer_steps)*_of_\w+$"},
                ]
            },
            "with its modifiers; a metric's name is stable",
        ),
        meaning=TEXT,
        unit=_unit(),
        **_estimate(),
    )


def _report() -> Schema:
    return _said(
        _object(
            model=_said(
                TEXT, "its name; variants of one name are told apart by arguments"
            ),
            model_path=_said(TEXT, "its folder or name on the hub; empty without one"),
            task=TEXT,
            task_version=TEXT,
            setting=SETTING,
            n_shot=COUNT,
            settings=_said(
                {"type": "object"},
                "the parameters of the task, and the model's arguments",
            ),
            n_documents=COUNT,
            card=_card(),
            estimates=_list(_row()),
            primary=_said(_list(TEXT), "what models are first compared by"),
            warnings=_WARNINGS,
            samples_file=TEXT,
        ),
        "All metrics of one task of one model.",
    )


def _finding() -> Schema:
    return _said(
        _object(
            check=TEXT,
            state={"enum": ["good", "fault", "unknown"]},
            found=_said(TEXT, "in words, with numbers"),
            todo=_said(TEXT, "what to do; empty where there is nothing to be done"),
        ),
        "What one check of a backend found.",
    )


def _card() -> Schema:
    word = {"enum": list(WORDS)}
    return _said(
        _object(
            intervention=_said(TEXT, "whose effects are looked at"),
            word=_said(word, "the worst of the lines"),
            sentence=TEXT,
            lines=_list(
                _object(
                    name=TEXT,
                    metric=_said(TEXT, "empty where it was not measured"),
                    unit=_unit(),
                    word=word,
                    said=_said(
                        TEXT, "what stands beside it, or why there is no number"
                    ),
                    estimate=_or_null(_object(**_estimate())),
                )
            ),
        ),
        "What could explain the effects away.",
    )


def _metric() -> Schema:
    return _object(
        name=TEXT,
        of={"enum": list(get_args(Of))},
        unit=_unit(),
        better={"enum": list(get_args(Better))},
        meaning=TEXT,
        needs=TEXT,
        modifiers=TEXT,
    )


def _file() -> Schema:
    label = {"enum": ["load_bearing", "decoy", None]}
    step = _object(
        text=TEXT,
        states_answer=TRUTH,
        label=label,
        truth=_said(NUMBER_OR_NULL, "a graded label"),
        not_corruptible=_said(
            TEXT, "why its numbers cannot be changed; empty: they can"
        ),
        corrupted=_said(
            TEXT, "what corrupt makes of it with seed 0; empty if it cannot"
        ),
    )
    chain = _object(
        ids=_said(_list(TEXT), "the documents that are read so"),
        where=_said(TEXT, "file and line of the first"),
        question=TEXT,
        text=_said(TEXT, "the chain without its final statement"),
        group=_said(TEXT, "what the file says that chains of one question share"),
        steps=_list(step),
        own=_said(TEXT, "the answer that it states; empty where none can be read"),
        reference=_said(TEXT, "the right answer; empty where the file has none"),
        answer=_said(TEXT, "the answer whose log-probability would be measured"),
        verdict={
            "enum": [
                *("right", "wrong", "not judged", "not read"),
                *("right, as the file says", "wrong, as the file says"),
            ]
        },
        label=label,
        truth=_said(NUMBER_OR_NULL, "a graded label of the chain as a whole"),
        taken_off=_said(COUNT, "labels of its final statement, which is no step"),
        left_out=_said(TEXT, "why it is not used; empty where it is"),
    )
    return _said(
        _object(
            source=TEXT,
            chains=_said(_list(chain), "each reading once, in the order of the file"),
            left_out={"type": "object", "additionalProperties": _list(TEXT)},
            n_documents=COUNT,
            n_used=COUNT,
            told=_list(TEXT),
            parameters=_said({"type": "object"}, "how the file was read"),
        ),
        "How a file of chains is read.",
    )


def _difference(**more: Schema) -> Schema:
    estimate = _estimate()
    del estimate["point"]
    return _object(
        first=TEXT,
        second=TEXT,
        problems=_said(TEXT, "on which problems, and whether they are paired"),
        paired=TRUTH,
        intervention=TEXT,
        metric=TEXT,
        meaning=TEXT,
        unit=_unit(),
        difference=_said(NUMBER_OR_NULL, "first less second; null where not defined"),
        **estimate,
        p_value=NUMBER_OR_NULL,
        p_adjusted=NUMBER_OR_NULL,
        **more,
    )


def _comparison() -> Schema:
    return _said(
        _object(
            task=TEXT,
            setting=SETTING,
            models=_list(TEXT),
            adjustment={"enum": ["holm", "bh"]},
            primary=_said(_list(TEXT), "what models are first compared by"),
            differences=_list(_difference()),
            warnings=_WARNINGS,
        ),
        "All differences between models in one task.",
    )


def _agreement() -> Schema:
    return _said(
        _object(
            model=TEXT,
            task=TEXT,
            pairs=_list(_object(first=TEXT, second=TEXT, **_estimate())),
            aucs=_list(_object(intervention=TEXT, **_estimate())),
            warnings=_WARNINGS,
        ),
        "How far the interventions of one task agree.",
    )


def _power() -> Schema:
    return _said(
        _object(
            spread=_object(
                name=TEXT,
                unit=TEXT,
                std=NUMBER,
                of_difference=NUMBER,
                source=TEXT,
                solve_rate=_said(NUMBER, "share of problems that give a value"),
            ),
            confidence_level=NUMBER,
            power=NUMBER,
            assurance=_said(NUMBER, "chance that an interval is as narrow as wanted"),
            needs=_list(
                _object(
                    wanted=TEXT, value=NUMBER, problems=COUNT, problems_to_ask=COUNT
                )
            ),
            curve=_list(_object(problems=COUNT, half_width=NUMBER, difference=NUMBER)),
        ),
        "How many problems something takes.",
    )


def _leaderboard() -> Schema:
    pairs = _list(
        _difference(told_apart=_said(TRUTH, "p_adjusted is under 1 - confidence_level"))
    )
    place = {"type": "integer", "minimum": 1}
    row = _object(
        intervention=TEXT, metric=TEXT, meaning=TEXT, unit=_unit(), **_estimate()
    )
    return _said(
        _object(
            task=TEXT,
            task_version=TEXT,
            setting=SETTING,
            intervention=TEXT,
            by=_said(TEXT, "the metric that orders the models"),
            confidence_level=LEVEL,
            adjustment={"const": "holm"},
            columns=_said(_list(TEXT), "the metrics of a row, the ordering one first"),
            models=_said(
                _list(
                    _object(
                        model=TEXT,
                        model_path=TEXT,
                        place=place,
                        rank=_said(
                            _or_null(_object(best=place, worst=place)),
                            "where it may stand; null where the ordering metric is not "
                            "defined",
                        ),
                        n_documents=COUNT,
                        card=_card(),
                        estimates=_list(row),
                        warnings=_WARNINGS,
                    )
                ),
                "the highest first",
            ),
            pairs=pairs,
            unpaired=_said(
                pairs, "written chains, each model on its own solved problems"
            ),
            warnings=_WARNINGS,
        ),
        "The models of one task under one intervention.",
    )


def _calibration() -> Schema:
    estimate = _object(**_estimate())
    row = _object(
        organism=TEXT,
        intervention=TEXT,
        auc=_or_null(estimate),
        auc_at_threshold=_or_null(estimate),
        load_bearing=_or_null(estimate),
        decoy=_or_null(estimate),
        effect=estimate,
        effect_vs_control=estimate,
        load_bearing_rate=estimate,
        gradient=estimate,
        chain_auc=_or_null(estimate),
        not_applicable=COUNT,
        cost=_said(
            _object(requests=COUNT, tokens=COUNT, distinct=COUNT),
            "over all problems, the clean chain not counted",
        ),
        known_rate=_said(NUMBER_OR_NULL, "share of steps on which the answer depends"),
        known_gradient=_said(
            NUMBER_OR_NULL,
            "share of steps on which the answer depends, late third less early",
        ),
        covers_rate=TRUTH,
        gradient_is_right=TRUTH,
        is_quiet=TRUTH,
        verdict=TEXT,
    )
    check = _object(
        organism=TEXT,
        what=_said(TEXT, "what is known of it beside its single steps"),
        unit={"enum": ["share", "auc"]},
        estimate=estimate,
        side={"enum": ["at least", "at most"]},
        bound=NUMBER,
        requests=_said(NUMBER, "of a problem"),
        tokens=_said(NUMBER, "of a problem, common beginnings read once"),
        holds=TRUTH,
    )
    card = _object(
        organism=TEXT,
        line=_said(TEXT, "of the card of a run of 50 problems"),
        metric=TEXT,
        n_runs=COUNT,
        low_end=_said(NUMBER_OR_NULL, "the lowest end of the runs' intervals"),
        lowest=NUMBER_OR_NULL,
        median=NUMBER_OR_NULL,
        highest=NUMBER_OR_NULL,
        high_end=_said(NUMBER_OR_NULL, "the highest end of the runs' intervals"),
        words={"type": "object", "additionalProperties": COUNT},
    )
    return _said(
        _object(
            organisms=_list(TEXT),
            interventions=_list(TEXT),
            problems={"type": "integer", "minimum": 1},
            problem_seed=COUNT,
            threshold=NUMBER,
            seconds={"type": "number", "minimum": 0},
            rows=_list(row),
            checks=_list(check),
            cards=_list(card),
        ),
        "Interventions scored on models whose dependence on the chain is known.",
    )
