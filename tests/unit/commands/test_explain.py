"""`tagger explain`: why a text or a chat gets its tags, or does not."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tagger.__main__ import main

RULES = """\
version: 1
rules:
  - {id: refund, tag: Refund, any: [refund, RMA]}
  - {id: promised, tag: Promised, canned: ["Hi %name%, your refund is on its way"]}
  - {id: old, tag: Old, any: [ancient], expires: 2026-01-31}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "a.yaml").write_text(RULES)
    return folder


def explain(config: Path, *arguments: str, input: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["explain", "--config", str(config), *arguments], input=input)


def chat(text: str = "my refund", **more: Any) -> dict[str, Any]:
    """A chat as get_chat returns it."""
    events = [
        {"id": "e1", "type": "message", "author_id": "agent@example.com", "text": "Hello"},
        {"id": "e2", "type": "message", "author_id": "c1", "text": text},
        {"id": "e3", "type": "file", "author_id": "c1", "name": "refund.pdf"},
    ]
    thread = {"id": "T1", "active": False, "created_at": "2026-01-31T10:00:00Z", "events": events}
    users = [{"id": "c1", "type": "customer"}, {"id": "agent@example.com", "type": "agent"}]
    return {"id": "C1", "users": users, "thread": thread} | more


def as_file(folder: Path, content: str) -> str:
    (folder / "chats").write_bytes(content.encode("utf-8", "surrogatepass"))
    return str(folder / "chats")


def test_a_text_is_explained(config: Path) -> None:
    result = explain(config, "a refund, not refundable")
    assert result.exit_code == 0
    title, *rest = result.output.splitlines()
    assert title.startswith("tags: Refund   (config ")
    assert rest == [
        "  1 customer  a refund, not refundable",
        "                ^^^^^^ refund → Refund  [rule refund, a.yaml:3]",
        "",
        "Near misses:",
        "  1 customer  a refund, not refundable",
        "                            ^^^^^^ refund: inside a word; refund* would find it  [rule refund, a.yaml:3]",
    ]


def test_words_without_quotes_are_one_text(config: Path) -> None:
    assert explain(config, "a", "refund").output == explain(config, "a refund").output


def test_a_text_may_be_an_agents(config: Path) -> None:
    result = explain(config, "--by", "agent", "Hi Ann, your refund is on its way!")
    assert result.output.startswith("tags: Promised ")
    assert "refund: said by the agent; from: any would count it" in result.output


def test_json_is_one_object_with_the_agreed_keys(config: Path) -> None:
    shown = json.loads(explain(config, "my refund", "--format", "json").output)
    assert set(shown) == {"chat_id", "thread_id", "tags", "because", "rejected", "config"}
    assert (shown["chat_id"], shown["thread_id"], shown["tags"]) == (None, None, ["Refund"])
    assert shown["because"] == [
        {"rule": "refund", "tag": "Refund", "keyword": "refund", "event_id": "1", "start": 3, "end": 9}
    ]


def test_a_file_of_chats_gives_an_object_for_each(config: Path, tmp_path: Path) -> None:
    lines = [json.dumps(chat("my refund")), "", json.dumps(chat("nothing", id="C2"))]
    result = explain(config, "--file", as_file(tmp_path, "\n".join(lines)), "--format", "json")
    shown = [json.loads(line) for line in result.output.splitlines()]
    assert [(each["chat_id"], each["thread_id"], each["tags"]) for each in shown] == [
        ("C1", "T1", ["Refund"]),
        ("C2", "T1", []),
    ]
    assert shown[0]["because"][0]["event_id"] == "e2"


def test_a_chat_is_shown_with_who_said_what(config: Path, tmp_path: Path) -> None:
    shown = explain(config, "--file", as_file(tmp_path, json.dumps(chat()))).output
    assert shown.splitlines()[0].startswith("Chat C1, thread T1: tags: Refund ")
    assert "  1 agent     Hello\n  2 customer  my refund\n" in shown
    assert "pdf" not in shown


