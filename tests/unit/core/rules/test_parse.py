"""Keyword files → rules, or all problems with file:line:column."""

from datetime import date
from textwrap import indent

import pytest

from tagger.core.rules import parse as parsing
from tagger.core.rules.parse import Canned, Keyword, Place, Problem, Rule, RuleSet, RuleTest, parse

HEAD = "version: 1\nrules:\n"
RULE = "  - id: refund\n    tag: Refund\n"


def parsed(content: str, name: str = "a.yaml") -> RuleSet:
    read = parse({name: content.encode()})
    assert isinstance(read, RuleSet), [str(problem) for problem in read]
    return read


def refused(content: str) -> list[Problem]:
    read = parse({"a.yaml": content.encode()})
    assert isinstance(read, list)
    return read


def one_rule(fields: str) -> Rule:
    (rule,) = parsed(HEAD + RULE + indent(fields, "    ")).rules
    return rule


def wrong(fields: str) -> Problem:
    (problem,) = refused(HEAD + RULE + indent(fields, "    "))
    return problem


def test_the_whole_format_is_read() -> None:
    rule = one_rule(
        """\
from: any
any: [refund, "money back", "chargeback*", {keyword: RMA, case: sensitive}]
all:
  - [late, delayed]
  - [parcel]
none: ["refund policy link"]
ignore: ["no refund needed"]
canned:
  - "Hi %name%, your refund is on its way."
min_matches: 2
groups: [0, 3]
expires: 2027-03-31
owner: "#billing-ops"
dry_run: true
tests:
  - match: "I want a Refund!"
  - absent: {agent: "we refund"}
  - match: [{customer: "late"}, {agent: "sorry"}, parcel]
"""
    )

    def keyword(written: str, line: int, column: int, **options: object) -> Keyword:
        place = Place("a.yaml", line, column)
        return Keyword(**({"written": written, "text": written, "place": place} | options))  # type: ignore[arg-type]

    assert rule == Rule(
        id="refund",
        tag="Refund",
        from_="any",
        any=(
            keyword("refund", 6, 11),
            keyword("money back", 6, 19),
            keyword("chargeback*", 6, 33, text="chargeback", match="prefix"),
            keyword("RMA", 6, 58, case_sensitive=True),
        ),
        all=((keyword("late", 8, 10), keyword("delayed", 8, 16)), (keyword("parcel", 9, 10),)),
        none=(keyword("refund policy link", 10, 12),),
        ignore=(keyword("no refund needed", 11, 14),),
        canned=(Canned("Hi %name%, your refund is on its way.", Place("a.yaml", 13, 9)),),
        min_matches=2,
        groups=frozenset({0, 3}),
        expires=date(2027, 3, 31),
        owner="#billing-ops",
        dry_run=True,
        tests=(
            RuleTest("match", (("customer", "I want a Refund!"),), Place("a.yaml", 20, 9)),
            RuleTest("absent", (("agent", "we refund"),), Place("a.yaml", 21, 9)),
            RuleTest(
                "match",
                (("customer", "late"), ("agent", "sorry"), ("customer", "parcel")),
                Place("a.yaml", 22, 9),
            ),
        ),
        place=Place("a.yaml", 3, 5),
    )


def test_what_is_left_out_has_its_default() -> None:
    rule = one_rule("any: [x1]")
    assert (rule.from_, rule.min_matches, rule.groups, rule.expires) == ("customer", 1, None, None)
    assert (rule.owner, rule.dry_run, rule.tests, rule.canned) == (None, False, (), ())


