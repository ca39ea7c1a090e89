"""What a rule names in its decisions, and where each of it stands in the keyword files."""

from collections.abc import Iterable, Iterator
from itertools import chain

from tagger.core.rules.model import Rule
from tagger.core.rules.problems import Place

# (id of the rule, keyword or canned response as written) → file, line and column.
Places = dict[tuple[str, str], Place]


def named_by(rule: Rule) -> Iterator[tuple[str, Place]]:
    """Everything that can be a reason of the rule, as decisions name it: keywords, and texts of canned responses."""
    for keyword in chain(rule.any, *rule.all):
        yield keyword.written, keyword.place
    for canned in rule.canned:
        yield canned.text, canned.place


def places_of(rules: Iterable[Rule]) -> Places:
    """The place of everything that a reason or a near miss can name, in any set of files that was parsed.

    Where a rule has the same twice, its first place, and one under `any`, `all` or `canned` before one under `none`
    or `ignore`: only those make a rule hold.
    """
    places: Places = {}
    for rule in rules:
        for name, place in named_by(rule):
            places.setdefault((rule.id, name), place)
        for keyword in (*rule.none, *rule.ignore):
            places.setdefault((rule.id, keyword.written), keyword.place)
    return places
