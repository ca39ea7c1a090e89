"""A syntax error of YAML in words for people who do not know YAML."""

import pytest
import yaml

from tagger.core.rules.quotes import quoted
from tagger.core.rules.yaml_document import LOADER
from tagger.core.rules.yaml_errors import Syntax, explain

Loader = type[yaml.SafeLoader] | type[yaml.CSafeLoader]
LOADERS = [pytest.param(LOADER, id="libyaml"), pytest.param(yaml.SafeLoader, id="pure")]


def explained(content: str, loader: Loader) -> Syntax:
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        list(yaml.parse(content, Loader=loader))
    return explain(caught.value, content.splitlines())


STARTS = "text cannot start with {}, which {} in YAML"


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("%name%, hello", "starts a directive"),
        ("@me", "is reserved"),
        ("`code`", "is reserved"),
        ("*fund*", "refers to another place in the file"),
        ("& more", "names a place in the file"),
        ("| pipe", "starts multi-line text"),
        ("> 5", "starts multi-line text"),
        (": x", "ends a key"),
    ],
)
def test_a_text_that_begins_with_a_sign_of_yaml_wants_quotes(
    written: str, means: str, loader: Loader
) -> None:
    wrong = explained(f"any:\n  - {written}\n  - refund\n", loader)
    text = STARTS.format(written[0], means)
    assert wrong[:5] == (2, 5, text, f'Put it in quotes: "{written}"', f'  - "{written}"')


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("written", ["%name%", "@me", ":)", "*fund*", "| x", "- x"])
def test_so_does_one_inside_brackets(written: str, loader: Loader) -> None:
    wrong = explained(f"any: [{written}, refund]\n", loader)
    assert (wrong.line, wrong.column, wrong.advice) == (1, 7, "Put it in quotes.")
    assert wrong.text.startswith(f"text cannot start with {written[0]}")


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("content", "place", "says", "fixed"),
    [
        pytest.param("a:\n\t- x\n", (2, 1), "a tab is used where", None, id="tab"),
        pytest.param('a:\n  - "x\n', (2, 5), "this quote is never closed", '  - "x"', id="open quote"),
        pytest.param(
            "a:\n  - 'don't'\n", (2, 10), "text after the closing quote", '  - "don\'t"', id="don't"
        ),
        pytest.param(
            'a:\n  - "x" y\n', (2, 9), "text after the closing quote", '  - "x y"', id="quoted word"
        ),
        pytest.param('a: "50\\% off"\n', (1, 4), "a backslash", 'a: "50% off"', id="backslash"),
        pytest.param(
            "a:\n  - id: x\n    tag:y\n    b: z\n", (3, 9), "`tag` needs a colon", "    tag: y", id="tag:y"
        ),
        pytest.param(
            "version:1\nrules: []\n", (1, 9), "`version` needs a colon", "version: 1", id="version:1"
        ),
        pytest.param("rules：\n  - id: x\n", (1, 6), "`rules` needs a colon", "rules:", id="wide colon"),
        pytest.param("rules\n  - id: x\n", (1, 6), "`rules` needs a colon", "rules:", id="no colon"),
        pytest.param("a:\n  - id: x\n     b: y\n", (3, 7), "indented too far", None, id="too far right"),
        pytest.param("a:\n  - x\n - y\n", (3, 2), "does not line up", None, id="too far left"),
        pytest.param("a: b: c\n", (1, 5), "a colon followed by a space", 'a: "b: c"', id="two colons"),
        pytest.param("a: [x, y\nb: z\n", (1, 4), "is not closed", None, id="open list"),
        pytest.param("a: [room #5, x]\n", (1, 10), "starts a comment", None, id="comment in a list"),
        pytest.param("a: [x] y\n", (1, 8), "text after the closing bracket", None, id="after a bracket"),
        pytest.param("a: b\nc\n", (2, 1), "neither a list item nor a key", None, id="stray word"),
        pytest.param("%YAML 9.9\n---\na: b\n", (1, 1), "not valid YAML", None, id="anything else"),
    ],
)
def test_it_names_the_mistake_and_its_place(
    content: str, place: tuple[int, int], says: str, fixed: str | None, loader: Loader
) -> None:
    wrong = explained(content, loader)
    assert (wrong.line, wrong.column) == place
    assert says in wrong.text
    assert wrong.advice.endswith((".", "`", '"', "'", "]"))
    assert wrong.fixed == fixed


@pytest.mark.parametrize("text", ["%a", "don't", 'say "hi"', "back\\slash", 'it\'s "so"'])
def test_quoted_text_is_read_as_it_stands(text: str) -> None:
    assert yaml.safe_load(quoted(text)) == text
