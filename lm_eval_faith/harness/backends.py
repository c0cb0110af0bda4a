"""What a harness backend can do, found out without running it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from lm_eval_faith.errors import InputError

if TYPE_CHECKING:
    from lm_eval.api.model import LM


def require_loglikelihoods(backend: LM, asked_for: str) -> None:
    """Refuse a backend that only generates.

    Args:
        backend: the backend itself, not a wrapper.
        asked_for: what needs the log-likelihoods, as the middle of a sentence.

    Raises:
        InputError: it gives none.
    """
    reason = why_no_loglikelihoods(backend)
    if reason is not None:
        raise InputError(
            f"{type(backend).__name__} gives no log-likelihoods, which are asked for "
            f"{asked_for}: use a backend that gives them, such as hf, vllm or "
            f"local-completions (it says: {reason})"
        )


def why_no_loglikelihoods(backend: LM) -> str | None:
    """None, or what a backend says when it is asked for log-likelihoods.

    The harness has no mark for it. Its chat backends raise before they look at the
    requests, so an empty list tells, and costs the others nothing.
    """
    try:
        backend.loglikelihood([], **silenced(backend.loglikelihood))
    except (NotImplementedError, AssertionError) as error:
        return " ".join(str(error).split()) or "not implemented"
    except Exception:  # noqa: BLE001 - an empty list was too little: it tells nothing
        return None
    return None


def silenced(method: Any) -> dict[str, bool]:
    """The argument that turns a backend's own progress bar off, if it has one."""
    return {"disable_tqdm": True} if takes(method, "disable_tqdm") else {}


def takes(method: Any, name: str) -> bool:
    """Whether a method has a parameter of that name."""
    return name in inspect.signature(method).parameters
