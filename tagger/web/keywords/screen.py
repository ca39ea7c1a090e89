"""What "Keywords" shows: the period, what never matched, and each rule with its keywords. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from tagger.core.matching.explain import short
from tagger.core.review.daily import Day, added_up
from tagger.core.review.statistics import RuleUse, Use
from tagger.core.rules.model import Rule, RuleSet
from tagger.core.rules.parse import keywords_of
from tagger.core.rules.places import Places, named_by, places_of
from tagger.web.keywords.ages import Ages
from tagger.web.keywords.asked import Asked
from tagger.web.keywords.plots import Bar, Spark, days, spark
from tagger.web.source import Source, file_name, source_of
from tagger.web.times import DAY_MS, day_name

NEVER_FIRST: Final = 20  # of what never matched, before somebody asks for all of it
NEVER_MAX: Final = 1_000  # the rest is counted, and in the CSV
RULES_MAX: Final = 500  # shown at once
KEYWORDS_MAX: Final = 1_000  # of the rule that is open
CORRECTED_SHARE: Final = 0.05  # of a rule's chats; more corrections than that are bold
NEW_MS: Final = 14 * DAY_MS  # a keyword younger than this is called new


class Never(NamedTuple):
    """A rule or keyword that matched in no chat."""

    keyword: str  # "": the whole rule
    rule: str
    tag: str
    trial: bool
    keywords: int  # of a whole rule
    since: str  # "" if unknown
    note: str
    source: Source | None


class RuleRow(NamedTuple):
    """A rule that matched."""

    id: str
    tag: str
    trial: bool
    use: RuleUse
    spark: Spark
    source: Source
    is_removed_often: bool
    is_added_often: bool


class KeywordRow(NamedTuple):
    """A keyword of the rule that is open."""

    keyword: str
    use: Use
    spark: Spark
    source: Source | None
    since: str


@dataclass(frozen=True, slots=True)
class Screen:
    """All of it."""

    total: Day
    bars: tuple[Bar, ...]
    most: int  # chats of the day that had most
    first_ms: int
    last_ms: int
    never: tuple[Never, ...]
    never_rules: int
    never_keywords: int
    rows: tuple[RuleRow, ...]
    matched: int  # rules that matched
    keywords: tuple[KeywordRow, ...]  # of the rule that is open
    keywords_left: int
    size: str  # "15 rules, 133 keywords and 151 tests in 3 files"


def screen(rules: RuleSet, counted: Mapping[int, Day], ages: Ages, asked: Asked, now_ms: int) -> Screen:
    """Show what is counted of the days that are asked for."""
    today = now_ms // DAY_MS
    period = [counted.get(day, Day()) for day in range(today - asked.days + 1, today + 1)]
    total, places = added_up(period), places_of(rules.rules)
    never = list(_never(rules, total, places, ages, now_ms))
    matched = [rule for rule in rules.rules if _use(total, rule).chats]
    ordered = sorted(matched, key=lambda rule: _order(asked.sort, rule, _use(total, rule)))
    keywords = [
        row
        for rule in rules.rules
        if rule.id == asked.rule
        for row in _keywords(rule, total, period, places, ages, now_ms)
    ]
    return Screen(
        total,
        days([day.chats - day.untagged for day in period], [day.chats for day in period]),
        max((day.chats for day in period), default=0),
        (today - asked.days + 1) * DAY_MS,
        today * DAY_MS,
        tuple(never[: NEVER_MAX if asked.never else NEVER_FIRST]),
        sum(not each.keyword for each in never),
        sum(bool(each.keyword) for each in never),
        tuple(_row(rule, total, period) for rule in ordered[:RULES_MAX]),
        len(matched),
        tuple(keywords[:KEYWORDS_MAX]),
        max(0, len(keywords) - KEYWORDS_MAX),
        size(rules),
    )


def size(rules: RuleSet) -> str:
    """`15 rules, 133 keywords and 151 tests in 3 files`."""
    keywords = sum(1 for rule in rules.rules for _ in keywords_of(rule))
    tests, files = (
        sum(len(rule.tests) for rule in rules.rules),
        len({rule.place.file for rule in rules.rules}),
    )
    of = ((len(rules.rules), "rule"), (keywords, "keyword"), (tests, "test"), (files, "file"))
    rule, keyword, test, file = (f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in of)
    return f"{rule}, {keyword} and {test} in {file}"


def _use(day: Day, rule: Rule) -> RuleUse:
    return day.rules.get((rule.id, rule.tag)) or RuleUse()


def _order(sort: str, rule: Rule, use: RuleUse) -> tuple[int, int, str]:
    by = {"alone": use.alone, "removed": use.removed, "added": use.added, "last": use.last_ms or 0, "rule": 0}
    return -by.get(sort, use.chats), -use.chats if sort != "rule" else 0, rule.id


def _never(rules: RuleSet, total: Day, places: Places, ages: Ages, now_ms: int) -> Iterator[Never]:
    """Whole rules first, then keywords, in the order of the files."""
    silent = [rule for rule in rules.rules if not _use(total, rule).chats]
    for rule in silent:
        count = sum(1 for _ in named_by(rule))
        since, note = _since(ages, (rule.id, "")), _note_of(rule, ages, now_ms)
        yield Never("", rule.id, rule.tag, rule.dry_run, count, since, note, _source(rule))
    for rule in rules.rules:
        use = _use(total, rule)
        for word in dict(named_by(rule)) if use.chats else ():
            if word not in use.keywords:
                key = (rule.id, word)
                source = source_of(places.get(key))
                note = _new(ages, key, now_ms)
                yield Never(short(word), rule.id, rule.tag, rule.dry_run, 0, _since(ages, key), note, source)


def _note_of(rule: Rule, ages: Ages, now_ms: int) -> str:
    """Why a whole rule may be silent."""
    notes = []
    if rule.expires is not None and rule.expires < datetime.fromtimestamp(now_ms / 1000, UTC).date():
        notes.append(f"Expired on {rule.expires}")
    if rule.groups is not None:
        groups = sorted(rule.groups)
        notes.append(f"Only group{'s' if len(groups) > 1 else ''} {', '.join(map(str, groups))}")
    return "; ".join([*notes, *filter(None, [_new(ages, (rule.id, ""), now_ms)])])


def _new(ages: Ages, key: tuple[str, str], now_ms: int) -> str:
    """Says that something is too young to have matched often."""
    since = ages.since_ms.get(key)
    if since is None:
        return "Not in force yet" if ages.since_ms else ""
    if since <= ages.oldest_ms or now_ms - since > NEW_MS:
        return ""
    passed = (now_ms - since) // DAY_MS
    return (
        f"In force for only {passed} day{'' if passed == 1 else 's'}"
        if passed
        else "In force only since today"
    )


def _since(ages: Ages, key: tuple[str, str]) -> str:
    """`23 Nov`; of what is as old as the oldest set that is known, it may be longer."""
    since = ages.since_ms.get(key)
    if since is None:
        return ""
    return f"{day_name(since)} or before" if since <= ages.oldest_ms else day_name(since)


def _row(rule: Rule, total: Day, period: Sequence[Day]) -> RuleRow:
    use = _use(total, rule)
    bound = CORRECTED_SHARE * use.chats
    plot = spark([_use(day, rule).chats for day in period])
    return RuleRow(
        rule.id, rule.tag, rule.dry_run, use, plot, _source(rule), use.removed > bound, use.added > bound
    )


def _source(rule: Rule) -> Source:
    return Source(file_name(rule.place.file), rule.place.line)


def _keywords(  # noqa: PLR0913, PLR0917 - all there is
    rule: Rule, total: Day, period: Sequence[Day], places: Places, ages: Ages, now_ms: int
) -> list[KeywordRow]:
    """Fewest chats first."""
    uses, rows = _use(total, rule).keywords, []
    of_days = [_use(day, rule).keywords for day in period]
    for word in dict(named_by(rule)):
        source = source_of(places.get((rule.id, word)))
        plot = spark([day[word].chats if word in day else 0 for day in of_days])
        rows.append(
            KeywordRow(short(word), uses.get(word, Use()), plot, source, _new(ages, (rule.id, word), now_ms))
        )
    return sorted(rows, key=lambda row: row.use.chats)