def test_it_says_so_when_nothing_was_found_or_something_is_missing(config: Path, tmp_path: Path) -> None:
    shown = explain(config, "hello").output
    assert shown.startswith("tags: none   (config ")
    assert shown.endswith("No rule matched.\n")
    thread = chat()["thread"]
    thread["events"].append("odd")
    shown = explain(config, "--file", as_file(tmp_path, json.dumps(chat(thread=thread)))).output
    assert "Part of the chat is missing, so rules with `none` were skipped." in shown


def test_an_indented_chat_and_standard_input_are_read_too(config: Path, tmp_path: Path) -> None:
    indented = json.dumps(chat(), indent=2)
    once = explain(config, "--file", as_file(tmp_path, json.dumps(chat()))).output
    assert explain(config, "--file", as_file(tmp_path, indented)).output == once
    assert explain(config, "--file", "-", input=indented.encode()).output == once


def test_a_rule_that_expires_is_decided_by_the_time_of_the_chat(config: Path, tmp_path: Path) -> None:
    then = explain(config, "--file", as_file(tmp_path, json.dumps(chat("ancient")))).output
    assert "tags: Old" in then
    assert "the rule expired on 2026-01-31" in explain(config, "ancient").output


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "chats: empty."),
        (" \n", "chats: empty."),
        ("nope", "chats: neither chats in JSON nor a transcript"),
        (json.dumps(chat()) + "\nnope", "chats:2: it is not valid JSON. Each line has to be one chat."),
        ("{\n 'id': 1}", "chats:2: it is not valid JSON here."),
        (json.dumps(chat())[:-9], "chats:1: it is not valid JSON here."),
        ("[]", "chats: contains no chats."),
        ("[1]", "chats, chat 1: not a chat: it has no `id`."),
        ('["a"]', "chats, chat 1: not a chat: it has no `id`."),
        ('[{"a"', "chats:1: it is not valid JSON here."),
        ("[" * 5000, "chats:1: it is not valid JSON here."),
        ('{"a": ' + "9" * 5000 + "}\n{}", "chats:1: it is not valid JSON here."),
        ("{}", "chats: not a chat: it has no `id`. Save chats as LiveChat's get_chat"),
        (json.dumps({"id": "C1"}), "not a chat: it has no `thread` with an `id`."),
        (json.dumps({"id": "C" * 300, "thread": {"id": "T"}}), "its id is longer than any of LiveChat's"),
        ("\ud800", "chats:1: it is not valid UTF-8"),
        ("customer: a\nagent: \ud800", "chats:2: it is not valid UTF-8 here."),
        ('{"id": "\ud800"}\n{}', "chats:1: it is not valid UTF-8 here."),
        ("a\0b", "chats: it is not text."),
        ("customer: " + "x" * 20_000, "message 1 has 20,000 characters, LiveChat's longest 16,384."),
        ("customer:\nagent: \n", "chats: nothing is said in it."),
        (json.dumps(chat(thread={"id": "T", "restricted_access": "old"})), "withholds its messages"),
    ],
)
def test_what_is_not_a_chat_is_exit_code_2(config: Path, tmp_path: Path, content: str, says: str) -> None:
    result = explain(config, "--file", as_file(tmp_path, content))
    assert result.exit_code == 2
    assert says in result.stderr


def test_chats_before_and_after_a_bad_line_are_explained(config: Path, tmp_path: Path) -> None:
    good = json.dumps(chat())
    result = explain(config, "--file", as_file(tmp_path, f"{good}\nnope\n{good}"))
    assert (result.exit_code, result.stdout.count("tags: Refund")) == (2, 2)


@pytest.mark.parametrize("arguments", [[], ["text", "--chat", "C1"]])
def test_one_thing_is_explained_at_a_time(config: Path, arguments: list[str]) -> None:
    result = explain(config, *arguments)
    assert (result.exit_code, "Give one of" in result.output) == (2, True)


def test_a_chat_of_livechat_needs_credentials(config: Path) -> None:
    result = explain(config, "--chat", "C1")
    assert result.exit_code == 2
    assert "LIVECHAT_PAT" in result.stderr


def test_files_with_mistakes_explain_nothing(config: Path) -> None:
    (config / "a.yaml").write_text("version: 1\nrules: [{id: r, tagg: R, any: [x1]}]\n")
    result = explain(config, "hello")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Did you mean `tag`?" in result.stderr


