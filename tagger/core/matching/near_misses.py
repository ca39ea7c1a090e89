"""What was said, nearly made a rule hold and did not count, and why. For people who ask; judges nothing."""

from collections.abc import Iterator

from tagger.core.conversation import Author, Conversation
from tagger.core.matching.automaton import Candidate, Hit
from tagger.core.matching.rulebook import ALL, ANY, Rulebook, Spot, split_ignored

_COUNTING = (ANY, ALL)


def rejections(book: Rulebook, conversation: Conversation) -> Iterator[tuple[Spot, str]]:
    """(where, the reason in words), for every rule and in no order."""
    for at, said in enumerate(conversation.said):
        for field, text in enumerate(said.fields):
            candidates = book.matcher.candidates(text)
            hits = [Hit(*candidate[:3]) for candidate in candidates if candidate.reason is None]
            yield from _of_keywords(book, at, field, said.author, candidates)
            for rule, found in book.by_rule(hits, said.author).items():
                for wanted, hit in split_ignored(found)[1]:
                    spot = Spot(rule, at, field, hit.start, hit.end, wanted.keyword.written)
                    yield spot, "removed by ignore"
            yield from _of_canned(book, at, field, said.author, text)


def _of_keywords(
    book: Rulebook, at: int, field: int, author: Author, candidates: list[Candidate]
) -> Iterator[tuple[Spot, str]]:
    """What is no hit, and hits in the words of somebody else. What is neither is not near."""
    for number, start, end, reason in candidates:
        for wanted in book.wanted[number] if number < len(book.wanted) else ():
            heard = book.is_heard(wanted, author)
            if wanted.part in _COUNTING and heard != (reason is None):
                spot = Spot(wanted.rule, at, field, start, end, wanted.keyword.written)
                yield spot, reason or f"said by the {author}"


def _of_canned(book: Rulebook, at: int, field: int, author: Author, text: str) -> Iterator[tuple[Spot, str]]:
    """Canned responses of which at least half was said, but not enough or not by an agent."""
    half = {number: len(template.words) // 2 for number, template in enumerate(book.templates)}
    for number, likeness in book.compared(text, half) if half else ():
        template = book.templates[number]
        total, wanted = len(template.words), len(template.words) - template.missing_max
        if likeness.missing > template.missing_max:
            reason = f"{total - likeness.missing} of {total} words of the canned response, {wanted} needed"
        elif author != "agent":
            reason = f"said by the {author}"
        else:
            continue
        body, owners = book.canned[number]
        for rule in owners:
            yield Spot(rule, at, field, likeness.start, likeness.end, body), reason
