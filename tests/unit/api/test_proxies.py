"""What a proxy in front of the API may say of a request, and the path that the API is served below."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import EnvironBuilder

from api.http.proxies import Proxies
from shared.settings import Settings

INNER, OUTER, CLIENT = "10.0.0.1", "10.0.0.2", "203.0.113.7"


def seen(path: str = "/v1/jobs", peer: str = INNER, base: str = "", **headers: str) -> dict[str, Any]:
    """Return what the application sees of a request from `peer`, where the proxies' network is trusted."""
    settings = Settings.model_validate({"trusted_proxies": "10.0.0.0/24, ::1", "base_path": base})
    named = {f"X-Forwarded-{name}": value for name, value in headers.items()}
    environ = EnvironBuilder(path, headers=list(named.items()), environ_overrides={"REMOTE_ADDR": peer}).get_environ()
    found: dict[str, Any] = {}

    def app(environ: dict[str, Any], _start_response: object) -> list[bytes]:
        found.update(environ)
        return []

    Proxies(app, settings.trusted_proxies, settings.base_path)(environ, lambda *_: lambda _: None)
    return found


@pytest.mark.parametrize(
    "peer, forwarded_for, address",
    [
        (INNER, CLIENT, CLIENT),
        (INNER, f"{CLIENT}, {OUTER}", CLIENT),
        (INNER, f"198.51.100.9, {CLIENT}, {OUTER}", CLIENT),
        (INNER, f"198.51.100.9,{CLIENT}", CLIENT),
        (INNER, f"{OUTER}", OUTER),
        (INNER, "", INNER),
        (INNER, "unknown", INNER),
        (INNER, f"{CLIENT}, _hidden, {OUTER}", OUTER),
        (INNER, f"{CLIENT}:51234", CLIENT),
        (INNER, "[2001:db8::7]:443", "2001:db8::7"),
        ("::ffff:10.0.0.1", CLIENT, CLIENT),
        ("::1", CLIENT, CLIENT),
        (CLIENT, "198.51.100.9", CLIENT),
        ("127.0.0.1", CLIENT, "127.0.0.1"),
        ("", CLIENT, ""),
    ],
)
def test_the_client_is_the_first_that_is_no_trusted_proxy(peer: str, forwarded_for: str, address: str) -> None:
    """Counted from the nearest outwards: what stands before it, anybody may have written."""
    assert seen(peer=peer, For=forwarded_for)["REMOTE_ADDR"] == address


@pytest.mark.parametrize("scheme, found", [("https", "https"), ("http, HTTPS", "https"), ("ftp", "http"), ("", "http")])
def test_a_trusted_proxy_says_how_it_was_asked(scheme: str, found: str) -> None:
    """The scheme and the host of the client's own request; what is no scheme is passed over."""
    environ = seen(Proto=scheme, Host="evil.example, lab.example.com")

    assert environ["wsgi.url_scheme"] == found
    assert environ["HTTP_HOST"] == "lab.example.com"


def test_nobody_else_may_say_anything() -> None:
    """The headers of a client that is no trusted proxy are dropped."""
    environ = seen(peer=CLIENT, For="127.0.0.1", Proto="https", Host="evil.example", Prefix="/evil")

    assert environ["REMOTE_ADDR"] == CLIENT
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["HTTP_HOST"] == "localhost"
    assert environ["SCRIPT_NAME"] == ""
    assert not any(name.startswith("HTTP_X_FORWARDED") for name in environ)


@pytest.mark.parametrize(
    "base, prefix, path, root, rest",
    [
        ("", "", "/v1/jobs", "", "/v1/jobs"),
        ("/lab", "", "/lab/v1/jobs", "/lab", "/v1/jobs"),
        ("/lab", "", "/v1/jobs", "/lab", "/v1/jobs"),
        ("/lab", "", "/lab", "/lab", "/"),
        ("/lab", "", "/labs/v1", "/lab", "/labs/v1"),
        ("/a/lab", "", "/a/lab/docs", "/a/lab", "/docs"),
        ("", "/lab", "/v1/jobs", "/lab", "/v1/jobs"),
        ("", "/lab/", "/v1/jobs", "/lab", "/v1/jobs"),
        ("/lab", "/lab", "/v1/jobs", "/lab", "/v1/jobs"),
        ("/lab", "/lab", "/lab/v1/jobs", "/lab", "/v1/jobs"),
        ("/lab", "/team", "/lab/v1/jobs", "/team/lab", "/v1/jobs"),
        ("", "//evil.example", "/v1/jobs", "", "/v1/jobs"),
        ("", "/a/../b", "/v1/jobs", "", "/v1/jobs"),
        ("", "/a b", "/v1/jobs", "", "/v1/jobs"),
        ("", '/a"><script>', "/v1/jobs", "", "/v1/jobs"),
    ],
)  # fmt: skip
def test_the_path_below_which_the_client_asked(base: str, prefix: str, path: str, root: str, rest: str) -> None:
    """A proxy may pass the base path on or cut it off; a prefix that is no path is passed over."""
    environ = seen(path, base=base, Prefix=prefix)

    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (root, rest)
