"""Converts requests for WSGI applications."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import unquote_to_bytes

from tfdriver.sandbox.messages import HttpRequest


def environ(request: HttpRequest, account: str) -> dict[str, Any]:
    """Return the WSGI environment of a request, with moto's header for the account."""
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in request.headers.items()
        if name not in ("content-type", "content-length", "transfer-encoding", "expect")
    }
    target = request.path + (f"?{request.query}" if request.query else "")
    return headers | {
        "HTTP_X_MOTO_ACCOUNT_ID": account,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "RAW_URI": target,
        "REQUEST_URI": target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def is_set_by_server(header: str, method: str) -> bool:
    """Return whether the HTTP server sets this header. It cannot know the Content-Length for HEAD."""
    names = {"connection", "date", "server", "transfer-encoding"} | (set() if method == "HEAD" else {"content-length"})
    return header.lower() in names
