"""Keyword files that would take hours if reading them cost the square of their size.

There is nothing to measure: with a million characters the square is 10^12, and the test would never end.
"""

import pytest
import yaml

from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.core.review import lint_text
from tagger.core.rules import yaml_document
from tagger.core.rules.parse import parse
from tagger.core.rules.problems import Findings
from tagger.core.rules.yaml_document import LOADER

MANY = 1_000_000
BLANKS = " " * MANY
RULE = "version: 1\nrules:\n  - id: r\n    tag: T\n    any:\n"

EVIL = {
    "blanks in a comment": f"# {BLANKS}y\n{RULE}      - a\n",
    "blanks before a comment": f"{RULE}      - a{BLANKS}#b\n",
    "blanks in a text before a hash": f"{RULE}      - a{BLANKS}b #c\n",
    "blanks in a text that begins with a sign": f"{RULE}      - @a{BLANKS}b\n",
    "hashes in a text that begins with a sign": f"{RULE}      - @a{' #b' * (MANY // 3)}\n",
    "blanks after a second colon": f"{RULE}      - a: b: {BLANKS}c\n",
    "blanks after a key without its colon": f"{RULE}      abc{BLANKS}d\n        e: f\n",
    "blanks after a closing quote": f'{RULE}      - "a" {BLANKS}b\n',
    "brackets in a list that is not closed": f'{RULE.rstrip()} ["{"[" * MANY}", a\n',
    "a list that is not closed": f"{RULE.rstrip()} [{'a, ' * (MANY // 3)}\n",
    "letters without a colon": f"{RULE}{'a' * MANY}\n",
    "dashes": f"{RULE}{'- ' * (MANY // 2)}a: b: c\n",
    "items on one line beside a hash": f"{RULE.rstrip()} [{'a, ' * 100_000}b]  #c\n",
    "an id": f"version: 1\nrules:\n  - id: {'-' * MANY}a\n",
    "an unknown key": f"version: 1\n? {'a' * MANY}\n: b\n",
    "escapes": RULE + '      - "\\r' + "\\t" * (MANY // 2) + '"\n',
    "escapes behind a closing quote": RULE + '      - "a" "' + '\\"' * (MANY // 2) + '"\n',
    "an escape that YAML does not know": RULE + '      - "' + "\\d" * (MANY // 2) + '"\n',
    "texts on one line": RULE + "      - " + '"a" ' * (MANY // 4) + "\n",
    "a quote that is open in a long list": RULE.rstrip() + " [" + '"a", ' * 100_000 + '"b]\n',
    "blanks that are no spaces": RULE + "\u00a0" * MANY + "- a\n",
    "keys that begin with what is no space": RULE + "      - {" + "\u00a0a: b, " * 100_000 + "}\n",
    "dashes that are none": RULE + "– " * (MANY // 2) + "\n",
    "control characters": "\x01" * MANY,
    "a line of blanks": BLANKS,
}


@pytest.mark.parametrize("content", EVIL.values(), ids=EVIL)
def test_a_file_is_read_in_linear_time(content: str) -> None:
    parse({"a.yaml": content.encode()})


@pytest.mark.parametrize("name", [name for name in EVIL if name != "items on one line beside a hash"])
def test_so_it_is_by_the_pure_reader(name: str) -> None:
    content = EVIL[name].replace(BLANKS, " " * (MANY // 10))
    if LOADER is not yaml.SafeLoader and len(content) < MANY // 2:
        yaml_document.read(content.encode(), Findings("a.yaml"), yaml.SafeLoader)


@pytest.mark.parametrize(
    "text",
    [
        "{" * MANY,
        "{a" * MANY,
        "[" * MANY,
        "<" * MANY,
        "$" * MANY,
        "{" + "a" * MANY,
        "%" + "a" * MANY,
        "%a" * MANY,
    ],
)
def test_doubts_about_a_text_are_found_in_linear_time(text: str) -> None:
    assert lint_text.odd_placeholder(text, DEFAULT_PLACEHOLDER) is None or "{" in text


def test_many_unknown_keys_are_read_in_linear_time() -> None:
    keys = "".join(f"k{n}: a\n" for n in range(50_000))
    problems = parse({"a.yaml": f"version: 1\n{keys}".encode()})
    assert isinstance(problems, list)
    assert len(problems) == 1_000
