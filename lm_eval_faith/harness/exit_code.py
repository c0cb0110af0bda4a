"""One sentence and exit code 2 for bad input, whichever command line runs us."""

from __future__ import annotations

import sys
from types import TracebackType

from lm_eval_faith.errors import InputError


def exit_with_code_2_on_input_errors() -> None:
    """Show an uncaught :class:`InputError` as its sentence, with exit code 2.

    The harness's command line shows a traceback for every exception. Python asks
    ``sys.excepthook`` what to do with an uncaught one, and ends with the code of a
    ``SystemExit`` that the hook raises. Other exceptions go to the hook that was there.
    """
    before = sys.excepthook
    if getattr(before, "shows_input_errors", False):
        return

    def hook(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, InputError):
            before(kind, error, trace)
            return
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2)

    hook.shows_input_errors = True  # type: ignore[attr-defined]
    sys.excepthook = hook
