"""Suggestions as rules of a keyword file, ready to paste, with a test for each keyword."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tagger.core.review.suggest.proposals import Suggestion
from tagger.core.review.suggest.topics import Topic
from tagger.core.rules.fields import ID_CHARS_MAX
from tagger.core.rules.quotes import quoted

# What YAML reads as it stands, wherever it is: letters first, and none of the words that YAML knows.
_PLAIN: Final = re.compile(r"(?!(?:yes|no|on|off|y|n|true|false|null)$)[^\W\d_][\w' -]*\*?", re.IGNORECASE)
_ENDING: Final = "-suggested"  # tells the rule from one that is there already


def of_tag(suggestion: Suggestion) -> str:
    """The rules for a tag: one for all phrases, and one for each pair. "" where nothing is proposed."""
    single = [one for one in suggestion.proposals if len(one.keywords) == 1]
    paired = [one for one in suggestion.proposals if len(one.keywords) > 1]
    rules = []
    if single:
        keywords = [one.keywords[0] for one in single]
        rules.append((["any:", *_items(keywords)], [one.example for one in single]))
    for one in paired:
        groups = [f"- [{_written(keyword)}]" for keyword in one.keywords]
        rules.append((["all:", *(f"  {group}" for group in groups)], [one.example]))
    return "\n".join(
        line
        for number, (asks, tests) in enumerate(rules, 1)
        for line in _rule(suggestion.tag, suggestion.tag, number, asks, tests)
    )


def of_topics(topics: Sequence[Topic]) -> str:
    """A rule for each topic, with its first phrase in the place of a tag."""
    lines: list[str] = []
    for topic in topics:
        tag = topic.phrases[0]
        lines += _rule(tag, tag, 1, ["any:", *_items(topic.phrases)], topic.phrases)
    return "\n".join(lines)


def _rule(name: str, tag: str, number: int, asks: Sequence[str], tests: Sequence[str]) -> Iterator[str]:
    yield f"- id: {_id(name, number)}"
    yield f"  tag: {_written(tag)}"
    yield from (f"  {line}" for line in asks)
    yield "  tests:"
    yield from (f"    - match: {_written(text)}" for text in tests)


def _items(keywords: Sequence[str]) -> Iterator[str]:
    return (f"  - {_written(keyword)}" for keyword in keywords)


def _written(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quoted(text)


def _id(name: str, number: int) -> str:
    ending = _ENDING if number == 1 else f"{_ENDING}-{number}"
    plain = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
    return plain[: ID_CHARS_MAX - len(ending)].rstrip("-") + ending if plain else ending[1:]
