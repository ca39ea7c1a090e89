"""What nearly made a rule hold, and why it did not count. For people who ask; it decides nothing."""

from collections.abc import Iterable, Iterator, Mapping

from tagger.core.conversation import Author, Conversation
from tagger.core.matching.automaton import Match
from tagger.core.matching.rulebook import ALL, ANY, Rulebook, RuleMatch, Spoken, split_ignored

_COUNTING = (ANY, ALL)


def near_misses(book: Rulebook, conversation: Conversation) -> Iterator[tuple[RuleMatch, str]]:
    """Near misses of all rules, each with its reason in words, in no particular order."""
    for at, said in enumerate(conversation.said):
        for field, text in enumerate(said.fields):
            matches = book.matcher.find(text)
            yield from _of_keywords(book, at, field, said.author, dict(book.matcher.near_misses(text)))
            yield from _of_keywords(book, at, field, said.author, dict.fromkeys(matches))
            in_link = book.in_link(text, matches)
            yield from _of_links(book, at, field, said.author, in_link)
            for rule, found in book.by_rule(matches, said.author, in_link).items():
                for wanted, match in split_ignored(found)[1]:
                    place = RuleMatch(rule, at, field, match.start, match.end, wanted.keyword.written)
                    yield place, "removed by ignore"
            if book.canned:
                yield from _of_canned(book, at, field, said.author, text)


def _of_keywords(
    book: Rulebook, at: int, field: int, author: Author, places: Mapping[Match, str | None]
) -> Iterator[tuple[RuleMatch, str]]:
    """Near misses with their reasons, and matches (which have none) in the words of somebody the rule ignores."""
    for (start, end, number), reason in places.items():
        for wanted in book.wanted[number] if number < len(book.wanted) else ():
            counts = book.counts(wanted, author)
            if wanted.part in _COUNTING and counts != (reason is None):
                place = RuleMatch(wanted.rule, at, field, start, end, wanted.keyword.written)
                yield place, reason or f"said by the {author}"


def _of_links(
    book: Rulebook, at: int, field: int, author: Author, in_link: Iterable[Match]
) -> Iterator[tuple[RuleMatch, str]]:
    """Matches inside links, of rules that ignore these."""
    for start, end, number in in_link:
        for wanted in book.wanted[number] if number < len(book.wanted) else ():
            ignores = book.rules[wanted.rule].links == "ignore" and wanted.part in _COUNTING
            if ignores and book.counts(wanted, author):
                yield RuleMatch(wanted.rule, at, field, start, end, wanted.keyword.written), "inside a link"


def _of_canned(
    book: Rulebook, at: int, field: int, author: Author, text: str
) -> Iterator[tuple[RuleMatch, str]]:
    """Canned responses of which at least half was said, but not enough or not by an agent."""
    spoken = Spoken(text)
    for (body, owners), template in zip(book.canned, book.templates, strict=True):
        total, wanted = len(template.words), len(template.words) - template.missing_max
        likeness = spoken.likeness(template, total // 2)
        if likeness is None:
            continue
        if likeness.missing > template.missing_max:
            reason = f"{total - likeness.missing} of {total} words of the canned response, {wanted} needed"
        elif author != "agent":
            reason = f"said by the {author}"
        else:
            continue
        for rule in owners:
            yield RuleMatch(rule, at, field, likeness.start, likeness.end, body), reason
