"""The page as an aiohttp application: its rooms' routes behind one gate."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp_jinja2
import jinja2
from aiohttp import web

from tagger.core.review.shares import share
from tagger.web.change.routes import TRIALS
from tagger.web.change.routes import routes as change
from tagger.web.change.trials import Trials
from tagger.web.chat.routes import routes as chat
from tagger.web.chats.routes import routes as chats
from tagger.web.frame import PAGE, Page
from tagger.web.gate import ACCESS, Access, gate, problems, sign, zipped
from tagger.web.keywords.counting import COUNTING, Counting
from tagger.web.keywords.routes import routes as keywords
from tagger.web.manual import routes as manual
from tagger.web.times import ago, day_name, moment
from tagger.web.try_it.routes import routes as try_it

TEMPLATES: Final = Path(__file__).with_name("templates")
# A text of 256 KiB is three times as long in a form, where each of its bytes may take three.
BODY_BYTES_MAX: Final = 1_000_000
# What templates write figures and times with.
FILTERS: Final[dict[str, Callable[..., str]]] = {
    "moment": moment,
    "day": day_name,
    "share": share,
    "ago": ago,
}


def make_app(page: Page, access: Access, trials: Trials, counting: Counting) -> web.Application:
    """The application; what the others hold is closed by whoever made it."""
    app = web.Application(middlewares=[gate, zipped, problems], client_max_size=BODY_BYTES_MAX)
    app[PAGE], app[ACCESS], app[TRIALS], app[COUNTING] = page, access, trials, counting
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        default_helpers=False,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        filters=FILTERS,
    )
    app.router.add_get("/static/{hash}/{name}", page.statics.serve)
    app.router.add_get("/favicon.ico", page.statics.serve)
    app.add_routes([*try_it, *chats, *chat, *keywords, *change, *manual])
    app.on_response_prepare.append(sign)
    return app
