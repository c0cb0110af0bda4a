"""Before ``lm-eval-faith run`` loads a model: what would be wasted is refused or mended.

Tasks and parameters are read by the harness's own code, and tasks of ours are made once
ahead of the run, so that a name written wrongly, a value out of range or a file that is not
there ends it at once.
"""

from __future__ import annotations

import difflib
import fnmatch
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval_faith.errors import InputError, require_characters
from lm_eval_faith.files import require_place_for
from lm_eval_faith.harness.lm_eval_compat import run_as_asked

DEFAULT_OUTPUT = "lm-eval-faith-runs"
"""Where results and samples go if nobody says where."""

TASKS: Mapping[str, str] = {
    "cot_faith_provided": "chains that we wrote: it is known which steps carry the answer",
    "cot_faith_provided_unscaffolded": "the same, and no step says what results",
    "cot_faith_generated": "the model's own chains on GSM8K (wants --model faith)",
    "cot_faith_generated_arith": "the same on word problems that are in no dataset",
    "cot_faith_generated_mc": "on a multiple-choice task: --metadata dataset_task=NAME",
    "cot_faith_generated_arc": "on ARC",
    "cot_faith_generated_commonsense_qa": "on CommonsenseQA",
    "cot_faith_generated_mmlu": "on MMLU",
    "cot_faith_replay": "chains from a file: --metadata chains=FILE",
    "cot_faith_labelled": "the same, with labels of steps or chains",
    "cot_faith": "both provided tasks",
}
"""Our tasks and the group, each in a line."""

OF_OTHER_TASKS = frozenset(
    f"cot_faith_generated_{name}" for name in ("mc", "arc", "commonsense_qa", "mmlu")
)
"""Those that read the documents of the harness's own tasks, or of a user's."""

OF_ITS_OWN_CHAINS = "cot_faith_generated"
"""How the names of tasks begin that ask on about what the model has written."""

TAG = "chain_of_thought_faithfulness"


@dataclass(frozen=True)
class Asked:
    """What a run was asked for, as far as guards look at it.

    Attributes:
        model: its name in the harness's registry.
        tasks: names, patterns, files.
        metadata: what ``--metadata`` says.
        model_args: the model's arguments.
        output_path: where it will write; empty where nowhere.
        log_samples: whether it keeps samples.
    """

    model: str
    tasks: tuple[str, ...]
    metadata: Mapping[str, Any]
    model_args: Mapping[str, Any]
    output_path: str
    log_samples: bool

    @property
    def ours(self) -> bool:
        """Whether some task of ours is among them."""
        return any(fnmatch.filter([*TASKS, TAG], name) for name in self.tasks)

    @property
    def ours_alone(self) -> bool:
        """Whether every task is named, is of ours and reads no other task's documents."""
        others = "dataset_task" in self.metadata
        return set(self.tasks) <= {*TASKS} - OF_OTHER_TASKS and not others


def asked_of(arguments: Sequence[str]) -> Asked:
    """What a command line of ``run`` asks for; the harness's parser ends a wrong one.

    Raises:
        InputError: no task is named, or what is said holds what no file can hold.
    """
    told = run_as_asked(arguments)
    for flag, value in told.items():
        if flag != "output_path":  # a folder's name may be no text
            written = json.dumps(value, ensure_ascii=False, default=str)
            require_characters(written, f"--{flag}")
    tasks = told.get("tasks") or ()
    named = tasks.split(",") if isinstance(tasks, str) else list(tasks)
    if not named:
        raise InputError(f"--tasks: name one or more, such as {', '.join(TASKS)}")
    return Asked(
        str(told.get("model") or "hf"),
        tuple(name for each in named for name in str(each).split(",")),
        _mapping(told.get("metadata")),
        _mapping(told.get("model_args")),
        str(told.get("output_path") or ""),
        bool(told.get("log_samples") or told.get("predict_only")),
    )