@pytest.mark.parametrize(
    ("written", "text", "match"),
    [
        ("refund", "refund", "word"),
        ('"refund*"', "refund", "prefix"),
        ('"*refund"', "refund", "suffix"),
        ('"*fund*"', "fund", "anywhere"),
        ('" money  back "', "money  back", "word"),
        ('" refund * "', "refund", "prefix"),
        ("5*", "5", "prefix"),
        ('{keyword: "5*", match: word}', "5*", "word"),
        ('{keyword: "*5*", match: anywhere}', "*5*", "anywhere"),
        ('{keyword: "refund*", case: sensitive}', "refund", "prefix"),
        ('{keyword: "re*fund", match: word}', "re*fund", "word"),
        ("{keyword: refund, match: suffix}", "refund", "suffix"),
        ("no", "no", "word"),
        ("404", "404", "word"),
        ("12:30", "12:30", "word"),
        ("1_000", "1_000", "word"),
        ("c++", "c++", "word"),
        ("$10", "$10", "word"),
        ("😀", "😀", "word"),
    ],
)
def test_a_keyword_is_read_with_its_star(written: str, text: str, match: str) -> None:
    (keyword,) = one_rule(f"any:\n  - {written}").any
    assert (keyword.text, keyword.match) == (text, match)


@pytest.mark.parametrize(
    ("options", "case_sensitive", "accents_exact", "match_given"),
    [
        ("", False, False, False),
        (", case: insensitive, accents: fold", False, False, False),
        (", case: sensitive", True, False, False),
        (", accents: exact", False, True, False),
        (", match: word", False, False, True),
    ],
)
def test_options_hold_for_their_own_keyword_only(
    options: str, case_sensitive: bool, accents_exact: bool, match_given: bool
) -> None:
    before, keyword, after = one_rule(f"any: [a1, {{keyword: RMA{options}}}, a2]").any
    read = (keyword.case_sensitive, keyword.accents_exact, keyword.match_given)
    assert read == (case_sensitive, accents_exact, match_given)
    for other in (before, after):
        assert (other.case_sensitive, other.accents_exact, other.match_given) == (False, False, False)


@pytest.mark.parametrize(
    ("from_", "author"), [("customer", "customer"), ("agent", "agent"), ("any", "customer")]
)
def test_a_text_of_a_test_is_said_by_whom_the_rule_looks_at(from_: str, author: str) -> None:
    rule = one_rule(f"tests:\n  - match: hello there\nany: [x1]\nfrom: {from_}")
    assert rule.tests[0].said == ((author, "hello there"),)


ANY = "any: [x1]\n"


