"""``python -m lm_eval_faith``, also for ``accelerate launch -m lm_eval_faith run``."""

from lm_eval_faith.cli import main

if __name__ == "__main__":
    main()
