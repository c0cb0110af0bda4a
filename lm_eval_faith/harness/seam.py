"""Where the context of a request ends and its answer begins, in tokens.

The harness splits the tokens of context and answer where the tokens of the context alone
end. A tokenizer may join the end of the context with the beginning of the answer; then
those are other tokens than the ones the whole text begins with, and what is scored is a
piece of the answer behind a text that nobody wrote.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.lm_eval_compat import splits_texts_as_the_harness

logger = logging.getLogger(__name__)

Tokens = list[int]
Text = tuple[str, str]
"""A context and an answer."""
WITH_FAITH = (
    "use --model faith --model_args backend=NAME,... with the --model of now as NAME, which "
    "scores from the last boundary that the tokens of both have"
)


@dataclass(frozen=True)
class _Seam:
    """One request: what groups it, and the tokens of the whole text and of its context alone."""

    group: Hashable
    answer: str
    whole: Tokens
    alone: Tokens
    context: str


class Seams:
    """Splits requests to one model where the tokens of the whole text have a boundary.

    Where the answer's first character begins a token, that is the seam. Else it is the
    last boundary before it that the context's own tokens have too, and the scored text
    begins with the last words of the context; the same for all requests of a group that
    have the same answer, so that a clean and a changed chain are asked for the same text.

    Args:
        model: a model with ``tok_encode`` and a ``tokenizer`` that decodes.

    Attributes:
        read: how many requests were looked at.
        joined: of how many the harness's split is not one of the whole text's tokens.
        moved: how many of these are scored from before the answer.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.read = self.joined = self.moved = 0
        self._told = False

    def split(
        self, requests: Sequence[tuple[Hashable, Text]]
    ) -> list[tuple[Tokens, Tokens]]:
        """For each request the tokens of its context, and those that are scored.

        Says once how many are split otherwise than by the harness. Requests without a
        context are left out: they have no seam.

        Args:
            requests: what groups a request, such as its document, and the request.

        Raises:
            InputError: an answer has no token of its own.
        """
        seams = [
            _Seam((group, answer), answer, *self._tokens(context, answer), context)
            for group, (context, answer) in (
                (group, spaces_moved(*request))
                for group, request in requests
                if request[0]
            )
        ]
        furthest: dict[Hashable, int] = {}
        """By how many characters the seam of a group's answer moves back, where any is joined."""
        for seam in seams:
            self.read += 1
            if not self._agree(seam):
                self.joined += 1
                place = self._boundary(seam, 0)
                back = self._characters(seam.whole, place) - len(seam.answer)
                furthest[seam.group] = max(back, furthest.get(seam.group, 0))
        splits = [self._split(seam, furthest.get(seam.group, 0)) for seam in seams]
        if self.joined and not self._told:
            self._told = True
            logger.warning("%s", self.sentence())
        return splits

    def _split(self, seam: _Seam, back: int) -> tuple[Tokens, Tokens]:
        if not back and self._agree(seam):
            return seam.alone, seam.whole[len(seam.alone) :]
        self.moved += back > 0
        place = self._boundary(seam, back)
        before = seam.whole[:place] or [self.model.prefix_token_id]
        return before, seam.whole[place:]

    def sentence(self) -> str:
        """What was done, with the counts."""
        said = (
            f"{self.joined} of {self.read} requests: the tokenizer joins the end of the "
            "context with the answer; they are scored from the tokens of the whole text"
        )
        if self.moved:
            said += (
                f", and for {self.moved} requests the scored text begins before the "
                "answer, where the tokens of both have a boundary"
            )
        return said

    def _tokens(self, context: str, answer: str) -> tuple[Tokens, Tokens]:
        """Of the whole text, and of the context alone."""
        return self.model.tok_encode(context + answer), self.model.tok_encode(context)

    def _agree(self, seam: _Seam) -> bool:
        if seam.whole[: len(seam.alone)] != seam.alone:
            return False
        if len(seam.whole) == len(seam.alone):
            raise InputError(
                f"the tokenizer gives the answer {seam.answer!r} no token behind "
                f"{seam.context[-20:]!r}, so it cannot be scored"
            )
        return True

    def _boundary(self, seam: _Seam, back: int) -> int:
        """The last token of the whole text that begins at, or else before, a character.

        Args:
            seam: of the request.
            back: the character is so many before the answer. What begins before it must
                be a boundary of the context's own tokens too.
        """
        whole, alone, answer = seam.whole, seam.alone, seam.answer
        shared = common_prefix(whole, alone)
        if not self._text(whole).endswith(answer):
            return min(shared, len(whole) - 1)
        wanted = len(answer) + back
        for place in range(len(whole) - 1, 0, -1):
            behind = self._characters(whole, place)
            if behind == wanted or (behind > wanted and place <= shared):
                return place
        return 0

    def _characters(self, whole: Tokens, place: int) -> int:
        """How many characters the tokens from a place on stand for; -1 inside of one."""
        before, text = self._text(whole[:place]), self._text(whole)
        return len(text) - len(before) if text.startswith(before) else -1

    def _text(self, tokens: Tokens) -> str:
        text: str = self.model.tokenizer.decode(
            tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text


def spaces_moved(context: str, answer: str) -> Text:
    """Context and answer with the spaces between them before the answer, as the harness has them."""
    bare = context.rstrip() or context
    return bare, context[len(bare) :] + answer


def warn_of_joined(model: Any, requests: Sequence[Text]) -> None:
    """Say how many requests a model that splits as the harness does will score wrongly.

    Raises:
        InputError: of an answer it would score no token, which ends in a bare assertion of
            the harness, or in a log-probability of 0.
    """
    if not splits_texts_as_the_harness(model):
        return
    joined = 0
    for request in requests:
        if not request[0]:
            continue
        context, answer = spaces_moved(*request)
        whole, alone = model.tok_encode(context + answer), model.tok_encode(context)
        if len(whole) <= len(alone):
            raise InputError(
                f"the tokenizer joins the answer {answer!r} with the words before it "
                f"({context[-20:]!r}), and {type(model).__name__} would score no token of "
                f"it: {WITH_FAITH}"
            )
        joined += whole[: len(alone)] != alone
    if joined:
        logger.warning(
            "%d of %d requests: the tokenizer joins the end of the context with the "
            "answer, and %s scores a piece of the answer only, behind a context that is "
            "tokenised otherwise: %s",
            joined,
            len(requests),
            type(model).__name__,
            WITH_FAITH,
        )


def common_prefix(one: Tokens, other: Tokens) -> int:
    """Number of tokens with which both begin."""
    for place, (left, right) in enumerate(zip(one, other)):
        if left != right:
            return place
    return min(len(one), len(other))
