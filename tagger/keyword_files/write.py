"""A keyword file on disk, replaced as a whole. Only `tagger check --fix --write` does so, because a person said so."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from tagger.keyword_files.read import shown_path


def replace(path: str, before: bytes, after: bytes) -> str | None:
    """Put other bytes into a file, at once for whoever reads it; or what prevents that, a sentence with what to do.

    The file keeps its mode and, where the system allows it, its owner. A symbolic link stays one.

    before  what was read: a file that changed since then is left alone
    """
    target = Path(os.path.realpath(path))
    new = target.with_name(
        f".{target.name}.{token_hex(4)}"
    )  # a name that the reader of the folder passes over
    try:
        former = target.stat()
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            with suppress(PermissionError):  # of somebody else's file, only root may keep the owner
                os.fchown(file.fileno(), former.st_uid, former.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(former.st_mode))
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        if target.read_bytes() != before:
            return f"{shown_path(path)}: changed meanwhile, and was not written. Run the command again."
        new.replace(target)
    except OSError as error:
        return f"{shown_path(path)}: cannot be written ({error.strerror}). Let your user write the file and its folder."
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)
    return None
