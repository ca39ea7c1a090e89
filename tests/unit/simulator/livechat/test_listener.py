"""A LiveChat that nobody can connect to for a while, and that is back at the same address."""

from base64 import b64encode

import aiohttp
import pytest

from tagger.simulator.livechat.server import SimulatedLiveChat


async def test_it_goes_away_and_comes_back_at_the_same_address_with_all_it_knows() -> None:
    async with SimulatedLiveChat() as livechat, aiohttp.ClientSession() as session:
        url, organization = livechat.url, livechat.add_organization()
        account, pat = livechat.add_account(organization)
        call = f"{url}/configuration/action/list_tags"
        who = {"Authorization": f"Basic {b64encode(f'{account.id}:{pat}'.encode()).decode()}"}
        async with session.post(call, json={}, headers=who) as answer:
            assert answer.status == 200
        await livechat.listener.close()
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.post(call, json={}, headers=who)
        await livechat.listener.open()
        assert livechat.url == url
        async with session.post(call, json={}, headers=who) as answer:
            assert answer.status == 200
