"""How keyword files work, on one screen, for whoever has only the page before them. config/README.md tells all of it."""

from typing import Final, NamedTuple

from aiohttp import web

from tagger.web.frame import shown

routes = web.RouteTableDef()

RULE: Final = """\
version: 1                      # the first line of every file
rules:
  - id: refund                  # the rule's name in reports; keep it
    tag: Refund                 # spelled exactly as in LiveChat
    any:                        # one of these must be said
      - refund
      - money back
    tests:                      # must pass, or the file is refused
      - match: "I want a REFUND!"
      - match: "my money back, please"
      - absent: "is it refundable?"
"""


class Example(NamedTuple):
    """A keyword as it is written in a file, a text that has it, and one that nearly has."""

    written: str
    found: str
    missed: str


KEYWORDS: Final = (
    Example("refund", "REFUND, please!", "refunds"),
    Example("refund*", "refundable", "prerefund"),
    Example('"*erstattung"', "Rückerstattung", "Erstattungen"),
    Example("money back", "Money  BACK!", "back, money"),
    Example("café", "CAFE", "cafés"),
    Example("返金", "返金をお願いします", "入金"),
    Example("환불*", "환불은 언제", "교환"),
    Example("{keyword: RMA, case: sensitive}", "my RMA", "rma"),
)


class RuleKey(NamedTuple):
    """A key of a rule, and what it says."""

    name: str
    says: str


REQUIRE: Final = (
    RuleKey("any", "One of these must be said."),
    RuleKey("all", "One of each list must be said, anywhere in the chat."),
    RuleKey("none", "The rule does not hold if anyone says one of these."),
    RuleKey("ignore", "Words inside these phrases do not count."),
    RuleKey("canned", "An agent must send this canned response. %name% stands for what LiveChat fills in."),
    RuleKey("min_matches", "How often keywords must be said, in the whole chat."),
    RuleKey("from", "Whose words count: customer (the default), agent, or any for everyone."),
    RuleKey("links", "With ignore, words inside web addresses do not count."),
    RuleKey("groups", "Only chats of the LiveChat groups with these numbers."),
    RuleKey("expires", "The last day of the rule, such as 2027-03-31, in UTC."),
    RuleKey(
        "dry_run", "With true, the rule is on trial: what it would have done is recorded, and it sets no tag."
    ),
    RuleKey("owner", "Whom to ask about the rule."),
    RuleKey("tests", "What the rule must do in a text: with match it must hold, with absent it must not."),
)


@routes.get("/manual")
async def manual(request: web.Request) -> web.Response:
    """The screen."""
    return shown(request, "manual.html", {"rule": RULE, "keywords": KEYWORDS, "require": REQUIRE})
