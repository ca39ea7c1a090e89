"""A keyword of a rule: what it is, and how one is read under `any`, `all`, `none` and `ignore`.

It is written as a text in which a star at an end counts, or as a mapping with `case`, `match` and `accents`.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from tagger.core.folding.fold import fold
from tagger.core.rules.fields import REQUIRED, Key, Kind, kind_of, list_of, one_of, schema_of, text, values
from tagger.core.rules.problems import NOWHERE, Findings, Place, shown
from tagger.core.rules.quotes import escape_advice, quoted
from tagger.core.rules.yaml_document import Mapping, Node, Sequence, Text

KEYWORD_CHARS_MAX: Final = 200  # a sentence; whatever is longer belongs under `canned`

MatchKind = Literal["word", "prefix", "suffix", "anywhere"]
_STARS: Final[dict[tuple[bool, bool], MatchKind]] = {
    (False, True): "prefix",
    (True, False): "suffix",
    (True, True): "anywhere",
}


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword, after its star shorthand was read."""

    written: str  # as it stands in the file: what people see in decisions and in `explain`
    text: str  # what is searched, before folding: `written` without an edge star
    match: MatchKind = "word"
    case_sensitive: bool = False
    accents_exact: bool = False
    place: Place = NOWHERE
    match_given: bool = False  # whether the file names `match`, or that is the default or a star


def _written(found: Findings, node: Node, _name: str) -> Text | None:
    if isinstance(node, Text):
        return node
    found.add(
        node, "wrong-type", f"a keyword: expected text, found {kind_of(node)}", "Write a word or a phrase."
    )
    return None


_WRITTEN: Final = Kind(_written, text(KEYWORD_CHARS_MAX).schema)
_WORD: Final = "A word or phrase."
_KEYS: Final = {
    "keyword": Key(_WRITTEN, _WORD, REQUIRED),
    "case": Key(one_of("sensitive", "insensitive"), "Whether RMA and rma differ."),
    "match": Key(one_of(*get_args(MatchKind)), "Where it may stand in a word."),
    "accents": Key(one_of("fold", "exact"), "Whether é and e differ."),
}
KEYWORD_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [{"description": _WORD, **_WRITTEN.schema}, schema_of(_KEYS)]
}


def _keyword(found: Findings, node: Node, name: str) -> Keyword | None:
    if isinstance(node, Text):
        return _of_text(found, node, {})
    if isinstance(node, Sequence):
        what = f"{name}: expected text, found a list"
        found.add(node, "wrong-type", what, "Write `- ` once before each keyword.")
        return None
    if not any(key.value in _KEYS for key, _ in node.pairs):
        what = "a keyword that contains braces, or a colon and a space, needs quotes"
        found.add(node, "wrong-type", what, _in_quotes(node))
        return None
    read = values(found, node, _KEYS, "a keyword")
    if "keyword" not in read:
        found.add(node, "no-keyword", "`keyword` is missing", "Write {keyword: RMA, case: sensitive}.")
        return None
    written = read.pop("keyword")
    return written and _of_text(found, written, read)


def _in_quotes(node: Mapping) -> str:
    """What to write where YAML took a text for a mapping."""
    key, value = node.pairs[0] if node.pairs else (None, None)
    if key is not None and ":" in key.value:
        return "If it is a mapping, put a space after the colon; otherwise put it in quotes."
    if key is None or not isinstance(value, Text) or not value.value:
        return "Put it in quotes."
    return f"Put it in quotes: {quoted(f'{key.value}: {value.value}')}"


def _of_text(found: Findings, node: Text, options: dict[str, Any]) -> Keyword | None:
    written = node.value
    searched = written.strip()
    match: MatchKind | None = options.get("match")
    kind: MatchKind = match or "word"
    if node.escaped:
        raw = written.replace("\n", "\\n").replace("\t", "\\t")
        what = "a backslash is special inside double quotes: \\n is a line break, \\t a tab"
        found.add(node, "escape", what, escape_advice(raw))
        return None
    if match is None and "*" in written:
        left, right = searched.startswith("*"), searched.endswith("*") and len(searched) > 1
        searched = searched[left : len(searched) - right].strip()
        if "*" in searched or not searched:
            what = f"{shown(written)}: a star is allowed only at the ends of a keyword, and not alone"
            literal = f"{{keyword: {quoted(written)}, match: word}}"
            advice = f"Write each form as a separate keyword; for a literal star, write {literal}."
            if (ends := written.replace(".*", "*")) != written and "*" not in ends.strip("*"):
                advice = f"Write {quoted(ends)}, without a full stop."
            found.add(node, "star", what, advice)
            return None
        kind = _STARS[left, right]
    if _is_no_keyword(found, node, searched):
        return None
    sensitive, exact = options.get("case") == "sensitive", options.get("accents") == "exact"
    return Keyword(written, searched, kind, sensitive, exact, found.place(node), match is not None)


def _is_no_keyword(found: Findings, node: Text, searched: str) -> bool:
    if not searched:
        advice = "Write a keyword, or delete the line. A keyword that starts with # needs quotes."
        found.add(node, "empty-keyword", "the keyword is empty", advice)
    elif len(searched) > KEYWORD_CHARS_MAX:
        what = f"the keyword is {len(searched):,} characters long; the limit is {KEYWORD_CHARS_MAX}"
        found.add(node, "too-long", what, "Shorten it. A whole message belongs under `canned`.")
    elif node.plain and node.lines > 1:
        what = f"the keyword spans {node.lines} lines"
        found.add(node, "two-lines", what, "Start each keyword with `- `, or put this one in quotes.")
    elif not searched.isascii() and not fold(searched).text.strip():
        what = "the keyword contains only characters that matching ignores"
        found.add(node, "empty-keyword", what, "Delete it; it may contain only invisible characters.")
    else:
        return False
    return True


def _group(found: Findings, node: Node, name: str) -> tuple[Keyword, ...] | None:
    if isinstance(node, Sequence):
        keywords: tuple[Keyword, ...] = KEYWORDS.read(found, node, name)
        return keywords
    what = "each item of `all` must be a list of keywords"
    example = f"[{node.value}]" if isinstance(node, Text) and node.value else "[late, delayed]"
    found.add(node, "wrong-type", what, f"Write {example}, in brackets.")
    return None


# The schemas stand once, under these names in `schema.json_schema`.
_ITEM: Final = Kind(_keyword, {"$ref": "#/$defs/keyword"})
KEYWORDS_SCHEMA: Final = list_of(_ITEM, "", "").schema
KEYWORDS: Final = Kind(
    list_of(_ITEM, "a keyword", '[refund, "money back"]').read, {"$ref": "#/$defs/keywords"}
)
KEYWORD_GROUPS: Final = list_of(
    Kind(_group, KEYWORDS.schema), "a group of `all`", "[[late, delayed], [parcel]]"
)
