"""What nearly made a rule hold, and why it did not count. For people who ask; it decides nothing."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from tagger.core.conversation import Author, Conversation
from tagger.core.matching.automaton import Match
from tagger.core.matching.rulebook import ALL, ANY, IGNORE, Found, Rulebook, RuleMatch, Spoken, split_ignored
from tagger.core.matching.why_not import WhyNot

_COUNTING = (ANY, ALL)


NearMisses = Iterator[tuple[RuleMatch, WhyNot]]


def near_misses(book: Rulebook, conversation: Conversation) -> NearMisses:
    """Near misses of all rules, each with its reason, in no particular order."""
    for at, said in enumerate(conversation.said):
        for field, text in enumerate(said.fields):
            matches = book.matcher.find(text)
            in_link = book.in_link(text, matches)
            by_rule = book.by_rule(matches, said.author, in_link)
            near = dict(book.matcher.near_misses(text))
            reach = {rule: _Reach(found) for rule, found in by_rule.items()}
            for one, why_not in _of_keywords(book, at, field, said.author, near):
                if one.rule not in reach or not reach[one.rule].has(one):
                    yield one, why_not
            yield from _of_keywords(book, at, field, said.author, dict.fromkeys(matches))
            yield from _of_links(book, at, field, said.author, in_link)
            for rule, found in by_rule.items():
                for wanted, match in split_ignored(found)[1]:
                    place = RuleMatch(rule, at, field, match.start, match.end, wanted.keyword.written)
                    yield place, WhyNot("ignored", _phrase_around(match, found))
            if book.canned:
                yield from _of_canned(book, at, field, said.author, text)


class _Reach:
    """How far one rule's matches reach, to tell what is inside one of them."""

    def __init__(self, found: Found) -> None:
        matches = [match for wanted, match in found if wanted.part in _COUNTING]  # by position
        self._starts = [match.start for match in matches]
        self._ends = list(accumulate((match.end for match in matches), max))

    def has(self, near: RuleMatch) -> bool:
        """Whether what is near is inside a match: `refund` in `refunds`, where `refunds` is a keyword, too."""
        begun = bisect_right(self._starts, near.start)
        return begun > 0 and near.end <= self._ends[begun - 1]


def _of_keywords(
    book: Rulebook, at: int, field: int, author: Author, places: Mapping[Match, WhyNot | None]
) -> NearMisses:
    """Near misses with their reasons, and matches (which have none) in the words of somebody the rule ignores."""
    for (start, end, number), reason in places.items():
        for wanted in book.wanted[number] if number < len(book.wanted) else ():
            counts = book.counts(wanted, author)
            if wanted.part in _COUNTING and counts != (reason is None):
                place = RuleMatch(wanted.rule, at, field, start, end, wanted.keyword.written)
                yield place, reason or WhyNot("other_author", author, cure="from: any")


def _of_links(book: Rulebook, at: int, field: int, author: Author, in_link: Iterable[Match]) -> NearMisses:
    """Matches inside links, of rules that ignore these."""
    for start, end, number in in_link:
        for wanted in book.wanted[number] if number < len(book.wanted) else ():
            ignores = book.rules[wanted.rule].links == "ignore" and wanted.part in _COUNTING
            if ignores and book.counts(wanted, author):
                place = RuleMatch(wanted.rule, at, field, start, end, wanted.keyword.written)
                yield place, WhyNot("inside_a_link", cure="links: count")


def _phrase_around(match: Match, found: Found) -> str:
    """The first phrase of `ignore` that the match is inside."""
    phrases = (
        wanted.keyword.written
        for wanted, phrase in found
        if wanted.part == IGNORE and phrase.start <= match.start and match.end <= phrase.end
    )
    return next(phrases)


def _of_canned(book: Rulebook, at: int, field: int, author: Author, text: str) -> NearMisses:
    """Canned responses of which at least half was said, but not enough or not by an agent."""
    spoken = Spoken(text)
    for (body, owners), template in zip(book.canned, book.templates, strict=True):
        total, wanted = len(template.words), len(template.words) - template.missing_max
        likeness = spoken.likeness(template, total // 2)
        if likeness is None:
            continue
        if likeness.missing > template.missing_max:
            reason = WhyNot("too_few_words", has=total - likeness.missing, needed=wanted, of=total)
        elif author != "agent":
            reason = WhyNot("other_author", author)
        else:
            continue
        for rule in owners:
            yield RuleMatch(rule, at, field, likeness.start, likeness.end, body), reason
