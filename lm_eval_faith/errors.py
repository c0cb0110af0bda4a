"""The one exception that means: the input is wrong, not the program."""

import re


class InputError(ValueError):
    """Bad input, told in one sentence: what is wrong, where, and what to do.

    Our command line prints the sentence and exits with code 2. In plain ``lm_eval``,
    which shows a traceback for every exception, the sentence is its last line.
    """


_HALF = re.compile("[\ud800-\udfff]")


def require_characters(text: str, what: str) -> str:
    """The text, where it is made of whole characters, which every text of Unicode is.

    JSON and Python can hold lone halves of characters (surrogates); no file can, and no
    model can be given one.

    Raises:
        InputError: it holds a lone half; ``what`` says what holds it, and where.
    """
    if half := _HALF.search(text):
        raise InputError(
            f"{what} holds \\u{ord(half[0]):x}, a lone half of a character, which no model "
            "can be given; write the text anew"
        )
    return text
