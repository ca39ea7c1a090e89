"""What is told when LiveChat fails an organization, and when."""

from tagger.livechat.pacing.call_queue import Standing
from tagger.service.trouble import FAILING_MAX, News, Troubles


def standing(trouble: str | None, seconds: float = 0.0, organization: str = "o") -> Standing:
    return Standing(organization, 10.0, False, 0, 0, trouble, seconds)


def test_a_failure_is_told_once_when_it_lasted_and_once_when_it_is_over() -> None:
    troubles = Troubles()
    assert troubles.news([standing("network", 1.0)], 1.0) == []
    (begun,) = troubles.news([standing("network", 15.0)], 15.0)
    assert (begun.organization, begun.error_type, begun.seconds) == ("o", "network", 15)
    assert "check that this machine may connect" in begun.reason
    assert troubles.news([standing("network", 60.0)], 60.0) == []
    assert troubles.news([standing(None)], 65.0) == [News("o", None, 65, "calls succeed again")]
    assert troubles.news([standing(None)], 66.0) == []


def test_another_kind_of_failure_is_news() -> None:
    troubles = Troubles()
    troubles.news([standing("network", 16.0)], 16.0)
    (changed,) = troubles.news([standing("authentication", 19.0)], 19.0)
    assert changed.error_type == "authentication"


def test_no_more_organizations_are_remembered_than_the_limit() -> None:
    troubles = Troubles()
    failing = [standing("timeout", 16.0, str(number)) for number in range(FAILING_MAX + 1)]
    assert len(troubles.news(failing, 16.0)) == FAILING_MAX
