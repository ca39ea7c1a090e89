"""Rules → warnings: what is allowed, works as written, and is probably not what was meant. Pure.

`lint` promises to change nothing and to need nothing but the rules and today's date. How keywords cover each
other is asked of the matcher itself, so a warning never has another opinion than production.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final, NamedTuple

from tagger.core.conversation import Author
from tagger.core.folding.fold import fold
from tagger.core.matching.automaton import Match, Matcher
from tagger.core.matching.links import link_spans
from tagger.core.review import canned_warnings, lint_text
from tagger.core.review.doubt import Doubt
from tagger.core.rules.parse import Keyword, MatchKind, Rule, RuleSet
from tagger.core.rules.problems import Place, Problem, shown

WARNINGS_MAX: Final = 1_000  # nobody reads more; the rest comes when these are gone

# A keyword is found too often if it is in so many, and in such a part, of the texts that test other tags.
OFTEN_TEXTS_MIN: Final = 4
OFTEN_SHARE_MIN: Final = 0.1

# On which sides a keyword asks for a word edge.
_CLOSED: Final[dict[MatchKind, tuple[bool, bool]]] = {
    "word": (True, True),
    "prefix": (True, False),
    "suffix": (False, True),
    "anywhere": (False, False),
}


class _Identity(NamedTuple):
    """Equal for keywords that are found in the same places."""

    folded: str
    match: MatchKind
    case_sensitive: bool
    accents_exact: bool


class _List(NamedTuple):
    """Keywords of which one is enough: those under `any`, `none` or `ignore`, or in one group of `all`."""

    name: str
    keywords: list[tuple[_Identity, Keyword]]


class _Linted(NamedTuple):
    """A rule, with its keywords folded once."""

    rule: Rule
    lists: list[_List]

    def named(self, name: str) -> Iterator[tuple[_Identity, Keyword]]:
        return (pair for each in self.lists if each.name == name for pair in each.keywords)


class _Finder:
    """Finds all keywords, each once however many rules have it."""

    def __init__(self, rules: Sequence[_Linted]) -> None:
        unique = {
            identity: keyword
            for one in rules
            for each in one.lists
            if each.name != "ignore"
            for identity, keyword in each.keywords
        }
        self._identities = list(unique)
        self._matcher = Matcher(list(unique.values()))

    def find(self, text: str) -> Iterator[tuple[_Identity, Match]]:
        for match in self._matcher.find(text):
            yield self._identities[match.keyword], match


def lint(rules: RuleSet, today: date, placeholder: str) -> list[Problem]:
    """All warnings, in the order of the files.

    today        for rules that have expired; a day in UTC
    placeholder  regular expression of a placeholder in a canned response
    """
    linted = [_Linted(rule, list(_lists(rule))) for rule in rules.rules]
    finder = _Finder(linted)
    order = {rule.place.file: at for at, rule in reversed(list(enumerate(rules.rules)))}
    warnings = [
        *(warning for one in linted for warning in _of_rule(one, today, placeholder)),
        *(warning for one in linted for warning in _redundant(one, finder)),
        *(warning for one in linted for warning in _never_fires(one, finder)),
        *_two_tags(linted),
        *_tags_alike(rules.rules),
        *_fires_often(linted, finder),
        *(_warning(canned.place, doubt) for canned, doubt in canned_warnings.alike(rules.rules, placeholder)),
    ]
    warnings.sort(key=lambda warning: (order[warning.place.file], warning.place.line, warning.place.column))
    return warnings[:WARNINGS_MAX]


def _lists(rule: Rule) -> Iterator[_List]:
    groups = (("all", group) for group in rule.all)
    for name, keywords in (("any", rule.any), *groups, ("none", rule.none), ("ignore", rule.ignore)):
        if keywords:
            yield _List(name, [(_identity(keyword), keyword) for keyword in keywords])


def _identity(keyword: Keyword) -> _Identity:
    folded = fold(keyword.text, keyword.case_sensitive, keyword.accents_exact).text.strip()
    return _Identity(folded, keyword.match, keyword.case_sensitive, keyword.accents_exact)


def _warning(place: Place, doubt: Doubt) -> Problem:
    return Problem(place, doubt.code, doubt.text, doubt.advice, "warning")


def _of_rule(one: _Linted, today: date, placeholder: str) -> Iterator[Problem]:
    rule = one.rule
    for doubt in lint_text.in_text(rule.tag):
        yield _warning(rule.place, doubt._replace(text=f"the tag {doubt.text}"))
    for each in one.lists:
        for identity, keyword in each.keywords:
            for doubt in lint_text.in_keyword(keyword, identity.folded, calls=each.name != "ignore"):
                yield _warning(keyword.place, doubt)
        if rule.links == "ignore":
            yield from _links(keyword for _, keyword in each.keywords)
    for canned in rule.canned:
        if short := canned_warnings.short(canned.text, placeholder):
            yield _warning(canned.place, short)
        for doubt in lint_text.in_canned(canned.text, placeholder):
            yield _warning(canned.place, doubt)
    yield from _expired(rule, today)
    yield from _untested(rule)
    yield from _idle_ignore(rule)


def _expired(rule: Rule, today: date) -> Iterator[Problem]:
    if rule.expires and rule.expires < today:
        text = f"the rule {shown(rule.id)} expired on {rule.expires}"
        yield _warning(rule.place, Doubt("expired", text, "Delete it, or give it a later date."))


def _untested(rule: Rule) -> Iterator[Problem]:
    if not any(test.expect == "absent" for test in rule.tests):
        text = f"the rule {shown(rule.id)} has no `absent` test"
        advice = 'Add a text it must not fire on under `tests:`: - absent: "…"'
        yield _warning(rule.place, Doubt("no-absent-test", text, advice))


def _links(keywords: Iterable[Keyword]) -> Iterator[Problem]:
    """Addresses among the keywords of a rule that ignores addresses."""
    for keyword in keywords:
        if any(link_spans(keyword.text)):
            text = f"the keyword {shown(keyword.written)} is never found: it is a link, and the rule ignores links"
            yield _warning(
                keyword.place, Doubt("ignored-link", text, "Delete it, or delete `links: ignore`.")
            )


def _idle_ignore(rule: Rule) -> Iterator[Problem]:
    """An `ignore` without a keyword inside can take no match away."""
    if not rule.ignore:
        return
    called = [*rule.any, *(keyword for group in rule.all for keyword in group)]
    matcher = Matcher([replace(keyword, case_sensitive=False, accents_exact=False) for keyword in called])
    for keyword in rule.ignore:
        if not matcher.find(keyword.text):
            text = f"`ignore` {shown(keyword.written)} contains no keyword of this rule, so it has no effect"
            advice = "Write the whole phrase, including the keyword, or delete it."
            yield _warning(keyword.place, Doubt("idle-ignore", text, advice))


def _covers(wide: Keyword, match: Match, narrow: Keyword) -> bool:
    """Whether `wide`, found at `match` in the text of `narrow`, is found wherever `narrow` is."""
    if wide.case_sensitive > narrow.case_sensitive or wide.accents_exact > narrow.accents_exact:
        return False
    wide_left, wide_right = _CLOSED[wide.match]
    narrow_left, narrow_right = _CLOSED[narrow.match]
    left = match.start > 0 or narrow_left or not wide_left
    right = match.end < len(narrow.text) or narrow_right or not wide_right
    return left and right


def _redundant(one: _Linted, finder: _Finder) -> Iterator[Problem]:
    """Keywords that change nothing: covered by another one of their list, or twice in it. One warning for each."""
    for each in one.lists:
        # Where keywords are counted, a longer one makes one occurrence of several.
        alone = each.name == "ignore" or one.rule.min_matches > 1
        covers = {} if alone or len(each.keywords) == 1 else _covered(each, finder)
        first: dict[_Identity, Keyword] = {}
        for identity, keyword in each.keywords:
            known = first.setdefault(identity, keyword)
            if wide := covers.get(identity):
                text = f"wherever {shown(keyword.written)} is found, {shown(wide.written)} is found too"
                advice = f"Delete it; line {wide.place.line} covers it."
                yield _warning(keyword.place, Doubt("covered-keyword", text, advice))
            elif known is not keyword:
                text = f"the keyword {shown(keyword.written)} is already on line {known.place.line}"
                yield _warning(keyword.place, Doubt("repeated-keyword", text, "Delete this one."))


def _covered(each: _List, finder: _Finder) -> dict[_Identity, Keyword]:
    """For each keyword that is never found where a wider one is not: the widest, which nothing else covers."""
    known = dict(reversed(each.keywords))  # of equal ones the first
    wider: dict[_Identity, _Identity] = {}
    for itself, narrow in known.items():
        for other, match in finder.find(narrow.text):
            wide = known.get(other)
            if wide is not None and other != itself and _covers(wide, match, narrow):
                wider[itself] = other
                break
    widest: dict[_Identity, Keyword] = {}
    for itself, other in wider.items():
        while other in wider:
            other = wider[other]  # noqa: PLW2901 - up the chain; it ends, because covering is an order
        widest[itself] = known[other]
    return widest


def _never_fires(one: _Linted, finder: _Finder) -> Iterator[Problem]:
    """A rule that forbids by `none` every keyword of a list that it asks for."""
    none = dict(one.named("none"))
    for each in one.lists if none else ():
        asked = each.name in ("any", "all")
        if asked and all(_is_covered(keyword, none, finder) for _, keyword in each.keywords):
            text = f"the rule {shown(one.rule.id)} never fires: `none` covers every keyword of `{each.name}`"
            yield _warning(one.rule.place, Doubt("never-fires", text, "Delete one of the two."))


def _is_covered(narrow: Keyword, known: Mapping[_Identity, Keyword], finder: _Finder) -> bool:
    found = finder.find(narrow.text)
    return any(other in known and _covers(known[other], match, narrow) for other, match in found)


def _two_tags(rules: Sequence[_Linted]) -> Iterator[Problem]:
    """The same keyword, by itself, makes two tags."""
    first: dict[_Identity, tuple[Rule, Keyword]] = {}
    for one in rules:
        rule = one.rule
        if rule.all or rule.canned:
            continue  # more than the keyword decides
        for identity, keyword in one.named("any"):
            known, twin = first.setdefault(identity, (rule, keyword))
            if known.tag != rule.tag and _meet(known, rule):
                there = f"{known.tag} at {twin.place.file}:{twin.place.line}"
                text = f"the keyword {shown(keyword.written)} sets two tags, {rule.tag} and {there}"
                advice = "If you did not mean that, delete it from one of the rules."
                yield _warning(keyword.place, Doubt("two-tags", text, advice))


def _meet(one: Rule, other: Rule) -> bool:
    """Whether a message can be looked at by both rules."""
    authors = "any" in (one.from_, other.from_) or one.from_ == other.from_
    return authors and (one.groups is None or other.groups is None or bool(one.groups & other.groups))


def _tags_alike(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Tags that differ only in case, accents or spaces: two tags to LiveChat, one to people."""
    first: dict[str, Rule] = {}
    for rule in rules:
        known = first.setdefault(fold(rule.tag).text.strip(), rule)
        if known.tag != rule.tag:
            where = f"{known.place.file}:{known.place.line}"
            text = f"the tag {shown(rule.tag)} is written {shown(known.tag)} at {where}"
            yield _warning(rule.place, Doubt("tags-alike", text, "Write both exactly as in LiveChat."))


def _fires_often(rules: Sequence[_Linted], finder: _Finder) -> Iterator[Problem]:
    """A keyword that is in many of the texts that test other tags: the best sample of chats at hand."""
    texts: Counter[str] = Counter()  # by tag
    found: dict[_Identity, Counter[tuple[str, Author]]] = defaultdict(Counter)
    for rule, _ in rules:
        for author, text in {said for test in rule.tests for said in test.said}:
            texts[rule.tag] += 1
            for identity in {identity for identity, _ in finder.find(text)}:
                found[identity][rule.tag, author] += 1
    total = texts.total()
    for one in rules:
        rule = one.rule
        others = total - texts[rule.tag]
        for identity, keyword in one.named("any") if not rule.all else ():
            by_tag = found.get(identity, {}).items()
            count = sum(n for (tag, who), n in by_tag if tag != rule.tag and rule.from_ in ("any", who))
            if count >= max(OFTEN_TEXTS_MIN, OFTEN_SHARE_MIN * others):
                where = f"in {count} of the {others} texts that test other tags"
                text = f"the keyword {shown(keyword.written)} is {where}"
                yield _warning(keyword.place, Doubt("fires-often", text, "Use a more specific phrase."))
