"""Why something that was found does not count: a kind for programs; a sentence, with the cure, for people.

The kinds are stable: `tagger explain --format json` has them as `reason`, and the manual lists them.
"""

from typing import Final, Literal, NamedTuple

Kind = Literal[
    # of the words
    "inside_a_word",
    "inside_an_emoji",
    "plural",
    "case_differs",
    "accents_differ",
    "case_and_accents_differ",
    "too_few_words",
    # of where they are, and who said them
    "inside_a_link",
    "ignored",
    "other_author",
    # of the rule
    "group_unknown",
    "other_group",
    "expired",
    "incomplete",
    "none_said",
    "any_missing",
    "all_missing",
    "canned_missing",
    "too_few_matches",
    "asks_for_nothing",
]


class WhyNot(NamedTuple):
    """The kind, and what its sentence needs. Two of one kind have the same values."""

    kind: Kind
    value: str = ""  # the author; the phrase of `ignore`, the keyword of `none`; the groups; the last day
    has: int = 0  # words of a canned response, matches
    needed: int = 0  # as many as this; the list of `all` that is missing, from 1
    of: int = 0  # words that a canned response has
    cure: str = (
        ""  # written in the keyword file, in place of the keyword or as a key, it makes this one count
    )


SENTENCES: Final[dict[Kind, str]] = {
    "inside_a_word": "inside a word",
    "inside_an_emoji": "inside an emoji",
    "plural": "a plural",
    "case_differs": "case differs",
    "accents_differ": "accents differ",
    "case_and_accents_differ": "case and accents differ",
    "too_few_words": "{has} of {of} words of the canned response, {needed} needed",
    "inside_a_link": "inside a link",
    "ignored": "inside `{value}` of `ignore`",
    "other_author": "said by the {value}",
    "group_unknown": "the thread's group is not known",
    "other_group": "the thread began in group {value}, not one of `groups`",
    "expired": "the rule expired on {value}",
    "incomplete": "something may be missing, and the rule has `none`",
    "none_said": "a keyword of `none` was said: {value}",
    "any_missing": "no keyword of `any` was said",
    "all_missing": "group {needed} of `all` was never said",
    "canned_missing": "no canned response of the rule was sent",
    "too_few_matches": "min_matches {has} of {needed}",
    "asks_for_nothing": "the rule asks for nothing",
}


def worded(why_not: WhyNot) -> str:
    """Why it does not count, and what to write so that it does: `inside a word; refund* would find it`."""
    return f"{why(why_not)}; {why_not.cure} {effect(why_not)}" if why_not.cure else why(why_not)


def why(why_not: WhyNot) -> str:
    """Why it does not count: `inside a word`."""
    return SENTENCES[why_not.kind].format(**why_not._asdict())


def effect(why_not: WhyNot) -> str:
    """What its cure does: `would find it`."""
    return f"would {'find' if why_not.kind in _OF_THE_WORDS else 'count'} it"


_OF_THE_WORDS: Final = frozenset[Kind]({"inside_a_word", "plural"})
