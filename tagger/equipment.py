"""What every process that judges and tags begins with: credentials, and the keyword files in force.

It promises that whatever is wrong with either of them is told at once, before anything is started.
"""

import time
from random import SystemRandom

from ingest.runtime import stop
from tagger.keywords import Keywords, Unloadable
from tagger.livechat.credentials import Credentials, credentials
from tagger.settings import TaggerSettings


def equipment(settings: TaggerSettings) -> tuple[Credentials, Keywords]:
    """Read both; where they are not to be had, say all there is to say and exit 2."""
    who = credentials(settings, time.monotonic, SystemRandom())
    keywords = Keywords.load(settings.tagger_config, settings.tagger_canned_placeholder)
    if isinstance(who, list) or isinstance(keywords, Unloadable):
        problems = [*who] if isinstance(who, list) else []
        if isinstance(keywords, Unloadable):
            problems += [*keywords.problems, "Nothing was done: these keyword files are not valid."]
        stop("\n".join(problems))
    return who, keywords
