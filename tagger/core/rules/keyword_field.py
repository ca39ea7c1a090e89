"""One value under `any`, `all`, `none` or `ignore` → a keyword; notes what cannot be one.

A text in which a star at an end counts, or a mapping with `case`, `match` and `accents`.
"""

from typing import Final, cast, get_args

from tagger.core.folding.fold import fold
from tagger.core.rules.fields import items, kind_of, one_of, pairs
from tagger.core.rules.model import Keyword, MatchKind
from tagger.core.rules.problems import Findings, shown
from tagger.core.rules.yaml_document import Mapping, Node, Sequence, Text
from tagger.core.rules.yaml_errors import quoted

KEYWORD_CHARS_MAX: Final = 200  # a sentence; whatever is longer belongs under `canned`

_MATCH: Final = get_args(MatchKind)
_STARS: Final[dict[tuple[bool, bool], MatchKind]] = {
    (False, True): "prefix",
    (True, False): "suffix",
    (True, True): "anywhere",
}


def keywords(found: Findings, node: Node, name: str) -> tuple[Keyword, ...]:
    listed_items = items(found, node, name, '[refund, "money back"]')
    read = (keyword(found, item, name) for item in listed_items)
    return tuple(one for one in read if one is not None)


def keyword_groups(found: Findings, node: Node) -> tuple[tuple[Keyword, ...], ...]:
    """The groups of `all`: a list of lists."""
    read: list[tuple[Keyword, ...]] = []
    for group in items(found, node, "`all`", "[[late, delayed], [parcel]]"):
        if isinstance(group, Sequence):
            read.append(keywords(found, group, "a group of `all`"))
        else:
            what = "each item of `all` must be a list of keywords, one of which must be said"
            example = f"[{group.value}]" if isinstance(group, Text) and group.value else "[late, delayed]"
            found.add(group, "wrong-type", what, f"Write {example}, in brackets.")
    return tuple(read)


def keyword(found: Findings, node: Node, name: str) -> Keyword | None:
    """A text, in which a star at an end counts, or a mapping."""
    if isinstance(node, Text):
        return _keyword(found, node, None, False, False)
    if isinstance(node, Sequence):
        what = f"a keyword in {name} must be a text, and here is a list"
        found.add(node, "wrong-type", what, "Write `- ` once before each keyword.")
        return None
    known = ("keyword", "case", "match", "accents")
    if not any(key.value in known for key, _ in node.pairs):
        what = "a keyword with braces, or with a colon and a space, needs quotes"
        found.add(node, "wrong-type", what, _in_quotes(node))
        return None
    read = pairs(found, node, known, "a keyword")
    case = one_of(found, read["case"], "`case`", ("sensitive", "insensitive")) if "case" in read else None
    accents = one_of(found, read["accents"], "`accents`", ("fold", "exact")) if "accents" in read else None
    match = one_of(found, read["match"], "`match`", _MATCH) if "match" in read else None
    if "keyword" not in read:
        found.add(node, "no-keyword", "`keyword` is missing", "Write {keyword: RMA, case: sensitive}.")
        return None
    written = read["keyword"]
    if not isinstance(written, Text):
        found.add(
            written,
            "wrong-type",
            f"a keyword must be a text, and here is {kind_of(written)}",
            "Write one text.",
        )
        return None
    return _keyword(found, written, cast(MatchKind | None, match), case == "sensitive", accents == "exact")


def _in_quotes(node: Mapping) -> str:
    """What to write where YAML took a text for a mapping."""
    key, value = node.pairs[0] if node.pairs else (None, None)
    if key is not None and ":" in key.value:
        return "If it is a mapping, put a space after the colon; if not, put it in quotes."
    if key is None or not isinstance(value, Text) or not value.value:
        return "Put it in quotes."
    return f"Put it in quotes: {quoted(f'{key.value}: {value.value}')}"


def _keyword(
    found: Findings, node: Text, match: MatchKind | None, case_sensitive: bool, accents_exact: bool
) -> Keyword | None:
    written = node.value
    searched = written.strip()
    kind: MatchKind = match or "word"
    if match is None and "*" in written:
        left, right = searched.startswith("*"), searched.endswith("*") and len(searched) > 1
        searched = searched[left : len(searched) - right].strip()
        if "*" in searched or not searched:
            what = f"{shown(written)}: a star may stand only at the ends of a keyword, and not alone"
            literal = f"{{keyword: {quoted(written)}, match: word}}"
            advice = f"Write each form as a keyword of its own; if the sign itself is meant, {literal}."
            found.add(node, "star", what, advice)
            return None
        kind = _STARS[left, right]
    if _is_no_keyword(found, node, searched):
        return None
    return Keyword(
        written, searched, kind, case_sensitive, accents_exact, found.place(node), match is not None
    )


def _is_no_keyword(found: Findings, node: Text, searched: str) -> bool:
    if not searched:
        advice = "Delete the line, or write a keyword. A keyword that begins with # needs quotes."
        found.add(node, "empty-keyword", "the keyword is empty", advice)
    elif len(searched) > KEYWORD_CHARS_MAX:
        what = f"the keyword has {len(searched):,} characters; the limit is {KEYWORD_CHARS_MAX}"
        found.add(node, "too-long", what, "Shorten it. A whole message belongs under `canned`.")
    elif node.plain and node.lines > 1:
        what = f"the keyword runs over {node.lines} lines"
        found.add(node, "two-lines", what, "Begin each keyword with `- `, or put this one in quotes.")
    elif not searched.isascii() and not fold(searched).text.strip():
        what = "the keyword has only characters that are not searched for"
        found.add(node, "empty-keyword", what, "Delete it; it may hold invisible characters only.")
    else:
        return False
    return True
