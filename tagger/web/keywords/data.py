"""What "Keywords" shows, for programs and spreadsheets: the columns of `tagger stats`, and where each stands. Pure."""

from collections.abc import Iterator
from typing import Any, Final

from tagger.core.records.decision import rfc3339
from tagger.core.review.daily import Day
from tagger.core.review.statistics import RuleUse, Use
from tagger.core.rules.model import RuleSet
from tagger.core.rules.places import named_by, places_of
from tagger.web.keywords.ages import Ages
from tagger.web.source import file_name

HEADER: Final = (
    *("rule", "keyword", "tag", "chats", "only_this", "last_match", "removed", "added"),
    *("in_force_since", "file", "line"),
)
Row = tuple[str | int | None, ...]


def rows(rules: RuleSet, total: Day, ages: Ages) -> Iterator[Row]:
    """A row a rule, with an empty keyword, and below it one for each of its keywords."""
    places = places_of(rules.rules)
    for rule in rules.rules:
        use, file = total.rules.get((rule.id, rule.tag)) or RuleUse(), file_name(rule.place.file)
        more = (use.removed, use.added, _at(ages.since_ms.get((rule.id, ""))), file, rule.place.line)
        yield rule.id, "", rule.tag, use.chats, use.alone, _at(use.last_ms), *more
        for word in dict(named_by(rule)):
            its, place = use.keywords.get(word) or Use(), places[rule.id, word]
            since = _at(ages.since_ms.get((rule.id, word)))
            yield (
                rule.id,
                word,
                rule.tag,
                its.chats,
                its.alone,
                _at(its.last_ms),
                None,
                None,
                since,
                file,
                place.line,
            )


def as_json(rules: RuleSet, total: Day, ages: Ages) -> dict[str, Any]:
    """The same as one value."""
    return {
        "config": rules.hash,
        "chats": total.chats,
        "untagged": total.untagged,
        "removed": total.removed,
        "added": total.added,
        "rows": [dict(zip(HEADER, row, strict=True)) for row in rows(rules, total, ages)],
    }


def _at(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)