@pytest.mark.parametrize(
    ("fields", "place", "code", "says"),
    [
        pytest.param("ayn: [x1]\n" + ANY, (5, 5), "unknown-key", "Did you mean `any`?", id="misspelt key"),
        pytest.param(
            "keywords: [x1]\n" + ANY, (5, 5), "unknown-key", "Did you mean `any`?", id="key of others"
        ),
        pytest.param(
            "qqq: 1\n" + ANY, (5, 5), "unknown-key", "Valid keys: id, tag, from, any,", id="strange key"
        ),
        pytest.param("from: agents\n" + ANY, (5, 11), "wrong-value", "Did you mean `agent`?", id="from"),
        pytest.param("from: [agent]\n" + ANY, (5, 11), "wrong-value", "found a list", id="from a list"),
        pytest.param("any: refund", (5, 10), "wrong-type", "Write [refund], or", id="any no list"),
        pytest.param("any: {a: b}", (5, 10), "wrong-type", "found a mapping", id="any a mapping"),
        pytest.param("any:", (5, 9), "empty-list", "`any` is empty", id="any without a value"),
        pytest.param("any: []", (5, 10), "empty-list", "`any` is empty", id="any without items"),
        pytest.param("any:\n  - a b\n    c d", (6, 9), "two-lines", "spans 2 lines", id="a dash forgotten"),
        pytest.param('any: [""]', (5, 11), "empty-keyword", "the keyword is empty", id="empty keyword"),
        pytest.param('any: ["  "]', (5, 11), "empty-keyword", "the keyword is empty", id="blank keyword"),
        pytest.param("any:\n  - #hash", (6, 8), "empty-keyword", "starts with # needs quotes", id="#hash"),
        pytest.param(
            'any: ["\u00ad\u2060"]', (5, 11), "empty-keyword", "that matching ignores", id="folds to nothing"
        ),
        pytest.param(
            'any: ["\u00a0\u200b"]', (5, 11), "empty-keyword", "that matching ignores", id="folds to spaces"
        ),
        pytest.param(
            f"any: [{'x' * 201}]", (5, 11), "too-long", "201 characters long; the limit is 200", id="long"
        ),
        pytest.param('any: ["re*fund"]', (5, 11), "star", "{keyword:", id="star inside"),
        pytest.param('any: ["*"]', (5, 11), "star", "not alone", id="star alone"),
        pytest.param('any: ["**"]', (5, 11), "star", "not alone", id="two stars alone"),
        pytest.param('any: ["a**"]', (5, 11), "star", "only at the ends", id="two stars at an end"),
        pytest.param("any: [[x1]]", (5, 11), "wrong-type", "once before each", id="list in a list"),
        pytest.param("any:\n  - a: b", (6, 9), "wrong-type", 'in quotes: "a: b"', id="colon in a keyword"),
        pytest.param("any: [{name}]", (5, 11), "wrong-type", "Put it in quotes", id="braces"),
        pytest.param(
            "any: [{keyword:RMA}]", (5, 11), "wrong-type", "a space after the colon", id="glued colon"
        ),
        pytest.param(
            "any: [{case: sensitive}]", (5, 11), "no-keyword", "`keyword` is missing", id="no keyword"
        ),
        pytest.param("any: [{keyword: [x1]}]", (5, 21), "wrong-type", "expected text", id="keyword a list"),
        pytest.param("any: [{keyword: x1, cas: s}]", (5, 25), "unknown-key", "`case`", id="option misspelt"),
        pytest.param("any: [{keyword: x1, case: yes}]", (5, 31), "wrong-value", "sensitive or", id="case"),
        pytest.param("any: [{keyword: x1, match: words}]", (5, 32), "wrong-value", "`word`", id="match"),
        pytest.param(
            "any: [{keyword: x1, accents: no}]", (5, 34), "wrong-value", "fold or exact", id="accents"
        ),
        pytest.param("all: [late]", (5, 11), "wrong-type", "Write [late], in brackets", id="all is flat"),
        pytest.param("all: [[]]", (5, 11), "empty-list", "a group of `all` is empty", id="empty group"),
        pytest.param("canned: [{a: b}]", (5, 14), "wrong-type", "in quotes if", id="canned a mapping"),
        pytest.param('canned: ["?!"]', (5, 14), "empty", "contains no words", id="canned without words"),
        pytest.param("min_matches: 0\n" + ANY, (5, 18), "wrong-value", "1 or more", id="min_matches 0"),
        pytest.param("min_matches: 1.5\n" + ANY, (5, 18), "wrong-value", "`1.5`", id="min_matches 1.5"),
        pytest.param(
            "min_matches: 99999999999\n" + ANY, (5, 18), "wrong-value", "whole", id="min_matches huge"
        ),
        pytest.param(
            "min_matches: 2\ncanned: [x1]", (5, 18), "never-fires", "Delete it.", id="nothing counted"
        ),
        pytest.param("groups: 3\n" + ANY, (5, 13), "wrong-type", "Write [3], or", id="groups no list"),
        pytest.param(
            "groups: [a]\n" + ANY, (5, 14), "wrong-value", "a group id: expected", id="group a word"
        ),
        pytest.param(
            "expires: 31.3.2027\n" + ANY, (5, 14), "bad-date", "like 2027-03-31", id="date written else"
        ),
        pytest.param("expires: 2027-02-30\n" + ANY, (5, 14), "bad-date", "does not exist", id="no such day"),
        pytest.param("expires: 2027-3-1\n" + ANY, (5, 14), "bad-date", "like 2027-03-31", id="short date"),
        pytest.param("owner:\n" + ANY, (5, 11), "empty", "`owner` is empty", id="owner empty"),
        pytest.param("dry_run: yes\n" + ANY, (5, 14), "wrong-value", "true or false", id="dry_run"),
        pytest.param(ANY + "tests: [hello]", (6, 13), "bad-test", "- match:", id="test without a verdict"),
        pytest.param(
            ANY + "tests: [{match: a, absent: b}]", (6, 13), "bad-test", "exactly one of", id="two verdicts"
        ),
        pytest.param(ANY + "tests: [{macth: a}]", (6, 14), "unknown-key", "`match`", id="verdict misspelt"),
        pytest.param(
            ANY + "tests: [{match: []}]", (6, 21), "bad-test", "nobody says", id="test without words"
        ),
        pytest.param(
            ANY + "tests: [{match: {bot: a}}]", (6, 22), "unknown-key", "customer, agent", id="author"
        ),
        pytest.param(
            ANY + "tests: [{match: {agent: a, customer: b}}]",
            (6, 21),
            "bad-test",
            "exactly one author",
            id="two authors",
        ),
        pytest.param("owner: me", (3, 5), "never-fires", "none of `any`, `all` and `canned`", id="no call"),
    ],
)
def test_it_refuses_a_field(fields: str, place: tuple[int, int], code: str, says: str) -> None:
    problem = wrong(fields)
    assert ((problem.place.line, problem.place.column), problem.code) == (place, code)
    assert says in f"{problem.text}. {problem.advice}"
    assert problem.severity == "error"


