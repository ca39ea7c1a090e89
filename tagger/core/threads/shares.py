"""What each organization may take of a partition while others wait. Pure.

An organization may hold as much as is still free: one alone holds half, two hold a third each, and something
is always left for one that comes. So nobody needs to know how many there are, and none can fill what pauses
all of them. Names beyond a number share one account, or a flood of forged ones would be worth more.
"""

from collections import deque
from typing import Final

from tagger.core.limits import ORGANIZATIONS_MAX
from tagger.core.threads.thread import Thread

# A name keeps its account for this long after it last had something to wait for, by the partition's clock: names
# that are forged meanwhile do not take the place of one that comes again and again.
KEPT_MS: Final = 600_000


class Account:
    """What one organization holds."""

    __slots__ = ("bytes", "ready", "threads", "under_way", "used_ms", "waiting")

    def __init__(self) -> None:
        self.ready: deque[Thread] = deque()  # threads with a job that is due and none under way
        self.under_way = 0  # jobs
        self.waiting = 0  # threads that wait to be settled
        self.threads = 0  # those of them that have their text
        self.bytes = 0  # and what these hold
        self.used_ms = 0  # when something was last due


class Shares:
    """The accounts of one assignment."""

    __slots__ = ("_accounts", "_first", "_others", "_turns", "several")

    def __init__(self, *, several: bool) -> None:
        self._accounts: dict[str, Account] = {}
        self._first: str | None = None  # the first organization of which a thread ended
        self._others = Account()
        self._turns: deque[Account] = deque()  # accounts with something ready, the one whose turn it is first
        self.several = several  # more than one organization was met, if ever

    def account(self, thread: Thread, now_ms: int) -> Account:
        """The account of the thread's organization, or the one of all that have none of their own."""
        organization = thread.chat[0]
        if not self.several and thread.thread_id:  # an unreadable record names nobody, or anybody
            self.several = self._first not in (None, organization)
            self._first = organization
        account = self._accounts.get(organization) or self._opened(organization, now_ms)
        account.used_ms = now_ms
        return account

    def _opened(self, organization: str, now_ms: int) -> Account:
        if len(self._accounts) >= ORGANIZATIONS_MAX:
            for name, account in self._accounts.items():
                if not account.waiting and account.used_ms + KEPT_MS < now_ms:
                    del self._accounts[name]
                    break
            else:
                return self._others
        account = self._accounts[organization] = Account()
        return account

    def waiting(self) -> list[Thread]:
        """Threads whose job is not under way, of each organization the newest first."""
        return [thread for account in self._turns for thread in reversed(account.ready)]

    def ready(self, account: Account, thread: Thread) -> None:
        """A job is due for the thread, and none under way."""
        if not account.ready:
            self._turns.append(account)
        account.ready.append(thread)

    def next(self, free: int) -> Thread | None:
        """A thread whose turn it is; so many jobs as `free` may still be begun by anybody."""
        for _ in range(len(self._turns)):
            account = self._turns.popleft()
            if account.under_way >= free:
                self._turns.append(account)
                continue
            thread = account.ready.popleft()
            if account.ready:
                self._turns.append(account)
            return thread
        return None
