"""What the chats without a tag are about."""

from random import Random

from tagger.core.review.suggest.index import Index
from tagger.core.review.suggest.topics import Topic, topics

CRASHES = [
    f"the app {word} when I {what}"
    for word in ("crashed", "crashes")
    for what in ("pay", "log in", "open it")
    for _ in range(5)
]
VOUCHERS = [f"my {word} does not work" for word in ("voucher", "voucher code") for _ in range(10)]
TAGGED = [
    f"{word} is late and does not come" for word in ("parcel", "order", "the parcel") for _ in range(20)
]


def found(untagged: list[str], tagged: list[str], most: int = 10) -> list[Topic]:
    index = Index()
    for text in (*untagged, *tagged):
        index.add([text])
    return topics(index, range(len(untagged)), most)


def test_each_topic_is_what_many_say_without_a_tag_and_few_with_one() -> None:
    assert [topic[1:] for topic in found([*CRASHES, *VOUCHERS], TAGGED)] == [(30, 0), (20, 0)]
    assert [topic.phrases[0] for topic in found([*CRASHES, *VOUCHERS], TAGGED)] == ["app", "my"]


def test_the_largest_topics_are_shown_in_any_order_of_chats() -> None:
    chats = [*CRASHES, *VOUCHERS]
    first = found(chats, TAGGED)
    Random(1).shuffle(chats)
    assert found(chats, TAGGED) == first
    assert found(chats, TAGGED, most=1) == first[:1]


def test_what_chats_with_a_tag_say_as_often_is_no_topic() -> None:
    assert found(VOUCHERS, VOUCHERS) == []


def test_fewer_than_five_chats_have_no_topic() -> None:
    assert found(["voucher"] * 4, TAGGED) == []
    assert found(["voucher"] * 5, TAGGED) == [Topic(("voucher",), 5, 0)]