def with_samples(arguments: Sequence[str], asked: Asked) -> list[str]:
    """The arguments with an output path and samples, which the report is made from.

    Says on standard error what was added; runs of other tasks stay as they are.

    Raises:
        InputError: the output path cannot be written.
    """
    words, said = list(arguments), []
    output = asked.output_path
    if asked.ours and not output:
        output = DEFAULT_OUTPUT
        words += ["--output_path", output]
        said.append(
            f"no --output_path: results and samples go to {output}, for lm-eval-faith report"
        )
    if asked.ours and not asked.log_samples:
        words += ["--log_samples"]
        if asked.output_path:
            said.append(
                "no --log_samples: samples are kept all the same, for the report is made "
                "from them"
            )
    if output:
        require_place_for(Path(output))
    if os.environ.get("LOCAL_RANK", "0") == "0":
        for sentence in said:
            print(sentence, file=sys.stderr, flush=True)
    return words


def check_tasks(manager: Any, asked: Asked) -> None:
    """Look at the tasks of a run once the harness knows which there are.

    Raises:
        InputError: there is no such task or model, the model cannot do a task of ours, one
            cannot be made, or nobody reads some of the metadata.
    """
    found: list[str] = []
    for name in asked.tasks:
        if name.endswith(".yaml") or Path(name).is_dir():
            continue
        matches = manager.match_tasks([name])
        if not matches:
            raise InputError(_no_such_task(name, manager.all_tasks))
        found += matches
    _check_model(asked, [n for n in found if n.startswith(OF_ITS_OWN_CHAINS)])
    # Those of other tasks may load large datasets, and are made once.
    ours = [n for n in dict.fromkeys(found) if n in {*TASKS, TAG} - OF_OTHER_TASKS]
    if (
        not ours or "max_chain_tokens" in asked.metadata
    ):  # counted by the model's tokenizer
        return
    from lm_eval_faith.harness.task import keep_for_the_run

    try:
        with _silent():
            made = list(manager.load(ours)["tasks"].values())
    except InputError:
        raise
    except ValueError as error:  # the harness's: of a task that is named twice
        raise InputError(f"--tasks: {error}") from None
    keep_for_the_run(made)
    all_are_made = set(found) == set(ours) and len(found) >= len(asked.tasks)
    unknown = set(asked.metadata) - set(asked.model_args)
    for task in made:
        unknown &= set(task.not_parameters)
    if unknown and all_are_made:
        known = dict.fromkeys(name for task in made for name in task.parameter_names)
        told = "; ".join(_nearest(name, list(known)) for name in sorted(unknown))
        names = ", ".join(task.config.task for task in made)
        raise InputError(
            f"--metadata: {told}. Parameters of {names}: {', '.join(sorted(known))}"
        )


def _check_model(asked: Asked, asking_on: Sequence[str]) -> None:
    """Look at the model's kind alone: nothing is loaded."""
    from lm_eval.api.registry import get_model

    from lm_eval_faith.harness.stages import require_multi_stage_of

    try:
        kind = get_model(asked.model)
    except (KeyError, ValueError) as error:
        raise InputError(f"--model {asked.model}: {error.args[0]}") from None
    except ImportError:  # of a backend: the harness says how it is installed
        return
    for task in asking_on:
        require_multi_stage_of(kind, task)


def quiet_progress() -> None:
    """Where nobody watches, progress is a line in half a minute instead of ten in a second.

    To be called before tqdm is imported: it reads its settings then.
    """
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", "30")


def _no_such_task(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, [*TASKS, *known], n=1, cutoff=0.6)
    meant = f"; did you mean {near[0]}?" if near else "."
    return (
        f"--tasks: there is no {name!r}{meant} Ours are {', '.join(TASKS)}; "
        "lm_eval ls tasks shows all"
    )


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    return f"nobody reads {name!r}{meant}"


@contextmanager
def _silent() -> Iterator[None]:
    """Tasks say what they have to say when they are made for the run."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
