"""Numbers behind what is marked in the words of a chat, each a link to its row of the tables below. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tagger.core.conversation import Conversation
from tagger.web.chat.told import FoundRow
from tagger.web.marks import Piece, Ref
from tagger.web.try_it.answer import Passage, Row

Ends = Mapping[tuple[int, int, int], Sequence[Ref]]  # message from 1, field, and where in it a mark ends


def refs(found: Sequence[FoundRow], near: Sequence[Row], conversation: Conversation) -> Ends:
    """The numbers that the rows have in their tables, of what counts today or nearly does."""
    messages = {said.event_id: at for at, said in reversed([*enumerate(conversation.said, 1)])}
    ends: dict[tuple[int, int, int], list[Ref]] = {}
    for number, row in enumerate(found, 1):
        if row.decided != "then only" and row.event_id in messages:
            place = messages[row.event_id], row.field, row.end
            ends.setdefault(place, []).append(Ref(number, f"match {number}"))
    for number, miss in enumerate(near, len(found) + 1):
        place = miss.message, miss.field, miss.end
        ends.setdefault(place, []).append(Ref(number, f"near miss {number}"))
    return ends


def numbered(passages: Iterable[Passage], ends: Ends) -> Iterator[Passage]:
    """The passages with the numbers behind what they belong to."""
    for one in passages:
        pieces, at = list[Piece](), 0
        for piece in one.pieces:
            at += len(piece.text)
            here = tuple(ends.get((one.message, one.field, at), ())) if piece.closed else ()
            pieces.append(piece._replace(refs=here))
        yield Passage(one.message, one.author, tuple(pieces), one.field)
