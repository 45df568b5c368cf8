"""Host names in headers and in a list."""

from __future__ import annotations

import pytest

from shared.errors import ConfigurationError
from shared.hosts import address_of, host_of, is_address, is_loopback, matches, read_patterns
from shared.settings import Settings


@pytest.mark.parametrize(
    "authority, host",
    [
        ("localhost", "localhost"),
        ("LocalHost:8470", "localhost"),
        ("localhost.:8470", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("127.0.0.1:", "127.0.0.1"),
        ("[::1]:8470", "::1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("my_service:1", "my_service"),
    ],
)
def test_the_host_of_an_authority(authority: str, host: str) -> None:
    """Without its port and a final dot, in one spelling."""
    assert host_of(authority) == host


@pytest.mark.parametrize(
    "authority",
    [
        "",
        ":80",
        ".",
        "a..b",
        "a b",
        "a,b",
        "user@localhost",
        "localhost:x",
        "localhost:123456",
        "::1",
        "[1:2]",
        "[x]",
        "ä",
    ],
)
def test_what_is_no_authority_has_no_host(authority: str) -> None:
    """Nothing is guessed."""
    assert host_of(authority) is None


def test_addresses_are_told_from_names() -> None:
    """A name that looks like a number is a name: who knows whom it leads to."""
    assert is_address("127.0.0.1")
    assert is_address("fe80::1")
    assert not is_address("localhost")
    assert not is_address("2130706433")
    assert not is_address("127.1")


@pytest.mark.parametrize(
    "host, alone",
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("gpu-box", False),
    ],
)
def test_who_is_reached_from_the_machine_alone(host: str, alone: bool) -> None:
    """By the address that a server listens on."""
    assert is_loopback(host) is alone


def test_patterns() -> None:
    """A name is itself, a star stands for one or more labels in front, a star alone for everything."""
    patterns = frozenset(read_patterns(" Flightline.Example.com:443, *.lan.example ,, [::1]:80"))
    assert patterns == {"flightline.example.com", "*.lan.example", "::1"}
    assert matches("flightline.example.com", patterns)
    assert matches("a.b.lan.example", patterns)
    assert not matches("lan.example", patterns)
    assert not matches("evil-lan.example", patterns)
    assert not matches("flightline.example.com.evil.example", patterns)
    assert matches("evil.example", frozenset({"*"}))


@pytest.mark.parametrize("text", ["http://flightline.example.com", "a/b", "a b", "*x", "a,*."])
def test_a_list_that_holds_something_else_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The setting is named, with an example."""
    monkeypatch.setenv("FLIGHTLINE_ALLOWED_HOSTS", text)
    with pytest.raises(ConfigurationError, match=r"FLIGHTLINE_ALLOWED_HOSTS: .*flightline\.example\.com"):
        Settings()


def test_the_list_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commas alone part the names; nothing set is nothing more."""
    assert Settings().allowed_hosts == ()
    monkeypatch.setenv("FLIGHTLINE_ALLOWED_HOSTS", "api, flightline.lan")
    assert Settings().allowed_hosts == ("api", "flightline.lan")


@pytest.mark.parametrize(
    "text, address",
    [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:80", "1.2.3.4"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("unknown", "None"),
        ("", "None"),
        ("1.2.3", "None"),
    ],
)
def test_an_address_is_read_in_every_spelling(text: str, address: str) -> None:
    """With and without a port; what is no address is none."""
    assert str(address_of(text)) == address


def test_networks_are_set_with_commas() -> None:
    """Addresses and networks; one that is neither is named."""
    settings = Settings.model_validate({"trusted_proxies": "127.0.0.1, 10.1.2.3/8,::1"})
    assert list(map(str, settings.trusted_proxies)) == ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]
    assert Settings.model_validate({"trusted_proxies": ""}).trusted_proxies == ()

    with pytest.raises(ConfigurationError, match=r"FLIGHTLINE_TRUSTED_PROXIES.*'proxy\.lan' is none"):
        Settings.model_validate({"trusted_proxies": "127.0.0.1,proxy.lan"})


@pytest.mark.parametrize(
    "text, path", [("", ""), ("/", ""), ("/lab", "/lab"), ("/lab/", "/lab"), ("/a/b-c_d.e~1", "/a/b-c_d.e~1")]
)
def test_a_base_path_ends_without_a_slash(text: str, path: str) -> None:
    """However it is written."""
    assert Settings.model_validate({"base_path": text}).base_path == path


@pytest.mark.parametrize("text", ["lab", "//lab", "/a//b", "/a/../b", "/.", "/a b", "/ä", "http://host/lab", "/a?b"])
def test_what_is_no_base_path_is_refused(text: str) -> None:
    """The message names the variable."""
    with pytest.raises(ConfigurationError, match="FLIGHTLINE_BASE_PATH: must be a path such as /flightline"):
        Settings.model_validate({"base_path": text})
