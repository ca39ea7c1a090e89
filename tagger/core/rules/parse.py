"""Keyword files → rules, or all problems with file:line:column.

Strict: what is not understood is an error, never skipped, because a rule that is dropped in silence looks
like a rule that works.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from itertools import accumulate
from typing import Any, Final

from tagger.core.rules import yaml_document
from tagger.core.rules.fields import REQUIRED, Key, Kind, kind_of, list_of, meant_by, values
from tagger.core.rules.model import RULE_KEYS, Canned, Keyword, MatchKind, Rule, RuleSet, RuleTest, tests_of
from tagger.core.rules.problems import PROBLEMS_MAX, Findings, Place, Problem, shown
from tagger.core.rules.yaml_document import Node, Text

__all__ = [
    "RULE_KEYS", "Canned", "Keyword", "MatchKind", "Place", "Problem", "Rule", "RuleSet", "RuleTest", "parse",
]  # fmt: skip

VERSION: Final = "1"
FILES_MAX: Final = 1_000
BYTES_MAX: Final = 32 << 20  # of all files; four times one file's limit
RULES_MAX: Final = 10_000
KEYWORDS_MAX: Final = 100_000  # of all rules: what the matcher is built and measured for
CANNED_MAX: Final = 10_000  # of all rules; LiveChat's customers have hundreds

CALLS: Final = ("any", "all", "canned")  # at least one of them, or nothing could make the rule fire


def parse(files: Mapping[str, bytes]) -> RuleSet | list[Problem]:
    """Read all keyword files together.

    files   the name of each file, as it is to be shown in messages, and its bytes
    return  the rules in the order of the files; or every problem, by file and line
    """
    if problems := _limits(files):
        return problems
    rules: list[Rule] = []
    for name, content in files.items():
        found = Findings(name)
        rules += _file(found, yaml_document.read(content, found))
        problems += found.problems
    problems += _repeated_ids(rules)
    problems += _too_many(rules)
    if not problems:
        return RuleSet(tuple(rules), _hash(files))
    order = {name: at for at, name in enumerate(files)}
    problems.sort(key=lambda p: (order[p.place.file], p.place.line, p.place.column))
    return problems[:PROBLEMS_MAX]


def keywords_of(rule: Rule) -> Iterable[Keyword]:
    """Every keyword of a rule, wherever it stands."""
    yield from rule.any
    for group in rule.all:
        yield from group
    yield from rule.none
    yield from rule.ignore


def _limits(files: Mapping[str, bytes]) -> list[Problem]:
    name = next(iter(files), "*.yaml")
    place = Place(name, 1, 1)
    if not files:
        return [Problem(place, "no-files", "no keyword files found", "Put a *.yaml file in the folder.")]
    if len(files) > FILES_MAX:
        what = f"there are {len(files):,} keyword files; the limit is {FILES_MAX:,}"
        return [Problem(place, "too-many-files", what, "Merge some of them.")]
    if (size := sum(map(len, files.values()))) > BYTES_MAX:
        what = f"the keyword files are {size >> 20} MiB in total; the limit is {BYTES_MAX >> 20} MiB"
        return [Problem(place, "too-large", what, "Delete what you do not need.")]
    return []


def _file(found: Findings, node: Node | None) -> list[Rule]:
    start = Text("", 1, 1)
    if node is None:
        if not found.problems:
            found.add(
                start,
                "empty-file",
                "the file is empty",
                "Write `version: 1` and `rules:`, or delete the file.",
            )
        return []
    if not isinstance(node, yaml_document.Mapping):
        what = "a keyword file must start with `version: 1` and `rules:`"
        found.add(node, "wrong-type", what, "Write those two lines, and the rules below them.")
        return []
    read = values(found, node, FILE_KEYS, "a keyword file")
    if "version" not in read:
        found.add(start, "no-version", "`version` is missing", "Write `version: 1` on the first line.")
    if "rules" not in read:
        found.add(node, "no-rules", "`rules` is missing", "Write `rules:`, and the rules below it.")
    return list(read.get("rules", ()))


def _version(found: Findings, node: Node, _name: str) -> None:
    if not isinstance(node, Text) or node.value != VERSION:
        found.add(
            node, "wrong-version", "unsupported version: this program reads version 1", "Write `version: 1`."
        )


def _rule(found: Findings, node: Node, _name: str) -> Rule | None:
    if not isinstance(node, yaml_document.Mapping):
        what = f"a rule must start with `- id: …`; found {kind_of(node)}"
        found.add(node, "wrong-type", what, "Write its id, and its tag and keywords below.")
        return None
    agents = any(key.value == "from" and value[0] == "agent" for key, value in node.pairs)
    keys = RULE_KEYS | ({"tests": RULE_KEYS["tests"]._replace(kind=tests_of("agent"))} if agents else {})
    read = values(found, node, keys, "a rule")
    _check_whole(found, node, read)
    if read.get("id") is None:
        return None
    read["from_"] = read.pop("from", None) or "customer"
    read.setdefault("tag", "")  # a rule with a problem goes no further than the check of ids
    return Rule(**read, place=found.place(node))


_VERSION: Final = Kind(_version, {"enum": [int(VERSION), VERSION]})
_RULES: Final = list_of(Kind(_rule, {"$ref": "#/$defs/rule"}), "a rule", "- id: refund")
FILE_KEYS: Final = {
    "version": Key(_VERSION, "Version of the format.", REQUIRED),
    "rules": Key(_RULES, "The rules of this file.", REQUIRED),
}


def _check_whole(found: Findings, node: yaml_document.Mapping, read: Mapping[str, Any]) -> None:
    """What can be seen only when all fields of a rule are known."""
    name = f"the rule {shown(read['id'])}" if read.get("id") else "a rule"
    # A misspelt key was reported as such; that the right one is missing is not a second error.
    nodes = {
        key.value if key.value in RULE_KEYS else meant_by(key.value, RULE_KEYS): it for key, it in node.pairs
    }
    there = nodes.keys()
    for key, row in RULE_KEYS.items():
        if row.default is REQUIRED and key not in there:
            found.add(node, "missing-key", f"{name} has no `{key}`", f"Add `{key}: …`.")
    if there.isdisjoint(CALLS):
        advice = "Add at least one of them."
        found.add(node, "never-fires", f"{name} has none of `any`, `all` and `canned`", advice)
    elif (read.get("min_matches") or 1) > 1 and there.isdisjoint(("any", "all")):
        what = "`min_matches` counts keywords, but this rule has neither `any` nor `all`"
        found.add(nodes["min_matches"], "never-fires", what, "Delete it.")


def _repeated_ids(rules: Iterable[Rule]) -> Iterable[Problem]:
    first: dict[str, Place] = {}
    for rule in rules:
        known = first.setdefault(rule.id, rule.place)
        if known is not rule.place:
            text = f"the id {shown(rule.id)} is already used at {known.file}:{known.line}"
            yield Problem(rule.place, "repeated-id", text, "Choose another id for one of them.")


def _too_many(rules: list[Rule]) -> Iterable[Problem]:
    """A problem at each rule with which a limit over all rules is passed."""
    counts: tuple[tuple[str, int, Callable[[Rule], int]], ...] = (
        ("rule", RULES_MAX, lambda _: 1),
        ("keyword", KEYWORDS_MAX, lambda rule: sum(1 for _ in keywords_of(rule))),
        ("canned response", CANNED_MAX, lambda rule: len(rule.canned)),
    )
    for what, most, count in counts:
        totals = zip(rules, accumulate(map(count, rules)), strict=True)
        if passed := next((rule for rule, total in totals if total > most), None):
            text, code = f"there are more than {most:,} {what}s", f"too-many-{what.replace(' ', '-')}s"
            yield Problem(passed.place, code, text, "Delete what you do not need.")


def _hash(files: Mapping[str, bytes]) -> str:
    """12 hex digits. The folder's path is left out: the same files on two machines are the same set."""
    digest = sha256()
    for name, content in sorted((name.rpartition("/")[2], content) for name, content in files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]
