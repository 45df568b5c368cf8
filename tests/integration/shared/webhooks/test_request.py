"""Requests to real receivers: to the address that was resolved, within a time, and nowhere else."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
import trustme

from shared.webhooks.hosts import AllowedHosts
from shared.webhooks.request import MOST_ANSWER_BYTES, Sender
from tests.support.receivers import Receiver, receiving

NAME = "hooks.test"
LOOPBACK = ("127.0.0.0/8", "::1/128")


def sender(*hosts: str, addresses: tuple[str, ...] = ("127.0.0.1",), seconds: float = 10.0) -> Sender:
    """A sender to these hosts, and to names on the loopback, with a resolver that has one answer."""
    return Sender(AllowedHosts.read((f"{NAME}:*", *hosts)), lambda _host, _port: addresses, seconds)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that answers 204."""
    with receiving() as one:
        yield one


@contextmanager
def raw_server(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """Serve one connection by a function of its socket; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):  # the sender has hung up
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_message_arrives_as_it_was_given(receiver: Receiver) -> None:
    """By POST, with the name in `Host`, the path and query as written, and the body byte for byte."""
    url = f"http://{NAME}:{receiver.port}/a/b?c=%20d&e"
    attempt = sender(*LOOPBACK).post(url, {"webhook-id": "one"}, b'{"a": 1}')
    assert (attempt.status, attempt.error) == (204, None)
    (message,) = receiver.messages
    assert (message.path, message.body, message.id) == ("/a/b?c=%20d&e", b'{"a": 1}', "one")
    assert message.headers["host"] == f"{NAME}:{receiver.port}"
    assert message.headers["content-type"] == "application/json"


def test_a_name_is_resolved_once(receiver: Receiver) -> None:
    """A name that leads elsewhere when it is asked a second time (DNS rebinding) is not asked a second time."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    asked = replace(sender(*LOOPBACK), resolve=lambda _host, _port: next(answers))
    assert asked.post(f"http://{NAME}:{receiver.port}/", {}, b"{}").error is None
    assert len(receiver.messages) == 1
    assert next(answers) == ["169.254.169.254"]


@pytest.mark.parametrize(
    "addresses", [("127.0.0.1",), ("::ffff:127.0.0.1",), ("::1",), ("10.0.0.1", "169.254.169.254"), ()]
)
def test_a_name_that_leads_to_a_private_address_is_refused(receiver: Receiver, addresses: tuple[str, ...]) -> None:
    """Unless that address is listed too, whatever the name's port."""
    attempt = sender(addresses=addresses).post(f"http://{NAME}:{receiver.port}/", {}, b"{}")
    assert attempt.status is None
    assert "not public" in (attempt.error or "")
    assert receiver.messages == []


def test_of_several_addresses_the_first_that_answers_is_taken(receiver: Receiver) -> None:
    """Those that may not be reached are left out; a message goes to one address."""
    addresses = ("10.0.0.1", "::1", "127.0.0.1")  # nobody listens at ::1
    assert sender(*LOOPBACK, addresses=addresses).post(f"http://{NAME}:{receiver.port}/", {}, b"{}").error is None
    assert len(receiver.messages) == 1


def test_a_host_that_is_listed_no_more_is_not_asked(receiver: Receiver) -> None:
    """The setting counts at the time of sending, and nothing is resolved."""
    allowed = replace(sender(), resolve=lambda _host, _port: pytest.fail("resolved"))
    assert "does not list 127.0.0.1" in (allowed.post(receiver.url, {}, b"{}").error or "")
    assert "does not list evil.test" in (allowed.post("http://evil.test/", {}, b"{}").error or "")
    assert "user or password" in (allowed.post(f"http://a@{NAME}/", {}, b"{}").error or "")


def test_an_address_that_is_listed_is_asked_without_a_resolver(receiver: Receiver) -> None:
    """Also in another notation of it."""
    allowed = replace(sender("127.0.0.1:*"), resolve=lambda _host, _port: pytest.fail("resolved"))
    assert allowed.post(receiver.url, {}, b"{}").error is None
    assert allowed.post(f"http://[::ffff:127.0.0.1]:{receiver.port}/", {}, b"{}").error is None


def test_ipv6_is_reached() -> None:
    """By its address in brackets."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        assert sender("[::1]:*").post(f"http://[::1]:{port}/", {}, b"{}").status == 204
        thread.join()


def test_the_environments_proxy_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would resolve the name by itself."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert sender(*LOOPBACK).post(f"http://{NAME}:{receiver.port}/", {}, b"{}").error is None


def test_a_redirect_is_a_failure(receiver: Receiver) -> None:
    """And is not followed."""
    with receiving() as elsewhere:
        receiver.status, receiver.headers = 307, {"Location": elsewhere.url}
        attempt = sender("127.0.0.1:*").post(receiver.url, {}, b"{}")
        assert elsewhere.messages == []
    assert attempt.status == 307
    assert "redirects are not followed" in (attempt.error or "")


@pytest.mark.parametrize(
    "status,failed", [(200, False), (202, False), (299, False), (304, True), (410, True), (500, True)]
)
def test_an_answer_of_2xx_is_a_success(receiver: Receiver, status: int, failed: bool) -> None:
    """And no other."""
    receiver.status = status
    attempt = sender("127.0.0.1:*").post(receiver.url, {}, b"{}")
    assert (attempt.status, attempt.error is not None) == (status, failed)


@pytest.mark.parametrize("asked,seconds", [("120", 120.0), ("soon", 0.0), ("-5", 0.0), ("9" * 30, 0.0), ("1.5", 0.0)])
def test_a_receiver_may_ask_for_time(receiver: Receiver, asked: str, seconds: float) -> None:
    """In whole seconds."""
    receiver.status, receiver.headers = 429, {"Retry-After": asked}
    assert sender("127.0.0.1:*").post(receiver.url, {}, b"{}").retry_after == seconds


def test_little_of_an_answer_is_read() -> None:
    """A receiver that never stops sending is hung up on, and its status counts."""
    sent: list[int] = []

    def flood(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while len(sent) < 10_000:
            connection.sendall(b"x" * MOST_ANSWER_BYTES)
            sent.append(1)

    with raw_server(flood) as port:
        assert sender("127.0.0.1:*").post(f"http://127.0.0.1:{port}/", {}, b"{}").error is None
    assert len(sent) < 10_000


def test_endless_headers_are_refused() -> None:
    """They are not collected without end."""

    def flood(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-A: " + b"x" * 10_000 + b"\r\n")

    with raw_server(flood) as port:
        attempt = sender("127.0.0.1:*").post(f"http://127.0.0.1:{port}/", {}, b"{}")
    assert attempt.status is None
    assert attempt.error is not None


@pytest.mark.parametrize(
    "begin", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\nx"], ids=["nothing", "headers", "body"]
)
def test_the_time_is_that_of_the_whole_request(begin: bytes) -> None:
    """A receiver that sends a byte now and then is not waited for, whatever it has begun."""
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(begin)
        while not done.wait(0.02):
            connection.sendall(b"x")

    with raw_server(drip) as port:
        attempt = sender("127.0.0.1:*", seconds=0.3).post(f"http://127.0.0.1:{port}/", {}, b"{}")
        done.set()
    assert attempt.error == "127.0.0.1 did not answer within 0.3 s."


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 999999 x\r\n\r\n"], ids=["nothing", "ssh", "status"]
)
def test_what_is_no_http_is_a_failure(answer: bytes) -> None:
    """With what was wrong, and nothing of what was sent back."""

    def speak(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(answer)

    with raw_server(speak) as port:
        attempt = sender("127.0.0.1:*").post(f"http://127.0.0.1:{port}/secret-path", {}, b"{}")
    assert attempt.status is None
    assert attempt.error
    assert "secret-path" not in attempt.error


def test_nobody_listening_is_a_failure() -> None:
    """Named by host and port."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        attempt = sender("127.0.0.1:*").post(f"http://127.0.0.1:{port}/", {}, b"{}")
    assert (attempt.error or "").startswith(f"127.0.0.1:{port}: ")


def test_a_name_that_is_unknown_is_a_failure() -> None:
    """With the resolver's reason."""

    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    attempt = replace(sender(), resolve=unknown).post(f"http://{NAME}/", {}, b"{}")
    assert attempt.error == f"{NAME} could not be resolved (Name or service not known)."


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who vouches for the receivers' names."""
    return trustme.CA()


def _serving(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_tls_asks_for_the_name_and_verifies_it(authority: trustme.CA) -> None:
    """Though the connection goes to an address: the right certificate passes, another name's does not."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    allowed = replace(sender(*LOOPBACK), tls=trusting)
    for name, error in ((NAME, None), ("other.test", "certificate")):
        served, asked = _serving(authority, name), list[str | None]()
        served.sni_callback = lambda _socket, server_name, _context, asked=asked: asked.append(server_name)
        with receiving(tls=served) as receiver:
            attempt = allowed.post(f"https://{NAME}:{receiver.port}/", {}, b"{}")
        assert asked == [NAME]
        assert (attempt.error is None) is (error is None)
        assert error is None or error in (attempt.error or "")
        assert len(receiver.messages) == (error is None)


def test_an_unknown_authority_is_refused(authority: trustme.CA) -> None:
    """Certificates are verified by what this machine trusts."""
    with receiving(tls=_serving(authority, NAME)) as receiver:
        attempt = sender(*LOOPBACK).post(f"https://{NAME}:{receiver.port}/", {}, b"{}")
    assert "certificate" in (attempt.error or "").lower()
    assert receiver.messages == []


def test_an_address_needs_a_certificate_of_its_own(authority: trustme.CA) -> None:
    """Where the URL names an address, that is what is verified."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with receiving(tls=_serving(authority, "127.0.0.1")) as receiver:
        attempt = replace(sender("127.0.0.1:*"), tls=trusting).post(f"https://127.0.0.1:{receiver.port}/", {}, b"{}")
    assert attempt.error is None
