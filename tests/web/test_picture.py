"""The picture in the README: it can be made at any time, and is small.

`WEB_PICTURE=tests/web/page.png make test-web` makes it again.
"""

import os
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from tests.kafka.kafka import AnyKafka
from tests.web.conftest import Opens, serving
from tests.web.past import PastChats
from tests.web.test_chats import THEN, opened

MADE: Final = os.environ.get("WEB_PICTURE")  # read now: tests run without our variables
KEPT: Final = Path(__file__).with_name("page.png")
BYTES_MAX: Final = 200_000
SAID: Final = """\
customer: I was charged twice and want a refund, please
customer: I changed my mind: cancel my plan. Is it refundable?
agent: the password reset is on its way"""


def test_the_picture_shows_the_page_and_is_small(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path, opens: Opens
) -> None:
    chats = PastChats(kafka_embedded, unique, THEN)
    chats.end("one", "a refund please")
    group = {"bootstrap.servers": kafka_embedded.bootstrap, "group.id": unique}
    tagger = Consumer(group)  # which has finished all
    tagger.commit(offsets=[TopicPartition(chats.topics.webhooks, 0, 2)], asynchronous=False)
    tagger.close()
    made = Path(MADE) if MADE else tmp_path / "page.png"
    with serving(tmp_path, (), **chats.settings, KAFKA_GROUP_ID=unique) as served:
        page = opened(served, opens, width=1100)
        page.goto(served.url)
        while "Up to date" not in page.get_by_role("region", name="Status").inner_text():
            page.reload()
        page.locator("#text").fill(SAID)
        page.get_by_role("heading", name="This chat gets 1 tag").wait_for()
        page.locator("main").focus()
        page.screenshot(path=made, full_page=True)
    assert made.stat().st_size < BYTES_MAX


def test_the_picture_in_the_readme_is_small_enough() -> None:
    assert KEPT.stat().st_size < BYTES_MAX
