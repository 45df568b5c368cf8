"""Which IP addresses a webhook may be sent to: public ones, whatever notation hides them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")


def read_address(text: str) -> Address:
    """Parse an address as the resolver writes it, and unwrap an IPv4 address inside an IPv6 one.

    IPv4-mapped (``::ffff:10.0.0.1``), 6to4 (``2002::/16``) and NAT64 (``64:ff9b::/96``) addresses lead to the IPv4
    address that they hold, so that address is the one to judge.

    Raises:
        ValueError: the text is no address, or names a network interface (``fe80::1%eth0``).
    """
    if "%" in text:
        message = f"{text!r} names a network interface"
        raise ValueError(message)
    return unwrapped(ip_address(text))


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address holds; any other address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


def is_public(address: Address) -> bool:
    """Whether an address is one host of the public Internet: not private, local, reserved or of a group."""
    local = address.is_private or address.is_loopback or address.is_link_local or address.is_unspecified
    return address.is_global and not (local or address.is_multicast or address.is_reserved)
