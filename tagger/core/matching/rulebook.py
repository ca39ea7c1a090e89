"""What a conversation says of the rules: which keywords and canned responses, where, and how often.

All rules are listened for at once; only rules of which something was said cost anything. Every text is
searched by itself, and nothing of it is kept but positions, a limited number for each rule. It is done in
pieces, between which whoever listens may do something else.
"""

from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, NamedTuple

from tagger.core.conversation import Author, Conversation
from tagger.core.folding.fold import fold
from tagger.core.matching.automaton import Hit, Matcher
from tagger.core.matching.canned import Anchors, Likeness, Message, Template, find, words_of
from tagger.core.rules.model import Keyword, Rule

# Positions kept of one rule: enough to see why it holds, few enough for a record on the topic. The first of
# each thing the rule asks for is always kept.
SPOTS_PER_RULE_MAX: Final = 20

# What is done in one go, in units of about a microsecond at most, so 20 ms: the longest text in ASCII is one piece.
# What cannot be divided may cost more, and says so beforehand: a text of other characters, and a comparison of a
# long text with a canned response.
PIECE_COST_MAX: Final = 20_000
# A character in ASCII is one unit; in a text that has others, their folds may have to be made one by one.
ODD_CHAR_COST: Final = 8
TEXT_COST: Final = 16  # of a text, however short
HIT_COST: Final = 8  # of a keyword found, for each rule that has it
SPOKEN_WORD_COST: Final = 128  # of each word of a text, for each canned response that it is compared with

ANY, ALL, NONE, IGNORE = range(4)

# Yields between two pieces: what the next one costs that cannot be divided, else no more than PIECE_COST_MAX.
Pieces = Generator[int, None, int]  # returns what was spent since the last yield


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

    def hear(self, conversation: Conversation, heard: dict[int, Heard]) -> Pieces:
        """Add what was said to `heard`, by number of the rule, in pieces. Costs O(text + finds)."""
        spent = 0
        for at, said in enumerate(conversation.said):
            if not self._listens[said.author]:
                continue
            for number, text in enumerate(said.fields):
                cost = TEXT_COST + (len(text) if text.isascii() else ODD_CHAR_COST * len(text))
                spent += cost
                if spent > PIECE_COST_MAX:
                    yield cost
                    spent = cost
                hits = self.matcher.find(text)
                if hits:
                    for rule, found in self.by_rule(hits, said.author).items():
                        spent += HIT_COST * len(found)
                        kept, _ = split_ignored(found)
                        self._take(heard[rule], self.rules[rule], at, number, kept)
                    if said.author == "agent" and (candidates := self._candidates(hits)):
                        spent = yield from self._recognise(text, candidates, at, number, heard, spent)
        return spent

    def _candidates(self, hits: Sequence[Hit]) -> list[int]:
        """The canned responses that may be in a text with these hits, by number."""
        first = len(self.wanted)
        return self._anchors.candidates(hit.keyword - first for hit in hits if hit.keyword >= first)

    def _recognise(  # noqa: PLR0913, PLR0917 - a text, its place, and where to put what is found
        self,
        text: str,
        candidates: Sequence[int],
        at: int,
        number: int,
        heard: dict[int, Heard],
        spent: int,
    ) -> Pieces:
        """Add the canned responses that are in a text."""
        spoken = Spoken(text)
        for candidate in candidates:
            template = self.templates[candidate]
            cost = SPOKEN_WORD_COST * len(spoken.message.words) + len(template.words)
            if spent + cost > PIECE_COST_MAX:
                yield cost
                spent = 0
            spent += cost
            if likeness := spoken.likeness(template, template.missing_max):
                body, owners = self.canned[candidate]
                for rule in owners:
                    of_rule = heard[rule]
                    if of_rule.keeps(is_first=not of_rule.canned):
                        of_rule.spots.add(Spot(rule, at, number, likeness.start, likeness.end, body))
                    of_rule.canned = True
        return spent

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

    def compared(self, text: str, missing_max: Mapping[int, int]) -> Iterator[tuple[int, Likeness]]:
        """Of these templates those that are in a text with at most so many words missing."""
        spoken = Spoken(text)
        for template in sorted(missing_max):
            if likeness := spoken.likeness(self.templates[template], missing_max[template]):
                yield template, likeness


class Spoken:
    """A text as words, made once for all canned responses it is compared with."""

    def __init__(self, text: str) -> None:
        self._folded = fold(text)
        self._spans = words_of(self._folded.text)
        self.message = Message([self._folded.text[start:end] for start, end in self._spans])

    def likeness(self, template: Template, missing_max: int) -> Likeness | None:
        """Where in the original text the template is, if at most so many of its words are missing."""
        found = find(template, self.message, missing_max)
        if found is None:
            return None
        start, end = self._folded.span(self._spans[found.start][0], self._spans[found.end - 1][1])
        return Likeness(start, end, found.missing)


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