ONE = RULE + "    any: [x1]\n"


def tagged(tag: str) -> str:
    return f"{HEAD}  - {{id: a, tag: {tag}, any: [x1]}}\n"


def named(id: str) -> str:
    return f"{HEAD}  - {{id: {id}, tag: A, any: [x1]}}\n"


@pytest.mark.parametrize(
    ("content", "place", "code", "says"),
    [
        pytest.param("", (1, 1), "empty-file", "is empty", id="empty file"),
        pytest.param("hello", (1, 1), "wrong-type", "must start with `version: 1`", id="a text"),
        pytest.param("- id: x", (1, 1), "wrong-type", "must start with `version: 1`", id="a list"),
        pytest.param(f"rules:\n{ONE}", (1, 1), "no-version", "on the first line", id="no version"),
        pytest.param(f"version: 2\nrules:\n{ONE}", (1, 10), "wrong-version", "version 1", id="version 2"),
        pytest.param("version: 1\n", (1, 1), "no-rules", "`rules` is missing", id="no rules"),
        pytest.param("version: 1\nrules:\n", (2, 7), "empty-list", "`rules` is empty", id="rules empty"),
        pytest.param(f"rulse: []\n{HEAD}{ONE}", (1, 1), "unknown-key", "`rules`", id="rules misspelt"),
        pytest.param(
            f"{HEAD}  - refund\n", (3, 5), "wrong-type", "must start with `- id: …`", id="rule a text"
        ),
        pytest.param(f"{HEAD}  - {{tag: A, any: [x1]}}", (3, 5), "missing-key", "no `id`", id="no id"),
        pytest.param(
            f"{HEAD}  - {{id: a, any: [x1]}}", (3, 5), "missing-key", "`a` has no `tag`", id="no tag"
        ),
        pytest.param(tagged('" A"'), (3, 18), "bad-tag", "space", id="tag not trimmed"),
        pytest.param(tagged('""'), (3, 18), "empty", "`tag` is empty", id="tag empty"),
        pytest.param(tagged('"A\\n"'), (3, 18), "bad-tag", "line break", id="tag of two lines"),
        pytest.param(tagged("x" * 257), (3, 18), "too-long", "257 characters long", id="tag too long"),
        pytest.param(named("Zwrot ł"), (3, 10), "bad-id", "Write `Zwrot-l`", id="id with a space"),
        pytest.param(named("退款"), (3, 10), "bad-id", "like `refund`", id="id without Latin letters"),
        pytest.param(named("x" * 65), (3, 10), "too-long", "the limit is 64", id="id too long"),
    ],
)
def test_it_refuses_a_file(content: str, place: tuple[int, int], code: str, says: str) -> None:
    (problem,) = refused(content)
    assert ((problem.place.line, problem.place.column), problem.code) == (place, code)
    assert says in f"{problem.text}. {problem.advice}"


