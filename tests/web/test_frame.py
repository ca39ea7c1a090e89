"""What is around every screen, in a browser: the way in, the strip, links from elsewhere."""

from tests.web.conftest import Opens, Served


def test_without_the_token_there_is_nothing_to_see(served: Served, opens: Opens) -> None:
    page = opens(expected=("403",))
    for path in ("", "chats", "?token=wrong"):
        answer = page.goto(served.url + path)
        assert answer is not None
        assert answer.status == 403
        assert "tagger" not in page.content()


def test_the_token_opens_the_page_and_leaves_the_address(served: Served, opens: Opens) -> None:
    page = opens()
    page.goto(served.entrance)
    assert page.url == served.url
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.go_back()
    page.goto(served.url)
    assert page.title() == "Try it – livechat-tagger"


def test_a_link_on_another_site_leads_in(served: Served, opens: Opens) -> None:
    """A browser sends no cookie of this kind with the click itself."""
    elsewhere = served.url.replace("127.0.0.1", "localhost")
    page = opens(expected=("403",))
    for address in (served.entrance, served.url):
        page.goto(f"{elsewhere}nowhere")  # another site, with a page of its own
        page.evaluate("address => { location.href = address; }", address)
        page.wait_for_url(served.url)
        page.get_by_role("heading", name="Try it").wait_for()


def test_a_refused_file_is_named_in_the_strip_and_gone_once_it_is_mended(
    served: Served, opens: Opens
) -> None:
    page = opens()
    page.goto(served.entrance)
    good = served.rules.read_text("utf-8")
    served.rules.write_text(good.replace("tag: Refund", "tags: Refund"), "utf-8")
    strip = page.get_by_role("region", name="Status")
    while "was refused" not in strip.inner_text():
        page.reload()
    assert (
        "rules.yaml:3:5 was refused" in strip.inner_text()
        or "rules.yaml:4:5 was refused" in strip.inner_text()
    )
    page.locator("#text").fill("a refund")
    page.get_by_role("heading", name="This chat gets 1 tag").wait_for()
    served.rules.write_text(good, "utf-8")
    while "was refused" in strip.inner_text():
        page.reload()
    assert "in force" in strip.inner_text()


def test_two_windows_do_not_disturb_each_other(served: Served, opens: Opens) -> None:
    one = opens()
    one.goto(served.entrance)
    other = one.context.new_page()
    other.goto(served.url)
    one.locator("#text").fill("a refund")
    other.locator("#text").fill("hello")
    one.get_by_role("heading", name="This chat gets 1 tag").wait_for()
    other.get_by_role("heading", name="This chat gets no tag").wait_for()
