"""The rules as one book to search by: which keywords and canned responses a conversation has, where, how often.

All rules are searched for at once, and only those with a match cost anything. Each text is searched separately, and only
positions are kept, a limited number for each rule. The search comes in pieces, so that the caller can do something else
in between.
"""

from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, NamedTuple, get_args

from tagger.core.conversation import Author, Conversation
from tagger.core.folding.fold import fold
from tagger.core.matching.automaton import Match, Matcher
from tagger.core.matching.canned import Anchors, Likeness, Message, Template, find, words_of
from tagger.core.matching.links import link_spans, overlapping
from tagger.core.rules.model import Keyword, Rule

# Enough to see why a rule holds, few enough for a record on the topic. The first match of each part that the rule
# asks for is always kept.
MATCHES_PER_RULE_MAX: Final = 20

# Of one piece, in units of at most about a microsecond, so 20 ms: the longest ASCII text is one piece. What cannot be
# divided may cost more, and is announced: a text of other characters, and the comparison of a long text with a canned
# response.
PIECE_COST_MAX: Final = 20_000
# An ASCII character is one unit; in a text with others, each may have to be folded separately.
ODD_CHAR_COST: Final = 8
TEXT_COST: Final = 16  # of any text, however short
MATCH_COST: Final = 8  # of a match, for each rule that has the keyword
SPOKEN_WORD_COST: Final = 128  # of each word of a text, for each canned response it is compared with

ANY, ALL, NONE, IGNORE, CANNED = range(5)

# Yields between two pieces what the next one costs: more than PIECE_COST_MAX only if it cannot be divided.
Pieces = Generator[int, None, int]  # returns what was spent since the last yield


class Wanted(NamedTuple):
    """A place of a keyword in the rules."""

    rule: int
    part: int  # ANY, ALL, NONE or IGNORE
    group: int  # of `all`
    keyword: Keyword


class RuleMatch(NamedTuple):
    """A match or a near miss of one rule in a conversation. Sorts in reading order."""

    rule: int
    said: int  # which event of the conversation
    field: int
    start: int
    end: int
    keyword: str  # as written; a canned response's text


@dataclass(slots=True)
class Tally:
    """What was found of one rule in a conversation."""

    matches: set[RuleMatch] = field(default_factory=set)
    parts: set[tuple[int, int]] = field(default_factory=set)  # (part, group) with a match
    count: int = 0  # occurrences, as `min_matches` counts them
    forbidden: str | None = None  # the first keyword of `none`

    def add(self, match: RuleMatch, part: int, group: int = 0) -> None:
        """Count a match of a part of the rule, and keep it while there is room."""
        if (part, group) not in self.parts or len(self.matches) < MATCHES_PER_RULE_MAX:
            self.matches.add(match)
        self.parts.add((part, group))


Found = list[tuple[Wanted, Match]]