TRANSCRIPT = "Customer: hello\nit is my\nrefund\n\nAGENT : Hi, refunds take a day\n"


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        pytest.param(["-"], "my refund\n", ["  1 customer  my refund"], id="a text"),
        pytest.param(["-", "--by", "agent"], "my refund", ["  1 agent     my refund"], id="an agent's text"),
        pytest.param(
            ["-"],
            TRANSCRIPT,
            ["  1 customer  hello", "              it is my", "  2 agent     Hi, refunds take a day"],
            id="a transcript",
        ),
        pytest.param(["-"], "\ufeffcustomer: my refund\r\n", ["  1 customer  my refund"], id="of Windows"),
        pytest.param(["-"], "[photo] my refund", ["  1 customer  [photo] my refund"], id="brackets"),
        pytest.param(
            ["-"], json.dumps(chat()), ["  1 agent     Hello", "  2 customer  my refund"], id="a chat"
        ),
        pytest.param(
            ["-", "--by", "customer"], '{"my": "refund"}', ['  1 customer  {"my": "refund"}'], id="JSON"
        ),
        pytest.param(["--file", "-"], TRANSCRIPT, ["  1 customer  hello"], id="a transcript as a file"),
        pytest.param(["-", "20% refund"], "", ["  1 customer  - 20% refund"], id="more than a dash"),
    ],
)
def test_standard_input_is_read_as_what_it_is(
    config: Path, arguments: list[str], given: str, said: list[str]
) -> None:
    result = explain(config, *arguments, input=given.encode())
    assert result.exit_code == 0
    assert set(said) <= set(result.stdout.splitlines())


@pytest.mark.parametrize(
    "text", ["-20% refund", "-1 refund", "- refund", "--refund please", "-refund", "-- refund", "--"]
)
def test_a_text_may_begin_with_a_dash(config: Path, text: str) -> None:
    if text != "--":
        assert f"  1 customer  {text}\n" in explain(config, text).stdout
    assert f"  1 customer  {text}\n" in explain(config, "--", text).stdout


def test_what_looks_like_an_option_is_explained_as_a_text_behind_two_dashes(config: Path) -> None:
    result = explain(config, "--urgent")
    assert (result.exit_code, "To give it as a text, write: main explain -- --urgent" in result.stderr) == (
        2,
        True,
    )
    assert "  1 customer  --urgent\n" in explain(config, "--", "--urgent").stdout
    assert "--file" in explain(config, "--fiel", "x").stderr


def test_a_group_is_told_for_rules_that_ask_for_it(config: Path, tmp_path: Path) -> None:
    (config / "b.yaml").write_text("version: 1\nrules: [{id: g, tag: G, groups: [3], any: [price]}]\n")
    unknown = explain(config, "price").stdout
    assert "the thread's group is not known" in unknown
    assert unknown.endswith(
        "Name the group that the chat began in with --group, to see rules with `groups`.\n"
    )
    assert (
        "began in group 1, 2, not one of `groups`"
        in explain(config, "--group", "2", "--group", "1", "price").stdout
    )
    assert "tags: G " in explain(config, "--group", "3", "price").stdout
    file = as_file(tmp_path, json.dumps(chat("price")))
    assert "tags: G " in explain(config, "--group", "3", "--file", file).stdout


