"""The tests of rules: does each rule fire on what it must, and on nothing else?

A test is decided by the same `Decider` as a real chat. It is about its own rule only, and runs even if that rule
is a dry run, has expired, or is for certain groups.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.automaton import Matcher
from tagger.core.matching.decide import Decider, NearMiss, Reason
from tagger.core.matching.why_not import worded
from tagger.core.rules.model import Keyword, Rule, RuleTest
from tagger.core.rules.problems import Place, Problem, shown

BEFORE_ANY_EXPIRY_MS: Final = 0
_THREAD: Final = ThreadKey("", "test", "test")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test."""

    rule: Rule
    test: RuleTest
    because: tuple[Reason, ...]  # the rule's own hits, if it fired
    near_misses: tuple[NearMiss, ...] = ()  # of this rule; only where the test failed

    @property
    def fired(self) -> bool:
        """Whether the rule fired."""
        return bool(self.because)

    @property
    def passed(self) -> bool:
        """Whether it did what the test asks."""
        return self.fired == (self.test.expect == "match")

    @property
    def expected(self) -> str:
        """What the test asks, in words."""
        return "should fire" if self.test.expect == "match" else "should not fire"

    @property
    def reason(self) -> str:
        """Why the rule fired, or did not, in a few words; nothing of what the test says but the keywords."""
        if self.fired:
            return f"fired on {_once(shown(hit.keyword) for hit in self.because)}"
        if not self.near_misses:
            return "did not fire: no keyword was found"
        return (
            f"did not fire: {_once(f'{shown(no.keyword)} ({worded(no.why_not)})' for no in self.near_misses)}"
        )

    def __str__(self) -> str:
        at = self.test.place
        return f"{at.file}:{at.line}:{at.column}: {self.rule.id} {self.expected}, but it {self.reason}"


def _once(parts: Iterable[str]) -> str:
    """The parts, each once, in order."""
    return ", ".join(dict.fromkeys(parts))


def run_tests(decider: Decider) -> list[Outcome]:
    """The tests that fail; a set of rules with any must not come into force."""
    return [outcome for rule in decider.rules for outcome in outcomes(decider, rule) if not outcome.passed]


def outcomes(decider: Decider, rule: Rule) -> list[Outcome]:
    """Every test of one of the decider's rules."""
    return [_outcome(decider, rule, test) for test in rule.tests]


def conversation_of(rule: Rule, test: RuleTest) -> Conversation:
    """What is said in a test, in a group that the rule is for; event ids are 1, 2, …"""
    said = tuple(Said(str(number), author, (text,)) for number, (author, text) in enumerate(test.said, 1))
    return Conversation(_THREAD, said, rule.groups)


def _outcome(decider: Decider, rule: Rule, test: RuleTest) -> Outcome:
    conversation = conversation_of(rule, test)
    decision = decider.decide(conversation, BEFORE_ANY_EXPIRY_MS)
    outcome = Outcome(rule, test, tuple(hit for hit in decision.because if hit.rule == rule.id))
    if outcome.passed:
        return outcome
    decision = decider.decide(conversation, BEFORE_ANY_EXPIRY_MS, explain=True)
    near_misses = tuple(no for no in decision.near_misses if no.rule == rule.id)
    return Outcome(rule, test, outcome.because, near_misses)


def uncovered(rule: Rule, results: Sequence[Outcome]) -> Iterator[Problem]:
    """Keywords and canned responses that no test fires on, and phrases of `none` and `ignore` that no test contains.

    results   the outcomes of all tests of the rule
    """
    fired = {hit.keyword for result in results if result.test.expect == "match" for hit in result.because}
    for keyword in (*rule.any, *(keyword for group in rule.all for keyword in group)):
        if keyword.written not in fired:
            yield _untested(keyword.place, f"no test fires on the keyword {shown(keyword.written)}", "match")
    for canned in rule.canned:
        if canned.text not in fired:
            yield _untested(
                canned.place, f"no test fires on the canned response {shown(canned.text)}", "match"
            )
    for part, keywords in (("none", rule.none), ("ignore", rule.ignore)):
        had = _had(keywords, results)
        for at, keyword in enumerate(keywords):
            if at not in had:
                yield _untested(
                    keyword.place, f"no test contains {shown(keyword.written)} of `{part}`", "absent"
                )


def _untested(place: Place, text: str, expect: str) -> Problem:
    return Problem(place, "no-test", text, f'Add a text that contains it under `tests:`: - {expect}: "…"')


def _had(keywords: Sequence[Keyword], results: Sequence[Outcome]) -> set[int]:
    matcher = Matcher(keywords)
    texts = (text for result in results for _, text in result.test.said)
    return {hit.keyword for text in texts for hit in matcher.find(text)}
