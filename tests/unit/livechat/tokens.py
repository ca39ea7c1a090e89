"""Credentials of several organizations, as a file has them; without the file."""

from tagger.livechat.authorization.credentials import ForAll
from tagger.livechat.authorization.tokens import Fixed


class Each(ForAll):
    """Each organization has a token of its own: its name. Those that are named are known beforehand."""

    def __init__(self, *names: str) -> None:
        super().__init__(Fixed(lambda: ""))
        self._names = list(names)

    def of(self, organization: str) -> Fixed:
        return Fixed(lambda: organization)

    def lane(self, organization: str) -> str:
        return organization

    def organizations(self) -> list[str]:
        return self._names
