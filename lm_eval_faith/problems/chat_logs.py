"""What was asked and said in logs of chats, by the interfaces that servers have.

A conversation (``messages``, ``conversations`` as in ShareGPT), answers with ``choices``,
items of OpenAI's responses (``output``), blocks of Anthropic's messages (``content``) and
parts of Gemini's (``candidates``, ``contents``); alone, or request and response together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.field_paths import kind_of, value_at

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """One answer of a model.

    Attributes:
        thinking: what is set apart as reasoning; empty for nothing.
        text: the rest.
        cut_off: the log says that the answer was too long and ends in the middle.
    """

    thinking: str
    text: str
    cut_off: bool = False

    @property
    def fields(self) -> dict[str, Any]:
        """As fields of a plain record: one text where nothing is set apart."""
        if self.thinking or self.cut_off:
            whole = "\n".join(filter(None, (self.thinking, self.text)))
            if self.cut_off:
                return {"chain": None, "thinking": whole, "final": ""}
            return {"chain": None, "thinking": self.thinking, "final": self.text}
        return {"chain": self.text, "thinking": None, "final": None}


def is_chat(fields: Fields) -> bool:
    """Whether a record is unmistakably a log of a chat."""
    if "status" in fields and "eval" in fields or {"epoch", "target"} <= {*fields}:
        return False  # of inspect_ai
    asked = _asked(fields)
    if isinstance(asked, list) and role_of(asked[-1]) == "assistant":
        return True
    return bool(_answers(fields))


def question_and_answers(fields: Fields, where: str) -> tuple[str, list[Said]]:
    """What was asked last, empty where the log does not say; and what was answered.

    Raises:
        InputError: there is no answer that can be read.
    """
    asked = _asked(fields)
    answers = _answers(fields)
    if not answers and isinstance(asked, list):
        answers = asked[-1:]
    if not answers:
        raise InputError(f"{where}: no answer of a model in this log")
    said = []
    for k, answer in enumerate(answers):
        if not isinstance(answer, Mapping):
            raise InputError(f"{where}: answer {k} is {kind_of(answer)}")
        said.append(said_in(answer))
    question = asked if isinstance(asked, str) else last_of(asked, "user")
    return question, said


_SPOKE = {
    **dict.fromkeys(("assistant", "gpt", "model", "bot", "ai"), "assistant"),
    **dict.fromkeys(("user", "human"), "user"),
}
"""Who says what, by the names of chat logs, of ShareGPT and of Gemini."""


def role_of(message: object) -> str | None:
    """Who says a message: ``assistant``, ``user``, or nobody known."""
    if not isinstance(message, Mapping):
        return None
    role = message.get("role", message.get("from", message.get("type")))
    return _SPOKE.get(role.lower()) if isinstance(role, str) else None


def last_of(messages: object, role: str) -> str:
    """What was said last in a role."""
    if not isinstance(messages, list):
        return ""
    for message in reversed(messages):
        if role_of(message) == role:
            return said_in(message).text
    return ""


_CONVERSATIONS = ("messages", "conversations", "conversation", "input", "contents")
_ABOVE = ("", "request.", "body.", "request.body.", "inputs.")


def _asked(fields: Fields) -> Any:
    """The conversation; or the one text that was asked, of OpenAI's responses."""
    for name in _CONVERSATIONS:
        for above in _ABOVE:
            found = value_at(fields, above + name)
            if isinstance(found, list) and any(map(role_of, found)):
                return found
    asked = fields.get("input")
    return asked if isinstance(asked, str) and _items(fields) else None


_RESPONSES = ("", "response.", "response.body.", "output.", "body.")


def _answers(fields: Fields) -> Sequence[Any]:
    """Messages of the model, where they do not stand at the conversation's end."""
    for above in _RESPONSES:
        choices = value_at(fields, f"{above}choices")
        if isinstance(choices, list) and any(_is_choice(c) for c in choices):
            return [_of_choice(c) if isinstance(c, Mapping) else c for c in choices]
        candidates = value_at(fields, f"{above}candidates")
        if isinstance(candidates, list) and any(
            isinstance(value_at(c, "content.parts"), list)
            for c in candidates
            if isinstance(c, Mapping)
        ):
            return [_of_choice(c) if isinstance(c, Mapping) else c for c in candidates]
    if (items := _items(fields)) is not None:
        status = value_at(fields, "response.status") or fields.get("status")
        return [{"content": items, "finish_reason": status}]
    for name in ("response", "response.body", "output", "message", "completion"):
        message = value_at(fields, name)
        if role_of(message) == "assistant" and "content" in message:
            return [message]
    if "content" in fields and (
        "reasoning_content" in fields or role_of(fields) == "assistant"
    ):
        return [fields]
    return []


def _is_choice(choice: object) -> bool:
    return isinstance(choice, Mapping) and isinstance(choice.get("message"), Mapping)


def _of_choice(choice: Fields) -> Any:
    """The message of a choice, or the content of a candidate, with why it ended."""
    message = choice.get("message", choice.get("content"))
    if not isinstance(message, Mapping):
        return message
    reason = choice.get("finish_reason") or choice.get("finishReason")
    return {**message, "finish_reason": reason}


def _items(fields: Fields) -> list[Any] | None:
    """The items of OpenAI's responses: reasoning, calls of tools, messages."""
    for name in ("output", "response.output", "response.body.output"):
        found = value_at(fields, name)
        if isinstance(found, list) and any(
            isinstance(item, Mapping)
            and item.get("type") == "message"
            and isinstance(item.get("content"), list)
            for item in found
        ):
            return found
    return None


_THINKING = ("reasoning_content", "reasoning", "thinking")
_CUT_OFF = frozenset(
    ("length", "max_tokens", "incomplete", "model_length", "MAX_TOKENS")
)
_ENDED = ("finish_reason", "stop_reason", "finishReason")


def said_in(message: Fields) -> Said:
    """Thinking and text of a message, of one piece or of parts."""
    thinking: list[object] = [message[n] for n in _THINKING if message.get(n)][:1]
    texts: list[object] = []
    content = message.get("content", message.get("value", message.get("parts")))
    for part in content if isinstance(content, list) else [content]:
        _sort(part, thinking, texts)
    ended = next((message[n] for n in _ENDED if message.get(n)), None)
    return Said(
        _joined(thinking), _joined(texts), isinstance(ended, str) and ended in _CUT_OFF
    )


def _sort(part: object, thinking: list[object], texts: list[object]) -> None:
    """One part of a message to what was thought, or to what was said."""
    if not isinstance(part, Mapping):
        texts.append(part)
        return
    kind = part.get("type")
    if kind in ("reasoning", "thinking") or part.get("thought") is True:
        own = part.get("reasoning") or part.get("thinking") or part.get("text")
        if own:
            thinking.append(own)
            return
        for name in ("content", "summary"):
            held = part.get(name)
            if isinstance(held, list) and held:
                found = [p.get("text") for p in held if isinstance(p, Mapping)]
                thinking.extend(found)
                return
    elif kind == "message" and isinstance(part.get("content"), list):
        for inner in part["content"]:
            _sort(inner, thinking, texts)
    elif role_of(part) in (None, "assistant"):
        texts.append(part.get("text"))


def _joined(pieces: Iterable[object]) -> str:
    return "\n".join(p for p in pieces if isinstance(p, str) and p.strip())