def test_all_problems_of_all_files_are_told_together_in_order() -> None:
    files = {
        "b.yaml": HEAD + "  - id: a\n    tagg: A\n",
        "a.yaml": HEAD + '  - id: b\n    tag: B\n    any: [""]\n    expires: never\n',
        "c.yaml": "rules: [%x%]\n",
    }
    read = parse({name: content.encode() for name, content in files.items()})
    assert isinstance(read, list)
    assert [f"{p.place.file}:{p.place.line} {p.code}" for p in read] == [
        "b.yaml:3 never-fires",
        "b.yaml:4 unknown-key",
        "a.yaml:5 empty-keyword",
        "a.yaml:6 bad-date",
        "c.yaml:1 yaml",
    ]


def test_a_problem_is_one_line_with_place_fault_and_cure() -> None:
    (problem, *_) = refused(HEAD + "  - id: a\n    tag: A\n    form: agent\n    any: [x1]\n")
    assert str(problem) == "a.yaml:5:5: unknown key `form` in a rule. Did you mean `from`?"


def test_an_id_is_taken_once_over_all_files() -> None:
    one = (HEAD + RULE + "    any: [x1]\n").encode()
    read = parse({"a.yaml": one, "b.yaml": one})
    assert isinstance(read, list)
    assert [str(problem) for problem in read] == [
        "b.yaml:3:5: the id `refund` is already used at a.yaml:3. Choose another id for one of them."
    ]


def test_rules_of_all_files_make_one_set() -> None:
    files = {f"{id}.yaml": (HEAD + f"  - {{id: {id}, tag: T, any: [x1]}}\n").encode() for id in ("b", "a")}
    read = parse(files)
    assert isinstance(read, RuleSet)
    assert [rule.id for rule in read.rules] == ["b", "a"]


def test_no_file_is_a_problem() -> None:
    read = parse({})
    assert isinstance(read, list)
    assert [problem.code for problem in read] == ["no-files"]


@pytest.mark.parametrize(
    ("limit", "most", "code"),
    [
        ("FILES_MAX", 2, "too-many-files"),
        ("BYTES_MAX", 150, "too-large"),
        ("RULES_MAX", 2, "too-many-rules"),
        ("KEYWORDS_MAX", 5, "too-many-keywords"),
        ("CANNED_MAX", 2, "too-many-canned-responses"),
    ],
)
def test_limits_over_all_files_are_enforced(
    limit: str, most: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, limit, most)
    rule = HEAD + "  - {{id: {0}, tag: T, any: [x1], none: [x2], canned: [c d e]}}\n"
    read = parse({f"{id}.yaml": rule.format(id).encode() for id in ("a", "b", "c")})
    assert isinstance(read, list)
    assert [problem.code for problem in read] == [code]


class TestHash:
    content = (HEAD + RULE + "    any: [x1]\n").encode()

    def hash(self, files: dict[str, bytes]) -> str:
        read = parse(files)
        assert isinstance(read, RuleSet)
        return read.hash

    def test_it_is_twelve_hex_digits(self) -> None:
        digest = self.hash({"a.yaml": self.content})
        assert len(digest) == 12
        assert int(digest, 16) >= 0

    def test_it_does_not_depend_on_where_the_folder_is(self) -> None:
        assert self.hash({"config/a.yaml": self.content}) == self.hash({"/etc/tagger/a.yaml": self.content})

    def test_it_depends_on_every_byte_and_on_the_names(self) -> None:
        hashes = {
            self.hash({"a.yaml": self.content}),
            self.hash({"a.yaml": self.content + b"# note\n"}),
            self.hash({"b.yaml": self.content}),
        }
        assert len(hashes) == 3
