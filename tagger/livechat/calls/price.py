"""What calls to LiveChat's API cost at the published price. Pure.

Calls of personal access tokens and private apps are billed, failed ones too, except those answered with status 500.
More than a million a month are cheaper. https://platform.text.com/docs/getting-started/api-pricing
"""

from typing import Final

DOLLARS_PER_1000: Final = 0.27


def dollars(calls: int) -> float:
    """Return what so many calls cost at most."""
    return calls * DOLLARS_PER_1000 / 1_000


def priced(calls: int) -> str:
    """Say it: `143 API calls, about $0.04 at LiveChat's published price`."""
    if not calls:
        return "0 API calls"
    cost = dollars(calls)
    about = "less than $0.01" if cost < 0.01 else f"about ${cost:,.2f}"
    return f"{calls:,} API call{'' if calls == 1 else 's'}, {about} at LiveChat's published price"
