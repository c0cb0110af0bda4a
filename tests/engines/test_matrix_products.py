"""Linear layers by oneDNN give what torch gives, and only where they are ordinary."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear

from lm_eval_faith.engines import matrix_products as products

CPU = torch.device("cpu")

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN"
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """On every processor as on the slow one; filled with one entry for each product taken over."""
    monkeypatch.setattr(products, "_mkl_is_slow", lambda: True)
    made: list[int] = []
    ordinary = products._ordinary

    def noted(*tensors: torch.Tensor | None) -> bool:
        made.extend([1] if ordinary(*tensors) else [])
        return ordinary(*tensors)

    monkeypatch.setattr(products, "_ordinary", noted)
    return made


@pytest.mark.parametrize(
    "values",
    [
        torch.randn(20),
        torch.randn(7, 20),
        torch.randn(2, 3, 20),
        torch.randn(0, 20),
        torch.randn(20, 7).t(),
        torch.randn(7, 40)[:, ::2],
        torch.randn(1, 7, 20).expand(3, 7, 20),
    ],
    ids=["one", "rows", "batch", "none", "transposed", "strided", "expanded"],
)
@pytest.mark.parametrize("bias", [None, torch.randn(30)], ids=["no bias", "bias"])
def test_ordinary_products_are_those_of_torch(
    calls: list[int], values: torch.Tensor, bias: torch.Tensor | None
) -> None:
    weight = torch.nn.Parameter(torch.randn(30, 20))
    expected = linear(
        values.double(), weight.double(), bias.double() if bias is not None else None
    )
    with torch.no_grad(), products.fast_products(CPU):
        given = linear(values, weight, bias)
    assert calls and given.dtype == torch.float32
    torch.testing.assert_close(given.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_are_left_to_torch(
    calls: list[int], dtype: torch.dtype
) -> None:
    values, weight = torch.randn(7, 20, dtype=dtype), torch.randn(30, 20, dtype=dtype)
    with torch.no_grad(), products.fast_products(CPU):
        given = linear(values, weight)
    assert not calls and torch.equal(given, linear(values, weight))


def test_weights_of_a_class_of_their_own_are_left_to_it(calls: list[int]) -> None:
    class Quantised(torch.Tensor):
        pass

    weight = torch.randn(30, 20).as_subclass(Quantised)
    with torch.no_grad(), products.fast_products(CPU):
        assert isinstance(linear(torch.randn(7, 20), weight), Quantised)
    assert not calls


def test_where_mkl_is_fast_and_on_other_devices_nothing_is_taken_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = products._LinearByOneDNN
    monkeypatch.setattr(products, "_mkl_is_slow", lambda: True)
    assert isinstance(products.fast_products(CPU), taken)
    assert not isinstance(products.fast_products(torch.device("cuda")), taken)
    monkeypatch.setattr(products, "_mkl_is_slow", lambda: False)
    assert not isinstance(products.fast_products(CPU), taken)


@pytest.mark.parametrize(
    ("processor", "slow"),
    [
        ({"cpu_name": "AMD EPYC", "avx512_f": True}, True),
        ({"cpu_name": "AMD EPYC", "avx512_f": False}, False),
        ({"cpu_name": "Intel(R) Xeon(R)", "avx512_f": True}, False),
        ({"architecture": "aarch64"}, False),
    ],
)
def test_mkl_is_slow_on_amd_processors_with_avx512(
    monkeypatch: pytest.MonkeyPatch, processor: dict[str, object], slow: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor, raising=False)
    assert products._mkl_is_slow.__wrapped__() is slow
