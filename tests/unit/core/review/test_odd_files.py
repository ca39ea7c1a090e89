"""What people write wrong in keyword files: each mistake is named at its own line, and the cure that is given works.

A row is a mistake, the place and the code of what `check` says of it, and the cure: `advised` is in the advice,
`typed` is what a person then changes, and the rule must fire on `said`.
"""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.core.matching.decide import Decider
from tagger.core.review.lint import lint
from tagger.core.rules.parse import Problem, RuleSet, parse

TODAY: Final = date(2026, 11, 29)
HEAD: Final = "version: 1\nrules:\n"
RULE: Final = "  - id: r\n    tag: T\n    tests: [absent: zzz]\n    any:\n      - voucher\n"
FILE: Final = HEAD + RULE


def checked(content: bytes) -> tuple[RuleSet | None, list[Problem]]:
    read = parse({"a.yaml": content})
    return (read, lint(read, TODAY, DEFAULT_PLACEHOLDER)) if isinstance(read, RuleSet) else (None, read)


def fires(content: str, said: str) -> bool:
    rules, problems = checked(content.encode())
    assert rules is not None, [str(problem) for problem in problems]
    assert [str(problem) for problem in problems] == []
    heard = Said("1", rules.rules[0].from_ if rules.rules[0].from_ != "any" else "customer", (said,))
    return bool(Decider.compile(rules).decide(Conversation(ThreadKey("", "c", "t"), (heard,)), 0).because)


# Keyword as written | code | lines typed in its place, each of which the advice shows | texts that must then match
KEYWORDS: Final = [
    ('"money back",', "yaml", ['"money back"'], "money back"),
    ('"money back";', "yaml", ['"money back"'], "money back"),
    ('"money back".', "yaml", ['"money back"'], "money back"),
    ("'money back',", "yaml", ["'money back'"], "money back"),
    ('"money back" "late"', "yaml", ['"money back"', '"late"'], "money back|late"),
    ('"money back", "late"', "yaml", ['"money back"', '"late"'], "money back|late"),
    ("'money back', 'late', 'lost'", "yaml", ["'money back'", "'late'", "'lost'"], "money back|late|lost"),
    ('"money back" or "late"', "yaml", ['"money back"', '"late"'], "money back|late"),
    ('"money back" / "late"', "yaml", ['"money back"', '"late"'], "money back|late"),
    ('"money" back', "yaml", ['"money back"'], "money back"),
    ("'don't ship'", "yaml", ['"don\'t ship"'], "don't ship"),
    ('"money back', "yaml", ['"money back"'], "money back"),
    ("'money back", "yaml", ['"money back"'], "money back"),
    ('money back"', "quote-inside", ["money back"], "money back"),
    ("'\"refund\"'", "quote-inside", ["refund"], "refund"),
    ("“money back”", "smart-quotes", None, "money back"),
    ('"\\refund"', "escape", ['"refund"'], "refund"),
    ('"\\refund"', "escape", ["'\\refund'"], "a \\refund"),
    ('"\\new offer"', "escape", ['"new offer"'], "new offer"),
    ('"\\bank"', "escape", ['"ank"'], "ank"),
    ('"\\temp"', "escape", ["'\\temp'"], "\\temp"),
    ('"50\\% off"', "yaml", ['"50% off"'], "50% off"),
    ('"50\\% off"', "yaml", ["'50\\% off'"], "50\\% off"),
    ("refund, money back, chargeback", "several-keywords", ["refund", "money back", "chargeback"], "refund|chargeback"),
    ("refund, return", "several-keywords", ["refund", "return"], "refund|return"),
    ("refund; return", "several-keywords", ["refund", "return"], "refund|return"),
    ("refund | return", "several-keywords", ["refund", "return"], "refund|return"),
    ("refund|return", "several-keywords", ["refund", "return"], "refund|return"),
    ("refund OR return", "several-keywords", ["refund", "return"], "refund|return"),
    ("“refund”, “return”", "several-keywords", ["refund", "return"], "refund|return"),
    ("返金、返品", "several-keywords", ["返金", "返品"], "返金|返品"),
    ("refund, return", "several-keywords", ['{keyword: "refund, return", match: word}'], "refund, return"),
    ("refund,", "trailing-sign", ["refund"], "refund"),
    ("refund(s|ed)?", "expression", ["refunds", "refunded", "refund"], "refund|refunded"),
    ("/refund/i", "expression", ["refund"], "REFUND"),
    ("^refund$", "expression", ["refund"], "refund"),
    ("refund.*", "expression", ["refund*"], "refundable"),
    ("'.*fund'", "star", ['"*fund"'], "refund"),
    ("'\\brefund\\b'", "expression", ["refund"], "refund"),
    ("colou?r", "expression", ["colour", "color"], "color|colour"),
    ("refund[s]?", "expression", ["refunds", "refund"], "refunds|refund"),
    ("'%name%'", None, None, "%name%"),
    ("%off", "yaml", ['"%off"'], "%off"),
    ("@me", "yaml", ['"@me"'], "@me"),
    ("room #5", "comment", ['"room #5"'], "room #5"),
    ("re: order", "wrong-type", ['"re: order"'], "re: order"),
    ("re*fund", "star", ['{keyword: "re*fund", match: word}'], "re*fund"),
    ("환불", "hangul-particle", ["환불*"], "환불은"),
    ("{keyword: 返金, match: word}", "word-without-spaces", None, "返金"),
]  # fmt: skip
FINE: Final = [
    "no, thanks", "sorry, wrong chat", "1,000 points", "AC/DC", "24/7", "c++", "T&C", "27\" monitor",
    "terms and conditions", "RMA AND DOA", ":)", "refund?", "(refund)", "shop.example/refund", "don't",
    "I want it, and I want it now", "$10", "5 %", "e-mail",
]  # fmt: skip


