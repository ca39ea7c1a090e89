"""What every process that judges and tags begins with: credentials, and the keyword files in force.

It promises a command that whatever is wrong with either of them is told at once, before anything is started.
The service begins with bad keyword files, too: a set that was in force before may serve meanwhile.
"""

import time
from random import SystemRandom

from ingest.runtime.process import stop
from tagger.keyword_files.reload import Keywords, Unloadable
from tagger.livechat.authorization.credentials import Credentials, credentials
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


def service_equipment(settings: TaggerSettings) -> tuple[Credentials, Keywords]:
    """The same for the service: keyword files that are not valid leave nothing in force, and exit nothing."""
    who = credentials(settings, time.monotonic, SystemRandom())
    keywords = Keywords.begin(settings.tagger_config, settings.tagger_canned_placeholder)
    if isinstance(who, list):
        stop("\n".join([*who, *keywords.problems]))
    return who, keywords
