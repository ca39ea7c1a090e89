"""Keyword files → rules, or all problems with file:line:column.

Strict: what is not understood is an error, never skipped, because a rule that is dropped in silence looks
like a rule that works.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, get_args

from tagger.core.conversation import Author
from tagger.core.rules import fields, keyword_field, yaml_document
from tagger.core.rules.model import Canned, From, Keyword, MatchKind, Rule, RuleSet, RuleTest
from tagger.core.rules.problems import PROBLEMS_MAX, Findings, Place, Problem, shown
from tagger.core.rules.yaml_document import Node, Text

__all__ = [
    "Canned", "Keyword", "MatchKind", "Place", "Problem", "Rule", "RuleSet", "RuleTest", "parse",
]  # fmt: skip

VERSION: Final = "1"
FILES_MAX: Final = 1_000
BYTES_MAX: Final = 32 << 20  # of all files; four times one file's limit
RULES_MAX: Final = 10_000
KEYWORDS_MAX: Final = 100_000  # of all rules: what the matcher is built and measured for
CANNED_MAX: Final = 10_000  # of all rules; LiveChat's customers have hundreds

_FROM: Final = get_args(From)
_FILE_KEYS: Final = ("version", "rules")
_REQUIRED: Final = ("id", "tag")
_CALLS: Final = ("any", "all", "canned")  # at least one of them, or nothing could make the rule fire

_READERS: Final[dict[str, Callable[[Findings, Node], Any]]] = {
    "id": fields.identifier,
    "tag": fields.tag,
    "from": lambda found, node: fields.one_of(found, node, "`from`", _FROM),
    "any": lambda found, node: keyword_field.keywords(found, node, "`any`"),
    "all": keyword_field.keyword_groups,
    "none": lambda found, node: keyword_field.keywords(found, node, "`none`"),
    "ignore": lambda found, node: keyword_field.keywords(found, node, "`ignore`"),
    "canned": fields.canned,
    "min_matches": lambda found, node: fields.whole_number(found, node, "`min_matches`", 1),
    "groups": fields.groups,
    "expires": lambda found, node: fields.day(found, node, "`expires`"),
    "owner": lambda found, node: fields.text(found, node, "`owner`", fields.OWNER_CHARS_MAX),
    "dry_run": lambda found, node: fields.boolean(found, node, "`dry_run`"),
}
RULE_KEYS: Final = (*_READERS, "tests")


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
        return [
            Problem(place, "no-files", "there are no keyword files", "Put a *.yaml file into the folder.")
        ]
    if len(files) > FILES_MAX:
        what = f"there are {len(files):,} keyword files; the limit is {FILES_MAX:,}"
        return [Problem(place, "too-many-files", what, "Join some of them.")]
    if (size := sum(map(len, files.values()))) > BYTES_MAX:
        what = f"the keyword files have {size >> 20} MiB together; the limit is {BYTES_MAX >> 20}"
        return [Problem(place, "too-large", what, "Delete what is not needed.")]
    return []


def _file(found: Findings, node: Node | None) -> list[Rule]:
    start = Text("", 1, 1)
    if node is None:
        if not found.problems:
            found.add(
                start, "empty-file", "the file is empty", "Write `version: 1` and `rules:`, or delete it."
            )
        return []
    if not isinstance(node, yaml_document.Mapping):
        what = "a keyword file begins with `version: 1` and `rules:`, and here is something else"
        found.add(node, "wrong-type", what, "Write those two lines, and the rules under them.")
        return []
    read = fields.pairs(found, node, _FILE_KEYS, "a keyword file")
    version = read.get("version")
    if version is None:
        found.add(start, "no-version", "`version` is missing", "Write `version: 1` as the first line.")
    elif not isinstance(version, Text) or version.value != VERSION:
        found.add(
            version, "wrong-version", "this program reads version 1 of the format", "Write `version: 1`."
        )
    if "rules" not in read:
        found.add(node, "no-rules", "`rules` is missing", "Write `rules:` and the rules under it.")
        return []
    rules = (_rule(found, item) for item in fields.items(found, read["rules"], "`rules`", "- id: refund"))
    return [rule for rule in rules if rule is not None]


def _rule(found: Findings, node: Node) -> Rule | None:
    if not isinstance(node, yaml_document.Mapping):
        what = f"a rule must begin with `- id: …`, and here is {fields.kind_of(node)}"
        found.add(node, "wrong-type", what, "Write its id, tag and keywords under it.")
        return None
    read = fields.pairs(found, node, RULE_KEYS, "a rule")
    values = {key: _READERS[key](found, value) for key, value in read.items() if key != "tests"}
    values["from_"] = values.pop("from", None) or "customer"
    if "tests" in read:
        default: Author = "agent" if values["from_"] == "agent" else "customer"
        values["tests"] = fields.tests(found, read["tests"], default)
    _check_whole(found, node, read, values)
    if values.get("id") is None:
        return None
    values.setdefault("tag", "")  # with a problem noted, the rule goes no further than the check of ids
    return Rule(**values, place=found.place(node))


def _check_whole(
    found: Findings, node: yaml_document.Mapping, read: Mapping[str, Node], values: Mapping[str, Any]
) -> None:
    """What can be seen only when all fields of a rule are known."""
    name = f"the rule {shown(values['id'])}" if values.get("id") else "a rule"
    # A misspelt key was noted as such; that the right one is missing is no second mistake.
    there = {
        key.value if key.value in RULE_KEYS else fields.meant_by(key.value, RULE_KEYS)
        for key, _ in node.pairs
    }
    for key in _REQUIRED:
        if key not in there:
            found.add(node, "missing-key", f"{name} has no `{key}`", f"Write `{key}: …` in it.")
    if there.isdisjoint(_CALLS):
        advice = "Write at least one of them."
        found.add(node, "never-fires", f"{name} has neither `any` nor `all` nor `canned`", advice)
    elif (values.get("min_matches") or 1) > 1 and there.isdisjoint(("any", "all")):
        what = "`min_matches` counts keywords, and this rule has neither `any` nor `all`"
        found.add(read["min_matches"], "never-fires", what, "Delete it.")


def _repeated_ids(rules: Iterable[Rule]) -> Iterable[Problem]:
    first: dict[str, Place] = {}
    for rule in rules:
        known = first.setdefault(rule.id, rule.place)
        if known is not rule.place:
            text = f"the id {shown(rule.id)} is taken, by {known.file}:{known.line}"
            yield Problem(rule.place, "repeated-id", text, "Give one of the two another id.")


def _too_many(rules: list[Rule]) -> Iterable[Problem]:
    if len(rules) > RULES_MAX:
        text = f"there are {len(rules):,} rules; the limit is {RULES_MAX:,}"
        yield Problem(rules[RULES_MAX].place, "too-many-rules", text, "Delete what is not needed.")
    yield from _above(rules, "keyword", KEYWORDS_MAX, lambda rule: sum(1 for _ in keywords_of(rule)))
    yield from _above(rules, "canned response", CANNED_MAX, lambda rule: len(rule.canned))


def _above(rules: Iterable[Rule], what: str, most: int, count: Callable[[Rule], int]) -> Iterable[Problem]:
    """A problem at the rule with which a limit over all rules is passed."""
    total = 0
    for rule in rules:
        total += count(rule)
        if total > most:
            text = f"there are more than {most:,} {what}s"
            yield Problem(
                rule.place, f"too-many-{what.replace(' ', '-')}s", text, "Delete what is not needed."
            )
            return


def _hash(files: Mapping[str, bytes]) -> str:
    """12 hex digits. The folder's path is left out: the same files on two machines are the same set."""
    digest = sha256()
    for name, content in sorted((name.rpartition("/")[2], content) for name, content in files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]
