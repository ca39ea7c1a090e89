"""How much of a partition each organization may take while others wait. Pure.

An organization may hold as much as is still free: one holds half, two hold a third each, and something is always
left for a newcomer. So nobody needs to know how many there are, and none can fill the queue whose limit pauses them
all. Beyond a number of names the rest share one account, or a flood of forged names would get a larger share.
"""

from collections import deque
from typing import Final

from tagger.core.limits import ORGANIZATIONS_MAX
from tagger.core.threads.thread import Thread

# A name keeps its account for this long (by the partition's clock) after a job was last due for it: forged names do
# not displace one that keeps coming.
_KEPT_MS: Final = 600_000


class Account:
    """What one organization holds, in numbers. A waiting thread refers to its account, which must not refer back."""

    __slots__ = ("bytes", "threads", "under_way", "used_ms", "waiting")

    def __init__(self) -> None:
        self.under_way = 0  # jobs
        self.waiting = 0  # threads waiting to be settled
        self.threads = 0  # those of them that have their text
        self.bytes = 0  # of these
        self.used_ms = 0  # when a job was last due


class Shares:
    """The accounts of one assignment."""

    def __init__(self, *, several: bool) -> None:
        self._accounts: dict[str, Account] = {}
        self._first: str | None = None  # the first organization with a thread that ended
        self._others = Account()
        self._turns: deque[Account] = deque()  # accounts with something ready, next in turn first
        self._ready: dict[Account, deque[Thread]] = {}  # their threads with a job due and none under way
        self.several = several  # whether more than one organization has been seen

    def account(self, thread: Thread, now_ms: int) -> Account:
        """Return the account of the thread's organization, or the one that the rest share."""
        organization = thread.chat[0]
        if not self.several and thread.thread_id:  # the organization of an unreadable record is not reliable
            self.several = self._first not in (None, organization)
            self._first = organization
        account = self._accounts.get(organization) or self._opened(organization, now_ms)
        account.used_ms = now_ms
        return account

    def _opened(self, organization: str, now_ms: int) -> Account:
        if len(self._accounts) >= ORGANIZATIONS_MAX:
            for name, account in self._accounts.items():
                if not account.waiting and account.used_ms + _KEPT_MS < now_ms:
                    del self._accounts[name]
                    break
            else:
                return self._others
        account = self._accounts[organization] = Account()
        return account

    def waiting(self) -> list[Thread]:
        """Return the threads with no job under way, by organization, newest first."""
        return [thread for account in self._turns for thread in reversed(self._ready[account])]

    def ready(self, account: Account, thread: Thread) -> None:
        """Queue a thread that has a job due and none under way."""
        if account not in self._ready:
            self._turns.append(account)
            self._ready[account] = deque()
        self._ready[account].append(thread)

    def next(self, free: int) -> Thread | None:
        """Take the thread whose turn it is, if any; `free` more jobs may be started in all."""
        for _ in range(len(self._turns)):
            account = self._turns.popleft()
            if account.under_way >= free:
                self._turns.append(account)
                continue
            ready = self._ready[account]
            thread = ready.popleft()
            if ready:
                self._turns.append(account)
            else:
                del self._ready[account]
            return thread
        return None
