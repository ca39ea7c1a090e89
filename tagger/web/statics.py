"""Our style sheet, script and icon, read once. Addresses hold hashes: browsers keep them, and no old ones."""

import gzip
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import web

FOLDER: Final = Path(__file__).with_name("static")
TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
KEPT: Final = "private, max-age=31536000, immutable"


class _Static(NamedTuple):
    path: str
    content_type: str
    plain: bytes
    gzipped: bytes


class Statics:
    """What templates link to, and how it is served."""

    def __init__(self) -> None:
        files = [path for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES]
        self._by_name = {path.name: _read(path) for path in files}
        self._by_path = {static.path: static for static in self._by_name.values()}

    def path(self, name: str) -> str:
        """The address of a file. Raises KeyError where there is none."""
        return self._by_name[name].path

    async def serve(self, request: web.Request) -> web.Response:
        """Answer GET /static/… and /favicon.ico."""
        static = self._by_path.get(request.path)
        if request.path == "/favicon.ico":  # browsers ask for it wherever a page names no icon
            static = self._by_name["icon.svg"]
        if static is None:
            raise web.HTTPNotFound
        zipped = "gzip" in request.headers.get("Accept-Encoding", "")
        headers = {"Cache-Control": KEPT, **({"Content-Encoding": "gzip"} if zipped else {})}
        body = static.gzipped if zipped else static.plain
        return web.Response(body=body, content_type=static.content_type, charset="utf-8", headers=headers)


def _read(path: Path) -> _Static:
    content = path.read_bytes()
    digest = sha256(content).hexdigest()[:12]
    return _Static(
        f"/static/{digest}/{path.name}", TYPES[path.suffix], content, gzip.compress(content, mtime=0)
    )
