"""The prompts of a run, as its samples file has them."""

import json

from lm_eval_faith.records.prompts import prompts_of
from lm_eval_faith.records.run import load_run


def samples_of(run):
    (file,) = run.rglob("samples_*.jsonl")
    return file, [json.loads(line) for line in file.read_text().splitlines()]


def test_prompts_of_chains_that_are_read_are_the_contexts_of_their_requests(
    provided_run,
):
    (task,) = load_run(provided_run).tasks
    sample = samples_of(provided_run)[1][0]
    found = prompts_of(task.path, [sample["doc"]["id"]])[sample["doc"]["id"]]
    contexts = [a["arg_0"] for a in sample["arguments"].values()]
    assert found.clean == contexts[0]
    assert found.changed and set(found.changed.values()) <= set(contexts)
    for variant in sample["doc"]["interventions"]:
        place = variant["intervention"], variant["step"]
        if variant["not_applicable"]:
            assert place not in found.changed
        elif variant["after"]:
            assert variant["after"] in found.changed[place]


def test_prompts_of_written_chains_are_made_again_with_the_change_in_them(
    generated_runs,
):
    (task,) = load_run(generated_runs[0]).tasks
    for sample in samples_of(generated_runs[0])[1]:
        response = json.loads(sample["filtered_resps"][0])
        note = response["note"]
        if note["outcome"] != "scored":
            continue
        document = sample["doc"]["id"]
        found = prompts_of(task.path, [document])[document]
        prompt = sample["arguments"]["gen_args_0"]["arg_0"]
        assert (
            found.clean
            == prompt + response["generation"][: len(found.clean) - len(prompt)]
        )
        for variant in note["interventions"]:
            changed = found.changed.get((variant["intervention"], variant["step"]))
            assert (changed is None) == bool(variant["not_applicable"])
            if changed is not None:
                assert changed.startswith(prompt) and variant["after"] in changed


def test_what_is_not_as_this_version_writes_it_has_no_prompts(tmp_path):
    lines = [
        {"doc": {"id": "a"}},
        {"doc": {"id": "b"}, "arguments": {}, "filtered_resps": []},
    ]
    file = tmp_path / "samples.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert prompts_of(file, ["a", "b"]) == {}
