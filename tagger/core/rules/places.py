"""Where each keyword and canned response stands in the keyword files."""

from collections.abc import Iterable
from itertools import chain

from tagger.core.rules.model import Rule
from tagger.core.rules.problems import Place

# (id of the rule, keyword or canned response as written) → file, line and column.
Places = dict[tuple[str, str], Place]


def places_of(rules: Iterable[Rule]) -> Places:
    """The place of everything that a reason or a near miss can name, in any set of files that was parsed.

    Where a rule has the same twice, its first place, and one under `any`, `all` or `canned` before one under `none`
    or `ignore`: only those make a rule hold.
    """
    places: Places = {}
    for rule in rules:
        for keyword in chain(rule.any, *rule.all):
            places.setdefault((rule.id, keyword.written), keyword.place)
        for canned in rule.canned:
            places.setdefault((rule.id, canned.text), canned.place)
        for keyword in (*rule.none, *rule.ignore):
            places.setdefault((rule.id, keyword.written), keyword.place)
    return places
