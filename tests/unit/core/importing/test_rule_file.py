"""Keywords of other products become keyword files that are valid, and say what is missing in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.core.importing import rule_file
from tagger.core.importing.rule_file import Imported, recognised
from tagger.core.matching.decide import Decider
from tagger.core.review.rule_tests import run_tests
from tagger.core.rules.model import Keyword, Rule
from tagger.core.rules.parse import RuleSet, parse


def imported(text: str, tag: str | None = "T") -> Imported | str:
    source = recognised(text)
    return source if isinstance(source, str) else rule_file.rule_file(source, "words", tag)


def rules(text: str, tag: str | None = "T") -> tuple[Rule, ...]:
    """The rules of the file that is made, which is valid and passes its tests."""
    made = imported(text, tag)
    assert isinstance(made, Imported), made
    read = parse({"a.yaml": made.text.encode()})
    assert isinstance(read, RuleSet), [str(problem) for problem in read]
    assert run_tests(Decider.compile(read)) == []
    return read.rules


def short(keyword: Keyword) -> str:
    case = "!" if keyword.case_sensitive else ""
    return (
        f"{case}{keyword.text}"
        + {"word": "", "prefix": " …", "suffix": " ‥", "anywhere": " ⋯"}[keyword.match]
    )


def keywords(text: str, tag: str | None = "T") -> str:
    return "; ".join(short(keyword) for rule in rules(text, tag) for keyword in rule.any)


def left(text: str) -> list[str]:
    made = imported(text)
    assert isinstance(made, Imported), made
    return [line.removeprefix("#   ") for line in made.text.splitlines() if line.startswith("#   ")]


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("refund\nmoney back\n", "refund; money back"),
        ("\n  refund  \n\n", "refund"),
        ("- refund\n• money back\n* lost\n1. late\n", "refund; money back; lost; late"),
        ("\"refund\",\n'money back',\n“lost”\n", "refund; money back; lost"),
        ("refund\nREFUND\nrefünd\nre\u00adfund\n", "refund"),
        ("refund*\n*fund\n*fun*\n", "refund …; fund ‥; fun ⋯"),
        ("refund, money back; return\nlate | lost\n", "refund; money back; return; late; lost"),
        ('"a, b"\nno, thanks\n', "a, b; no, thanks"),
        ("refund(s|ed)?\ncolou?r\n", "refund; refunds; refunded; color; colour"),
        (
            "no\n404\n12:30\n%off\n@me\na: b\n:)\nroom #5\nit's\n",
            "no; 404; 12:30; %off; @me; a: b; :); room #5; it's",
        ),
        ("返金\n退款\n환불\n", "返金; 退款; 환불"),
        ("Keywords\nrefund\n", "refund"),
    ],
)
def test_a_column_of_keywords(text: str, becomes: str) -> None:
    assert keywords(text) == becomes


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("hello*,,true\nworld,,false\nUN,,\n", "!hello …; world; UN"),
        ("word,action,case_sensitive\nUN,flag,true\nlate,block,false\n", "!UN; late"),
        ("case;word\ntrue;UN\n;late\n", "!UN; late"),
        ("word\taction\nlate\tblock\n", "late"),
        ('"a, b",flag\nlate,censor\n', "a, b; late"),
        ("teh,the\nadn,and\n", "teh; adn"),
        ("help,https://shop.example/help\n", "help"),
    ],
)
def test_watched_words_of_discourse(text: str, becomes: str) -> None:
    assert keywords(text) == becomes


def test_tags_of_discourse_become_rules() -> None:
    made = rules('hello,"Tag 1,tag2"\nworld,"tag2,Ärger!"\n', None)
    assert [(rule.id, rule.tag, [each.text for each in rule.any]) for rule in made] == [
        ("tag-1", "Tag 1", ["hello"]),
        ("tag2", "tag2", ["hello", "world"]),
        ("arger", "Ärger!", ["world"]),
    ]


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("body: refund\n", "refund"),
        ("title+body: [refund, money back]\n", "refund; money back"),
        ("Body+Title (includes): [fund]\n", "fund ⋯"),
        ("domain+body+url: [shop.example]\n", "shop.example"),
        ("body (includes-word, case-sensitive): [RMA]\n", "!RMA"),
        ('body (regex): ["refund(s|ed)?", "ship\\\\w*"]\n', "refund; refunds; refunded; ship …"),
        ('body (regex): ["\\\\bcharge ?back\\\\b"]\n', "chargeback; charge back"),
        ("body (regex, includes): ['fund']\n", "fund ⋯"),
        ("body:\n  - 5* hotel\n  - refund, return\n", "5* hotel; refund, return"),
        ("    title: refund\n    action: remove\n", "refund"),
        ("# mine\n---\n---\nbody: refund\n---\n# more\n", "refund"),
        ("body: [refund, Refund]\ntype: comment\naction: report\n", "refund"),
    ],
)  # fmt: skip
def test_rules_of_automoderator(text: str, becomes: str) -> None:
    assert keywords(text) == becomes


def test_searches_of_one_rule_must_all_hold_and_those_with_a_tilde_must_not() -> None:
    (rule,) = rules(
        'title: [late, lost]\nbody#2: [parcel]\n~body: ["no hurry"]\nset_flair: ["Delay", "css"]\n', None
    )
    assert rule.tag == "Delay"
    assert [[each.text for each in group] for group in rule.all] == [["late", "lost"], ["parcel"]]
    assert [each.text for each in rule.none] == ["no hurry"]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("refund\nre*fund\n", "line 2: re*fund", "a star is allowed only at the ends"),
        ("refund\n\\d{3}-\\d{4}\n", "line 2: \\d{3}-\\d{4}", "a regular expression"),
        ("refund\nlate AND lost\n", "line 2: late AND lost", "a keyword has no AND"),
        ("refund\n\u200b\u00ad\n", "line 2: ", "only characters that matching ignores"),
        (f"refund\n{'x' * 201}\n", "line 2: xxx", "at most 200 characters"),
        ("# mine\nrefund\n", "line 1: # mine", "a comment"),
        ("refund,,\n,,true\n", "line 2: ", "there is no word"),
        ("body: refund\nauthor: {name: x}\n", "line 2: author", "fires more often"),
        ("---\nbody (starts-with): hi\ntitle: refund\n", "line 2: hi", "anywhere in a message"),
        ("body: refund\n---\ndomain: [x.example]\n", "line 3: domain", "nothing like it"),
        ("body: refund\n---\n~body: late\n", "line 3: this rule", "no words to look for"),
        ("body: refund\n---\nbody: [a\n", "line 3: body: [a", "not closed"),
        ('body (regex): ["refund", "^late$"]\n', "line 1: ^late$", "a regular expression"),
    ],
)
def test_what_is_not_taken_over_is_a_comment_with_the_reason(text: str, line: str, why: str) -> None:
    assert [one for one in left(text) if one.startswith(line) and why in one]
    assert rules(text)


@pytest.mark.parametrize(
    ("text", "tag", "says"),
    [
        ("", "T", "no keywords"),
        ("# nothing\n", "T", "no keywords"),
        ("version: 1\nrules: []\n", "T", "already"),
        ('{"words": ["refund"]}\n', "T", "neither"),
        ("refund\n", None, 'Give one: --tag "Refund"'),
        ("body: refund\n", None, "Give one"),
        ("teh,flag\n", None, "Give one"),
        ("refund\n", " T", "Give another one"),
        ("refund\n", "", "Give another one"),
        ("re*fund\n", "T", "nothing in it can be taken over (line 1: a star"),
    ],
)
def test_what_cannot_be_imported_is_said(text: str, tag: str | None, says: str) -> None:
    made = imported(text, tag)
    assert isinstance(made, str)
    assert says in made


def test_duplicates_and_what_is_left_are_counted() -> None:
    made = imported("refund\nRefund\nre*fund\n")
    assert isinstance(made, Imported)
    assert (made.rules, made.keywords, made.duplicates, made.left) == (1, 1, 1, 1)
    assert "# Left out: 1 keyword that stands in the same list already." in made.text


def test_a_keyword_of_another_length_is_still_read_as_it_is_written() -> None:
    assert keywords("a\u00a0 b\n\"don't 'you'\"\nback\\land\n") == "a b; don't 'you'; back\\land"


@given(st.text(alphabet=st.sampled_from("ab *,;'\"\\:#-|/?()[]{}%@\n\t\u200bé返~+"), max_size=60))
def test_whatever_is_taken_over_is_valid(text: str) -> None:
    for source in (text, f"body: refund\n{text}", f"word,action\n{text}"):
        if isinstance(imported(source), Imported):
            rules(source)