@pytest.mark.parametrize(
    ("at", "tag"),
    [
        ("2026-01-31", "Old"),
        ("2026-02-01", "none"),
        ("2026-01-31T23:59:59Z", "Old"),
        ("2026-02-01T00:30:00+01:00", "Old"),
        ("2026-01-31T23:59:59", "Old"),
    ],
)
def test_a_rule_that_expires_can_be_tried_at_any_time(
    config: Path, tmp_path: Path, at: str, tag: str
) -> None:
    assert f"tags: {tag} " in explain(config, "--at", at, "ancient").stdout
    file = as_file(tmp_path, json.dumps(chat("ancient")))
    assert f"tags: {tag} " in explain(config, "--at", at, "--file", file).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--at", "tomorrow", "a"], "tomorrow is not a date or a time. Write 2027-03-31 or"),
        (["--at", "2027-02-30", "a"], "2027-02-30 is not a date or a time."),
        (["--group", "sales", "a"], "'sales' is not a valid integer"),
        (["--thread", "T1", "a"], "--thread and --organization need --chat."),
        (["--by", "agent", "--chat", "C1"], "--by needs TEXT or -."),
        (["--file", "no-such-file"], "No such file"),
        ([""], "TEXT: nothing is said in it."),
        ([" \n "], "TEXT: nothing is said in it."),
        (["a \udcff"], "TEXT: not valid UTF-8."),
        (["x" * 20_000], "TEXT: message 1 has 20,000 characters"),
        (["-"], "standard input: empty."),
    ],
)
def test_what_cannot_be_explained_is_exit_code_2(config: Path, arguments: list[str], says: str) -> None:
    result = explain(config, *arguments)
    assert (result.exit_code, says in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(json.dumps([chat(), chat(id="C2")]), id="a list"),
        pytest.param(json.dumps([chat(), chat(id="C2")], indent=2), id="an indented list"),
        pytest.param(
            f"{json.dumps(chat(), indent=2)}\n{json.dumps(chat(id='C2'), indent=4)}", id="as jq writes"
        ),
        pytest.param(json.dumps({"chats": [chat(), chat(id="C2")], "found_chats": 2}), id="of list_archives"),
        pytest.param(f"\ufeff{json.dumps(chat())}\r\n{json.dumps(chat(id='C2'))}\r\n", id="of Windows"),
        pytest.param(f"oops\n{json.dumps(chat())}\n{json.dumps(chat(id='C2'))}", id="a bad first line"),
        pytest.param(
            f"{json.dumps(chat())}\n\ud800\n{json.dumps(chat(id='C2'))}", id="a line that is not UTF-8"
        ),
        pytest.param(json.dumps([chat(), 7, {}, None, chat(id="C2")]), id="bad items"),
        pytest.param(
            f"{json.dumps(chat(), indent=1)}\n{{,}}\n{json.dumps(chat(id='C2'), indent=1)}", id="a bad one"
        ),
    ],
)
def test_chats_are_read_however_they_are_saved(config: Path, tmp_path: Path, content: str) -> None:
    shown = explain(config, "--file", as_file(tmp_path, content), "--format", "json").stdout
    assert [json.loads(line)["chat_id"] for line in shown.splitlines()] == ["C1", "C2"]


def test_of_many_bad_chats_some_are_named_and_the_rest_counted(config: Path, tmp_path: Path) -> None:
    content = "\n".join([json.dumps(chat()), *["oops"] * 150])
    result = explain(config, "--file", as_file(tmp_path, content))
    assert (result.exit_code, result.stderr.count("oops"), len(result.stderr.splitlines())) == (2, 0, 101)
    assert result.stderr.endswith("… and 50 more that cannot be read.\n")


ODD: list[object] = [None, True, 7, -1.5, "x", "", [], {}, [None], [[]], {"id": 7}, "\u0000", 10**30]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize(
    "path",
    [
        "id", "users", "users.0", "users.0.id", "users.0.type", "access", "thread", "thread.id", "thread.active",
        "thread.created_at", "thread.access", "thread.tags", "thread.events", "thread.events.1",
        "thread.events.1.id", "thread.events.1.type", "thread.events.1.author_id", "thread.events.1.text",
        "thread.events.1.visibility", "thread.events.1.properties", "thread.restricted_access",
    ],
)  # fmt: skip
def test_a_wrong_shape_in_any_field_is_no_crash(config: Path, tmp_path: Path, path: str, odd: object) -> None:
    changed: Any = chat()
    *parents, last = [int(name) if name.isdigit() else name for name in path.split(".")]
    at = changed
    for name in parents:
        at = at[name]
    at[last] = odd
    lines = [json.dumps(changed), json.dumps(chat(id="C2"))]
    result = explain(config, "--file", as_file(tmp_path, "\n".join(lines)), "--format", "json")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.exit_code == (0 if len(result.stdout.splitlines()) == 2 else 2)
    assert json.loads(result.stdout.splitlines()[-1])["chat_id"] == "C2"
