"""Everything that the engines touch of vLLM.

Each touch says why it is needed, what happens when it is gone, and which test notices. The module loads vLLM only when
it is used, so that it can be asked about a backend where vLLM is not installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

CACHE_IS_SKIPPED_BY = "skip_reading_prefix_cache"
"""The field of ``SamplingParams`` that says whether a request may take its text from the cache.

Why: vLLM sets it where a prompt's log-probabilities are asked for, because it gives none of cached places; we read none
of these. When gone: a sentence, and all is read whole. Noticed by ``test_vllm.py``.
"""


def why_no_cache(llm: Any) -> str | None:
    """None, or one sentence that says why the prefix cache of an ``LLM`` cannot be read. Runs nothing.

    Why: whether there is a cache stands in the engine's own configuration, once its defaults are filled in. When it is
    called otherwise: an AttributeError in ``test_vllm.py``.
    """
    from vllm import SamplingParams  # type: ignore[import-not-found]

    if not hasattr(SamplingParams, CACHE_IS_SKIPPED_BY):
        return f"vLLM {_version()} cannot read its prefix cache where log-probabilities are asked for"
    if not llm.llm_engine.vllm_config.cache_config.enable_prefix_caching:
        return "vLLM keeps no prefix cache of this model, or was told to keep none"
    return None


class Vllm:
    """An ``LLM``, asked request by request.

    Why: ``LLM.generate`` returns when the last of its requests has ended. ``LLM.llm_engine`` is vLLM's own class for
    taking requests at any time (its example ``llm_engine_example.py``). When its methods are gone or take other
    arguments: an AttributeError or TypeError in ``test_vllm.py``.

    Args:
        llm: the ``LLM``; nothing else may be asked of it while requests of ours are under way.
        max_length: the most tokens that a request may have, with the one that is generated.
        lora_request: the adapter, if any.
    """

    def __init__(self, llm: Any, max_length: int, lora_request: Any = None) -> None:
        self.llm = llm
        self.max_length = max_length
        self.lora_request = lora_request
        config = llm.llm_engine.vllm_config
        self.dtype = str(config.model_config.dtype).removeprefix("torch.")
        self.block_size = int(config.cache_config.block_size)

    def scoring(self, cached: bool) -> Any:
        """As the harness asks for log-probabilities, but that the cache may be read."""
        from vllm import SamplingParams

        asked = {
            "temperature": 0,
            "prompt_logprobs": 1,
            "max_tokens": 1,
            "detokenize": False,
        }
        return SamplingParams(
            **asked, **({CACHE_IS_SKIPPED_BY: False} if cached else {})
        )

    def submit(self, ticket: str, tokens: Sequence[int], parameters: Any) -> None:
        """Take a request."""
        from vllm import TokensPrompt
        from vllm.sampling_params import RequestOutputKind  # type: ignore[import-not-found]

        parameters.output_kind = RequestOutputKind.FINAL_ONLY
        self.llm.llm_engine.add_request(
            ticket,
            TokensPrompt(prompt_token_ids=list(tokens)),
            parameters,
            lora_request=self.lora_request,
        )

    def ended(self) -> list[tuple[str, Any]]:
        """Compute one step; the tickets and outputs of the requests that ended with it."""
        outputs = self.llm.llm_engine.step()
        return [(output.request_id, output) for output in outputs if output.finished]

    def drop(self, tickets: Sequence[str]) -> None:
        """Forget requests that have not ended."""
        if tickets:
            self.llm.llm_engine.abort_request(list(tickets))


def _version() -> str:
    try:
        return version("vllm")
    except PackageNotFoundError:
        return "as installed"