def with_keywords(*written: str) -> str:
    return FILE + "".join(f"      - {each}\n" for each in written) + "      - last\n"


@pytest.mark.parametrize(("written", "code", "typed", "said"), KEYWORDS)
def test_the_cure_of_a_keyword_makes_the_rule_fire(
    written: str, code: str | None, typed: list[str] | None, said: str
) -> None:
    _, problems = checked(with_keywords(written).encode())
    assert [(problem.code, problem.place.line) for problem in problems] == ([(code, 8)] if code else [])
    for each in typed or []:
        assert each in problems[0].advice
    lines = typed or [re.sub("[“”]", '"', written.replace(", match: word", ""))]
    for text in said.split("|"):
        assert fires(with_keywords(*lines), text)


@pytest.mark.parametrize("written", FINE)
def test_an_ordinary_keyword_gives_no_warning(written: str) -> None:
    assert checked(with_keywords(f"'{written.replace(chr(39), chr(39) * 2)}'").encode())[1] == []


class Odd(NamedTuple):
    """A file, what is said of it, and what a person then changes in it."""

    content: str
    place: tuple[int, int]
    code: str
    advised: str
    typed: tuple[str, str]  # what is replaced, everywhere; by what
    said: str = "refund"


ITEM: Final = "      - refund\n"
OTHER: Final = RULE.replace("id: r", "id: r2").replace("voucher", "refund")
LIST: Final = FILE.replace("any:\n      - voucher\n", "any: {}\n")
FILES: Final = {
    "non-breaking spaces before an item": Odd(
        FILE + ITEM.replace(" ", "\u00a0", 6), (8, 1), "yaml", "type spaces", ("\u00a0", " ")
    ),
    "en spaces before a key": Odd(
        FILE.replace("    any", "\u2002" * 4 + "any") + ITEM, (6, 1), "yaml", "type spaces", ("\u2002", " ")
    ),
    "a non-breaking space behind a dash": Odd(
        FILE + ITEM.replace("- ", "-\u00a0"), (8, 8), "yaml", "type spaces", ("\u00a0", " ")
    ),
    "a non-breaking space behind a colon": Odd(
        FILE.replace("tag: T", "tag:\u00a0T") + ITEM, (4, 9), "yaml", "type spaces", ("\u00a0", " ")
    ),
    "an ideographic space before an item": Odd(
        FILE + "\u3000" * 3 + ITEM.strip() + "\n", (8, 1), "yaml", "type spaces", ("\u3000", "  ")
    ),
    "a byte order mark in the middle": Odd(
        FILE.replace("any:", "\ufeffany:") + ITEM, (6, 5), "yaml", "type spaces", ("\ufeff", "")
    ),
    "a zero width space before the first key of all": Odd(
        "\u200b" + FILE + ITEM, (1, 1), "yaml", "type spaces", ("\u200b", "")
    ),
    "a tab before an item": Odd(FILE + "\t- refund\n", (8, 1), "yaml", "with spaces", ("\t", "      ")),
    "a tab before a key": Odd(
        FILE.replace("    any", "\tany") + ITEM, (6, 1), "yaml", "with spaces", ("\t", "    ")
    ),
    "a tab behind a dash": Odd(FILE + "      -\trefund\n", (8, 8), "yaml", "with spaces", ("\t", " ")),
    "an en dash before an item": Odd(FILE + ITEM.replace("-", "–"), (8, 7), "yaml", "- refund", ("–", "-")),
    "an em dash before all items": Odd(
        FILE.replace("- voucher", "— refund"), (7, 7), "wrong-type", "- refund", ("—", "-")
    ),
    "an en dash before the id": Odd(
        FILE.replace("- id", "– id") + ITEM, (3, 3), "yaml", "- id: r", ("–", "-")
    ),
    "a bullet some lines above what YAML cannot read": Odd(
        FILE + ITEM.replace("-", "•") + "      - late\n      - {keyword: RMA, case: sensitive}\n", (8, 7), "yaml",
        "- refund", ("•", "-"),
    ),
    "a bullet": Odd(FILE + ITEM.replace("-", "•"), (8, 7), "yaml", "- refund", ("•", "-")),
    "a star as a bullet": Odd(FILE + ITEM.replace("-", "*"), (8, 7), "yaml", "- refund", ("*", "-")),
    "numbers": Odd(FILE.replace("- voucher", "1. refund"), (7, 7), "wrong-type", "- refund", ("1.", "-")),
    "a dash without a space": Odd(FILE + "      -refund\n", (8, 8), "yaml", "- refund", ("-refund", "- refund")),
    "a fence": Odd(f"```yaml\n{FILE}{ITEM}```\n", (1, 1), "yaml", "Delete this line", ("```yaml\n", "")),
    "a quote that is closed by the next one": Odd(
        f'{FILE}      - "refund\n      - "late"\n', (8, 9), "yaml", '"refund"', ('"refund\n', '"refund"\n')
    ),
    "a quote that is closed lines below, behind texts in other quotes": Odd(
        f"{FILE}      - \"refund\n      - 'late'\n      - \"lost\"\n", (8, 9), "yaml", '"refund"', ('"refund\n', '"refund"\n')
    ),
    "an apostrophe that is closed lines below": Odd(
        f"{FILE}      - 'refund\n      - late\n      - don't\n", (8, 9), "yaml", '"refund"', ("'refund", '"refund"')
    ),
    "a quote that is open in a tag": Odd(
        f'{FILE}      - "refund"\n'.replace("tag: T", 'tag: "T'), (4, 10), "yaml", '"T"', ('"T', '"T"')
    ),
    "a quote that is open in a list": Odd(
        LIST.format('["refund, late]'), (6, 11), "yaml", '"refund"', ('"refund', '"refund"')
    ),
    "no comma in a list": Odd(
        LIST.format('["refund" "late"]'), (6, 19), "yaml", '"refund", "late"', ('" "', '", "')
    ),
    "a text and a comma in place of a list": Odd(
        LIST.format("refund, late"), (6, 10), "wrong-type", "[refund, late]", ("refund, late", "[refund, late]")
    ),
    "lines of text in place of a list": Odd(
        LIST.format("|\n      refund\n      late"), (6, 10), "wrong-type", "[refund, late]",
        ("|\n      refund\n      late", "[refund, late]"),
    ),
    "quoted texts in place of a list": Odd(
        LIST.format('"refund", "late"'), (6, 18), "yaml", '["refund", "late"]',
        ('"refund", "late"', '["refund", "late"]'),
    ),
    "two files joined": Odd(
        FILE + HEAD + OTHER, (8, 1), "repeated-key", "`rules:` below it", (f"      - voucher\n{HEAD}", "      - voucher\n")
    ),
    "two files joined by a line": Odd(
        f"{FILE}---\n{HEAD}{OTHER}", (8, 1), "second-document", "`rules:` below it", (f"---\n{HEAD}", "")
    ),
    "a second list of rules": Odd(
        f"{FILE}rules:\n{OTHER}", (8, 1), "repeated-key", "Delete this line", ("voucher\nrules:\n", "voucher\n")
    ),
    "case of a rule": Odd(
        FILE.replace("    any", "    case: sensitive\n    any"), (6, 5), "unknown-key",
        "Did you mean it for a keyword? Write {keyword: refund, case: sensitive}",
        ("    case: sensitive\n    any:\n      - voucher", "    any:\n      - {keyword: refund, case: sensitive}"),
    ),
    "match of a rule": Odd(
        FILE.replace("    any", "    match: prefix\n    any"), (6, 5), "unknown-key", "{keyword: refund, match: prefix}",
        ("    match: prefix\n    any:\n      - voucher", "    any:\n      - {keyword: refund, match: prefix}"),
    ),
    "a capital key": Odd(FILE.replace("any", "Any") + ITEM, (6, 5), "unknown-key", "`any`", ("Any", "any")),
    "a rule without its dash": Odd(
        "version: 1\nrules:\n    id: r\n    tag: T\n    tests: [absent: zzz]\n    any: [refund]\n", (3, 5),
        "wrong-type", "`- ` in front of `id`", ("    id", "  - id"),
    ),
    "no space behind a colon": Odd(FILE.replace("tag: T", "tag:T") + ITEM, (4, 9), "yaml", "tag: T", ("tag:T", "tag: T")),
    "an id with a space": Odd(
        FILE.replace("id: r", "id: My Refund") + ITEM, (3, 9), "bad-id", "`My-Refund`", ("My Refund", "My-Refund")
    ),
    "a sign as JSON writes it": Odd(
        LIST.format('["thanks \\ud83d\\udc4d"]'), (6, 19), "yaml", "Type 👍 itself",
        ("\\ud83d\\udc4d", "👍"), "Thanks 👍",
    ),
    "half a sign as JSON writes it": Odd(
        LIST.format('["thanks \\ud83d"]'), (6, 19), "yaml", "Type the character itself",
        ("\\ud83d", "👍"), "Thanks 👍",
    ),
    "AND": Odd(
        LIST.format("[refund AND late]"), (6, 11), "condition", "all: [[refund], [late]]",
        ("any: [refund AND late]", "all: [[refund], [late]]"), "the refund is late",
    ),
    "NOT": Odd(
        LIST.format("[refund NOT late]"), (6, 11), "condition", "none: [late]",
        ("any: [refund NOT late]", "any: [refund]\n    none: [late]"),
    ),
    "a link in a rule that ignores links": Odd(
        LIST.format("[refund, www.shop.example]\n    links: ignore"), (6, 19), "ignored-link", "Delete it",
        (", www.shop.example", ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize("odd", FILES.values(), ids=FILES)
def test_the_cure_of_a_file_makes_the_rule_fire(odd: Odd) -> None:
    _, problems = checked(odd.content.encode())
    assert [((one.place.line, one.place.column), one.code) for one in problems] == [(odd.place, odd.code)]
    assert odd.advised in problems[0].advice
    cured = odd.content.replace(*odd.typed).replace("\n```\n", "\n")
    assert fires(cured, odd.said) or fires(cured.replace(HEAD, HEAD, 1), odd.said)


def test_a_text_over_several_lines_is_not_blamed_for_an_error_below_it() -> None:
    text = '    canned:\n      - "Hi %name%,\n\n        your refund is on its way."\n'
    (problem,) = checked(f"{FILE}{text}    groups: [1\n".encode())[1]
    assert (problem.place.line, "is not closed" in problem.text) == (12, True)


def test_warnings_about_one_list_do_not_contradict_each_other() -> None:
    written = [
        "my refund please",
        "refund please now",
        "refund please",
        "Refund",
        "refund",
        '"refund*"',
        "REFUND",
    ]
    warnings = checked(with_keywords(*written).encode())[1]
    deleted = {warning.place.line for warning in warnings}
    kept = {int(line) for warning in warnings for line in re.findall(r"line (\d+)", warning.advice)}
    assert (deleted, kept) == ({8, 9, 10, 11, 12, 14}, {13})
    assert len(warnings) == len(deleted)


@pytest.mark.parametrize("id", ["refund", "Refund", "R2.d-2_x", "0"])
def test_an_id_may_be_what_the_message_says(id: str) -> None:
    assert fires(FILE.replace("id: r", f"id: {id}"), "voucher")
    (problem,) = checked(FILE.replace("id: r", "id: ä").encode())[1]
    assert "a to z, A to Z, 0 to 9 and - _ ." in problem.text


RULE_2: Final = OTHER.replace("tag: T", "tag: U")
LONG: Final = "Your parcel left our warehouse this morning and will arrive soon."
ORDERS: Final = (
    "version: 1\nrules:\n  - id: a\n    tag: A\n    any:\n      - order\n    tests: [absent: hi]\n"
    "  - id: b\n    tag: B\n    any: [broken]\n    tests: [absent: an order, absent: my order, absent: orders, "
    "match: broken order, match: the broken order]\n"
)
# Code | file | what the advice says | what a person then changes. The problem is gone then, and there is no other.
WORDS: Final = [
    ("alias", LIST.format("[*fund]"), 'Put it in quotes: "*fund"', ("*fund", '"*fund"')),
    ("anchor", LIST.format("[&x refund]"), "Put it in quotes", ("&x refund", '"&x refund"')),
    ("type-mark", LIST.format("[!x refund]"), "Put it in quotes", ("!x refund", '"!x refund"')),
    ("bad-date", FILE + "    expires: 31.3.2027\n", "Write it like 2027-03-31", ("31.3.2027", "2027-03-31")),
    ("bad-date", FILE + "    expires: 2027-02-30\n", "Check the calendar", ("02-30", "03-02")),
    ("bad-tag", FILE.replace("tag: T", 'tag: "T "'), "exactly as in LiveChat", ('"T "', "T")),
    ("bad-test", FILE.replace("absent: zzz", "zzz"), '- absent: "no, thanks"', ("zzz", 'absent: "no, thanks"')),
    ("control-character", FILE + "# \x07\n", "Delete it", ("\x07", "")),
    ("covered-keyword", with_keywords("voucher code"), "Delete it; line 7 covers it", ("      - voucher code\n", "")),
    ("empty", FILE + "    owner: ''\n", "Write some text, or delete the line", ("    owner: ''\n", "")),
    ("empty-file", "# nothing\n", "Write `version: 1` and `rules:`", ("# nothing\n", FILE)),
    ("empty-keyword", with_keywords('""'), "delete the line", ('      - ""\n', "")),
    ("empty-keyword", with_keywords("#tag"), "starts with # needs quotes", ("#tag", '"#tag"')),
    ("empty-keyword", with_keywords('"\u200b"'), "Delete it", ('      - "\u200b"\n', "")),
    ("empty-list", LIST.format("[]"), '[refund, "money back"]', ("[]", '[refund, "money back"]')),
    ("expired", FILE + "    expires: 2020-01-01\n", "give it a later date", ("2020", "2030")),
    ("file-kind", "<html></html>\n", "Save the keyword file itself", ("<html></html>\n", FILE)),
    ("file-kind", "{\\rtf1}", "Save it as plain text", ("{\\rtf1}", FILE)),
    ("fires-often", ORDERS, "Use a more specific phrase", ("- order\n", "- where is my order\n")),
    ("idle-ignore", FILE + "    ignore: [policy]\n", "including the keyword", ("[policy]", "[voucher policy]")),
    ("invisible-character", with_keywords("re\u00adfund"), "Retype the text", ("\u00ad", "")),
    ("key", LIST.format("[{[a b]: c}]"), "Put the text in quotes", ("{[a b]: c}", '"{[a b]: c}"')),
    ("missing-key", FILE.replace("    tag: T\n", ""), "Add `tag: …`", ("    any", "    tag: T\n    any")),
    ("mixed-scripts", with_keywords("rеfund"), "Retype the word", ("rеfund", "refund")),
    ("never-fires", FILE.replace("any", "none"), "Add at least one", ("none", "any")),
    ("never-fires", FILE + "    none: [voucher]\n", "Delete one of the two", ("    none: [voucher]\n", "")),
    ("no-absent-test", FILE.replace("absent: zzz", "match: voucher"), '- absent: "…"',
     ("[match", "[absent: zzz, match")),
    ("no-break-space", with_keywords("money\u00a0back"), "Type the space again", ("\u00a0", " ")),
    ("no-keyword", with_keywords("{case: sensitive}"), "{keyword: RMA, case: sensitive}",
     ("{case", "{keyword: RMA, case")),
    ("no-rules", "version: 1\n", "Write `rules:`, and the rules below it", ("version: 1\n", FILE)),
    ("no-version", FILE.replace("version: 1\n", ""), "Write `version: 1` on the first line",
     ("rules:", "version: 1\nrules:")),
    ("odd-placeholder", FILE + f"    canned: ['Hi {{{{name}}}}! {LONG}']\n", "Write it like %name%",
     ("{{name}}", "%name%")),
    ("one-letter", with_keywords("x"), "Use a longer keyword", ("- x\n", "- box\n")),
    ("repeated-id", FILE + OTHER.replace("r2", "r"), "Choose another id", ("voucher\n  - id: r\n", "voucher\n  - id: r2\n")),
    ("repeated-keyword", with_keywords("Voucher"), "Delete this one", ("      - Voucher\n", "")),
    ("canned-alike", FILE + f"    canned: ['{LONG}', '{LONG}']\n", "Delete one of the two", (f", '{LONG}'", "")),
    ("canned-alike", f"{FILE}    canned: ['{LONG}']\n{RULE_2}    canned: ['{LONG}']\n", "Add more of the text that differs",
     (f"refund\n    canned: ['{LONG}']", "refund\n    canned: ['We are sorry to say that nothing was sent at all.']")),
    ("short-canned", FILE + "    canned: ['All done now']\n", "Add more of its text", ("All done now", LONG)),
    ("short-open", with_keywords("ab*"), "Write more of the word", ("ab*", "abc*")),
    ("stop-word", with_keywords("hello"), "Use a more specific phrase", ("hello", "hello again world")),
    ("tags-alike", FILE + OTHER.replace("tag: T", "tag: t"), "Write both exactly as in LiveChat", ("tag: t\n", "tag: T\n")),
    ("too-deep", with_keywords("[" * 13 + "a b" + "]" * 13), "in quotes", ("[" * 13 + "a b" + "]" * 13, '"[a b]"')),
    ("too-long", with_keywords("x" * 201), "Shorten it", ("x" * 201, "x" * 200)),
    ("too-long", FILE.replace("tag: T", "tag: " + "x" * 257), "Shorten it", ("x" * 257, "x" * 256)),
    ("two-lines", with_keywords("money\n        back"), "or put this one in quotes", ("money\n        back", '"money back"')),
    ("two-lines", with_keywords("money\n        back"), "Start each keyword with `- `", ("        back", "      - back")),
    ("two-tags", FILE + RULE_2.replace("refund", "voucher"), "delete it from one of the rules",
     ("voucher\n  - id", "late\n  - id")),
    ("wrong-value", FILE + "    from: agents\n", "Did you mean `agent`?", ("agents", "agent")),
    ("wrong-value", FILE + "    min_matches: two\n", "Use digits, like 3", ("two", "3")),
    ("wrong-version", FILE.replace("version: 1", "version: 2"), "Write `version: 1`", ("version: 2", "version: 1")),
]  # fmt: skip


@pytest.mark.parametrize(("code", "content", "advised", "typed"), WORDS)
def test_a_cure_in_words_does_away_with_the_problem(
    code: str, content: str, advised: str, typed: tuple[str, str]
) -> None:
    _, problems = checked(content.encode())
    assert code in {problem.code for problem in problems}
    assert any(advised in problem.advice for problem in problems if problem.code == code)
    cured = content.replace(*typed)
    assert cured != content
    assert [str(problem) for problem in checked(cured.encode())[1]] == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_a_file_saved_as_the_message_says_is_read(encoding: str) -> None:
    content = FILE + "# é\n"
    (problem,) = checked(content.encode(encoding))[1]
    assert (problem.code, "as UTF-8" in problem.advice) == ("encoding", True)
    assert checked(content.encode())[1] == []


def codes_in_sources() -> Iterator[str]:
    core = Path(__file__).parents[4] / "tagger" / "core"
    for path in [*(core / "rules").glob("*.py"), *(core / "review").glob("*.py")]:
        source = path.read_text("utf-8")
        yield from re.findall(r'(?:Doubt\(\s*|add\([^"]{1,60}|Problem\([^"]{1,60})"([a-z-]+)"', source)


# "Split it", "Merge some of them": limits, each with a test where it stands. `no-test` is of `tagger test --coverage`.
LIMITS: Final = {"file-too-large", "no-files", "no-test", "too-large", "too-many-files", "too-many-values"}


def test_every_cure_is_typed_in_by_a_test() -> None:
    tested = {code for _, code, _, _ in KEYWORDS if code} | {odd.code for odd in FILES.values()}
    severities = {"error", "warning"}
    assert set(codes_in_sources()) - severities == tested | {code for code, *_ in WORDS} | LIMITS | {
        "encoding"
    }
