"""Which architectures of transformers share prefixes: each is built small, with random weights, and tried.

    python -m benchmarks.architectures --out docs/architectures.md

Every causal LM that transformers registers is built with two layers and a vocabulary of 61 tokens. Where `supports` takes
it, requests that fill more than one pass of the default size are scored over their shared prefixes and compared, all of
them, with the model's own forward on each text alone; and the proof that every run makes is made too.
"""

from __future__ import annotations

import argparse
import signal
import sys
import textwrap
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from lm_eval_faith.engines import prove, score, supports
from lm_eval_faith.engines.transformers_compat import causal_lm

SMALL: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "dim", "embed_dim"), 32),
    **dict.fromkeys(("hidden_dim", "word_embed_proj_dim", "embedding_size"), 32),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner", "d_ff"), 48),
    **dict.fromkeys(("ffn_hidden_size", "decoder_ffn_dim", "intermediate_dim"), 48),
    **dict.fromkeys(("intermediate_size_mlp", "mlp_hidden_size", "num_neurons"), 48),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "num_layers", "n_layers"), 2),
    **dict.fromkeys(("decoder_layers", "num_decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "num_heads", "n_heads"), 4),
    **dict.fromkeys(("decoder_attention_heads",), 4),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads", "num_query_groups"), 2),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len"), 128),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), 4),
    **dict.fromkeys(("moe_num_experts", "num_experts_per_tok", "moe_topk"), 2),
    **dict.fromkeys(("moe_intermediate_size", "expert_ffn_hidden_size"), 24),
    **dict.fromkeys(("shared_expert_intermediate_size",), 24),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank"), 16),
    **dict.fromkeys(("qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"), 8),
    **dict.fromkeys(("pad_token_id",), 0),
    **dict.fromkeys(("bos_token_id", "eos_token_id"), 1),
    **dict.fromkeys(("n_group", "topk_group", "n_groups"), 1),
    "vocab_size": 61,
    "head_dim": 8,
    "rotary_dim": 4,
    "sliding_window": 6,
    "query_pre_attn_scalar": 8,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
    "vocab_size_per_layer_input": 61,
    "hidden_size_per_layer_input": 8,
}
LARGEST = 20_000_000
"""Parameters; what is larger although it was to be small is not tried."""
SECONDS = 8
LONGEST = 120
TOLERANCE = 1e-4


MADE_BY = """Made by `python -m benchmarks.architectures --out docs/architectures.md` with transformers {transformers}
and torch {torch}, not by hand. Each architecture is a model of two layers with random weights. Accepted: the proof that
every run makes passes, and 160 requests in passes of up to 1,024 tokens differ from the model's own forward by at most
1e-4 nats."""
VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"head_dim": None},
    {"num_key_value_heads": 4, "qk_rope_head_dim": None, "head_dim": None},
    {"n_routed_experts": None, "num_local_experts": None, "num_experts": None},
    {"q_lora_rank": None, "kv_lora_rank": None, "qk_nope_head_dim": None},
    {"sliding_window": None, "n_group": None, "topk_group": None},
)
"""Changes of `SMALL`, tried in turn until a model can be built and run; None leaves a setting as it is by default."""


class TooSlow(BaseException):
    """An architecture took too long. No `Exception`, so that no code of a model catches it."""


@dataclass(frozen=True)
class Tried:
    """What became of one architecture."""

    name: str
    kind: str
    """`accepted`, `refused`, `refused by the proof`, `WRONG`, or `not built`."""
    said: str


def requests() -> list[tuple[list[int], list[int]]]:
    """Requests that branch at every length, and fill more than one pass of 1,024 tokens."""
    stems = [[3 + (7 * a + 3 * i) % 57 for i in range(12 + a % 9)] for a in range(40)]
    return [
        (stem + [3 + (b * b + a) % 57 for _ in range(b + 1)], [5 + b, 4 + a % 50])
        for a, stem in enumerate(stems)
        for b in range(4)
    ]


def small_config(config: Any, variant: dict[str, Any]) -> Any:
    """The configuration with the settings of `SMALL` that it has; that of its text alone, where it has others beside."""
    config = config.get_text_config()
    settings = {
        name: value
        for name, value in (SMALL | variant).items()
        if value is not None and hasattr(config, name)
    }
    return type(config)(**settings)


