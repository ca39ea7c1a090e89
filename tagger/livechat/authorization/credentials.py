"""Every organization's credential: one for all, or those of a file, as the settings say.

Promises one object per organization for as long as its entry is unchanged, so that tokens are refreshed once.
It never reads the environment: values are passed in.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Protocol

from tagger.livechat.authorization.credentials_file import CredentialsFile, Entry
from tagger.livechat.authorization.tokens import App, Credential, Fixed, OAuth


class Credentials(Protocol):
    """Whose calls can be made, and how."""

    def of(self, organization: str) -> Credential | None:
        """An organization's credential; None if it is unknown."""

    def lane(self, organization: str) -> str:
        """The name under which its calls are paced and given up: one per credential."""

    def organizations(self) -> list[str]:
        """Those with a credential of their own; empty if one credential serves all."""

    def problems(self) -> list[str]:
        """What somebody has to do about them, if anything."""

    async def close(self) -> None:
        """Wait for what must not be lost."""


class ForAll:
    """One credential, whatever the organization."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def of(self, organization: str) -> Credential:
        """The credential."""
        return self._credential

    def lane(self, organization: str) -> str:
        """One lane for all."""
        return ""

    def organizations(self) -> list[str]:
        """None is known beforehand."""
        return []

    def problems(self) -> list[str]:
        """What is wrong with the credential."""
        problem = self._credential.problem()
        return [problem] if problem else []

    async def close(self) -> None:
        """Wait for a refresh under way."""
        await self._credential.close()


class _OfFile:
    """Those of a credentials file, whose changes take effect."""

    def __init__(self, file: CredentialsFile, make: Callable[[str, Entry], Credential]) -> None:
        self._file, self._make = file, make
        # As many as the file has had entries. A changed entry makes a new credential, except for a new refresh
        # token: the credential reads that itself, or each rotation would void the access token that came with it.
        self._made: dict[str, tuple[Entry, Credential]] = {}

    def of(self, organization: str) -> Credential | None:
        entry = self._file.entries().get(organization)
        if entry is None:
            return None
        identity = {name: value for name, value in entry.items() if name != "refresh_token"}
        made = self._made.get(organization)
        if made is None or made[0] != identity:
            made = self._made[organization] = (identity, self._make(organization, entry))
        return made[1]

    def lane(self, organization: str) -> str:
        return organization

    def organizations(self) -> list[str]:
        return list(self._file.entries())

    def problems(self) -> list[str]:
        self._file.entries()
        of_entries = ((name, made.problem()) for name, (_, made) in self._made.items())
        found = [f"organization {name}: {problem}" for name, problem in of_entries if problem]
        return ([self._file.problem] if self._file.problem else []) + found

    async def close(self) -> None:
        for _, made in self._made.values():
            await made.close()


class _Secret(Protocol):
    def value(self) -> str: ...


class _Settings(Protocol):
    """What this needs of `tagger.settings`; `secret` gives the present value, which may come from a file."""

    livechat_accounts_url: str
    livechat_account_id: str | None
    livechat_client_id: str | None
    livechat_credentials_file: Path | None

    def secret(self, name: str) -> _Secret: ...


def credentials(settings: _Settings, clock: Callable[[], float], rng: Random) -> Credentials | list[str]:
    """The credentials that the settings name, or what is wrong with them: exactly one kind has to be set."""
    names = ("pat", "access_token", "client_secret", "refresh_token")
    source = {name: settings.secret(f"livechat_{name}").value for name in names}
    given = {name for name, value in source.items() if value()}
    account_id, client_id = settings.livechat_account_id, settings.livechat_client_id
    kinds = {
        "LIVECHAT_ACCOUNT_ID + LIVECHAT_PAT": "pat" in given,
        "LIVECHAT_ACCESS_TOKEN": "access_token" in given,
        "LIVECHAT_CLIENT_ID + LIVECHAT_CLIENT_SECRET + LIVECHAT_REFRESH_TOKEN": "refresh_token" in given,
        "LIVECHAT_CREDENTIALS_FILE": settings.livechat_credentials_file is not None,
    }
    if list(kinds.values()).count(True) != 1:
        found = ", ".join(kind for kind, is_set in kinds.items() if is_set) or "none"
        return [f"set exactly one kind of credentials: {'; or '.join(kinds)} (found: {found})"]
    if settings.livechat_credentials_file is not None:
        return _of_file(settings.livechat_credentials_file, settings.livechat_accounts_url, clock, rng)
    if "access_token" in given:
        return ForAll(Fixed(source["access_token"]))
    if "pat" in given:
        if not account_id:
            return ["LIVECHAT_ACCOUNT_ID: required with LIVECHAT_PAT"]
        return ForAll(Fixed(source["pat"], account_id))
    if not client_id:
        return ["LIVECHAT_CLIENT_ID: required with LIVECHAT_REFRESH_TOKEN"]
    app = App(settings.livechat_accounts_url, client_id, source["client_secret"], source["refresh_token"])
    return ForAll(OAuth(app, clock, rng))


def _of_file(
    path: Path, accounts_url: str, clock: Callable[[], float], rng: Random
) -> Credentials | list[str]:
    file = CredentialsFile(path, clock)
    file.entries()
    if file.problem is not None:
        return [f"LIVECHAT_CREDENTIALS_FILE: {file.problem}"]

    def make(organization: str, entry: Entry) -> Credential:
        if "pat" in entry:
            return Fixed(lambda: entry["pat"], entry["account_id"])
        if "access_token" in entry:
            return Fixed(lambda: entry["access_token"])
        app = App(
            accounts_url,
            entry["client_id"],
            lambda: entry.get("client_secret", ""),
            lambda: file.entries().get(organization, entry).get("refresh_token", ""),
            partial(file.rotate, organization),
        )
        return OAuth(app, clock, rng)

    return _OfFile(file, make)
