"""What a conversation says of the rules: which keywords and canned responses, where, and how often.

All rules are listened for at once; only rules of which something was said cost anything. Every text is
searched by itself, and nothing of it is kept but positions, a limited number for each rule.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, NamedTuple

from tagger.core.canned import Anchors, Likeness, Template, find, words_of
from tagger.core.conversation import Author, Conversation
from tagger.core.matcher import Hit, Matcher
from tagger.core.rule import Keyword, Rule
from tagger.core.text import fold

# Positions kept of one rule: enough to see why it holds, few enough for a record on the topic. The first of
# each thing the rule asks for is always kept.
SPOTS_PER_RULE_MAX: Final = 20

ANY, ALL, NONE, IGNORE = range(4)


class Wanted(NamedTuple):
    """Where a keyword stands in the rules."""

    rule: int
    part: int  # ANY, ALL, NONE or IGNORE
    group: int  # of `all`
    keyword: Keyword


class Spot(NamedTuple):
    """Where something that a rule asks for was said. Sorts as a reader goes."""

    rule: int
    said: int  # which event of the conversation
    field: int
    start: int
    end: int
    keyword: str  # as written; a canned response's text


@dataclass(slots=True)
class Heard:
    """What was said of one rule."""

    spots: set[Spot] = field(default_factory=set)
    parts: set[tuple[int, int]] = field(default_factory=set)  # (part, group) of which something was said
    count: int = 0  # occurrences, as `min_matches` counts them
    canned: bool = False
    forbidden: str | None = None  # the first keyword of `none`

    def keeps(self, *, is_first: bool) -> bool:
        """Whether one more spot is kept."""
        return is_first or len(self.spots) < SPOTS_PER_RULE_MAX


Found = list[tuple[Wanted, Hit]]


class Rulebook:
    """Rules, made ready for listening. Immutable once built; building is pure and may run in a thread.

    Raises re.error if the placeholder is no regular expression.
    """

    def __init__(self, rules: Sequence[Rule], placeholder: str) -> None:
        self.rules = rules
        wanted: dict[tuple[object, ...], list[Wanted]] = defaultdict(
            list
        )  # a keyword of many rules is searched once
        for one in chain.from_iterable(_wanted(at, rule) for at, rule in enumerate(rules)):
            word = one.keyword
            wanted[word.text, word.match, word.case_sensitive, word.accents_exact].append(one)
        self.wanted = [tuple(owners) for owners in wanted.values()]  # by number of the keyword
        texts: dict[str, list[int]] = defaultdict(list)
        for at, rule in enumerate(rules):
            for canned in rule.canned:
                texts[canned.text].append(at)
        self.canned = list(texts.items())  # by number of the template: its text, the rules that have it
        self.templates = [Template.read(text, placeholder) for text in texts]
        self._anchors = Anchors(self.templates)
        self.matcher = Matcher([owners[0].keyword for owners in self.wanted], self._anchors.words)
        self._listens: dict[Author, bool] = {
            "customer": self._has_ears("customer"),
            "agent": self._has_ears("agent"),
        }

    def _has_ears(self, author: Author) -> bool:
        """Whether any rule looks at what this author says. Other texts are not even folded."""
        for rule in self.rules:
            if rule.none or (rule.canned and author == "agent"):
                return True
            if (rule.any or rule.all) and rule.from_ in {author, "any"}:
                return True
        return False

    def is_heard(self, wanted: Wanted, author: Author) -> bool:
        """`none` looks at everyone, everything else at those whom `from` names."""
        return wanted.part == NONE or self.rules[wanted.rule].from_ in {author, "any"}

    def hear(self, conversation: Conversation) -> dict[int, Heard]:
        """What was said, by number of the rule. Costs O(text + finds)."""
        heard: dict[int, Heard] = defaultdict(Heard)
        for at, said in enumerate(conversation.said):
            if self._listens[said.author]:
                for number, text in enumerate(said.fields):
                    self._hear_text(text, said.author, at, number, heard)
        return heard

    def _hear_text(self, text: str, author: Author, at: int, number: int, heard: dict[int, Heard]) -> None:
        hits = self.matcher.find(text)
        if not hits:
            return
        for rule, found in self.by_rule(hits, author).items():
            kept, _ = split_ignored(found)
            self._take(heard[rule], self.rules[rule], at, number, kept)
        if author == "agent":
            for template, likeness in self.recognised(text, hits):
                body, owners = self.canned[template]
                for rule in owners:
                    of_rule = heard[rule]
                    if of_rule.keeps(is_first=not of_rule.canned):
                        of_rule.spots.add(Spot(rule, at, number, likeness.start, likeness.end, body))
                    of_rule.canned = True

    def by_rule(self, hits: Sequence[Hit], author: Author) -> dict[int, Found]:
        """The hits that count when this author says them, by rule and then by position."""
        found: dict[int, Found] = defaultdict(list)
        for hit in hits:
            if hit.keyword < len(self.wanted):
                for wanted in self.wanted[hit.keyword]:
                    if self.is_heard(wanted, author):
                        found[wanted.rule].append((wanted, hit))
        return found

    @staticmethod
    def _take(heard: Heard, rule: Rule, at: int, number: int, found: Found) -> None:
        counted: list[Hit] = []
        for wanted, hit in found:
            if wanted.part == NONE:
                heard.forbidden = heard.forbidden or wanted.keyword.written
                continue
            part = wanted.part, wanted.group
            if heard.keeps(is_first=part not in heard.parts):
                heard.spots.add(Spot(wanted.rule, at, number, hit.start, hit.end, wanted.keyword.written))
            heard.parts.add(part)
            if wanted.part == (ANY if rule.any else ALL):
                counted.append(hit)
        heard.count += occurrences(counted)

    def recognised(self, text: str, hits: Sequence[Hit]) -> Iterator[tuple[int, Likeness]]:
        """The canned responses in a text, by number, with the place in the original text."""
        first = len(self.wanted)
        candidates = self._anchors.candidates(hit.keyword - first for hit in hits if hit.keyword >= first)
        if candidates:
            yield from self.compared(text, {at: self.templates[at].missing_max for at in candidates})

    def compared(self, text: str, missing_max: Mapping[int, int]) -> Iterator[tuple[int, Likeness]]:
        """Of these templates those that are in a text with at most so many words missing."""
        folded = fold(text)
        words = words_of(folded.text)
        said = [folded.text[start:end] for start, end in words]
        for template in sorted(missing_max):
            if likeness := find(self.templates[template], said, missing_max[template]):
                start, end = folded.span(words[likeness.start][0], words[likeness.end - 1][1])
                yield template, Likeness(start, end, likeness.missing)


def _wanted(at: int, rule: Rule) -> Iterator[Wanted]:
    for part, keywords in ((ANY, rule.any), (NONE, rule.none), (IGNORE, rule.ignore)):
        for keyword in keywords:
            yield Wanted(at, part, 0, keyword)
    for group, keywords in enumerate(rule.all):
        for keyword in keywords:
            yield Wanted(at, ALL, group, keyword)


def split_ignored(found: Found) -> tuple[Found, Found]:
    """One rule's hits in one text, by position → those that count, those inside a phrase of `ignore`."""
    phrases = [hit for wanted, hit in found if wanted.part == IGNORE]
    kept: Found = []
    removed: Found = []
    begun, reach = 0, 0  # phrases that begin at or before the hit, and how far one of them reaches
    for wanted, hit in found:
        while begun < len(phrases) and phrases[begun].start <= hit.start:
            reach = max(reach, phrases[begun].end)
            begun += 1
        if wanted.part == NONE or (wanted.part != IGNORE and hit.end > reach):
            kept.append((wanted, hit))
        elif wanted.part != IGNORE:
            removed.append((wanted, hit))
    return kept, removed


def occurrences(hits: Sequence[Hit]) -> int:
    """How many hits are left when of overlapping ones only the leftmost, and of those the longest, stay."""
    count, reach = 0, 0
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if hit.start >= reach:
            count += 1
            reach = hit.end
    return count
