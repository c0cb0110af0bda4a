"""The one exception that means: the input is wrong, not the program."""


class InputError(ValueError):
    """Bad input, told in one sentence: what is wrong, where, and what to do.

    Command lines print the sentence and exit with code 2; see
    :func:`lm_eval_faith.harness.exit_code.exit_with_code_2_on_input_errors`.
    """
