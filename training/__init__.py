"""How the packaged organisms were trained, run from the root of a checkout; not installed."""
