"""Does a model's answer depend on its chain of thought? Measured in lm-evaluation-harness."""

__version__ = "0.1.0"
