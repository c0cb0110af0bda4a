"""The JSON Schema of everything that is written with ``--format json``."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

SCHEMA_FILE = "report.schema.json"


def report_schema() -> dict[str, Any]:
    """The schema, in draft 2020-12, of every command with ``--format json``."""
    content = files(__package__).joinpath(SCHEMA_FILE).read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(content)
    return schema
