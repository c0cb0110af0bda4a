"""What ``lm-eval-faith doctor`` looks at: versions, and whether prefixes are shared here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from packaging.version import InvalidVersion, Version

NEWEST_TESTED: Mapping[str, str] = {
    "lm_eval": "0.4.13",
    "transformers": "5.24.0",
    "torch": "2.13.0",
    "datasets": "5.2.0",
    "tokenizers": "0.23.3",
    "accelerate": "1.15.0",
    "peft": "0.21.2",
}
"""The newest version of each package that the whole suite of tests was run with. The
oldest ones are what the package's metadata demands."""

QUESTIONS = [f"{n} and {n} is {n + n}. " * 3 for n in range(4)]


def versions() -> Iterator[str]:
    """A line for each package that is installed: what is here, and what was tested."""
    for package, tested in NEWEST_TESTED.items():
        try:
            here = version(package)
        except PackageNotFoundError:
            continue
        yield f"{package} {here}{_beside(here, tested)}"


def _beside(here: str, tested: str) -> str:
    try:
        newer = Version(here).release > Version(tested).release
    except InvalidVersion:
        return f" (tested up to {tested})"
    return f" (newer than {tested}, the newest tested)" if newer else ""


def shared_prefixes() -> str:
    """Score a few requests of the packaged model with shared prefixes and without.

    Returns:
        ``on`` with the largest difference in nats, or ``off`` and why.
    """

    from lm_eval_faith.harness.faith_model import FaithLM
    from lm_eval_faith.harness.lm_eval_compat import request_of
    from lm_eval_faith.organisms import solver_path

    model = FaithLM(
        "hf", pretrained=str(solver_path()), dtype="float32", device="cpu", batch_size=8
    )
    pairs = [(question, f" {n}") for question in QUESTIONS for n in range(4)]
    requests = [request_of("loglikelihood", pair, ("doctor", 0, 1)) for pair in pairs]
    shared = model.loglikelihood(requests, disable_tqdm=True)
    state = str(model.how_asked()["shared_prefixes"])
    if state != "on":
        return state
    plain = model.wrapped.loglikelihood(requests, disable_tqdm=True)
    largest = max(abs(one - two) for (one, _), (two, _) in zip(shared, plain))
    return f"on (differs from hf by at most {largest:.1g} nats)"
