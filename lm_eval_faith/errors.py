"""The one exception that means: the input is wrong, not the program."""


class InputError(ValueError):
    """Bad input, told in one sentence: what is wrong, where, and what to do.

    Our command line prints the sentence and exits with code 2. In plain ``lm_eval``,
    which shows a traceback for every exception, the sentence is its last line.
    """
