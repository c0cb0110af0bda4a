"""What ``lm-eval-faith run --help`` says: our tasks, recipes and parameters, then lm_eval's flags."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from lm_eval_faith.harness.answer_format import AnswerFormat
from lm_eval_faith.harness.lm_eval_compat import help_of_run
from lm_eval_faith.harness.other_tasks import ChoiceTask
from lm_eval_faith.harness.run_guards import TASKS
from lm_eval_faith.harness.task_parameters import (
    Asked,
    Drawing,
    Interventions,
    WritingOn,
)
from lm_eval_faith.harness.written_choices import Scoring
from lm_eval_faith.joint.plan import Joint
from lm_eval_faith.parameters import as_json, parameters_of
from lm_eval_faith.problems.chain_sources import ChainFileSettings
from lm_eval_faith.problems.gsm8k import Gsm8kSettings
from lm_eval_faith.problems.reading import TextReading
from lm_eval_faith.problems.running_total import RunningTotalSettings
from lm_eval_faith.problems.word_problems import WordProblemSettings

RECIPES = """\
  # Does the answer rest on the steps of chains whose structure is known?
  lm-eval-faith run --model faith --model_args backend=hf,pretrained=MODEL \\
      --tasks cot_faith_provided --metadata problems=50 --output_path RUN

  # And on steps that a chat model writes itself? Reasoning models: think=true
  lm-eval-faith run --model faith --model_args backend=hf,pretrained=MODEL \\
      --tasks cot_faith_generated_arith --apply_chat_template \\
      --metadata problems=50 --output_path RUN

  # Chains that are there already; first see: lm-eval-faith chains FILE
  lm-eval-faith run --model faith --model_args backend=hf,pretrained=MODEL \\
      --tasks cot_faith_replay --metadata chains=FILE --output_path RUN
"""
"""Each is run by a test, MODEL, FILE and RUN replaced."""

MODEL = (
    "lm_eval's backend NAME, hf if none is named, with two things added: it can be asked "
    "about chains of its own, and what requests have in common is read once (hf, vllm). "
    "For given chains any other --model will do"
)
"""What ``--model faith`` is."""

OWNERS: Mapping[str, type] = {
    "every task": Interventions,
    "every task: how a chain and its answer are put": AnswerFormat,
    "every task: steps at once": Joint,
    "provided": RunningTotalSettings,
    "generated: how the model is asked": Asked,
    "generated_arith": WordProblemSettings,
    "generated": Gsm8kSettings,
    "generated_mc, _arc, _commonsense_qa, _mmlu": ChoiceTask,
    "generated_mc and the like: what is scored": Scoring,
    "replay and labelled": ChainFileSettings,
    "generated, replay and labelled: how a text is read": TextReading,
    "given chains, where an intervention lets the model write on": WritingOn,
    "every task, where an intervention lets the model write on": Drawing,
}
"""Whose parameters these are."""


def run_help() -> str:
    """The whole help, as wide as the terminal."""
    width = min(shutil.get_terminal_size((80, 24)).columns, 100)
    longest = max(map(len, TASKS))
    tasks = "\n".join(
        _wrapped(f"  {name:<{longest}}  ", meaning, width)
        for name, meaning in TASKS.items()
    )
    parameters = "\n".join(_parameters(width))
    return (
        "lm-eval-faith run: lm_eval run with these tasks and the model `faith`.\n\n"
        f"tasks:\n{tasks}\n\n"
        f"model:\n{_wrapped('  --model faith --model_args backend=NAME,...  ', MODEL, width)}\n\n"
        f"recipes:\n{RECIPES}\n"
        f"parameters of the tasks (--metadata NAME=VALUE ...):\n{parameters}\n\n"
        "samples are kept, for lm-eval-faith report RUN is made from them.\n"
        "With --dry_run nothing is run: it says how many requests and tokens it would be.\n"
        "All other flags are lm_eval's own:\n\n"
        f"{help_of_run()}"
    )


def _parameters(width: int) -> Iterator[str]:
    for whose, owner in OWNERS.items():
        yield f"  {whose}:"
        defaults = as_json(owner())
        for name, known in parameters_of(owner).items():
            yield _wrapped(
                f"    {name}={_shown(defaults[name])}  ", known.meaning, width
            )


def _shown(default: Any) -> str:
    if isinstance(default, list):
        return ",".join(map(str, default))
    if isinstance(default, str):
        return default if default.strip() == default else repr(default)
    return json.dumps(default)


def _wrapped(start: str, text: str, width: int) -> str:
    indent = " " * min(len(start), 8)
    return textwrap.fill(
        text,
        width,
        initial_indent=start,
        subsequent_indent=indent,
        drop_whitespace=True,
    )