def small_model(config_class: Any, variant: dict[str, Any]) -> Any:
    """A model of this configuration with random weights, large enough that every token matters."""
    config = small_config(config_class(), variant)
    with torch.device("meta"):
        empty = transformers.AutoModelForCausalLM.from_config(config)
    if empty.num_parameters() > LARGEST:
        raise ValueError(f"{empty.num_parameters():,} parameters: not small")
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3)
            elif parameter.abs().max() == 0:
                parameter.normal_(std=0.1)
    return model


def plain(model: Any, pairs: list[tuple[list[int], list[int]]]) -> list[float]:
    """Log-probabilities of the continuations in nats, from the model's forward on whole texts.

    Texts of one length are read in one batch, so that nothing is padded.
    """
    of_length: dict[int, list[int]] = defaultdict(list)
    for index, (context, continuation) in enumerate(pairs):
        of_length[len(context) + len(continuation)].append(index)
    values = [0.0] * len(pairs)
    for members in of_length.values():
        texts = torch.tensor([[*pairs[i][0], *pairs[i][1]] for i in members])
        with torch.no_grad():
            logprobs = causal_lm(model)(texts[:, :-1]).logits.log_softmax(-1)
        for row, index in enumerate(members):
            scored = len(pairs[index][1])
            targets = texts[row, -scored:, None]
            values[index] = float(logprobs[row, -scored:].gather(1, targets).sum())
    return values


def tried(name: str, config_class: Any) -> Tried:
    """Build one, ask whether it can share, and compare."""
    said = ""
    pairs = requests()
    for variant in VARIANTS:
        try:
            model = small_model(config_class, variant)
            reason = supports(model)
            if reason is not None:
                return Tried(name, "refused", reason)
            expected = plain(model, pairs)
            break
        except Exception as error:  # noqa: BLE001 - whatever a model's own code raises
            said = said or f"{type(error).__name__}: {error}"
    else:
        return Tried(name, "not built", said)
    proof = prove(model, pairs, max_length=LONGEST)
    if proof.reason is not None:
        return Tried(name, "refused by the proof", proof.reason)
    found = {s.index: s.logprob for s in score(model, pairs, max_length=LONGEST)}
    largest = max(abs(found[i] - value) for i, value in enumerate(expected))
    kind = "accepted" if largest <= TOLERANCE else "WRONG"
    return Tried(name, kind, f"{largest:.1e}")


def all_tried(names: list[str]) -> Iterator[Tried]:
    """Every causal LM of transformers, or those named."""

    def too_slow(*_: Any) -> None:
        raise TooSlow(f"more than {SECONDS} s of processor time")

    signal.signal(signal.SIGPROF, too_slow)
    for name in sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        if names and name not in names:
            continue
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            yield tried(name, transformers.AutoConfig.for_model(name).__class__)
        except (Exception, TooSlow) as error:  # noqa: BLE001
            yield Tried(name, "not built", f"{type(error).__name__}: {error}")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


def as_markdown(results: list[Tried]) -> str:
    """The page: how many of each kind, those accepted, and the others with what was said."""
    groups: dict[str, list[Tried]] = defaultdict(list)
    for result in results:
        groups[result.kind].append(result)
    lines = [
        "# Which architectures share prefixes",
        "",
        MADE_BY.format(transformers=transformers.__version__, torch=torch.__version__),
        "",
        "| | architectures |",
        "| --- | --- |",
        *(f"| {kind} | {len(group)} |" for kind, group in sorted(groups.items())),
        "",
    ]
    for kind, group in sorted(groups.items()):
        lines += [f"## {kind[0].upper()}{kind[1:]}", ""]
        if kind == "accepted":
            names = ", ".join(result.name for result in group)
            lines += [textwrap.fill(names, 120, break_on_hyphens=False), ""]
            continue
        lines += ["| architecture | why |", "| --- | --- |"]
        lines += [f"| {r.name} | {shown(r.said)} |" for r in group] + [""]
    return "\n".join(lines)


def shown(text: str) -> str:
    """One cell of a table, not too long."""
    words = " ".join(text.split()).replace("|", "\\|")
    return words if len(words) <= 160 else f"{words[:157]}..."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="model types; all unless given")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    results = []
    for result in all_tried(arguments.names):
        print(f"{result.name}: {result.kind}: {result.said}"[:200], flush=True)
        results.append(result)
    if arguments.out is not None:
        arguments.out.write_text(as_markdown(results), encoding="utf-8")
    if any(result.kind == "WRONG" for result in results):
        sys.exit("some are accepted and wrong")


if __name__ == "__main__":
    main()
