"""Where webhooks may be sent: URLs read strictly, hosts that are listed, addresses that are public or listed."""

from __future__ import annotations

import pytest

from shared.errors import ConfigurationError
from shared.settings import Settings
from shared.webhooks.hosts import AllowedHosts, read_url

LISTED = AllowedHosts.read(
    ("hooks.example.com", "*.lan.example.com", "10.0.0.5:8080", "[fd00::5]", "build.example.com:*", "192.168.7.0/24")
)


@pytest.mark.parametrize(
    "url,host,port,target,authority",
    [
        ("https://Hooks.example.com", "hooks.example.com", 443, "/", "hooks.example.com"),
        ("http://hooks.example.com:8080/a?b=c%20d", "hooks.example.com", 8080, "/a?b=c%20d", "hooks.example.com:8080"),
        ("https://hooks.example.com:443/a", "hooks.example.com", 443, "/a", "hooks.example.com"),
        ("http://10.0.0.5:8080/", "10.0.0.5", 8080, "/", "10.0.0.5:8080"),
        ("http://[FD00:0:0::5]/x", "fd00::5", 80, "/x", "[fd00::5]"),
        ("http://[::ffff:10.0.0.5]:8080/", "10.0.0.5", 8080, "/", "10.0.0.5:8080"),
    ],
)
def test_a_url_is_read(url: str, host: str, port: int, target: str, authority: str) -> None:
    """Names in lower case, addresses in one form, the port as the scheme has it."""
    read = read_url(url)
    assert (read.host, read.port, read.target, read.authority) == (host, port, target, authority)


@pytest.mark.parametrize(
    "url,why",
    [
        ("ftp://hooks.example.com/", "must begin with https"),
        ("//hooks.example.com/", "must begin with https"),
        ("hooks.example.com", "must begin with https"),
        ("https://user:pass@hooks.example.com/", "user or password"),
        ("https://hooks.example.com@10.0.0.1/", "user or password"),
        ("https://hooks.example.com/a#b", "fragment"),
        ("https://hooks.example.com/a b", "ASCII"),
        ("https://hooks.example.com\\@10.0.0.1/", "ASCII"),
        ("https://hooks.example.com/\r\nX-Header: 1", "ASCII"),
        ("https://hooks.example.com\t/", "ASCII"),
        ("https://bücher.example/", "ASCII"),
        ("https://hooks.example.com:0/", "port"),
        ("https://hooks.example.com:65536/", "port"),
        ("https://hooks.example.com:/", "must be like"),
        ("https://:443/", "must be like"),
        ("https:///path", "must be like"),
        ("https://hooks..example.com/", "must be like"),
        ("https://[fe80::1%25eth0]/", "must be like"),
        ("https://[10.0.0.1]x/", "must be like"),
        ("https://[:::1]/", "IP address"),
        ("https://h.example/" + "a" * 2000, "at most 2000"),
    ],
)
def test_another_url_is_refused(url: str, why: str) -> None:
    """With what is wrong about it."""
    with pytest.raises(ValueError, match=why):
        read_url(url)


@pytest.mark.parametrize(
    "url,allowed",
    [
        ("https://hooks.example.com/", True),
        ("http://hooks.example.com/", True),
        ("https://hooks.example.com:8443/", False),
        ("https://evil.example.com/", False),
        ("https://hooks.example.com.evil.net/", False),
        ("https://a.lan.example.com/", True),
        ("https://lan.example.com/", False),
        ("https://build.example.com:9000/", True),
        ("http://10.0.0.5:8080/", True),
        ("http://[::ffff:10.0.0.5]:8080/", True),
        ("http://10.0.0.5/", False),
        ("http://10.0.0.6:8080/", False),
        ("http://192.168.7.9/", False),
        ("http://[fd00::5]/", True),
        ("http://[fd00::6]/", False),
    ],
)
def test_hosts_that_are_listed_are_allowed(url: str, allowed: bool) -> None:
    """Under their port; an address only by itself, whatever notation it has, and never by its network."""
    assert LISTED.allows(read_url(url)) is allowed


@pytest.mark.parametrize("url", ["https://1.1.1.1/", "http://127.0.0.1/", "http://[::1]/"])
def test_no_pattern_stands_for_an_address(url: str) -> None:
    """`*` allows every name."""
    everywhere = AllowedHosts.read(("*:*",))
    assert everywhere.allows(read_url("http://any.example:1234/"))
    assert not everywhere.allows(read_url(url))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "fe80::1%eth0", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::", "2001:0:5ef5:79fb::1"),
        "not an address",
    ],
)
def test_addresses_that_are_not_public_are_never_reached(address: str) -> None:
    """Private, local, reserved, of a group, or leading to such a one through IPv6."""
    assert LISTED.reachable([address]) == []


def test_public_and_listed_addresses_are_reached() -> None:
    """In the resolver's order; those of a listed network, and listed addresses themselves."""
    found = ["10.0.0.9", "93.184.215.14", "2606:2800:21f:cb07::1", "192.168.7.200", "10.0.0.5", "fd00::5", "fd00::6"]
    assert LISTED.reachable(found) == [*found[1:6]]


@pytest.mark.parametrize(
    "entry", ["http://a.example", "a.example/path", "a b", "a.example:x", "10.0.0.0/99", ":80", "[::"]
)
def test_an_entry_that_is_neither_host_nor_network_stops_the_start(entry: str) -> None:
    """The message names the variable and the entry."""
    with pytest.raises(ConfigurationError, match="FLIGHTLINE_WEBHOOK_HOSTS: must be hosts") as caught:
        Settings(webhook_hosts=f"good.example, {entry}")
    assert repr(entry) in caught.value.detail
