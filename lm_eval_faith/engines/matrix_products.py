"""Matrix products at the speed of the processor.

On a CPU, torch multiplies in single precision with MKL, which leaves half of an AMD processor with AVX-512 unused: it
takes its 256-bit code there (on a Zen 5, 200 of 470 GFLOPS). oneDNN, which torch brings too, does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


def fast_products(device: torch.device) -> AbstractContextManager[object]:
    """For its time, linear layers on a CPU of that kind are computed by oneDNN; elsewhere nothing changes.

    The sums are taken in another order, so results change by rounding. Gradients are not kept.
    """
    return (
        _LinearByOneDNN() if device.type == "cpu" and _mkl_is_slow() else nullcontext()
    )


@contextmanager
def fast_head(head: Any, device: torch.device) -> Iterator[None]:
    """For its time, one linear layer alone is computed so: with few rows at a time, as in generation, to look at every
    function of a pass costs more than oneDNN saves in any layer but that of the vocabulary.
    """
    if not isinstance(head, torch.nn.Linear) or "forward" in vars(head):
        yield
        return
    plain = head.forward

    def forward(values: torch.Tensor) -> torch.Tensor:
        with fast_products(device):
            return plain(values)

    head.forward = forward  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        del head.forward


@cache
def _mkl_is_slow() -> bool:
    if not torch.backends.mkldnn.is_available() or not hasattr(
        torch.cpu, "get_capabilities"
    ):
        return False
    processor = torch.cpu.get_capabilities()
    return bool(processor.get("avx512_f")) and "AMD" in processor.get("cpu_name", "")


class _LinearByOneDNN(TorchFunctionMode):
    """Takes over `torch.nn.functional.linear` of ordinary single-precision tensors."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is not torch.nn.functional.linear or kwargs or not _ordinary(*args):
            return func(*args, **(kwargs or {}))
        values, weight, bias = (*args, None)[:3]
        return torch.ops.mkldnn._linear_pointwise(values, weight, bias, "none", [], "")


def _ordinary(*tensors: torch.Tensor | None) -> bool:
    return all(
        tensor is None
        or (
            type(tensor) in (torch.Tensor, torch.nn.Parameter)
            and tensor.dtype == torch.float32
            and tensor.device.type == "cpu"
            and tensor.layout == torch.strided
        )
        for tensor in tensors
    )
