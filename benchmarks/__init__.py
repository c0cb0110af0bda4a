"""Timings, simulations and sensitivity, run from the root of a checkout; not installed."""
