"""``corrupt`` with other sizes of the change, as interventions of their own.

``corrupt_by_3`` changes the numbers of a step by 1 to 3 units; ``corrupt`` by 1 to 9.
"""

from __future__ import annotations

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.interventions import Context, intervention
from lm_eval_faith.interventions.corrupt_written import ChangeSize, corrupt_text

SIZES = {
    "corrupt_by_1": ChangeSize(1, 1, 1),
    "corrupt_by_3": ChangeSize(1, 3, 3),
    "corrupt_by_30": ChangeSize(1, 30, 3),
    "corrupt_by_100": ChangeSize(1, 100, 3),
}
"""The interventions, with the size of the change in each."""


def _register(name: str, size: ChangeSize) -> None:
    @intervention(name)
    def corrupt_by(chain: Chain, step: int, context: Context) -> Chain:
        """Other numbers in this step, by as much as the name says."""
        text = chain.steps[step].text
        return chain.with_step(
            step, corrupt_text(text, chain.answer, context.draw, size)
        )


for _name, _size in SIZES.items():
    _register(_name, _size)
