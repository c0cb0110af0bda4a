"""One HTML file from a template: style, scripts and data inlined, all else forbidden.

Every text that a template writes is escaped, with control and direction characters shown;
data go to the page as JSON that holds no markup. The page's policy forbids any request
and any script or style but those that are written here.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from lm_eval_faith._version import __version__
from lm_eval_faith.report.cells import finite, interval, number
from lm_eval_faith.shown import counted, plain

if TYPE_CHECKING:
    from jinja2 import Environment

PACKAGE = "lm_eval_faith.report.html"

_NO_MARKUP = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def render(
    template: str,
    context: Mapping[str, Any],
    *,
    data: Any = None,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
) -> str:
    """The page that a template makes, as one file.

    Args:
        template: its name in ``templates/``; it extends ``base.html.j2``.
        context: what the template names; texts are escaped where they are written.
        data: what the page's scripts read, as JSON types; None for a page without.
        styles, scripts: names in ``assets/``, after ``base.css`` and ``theme.js``.
    """
    from markupsafe import Markup

    style = "\n".join(map(asset, ("base.css", *styles)))
    script = "\n".join(map(asset, ("theme.js", *scripts)))
    return (
        _environment()
        .get_template(template)
        .render(
            **context,
            policy=policy(style, script),
            style=Markup(style),
            script=Markup(script),
            data=None if data is None else Markup(as_data(data)),
            version=__version__,
        )
        + "\n"
    )


def policy(style: str, script: str) -> str:
    """The content security policy of a page with one style and one script element."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {_digest(style)}",
            f"script-src {_digest(script)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def as_data(value: Any) -> str:
    """JSON for a script element: no markup, and no character that is obeyed, not shown."""
    text = json.dumps(
        finite(shown(value)),
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
    )
    return text.translate(_NO_MARKUP)


def shown(value: Any) -> Any:
    """The same JSON value with control and direction characters in its texts shown."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {plain(str(key)): shown(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(inner) for inner in value]
    return value


def asset(name: str) -> str:
    """The text of a file in ``assets/``."""
    return files(PACKAGE).joinpath("assets", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    made = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(made).decode()}'"


@functools.cache
def _environment() -> Environment:
    """Templates escape all that they write, and name nothing that is not there.

    One a process: it compiles a template when it is first asked for.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(PACKAGE, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: plain(value) if type(value) is str else value,
    )
    environment.filters["number"] = number
    environment.filters["interval"] = interval
    environment.filters["counted"] = counted
    return environment
