"""What the tagger's settings accept, and how they say what is wrong."""

import pytest

from ingest.runtime.settings import read_settings
from tagger.settings import TaggerSettings


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("LIVECHAT_API_URL", "http://api.example.com/v3.6", "must begin with https://"),
        ("LIVECHAT_API_URL", "ftp://127.0.0.1", "must begin with https://"),
        ("TAGGER_CANNED_PLACEHOLDER", "%[", "is not a valid regular expression"),
        ("TAGGER_ADMIN_PORT", "70000", "less than or equal to 65535"),
        ("TAGGER_LINGER_S", "soon", "valid integer"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    problems = read_settings(TaggerSettings)
    assert isinstance(problems, list)
    assert len(problems) == 1
    assert problems[0].startswith(f"{variable}:")
    assert told in problems[0]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8090/v3.6", "http://localhost/", "http://[::1]:1/", "https://a.example/"]
)
def test_plain_http_is_for_this_machine_only(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("LIVECHAT_API_URL", url)
    settings = read_settings(TaggerSettings)
    assert isinstance(settings, TaggerSettings)
    assert settings.livechat_api_url == url.rstrip("/")


def test_no_secret_shows_in_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVECHAT_PAT", "dal:s3cret")
    assert "s3cret" not in repr(read_settings(TaggerSettings))
