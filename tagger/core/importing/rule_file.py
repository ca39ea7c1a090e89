"""Text of another product → the text of a keyword file. Pure.

The file is valid. What was not taken over stands in it as comments, each with its reason.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from textwrap import dedent
from typing import Final, NamedTuple

from tagger.core.folding.fold import fold
from tagger.core.importing import automoderator, column, watched_words
from tagger.core.importing.source import Draft, Left, Source, Word, unique
from tagger.core.matching.decide import Decider
from tagger.core.review.foreign import foreign
from tagger.core.review.rule_tests import run_tests
from tagger.core.rules.fields import ID_CHARS_MAX, TAG
from tagger.core.rules.keyword_field import Keyword
from tagger.core.rules.parse import KEYWORDS_MAX, RULES_MAX, RuleSet, parse
from tagger.core.rules.problems import Findings
from tagger.core.rules.quotes import quoted
from tagger.core.rules.yaml_document import Text

LEFT_MAX: Final = 1_000  # comments about what was not taken over; nobody reads more
COMMENT_CHARS_MAX: Final = 200

_PLAIN: Final = re.compile(r"[^\W_](?:[\w '&/.+-]*[\w+])?")
_STARS: Final = {"word": "{}", "prefix": "{}*", "suffix": "*{}", "anywhere": "*{}*"}
_OURS: Final = re.compile(r"version:\s*[0-9]")
_SCHEMA: Final = "# yaml-language-server: $schema=schema.json"


class Imported(NamedTuple):
    """A keyword file, and what became of its source."""

    text: str
    kind: str  # what the source was taken for
    rules: int
    keywords: int
    duplicates: int
    left: int


def recognised(text: str) -> Source | str:
    """What the text holds, by its own look; or what is wrong with it, and what to do."""
    lines = dedent(text).split("\n")
    said = [line for line in lines if line.strip() and not line.startswith("#")]
    if not said:
        return "there are no keywords in it"
    if _OURS.match(said[0]):
        return "it is a keyword file already. Run `tagger check` on it"
    if automoderator.is_one(said):
        return automoderator.read(lines)
    if said[0][0] in "{[<":
        return "it is neither a column of keywords, nor a CSV of watched words, nor an AutoModerator rule"
    return watched_words.read(lines) or column.read(lines)


def rule_file(source: Source, name: str, tag: str | None, taken: Collection[str] = ()) -> Imported | str:
    """A keyword file with everything that could be taken over; or what is wrong, and what to do.

    name   of the source, for people
    tag    of all rules; None where the source names them
    taken  ids that the rules must not have
    """
    drafts = _tagged(source.drafts, tag)
    if isinstance(drafts, str):
        return drafts
    duplicates = 0
    for draft in drafts:
        for words in (draft.any, draft.none, *draft.all):
            words[:], more = unique(words)
            duplicates += more
    keywords = sum(len(words) for draft in drafts for words in (draft.any, draft.none, *draft.all))
    if keywords > KEYWORDS_MAX or len(drafts) > RULES_MAX:
        return f"there are more than {KEYWORDS_MAX:,} keywords or {RULES_MAX:,} rules in it. Split it"
    if not drafts:
        reasons = dict.fromkeys(f"line {left.line}: {left.why}" for left in source.left[:3])
        return f"nothing in it can be taken over ({'; '.join(reasons)})"
    done = Imported("", source.kind, len(drafts), keywords, duplicates, len(source.left))
    ids = _ids([draft.tag or "" for draft in drafts], taken)
    rules = [line for draft, id in zip(drafts, ids, strict=True) for line in _rule(draft, id)]
    return done._replace(
        text="\n".join([*_head(done, name, source.left), "version: 1", "rules:", *rules, ""])
    )


def _tagged(drafts: Sequence[Draft], tag: str | None) -> list[Draft] | str:
    """The drafts with words, each with a valid tag."""
    kept = [draft for draft in drafts if draft.any or draft.all]
    if tag is not None:
        alone = [draft for draft in kept if not draft.all and not draft.none]
        merged = Draft(tag, [word for draft in alone for word in draft.any])
        kept = [*([merged] if alone else []), *(draft for draft in kept if draft.all or draft.none)]
    for draft in kept:
        draft.tag = tag or draft.tag
        if draft.tag is None:
            return 'it does not say which tag the chats get. Give one: --tag "Refund"'
        if problem := tag_problem(draft.tag):
            return f"{problem}. Give another one with --tag"
    return kept


def tag_problem(tag: str) -> str | None:
    """What is wrong with a tag, without a full stop."""
    found = Findings("")
    is_wrong = TAG.read(found, Text(tag, 1, 1), f"the tag {tag!r}") is None
    return found.problems[0].text if is_wrong else None


def _ids(tags: Sequence[str], taken: Collection[str]) -> Iterator[str]:
    """A valid id for each tag, none of them twice."""
    known = set(taken)
    for tag in tags:
        base = re.sub(r"[^a-z0-9]+", "-", fold(tag).text)[: ID_CHARS_MAX - 6].strip("-") or "rule"
        number, id = 1, base
        while id in known:
            number += 1
            id = f"{base}-{number}"
        known.add(id)
        yield id


def _head(done: Imported, name: str, left: Sequence[Left]) -> Iterator[str]:
    yield _SCHEMA
    yield f"# Imported from {_shown(name)}: {done.kind}."
    if done.duplicates:
        which = "keyword that stands" if done.duplicates == 1 else "keywords that stand"
        yield f"# Left out: {done.duplicates:,} {which} in the same list already."
    if left:
        yield "# Not taken over:"
    for one in left[:LEFT_MAX]:
        yield f"#   line {one.line}: {_shown(one.what)} ({one.why})"
    if len(left) > LEFT_MAX:
        yield f"#   and {len(left) - LEFT_MAX:,} more"


def _shown(text: str) -> str:
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= COMMENT_CHARS_MAX else f"{line[: COMMENT_CHARS_MAX - 1]}…"


def _rule(draft: Draft, id: str) -> list[str]:
    lines = [f"  - id: {id}", f"    tag: {_scalar(draft.tag or '')}"]
    if draft.any:
        lines += ["    any:", *(f"      - {_keyword(word)}" for word in draft.any)]
    if draft.all:
        lines.append("    all:")
        for group in draft.all:
            first, *others = map(_keyword, group)
            lines += [f"      - - {first}", *(f"        - {other}" for other in others)]
    if draft.none:
        lines += ["    none:", *(f"      - {_keyword(word)}" for word in draft.none)]
    firsts = [group[0].text for group in draft.all] or [draft.any[0].text]
    test = ["    tests:", f"      - match: {quoted(', '.join(firsts))}"]
    return [*lines, *test] if _holds([*lines, *test]) else lines


def _holds(rule: Sequence[str]) -> bool:
    """Whether the rule's own test passes; it does not where `none` has the same words."""
    read = parse({"": "\n".join(["version: 1", "rules:", *rule]).encode()})
    return isinstance(read, RuleSet) and not run_tests(Decider.compile(read))


def _keyword(word: Word) -> str:
    short = _STARS[word.match].format(word.text)
    has_star = "*" in word.text
    is_literal = has_star or foreign(Keyword(short, word.text, word.match)) is not None
    if not word.case_sensitive and not is_literal:
        return (
            _scalar(word.text) + "*"
            if word.match == "prefix" and _PLAIN.fullmatch(word.text)
            else _scalar(short)
        )
    options = ", case: sensitive" if word.case_sensitive else ""
    if is_literal or word.match != "word":
        options += f", match: {word.match}"
    return f"{{keyword: {_scalar(word.text)}{options}}}"


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quoted(text)
