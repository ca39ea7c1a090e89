"""Doubts about canned responses: those that are found in messages that are something else."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from tagger.core.matching.canned import Anchors, Message, Template, find
from tagger.core.review.doubt import Doubt
from tagger.core.rules.model import Canned, Rule
from tagger.core.rules.problems import shown

WORDS_MIN: Final = 4  # fewer words in a row are part of many messages

# How many others one response is compared with. Of so many that have its rarest words, one is soon found.
COMPARED_MAX: Final = 50

_FILLED: Final = "…"  # not a word, so equal to none of them

_Owner = tuple[Rule, Canned]


def short(text: str, placeholder: str) -> Doubt | None:
    """A response with few words of its own."""
    if len(Template.read(text, placeholder).words) >= WORDS_MIN:
        return None
    what = f"the canned response {shown(text)} has fewer than {WORDS_MIN} words of its own"
    return Doubt("short-canned", what, "It is found wherever they are said. Add more of its text.")


def alike(rules: Sequence[Rule], placeholder: str) -> Iterator[tuple[Canned, Doubt]]:
    """Responses that are also found wherever another one is sent, each once.

    A placeholder is taken to be filled with one word that no response has.
    """
    owners: dict[tuple[tuple[str, ...], tuple[int, ...]], list[_Owner]] = defaultdict(list)
    templates: list[Template] = []
    for rule in rules:
        for canned in rule.canned:
            template = Template.read(canned.text, placeholder)
            equal = owners[template.words, template.fills]
            if equal and template.words:
                yield canned, _doubt((rule, canned), equal[0])
            elif template.words:
                templates.append(template)
            equal.append((rule, canned))
    for wide, narrow in _pairs(templates):
        itself, other = (owners[one.words, one.fills][0] for one in (wide, narrow))
        yield itself[1], _doubt(itself, other)


def _pairs(templates: Sequence[Template]) -> Iterator[tuple[Template, Template]]:
    """Each template that is found in a message that is another one, with the first such."""
    anchors = Anchors(templates)
    numbers = {word: at for at, word in enumerate(anchors.words)}
    found_in: dict[int, int] = {}
    for at, template in enumerate(templates):
        sent = Message(_sent(template))
        possible = anchors.possible(numbers[word] for word in sent.places if word in numbers)
        for other in possible[:COMPARED_MAX]:
            if other in {at, *found_in} or found_in.get(at) == other:
                continue
            if find(templates[other], sent):
                found_in[other] = at
                yield templates[other], template


def _sent(template: Template) -> list[str]:
    pairs = zip(template.words, template.fills, strict=True)
    return [one for word, fill in pairs for one in ([_FILLED, word] if fill else [word])]


def _doubt(itself: _Owner, other: _Owner) -> Doubt:
    (rule, canned), (other_rule, twin) = itself, other
    where = f"{shown(twin.text)} at {twin.place.file}:{twin.place.line}"
    what = f"the canned response {shown(canned.text)} is found wherever {where} is sent"
    if rule.tag == other_rule.tag:
        return Doubt("canned-alike", what, "Delete one of the two.")
    return Doubt("canned-alike", what, "Both tags are set then. Add more of the text that differs.")
