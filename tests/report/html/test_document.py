"""What every page keeps to: escaped texts, data without markup, a policy, one file."""

import base64
import hashlib
import json
import re
import subprocess
import sys

from lm_eval_faith.report.html.document import as_data, asset, policy, shown

HOSTILE = "</script><script>alert(1)</script>&\u2028\u2029\x00\u202e<!--"


def test_data_hold_no_markup_and_are_the_same_json():
    text = as_data({HOSTILE: [HOSTILE, 0.1, float("nan"), None, True]})
    assert not re.search("[<>&\u2028\u2029\u202e\x00]", text)
    assert json.loads(text) == {shown(HOSTILE): [shown(HOSTILE), 0.1, None, None, True]}


def test_control_and_direction_characters_are_shown():
    assert shown("a\x00b\u202ec\u2066d\te\nf") == "a\\x00b\\x202ec\\x2066d\te\nf"


def test_of_marks_that_pile_up_on_a_letter_five_are_shown():
    for mark in "\u0301", "\u0323", "\u0651", "\u0e47", "\u20d7":
        told = f"\\x{ord(mark):02x}"
        assert shown(f"a{mark * 5}b") == f"a{mark * 5}b"
        assert shown(f"a{mark * 7}b") == f"a{mark * 5}{told * 2}b"
    vietnamese, hebrew = "e\u0323\u0302", "\u05e9\u05c1\u05bc\u05b8\u0591"
    assert shown(vietnamese + hebrew) == vietnamese + hebrew


def test_the_policy_names_the_style_and_the_script_of_the_page_and_nothing_else(
    provided_page,
):
    html = provided_page.html
    told = re.search('Content-Security-Policy" content="([^"]*)"', html)[1]
    rules = dict(rule.split(" ", 1) for rule in told.replace("&#39;", "'").split("; "))
    for kind in ("style", "script"):
        (text,) = re.findall(f"<{kind}>(.*?)</{kind}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "; ".join(f"{k} {v}" for k, v in rules.items()) == policy(
        re.search("<style>(.*?)</style>", html, re.DOTALL)[1],
        re.search("<script>(.*?)</script>", html, re.DOTALL)[1],
    )


def test_a_page_refers_to_no_other_file(provided_page):
    without_data = re.sub(
        r'<script type="application/json".*?</script>',
        "",
        provided_page.html,
        flags=re.DOTALL,
    )
    assert not re.search(r"\b(src|action|srcset)=|url\(|@import|//cdn", without_data)
    assert set(re.findall(r'href="([^#"][^"]*)"', without_data)) == {"data:,"}


def test_scripts_never_read_data_as_markup():
    for name in ("theme.js", "thresholds.js", "chains.js", "copies.js"):
        code = asset(name)
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(",
            code,
        ), name


def test_importing_the_command_line_loads_no_template_engine():
    code = (
        "import sys, lm_eval_faith.cli, lm_eval_faith.report; "
        "print(sorted({'jinja2', 'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
