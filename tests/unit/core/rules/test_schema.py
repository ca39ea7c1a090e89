"""The JSON Schema of a keyword file agrees with the reader, and the one in config/ is current."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tagger.core.rules.parse import RULE_KEYS, RuleSet, parse
from tagger.core.rules.schema import json_schema

CONFIG = Path(__file__).parents[4] / "config"
VALIDATOR = Draft202012Validator(json_schema())


class _AsEditors(yaml.SafeLoader):
    """YAML 1.2, as editors read it: a date is a text, and of words only true and false are more."""


_AsEditors.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if not tag.endswith((":timestamp", ":bool"))]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_AsEditors.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), "tf")


def as_editors(content: str) -> Any:
    return yaml.load(content, Loader=_AsEditors)


def test_the_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_the_schema_in_config_is_current() -> None:
    kept = json.loads((CONFIG / "schema.json").read_text("utf-8"))
    assert kept == json_schema(), "tagger schema > config/schema.json"


def test_it_has_every_key_of_a_rule_and_no_other() -> None:
    assert set(json_schema()["$defs"]["rule"]["properties"]) == set(RULE_KEYS)


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.name)
def test_the_shipped_files_fit_it(path: Path) -> None:
    VALIDATOR.validate(as_editors(path.read_text("utf-8")))


RULE = "version: 1\nrules:\n  - {{id: a, tag: b, any: [x1]{}}}\n"


@pytest.mark.parametrize(
    ("field", "fits"),
    [
        ("", True),
        (", from: agent", True),
        (", from: bot", False),
        (", links: ignore", True),
        (", links: count", True),
        (", links: skip", False),
        (", any: refund", False),
        (", none: [404, true, 1.5, {keyword: RMA, case: sensitive, match: word, accents: exact}]", True),
        (", none: []", False),
        (", none: [{keyword: RMA, cas: sensitive}]", False),
        (", none: [{case: sensitive}]", False),
        (", all: [[a, b], [c]]", True),
        (", all: [a, b]", False),
        (", canned: [hello there friend]", True),
        (", canned: hello", False),
        (", min_matches: 2", True),
        (", min_matches: 0", False),
        (", groups: [0, 3]", True),
        (", groups: [a]", False),
        (", expires: 2027-03-31", True),
        (", expires: soon", False),
        (', owner: "#billing-ops"', True),
        (", dry_run: true", True),
        (", dry_run: maybe", False),
        (", tests: [{match: hello}, {absent: {agent: hi}}, {match: [a, {customer: b}]}]", True),
        (", tests: [{matches: hello}]", False),
        (", tests: [{match: {bot: hello}}]", False),
        (", tagg: b", False),
    ],
)
def test_it_accepts_what_the_reader_accepts(field: str, fits: bool) -> None:
    content = RULE.format(field).replace("any: [x1], any:", "any:")
    accepted = isinstance(parse({"a.yaml": content.encode()}), RuleSet)
    assert VALIDATOR.is_valid(as_editors(content)) == accepted
    assert accepted == fits


@pytest.mark.parametrize("missing", ["id", "tag", "any"])
def test_it_asks_for_what_a_rule_needs(missing: str) -> None:
    rule = {"id": "a", "tag": "b", "any": ["x1"]}
    assert VALIDATOR.is_valid({"version": 1, "rules": [rule]})
    assert not VALIDATOR.is_valid({"version": 1, "rules": [{k: v for k, v in rule.items() if k != missing}]})