class Rulebook:
    """Rules, compiled. Immutable once built; building is pure and may run in a thread.

    Raises re.error if the placeholder is not a valid regular expression.
    """

    def __init__(self, rules: Sequence[Rule], placeholder: str) -> None:
        self.rules = rules
        # A keyword of many rules is searched for once.
        wanted: dict[tuple[object, ...], list[Wanted]] = defaultdict(list)
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
        self._ignores_links = any(rule.links == "ignore" for rule in rules)
        # Whose texts any rule looks at; others are not even folded.
        self._searched: set[Author] = {author for author in get_args(Author) if self._looks_at(author)}

    def _looks_at(self, author: Author) -> bool:
        keywords = (wanted for owners in self.wanted for wanted in owners if wanted.part != IGNORE)
        return (author == "agent" and bool(self.canned)) or any(self.counts(one, author) for one in keywords)

    def counts(self, wanted: Wanted, author: Author) -> bool:
        """Whether a keyword counts when this author says it: `none` looks at everyone, the rest at whom `from` names."""
        return wanted.part == NONE or self.rules[wanted.rule].from_ in {author, "any"}

    def search(self, conversation: Conversation, tallies: dict[int, Tally]) -> Pieces:
        """Add what the conversation has to the tallies, by number of the rule. Costs O(text + finds)."""
        spent = 0
        for at, said in enumerate(conversation.said):
            if said.author not in self._searched:
                continue
            for number, text in enumerate(said.fields):
                cost = TEXT_COST + (len(text) if text.isascii() else ODD_CHAR_COST * len(text))
                spent += cost
                if spent > PIECE_COST_MAX:
                    yield cost
                    spent = cost
                matches = self.matcher.find(text)
                if matches:
                    in_link = self.in_link(text, matches)
                    for rule, found in self.by_rule(matches, said.author, in_link).items():
                        spent += MATCH_COST * len(found)
                        kept, _ = split_ignored(found)
                        self._take(tallies[rule], self.rules[rule], at, number, kept)
                    if said.author == "agent" and (possible := self._possible(matches)):
                        spent = yield from self._recognise(text, possible, at, number, tallies, spent)
        return spent

    def _possible(self, matches: Sequence[Match]) -> list[int]:
        """The numbers of the canned responses that may be in a text with these matches."""
        first = len(self.wanted)
        return self._anchors.possible(match.keyword - first for match in matches if match.keyword >= first)

    def _recognise(  # noqa: PLR0913, PLR0917 - a text, its place, and where to put what is found
        self,
        text: str,
        possible: Sequence[int],
        at: int,
        number: int,
        tallies: dict[int, Tally],
        spent: int,
    ) -> Pieces:
        """Add the canned responses that are in a text."""
        spoken = Spoken(text)
        for canned in possible:
            template = self.templates[canned]
            cost = SPOKEN_WORD_COST * len(spoken.message.words) + len(template.words)
            if spent + cost > PIECE_COST_MAX:
                yield cost
                spent = 0
            spent += cost
            if likeness := spoken.likeness(template, template.missing_max):
                body, owners = self.canned[canned]
                for rule in owners:
                    match = RuleMatch(rule, at, number, likeness.start, likeness.end, body)
                    tallies[rule].add(match, CANNED)
        return spent

    def in_link(self, text: str, matches: Sequence[Match]) -> set[Match]:
        """Those of the matches that a rule with `links: ignore` does not count."""
        if not self._ignores_links:
            return set()
        inside = overlapping(((match.start, match.end) for match in matches), list(link_spans(text)))
        return {match for match, is_inside in zip(matches, inside, strict=True) if is_inside}

    def by_rule(self, matches: Sequence[Match], author: Author, in_link: Set[Match]) -> dict[int, Found]:
        """The matches that count when this author says them, by rule and then by position."""
        found: dict[int, Found] = defaultdict(list)
        for match in matches:
            if match.keyword < len(self.wanted):
                for wanted in self.wanted[match.keyword]:
                    ignored = match in in_link and self.rules[wanted.rule].links == "ignore"
                    if not ignored and self.counts(wanted, author):
                        found[wanted.rule].append((wanted, match))
        return found

    @staticmethod
    def _take(tally: Tally, rule: Rule, at: int, number: int, found: Found) -> None:
        counted: list[Match] = []
        for wanted, match in found:
            if wanted.part == NONE:
                tally.forbidden = tally.forbidden or wanted.keyword.written
                continue
            of_rule = RuleMatch(wanted.rule, at, number, match.start, match.end, wanted.keyword.written)
            tally.add(of_rule, wanted.part, wanted.group)
            if wanted.part == (ANY if rule.any else ALL):
                counted.append(match)
        tally.count += occurrences(counted)


class Spoken:
    """A text as words, split once for all the canned responses it is compared with."""

    def __init__(self, text: str) -> None:
        self._folded = fold(text)
        self._spans = words_of(self._folded.text)
        self.message = Message([self._folded.text[start:end] for start, end in self._spans])

    def likeness(self, template: Template, missing_max: int) -> Likeness | None:
        """The place of the template in the original text, if at most so many of its words are missing."""
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
    """One rule's matches in one text, by position → those that count, those inside a phrase of `ignore`."""
    phrases = [match for wanted, match in found if wanted.part == IGNORE]
    kept: Found = []
    removed: Found = []
    begun, reach = 0, 0  # phrases that begin at or before the match, and how far one of them reaches
    for wanted, match in found:
        while begun < len(phrases) and phrases[begun].start <= match.start:
            reach = max(reach, phrases[begun].end)
            begun += 1
        if wanted.part == NONE or (wanted.part != IGNORE and match.end > reach):
            kept.append((wanted, match))
        elif wanted.part != IGNORE:
            removed.append((wanted, match))
    return kept, removed


def occurrences(matches: Sequence[Match]) -> int:
    """How many matches there are, counting of overlapping ones the leftmost, and of those the longest."""
    count, reach = 0, 0
    for match in sorted(matches, key=lambda match: (match.start, -match.end)):
        if match.start >= reach:
            count += 1
            reach = match.end
    return count
