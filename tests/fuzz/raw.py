"""Raw bytes on the API's socket: requests that no library would send, and right ones with a few bytes changed."""

from __future__ import annotations

import random
import re
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_from_bytes

ANSWER_SECONDS = 60.0
"""How long an answer may take before it counts as a hang."""
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n")
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)
_DECLARED = re.compile(rb"Content-Length: \d+", re.IGNORECASE)
_HOST = b"Host: localhost\r\n"
_JSON = _HOST + b"Content-Type: application/json\r\n"
_BOUNDARY = b"XYZ"
_PARTS = b"".join(
    b'--XYZ\r\nContent-Disposition: form-data; name="image"; filename="%d.png"\r\n\r\nx\r\n' % number
    for number in range(700)
)

PIECES: Sequence[bytes] = (
    *(
        b"\0",
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b"%00",
        b"%",
        b"%zz",
        b"../",
        b"//",
        b"\xff\xfe",
        b"\xf0\x9f\x92\xa5",
        b"'",
        b'"',
    ),
    *(b"-1", b"0", b"1e999", b"NaN", b"99999999999999999999999", b"9" * 5000, b"[" * 2000, b'{"a":' * 500, b"\\ud800"),
    *(b"null", b"true", b"{}", b"[]", b"<script>", b"; DROP TABLE jobs", b"Transfer-Encoding: chunked\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: -5\r\n", b"Host: evil.example\r\n", b"SCRIPT_NAME: /evil\r\n"),
    *(b"X-Forwarded-For: 1.2.3.4\r\n", b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n", b"Range: bytes=9-1\r\n"),
)
"""What mutations put into a request."""


def corpus(jobs: Sequence[str], token: str | None) -> list[bytes]:
    """Return requests to begin with: those of every kind that the API knows, and those that have hurt other servers."""
    signed = b"" if token is None else b"Authorization: Bearer " + token.encode() + b"\r\n"
    return [*_right(jobs, signed), *_wrong(jobs[0].encode(), signed)]


def _right(jobs: Sequence[str], signed: bytes) -> Iterator[bytes]:
    head = _HOST + signed
    yield from (b"GET %s HTTP/1.1\r\n%s\r\n" % (path.encode(), head) for path in _paths(jobs))
    spec = b'{"preset":"notebook-linear","training":{"epochs":1},"tags":["a"]}'
    sweep = b'{"base":{"preset":"notebook-linear"},"space":{"training.seed":{"kind":"int","low":0,"high":9}}}'
    for method, path, body in (
        ("POST", "/v1/jobs?dry_run=true", spec),
        ("POST", "/v1/jobs", b'{"architecture":{"kind":"mlp","hidden":[3]},"dataset":"synthetic"}'),
        ("POST", "/v1/sweeps?dry_run=true", sweep),
        ("POST", "/v1/sweeps", sweep),
        ("PATCH", f"/v1/jobs/{jobs[0]}", b'{"priority":7}'),
        ("POST", f"/v1/jobs/{jobs[-1]}/cancel", b""),
        ("POST", f"/v1/jobs/{jobs[-1]}/retry", b""),
        ("POST", f"/v1/jobs/{jobs[0]}/evaluate", b'{"dataset":"synthetic"}'),
        ("DELETE", f"/v1/jobs/{jobs[-1]}", b""),
    ):
        line = f"{method} {path} HTTP/1.1\r\n".encode()
        yield b"%s%s%sContent-Length: %d\r\n\r\n%s" % (line, _JSON, signed, len(body), body)
        yield b"%s%s%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (
            line, _JSON, signed, len(body) or 1, body or b" ",
        )  # fmt: skip


def _paths(jobs: Sequence[str]) -> Iterator[str]:
    yield from (
        "/",
        "/docs",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/static/reference.css",
        "/v1/workers",
        "/v1/events",
        "/v1/whoami",
        "/v1/queues",
    )
    yield from (
        "/v1/sweeps?status=running&limit=2",
        "/v1/sweeps/abcd",
        "/v1/sweeps/abcd/trials?sort=value&cursor=inf:1",
    )
    yield from ("/v1/presets", "/v1/datasets", "/v1/datasets/synthetic", "/v1/datasets/synthetic/images/val/1")
    yield from ("/v1/jobs", "/v1/jobs?status=queued&limit=3&sort=-val_accuracy", "/v1/jobs?cursor=W10&tag=a&tag=b")
    for job in jobs:
        yield from (f"/v1/jobs/{job}", f"/v1/jobs/{job[-8:]}", f"/v1/jobs/{job}/epochs?after=0")
        for part in (
            "attempts",
            "evaluation",
            "log",
            "artifacts",
            "artifacts/best.safetensors",
            "mistakes",
            "notebook",
        ):
            yield f"/v1/jobs/{job}/{part}"


def _wrong(job: bytes, signed: bytes) -> Iterator[bytes]:
    post = b"POST /v1/jobs HTTP/1.1\r\n" + _JSON + signed
    for body in (b"[" * 400_000, b'{"a":' * 100_000, b"9" * 400_000, b'"' + b"\\u0000" * 50_000 + b'"', b"\xff" * 1000):
        yield post + b"Content-Length: %d\r\n\r\n" % len(body) + body
    yield post + b"Content-Length: 10\r\nContent-Length: 20\r\n\r\n0123456789"
    yield post + b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    yield post + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
    yield post + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08"
    yield post + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}\r\n0\r\n\r\n"
    yield post + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 10_000 + b"\r\n{}\r\n0\r\n\r\n"
    form = b"POST /v1/jobs/%s/predict HTTP/1.1\r\n%s%s" % (job, _HOST, signed)
    for sent in (_PARTS + b"--XYZ--\r\n", b"--XYZ\r\n" * 20_000, b"--XYZ" + b"\r\n" * 100_000, _PARTS[:9000]):
        kind = b"Content-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n" % (_BOUNDARY, len(sent))
        yield form + kind + sent
    yield from (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0" * 5000,
    )
    yield from (
        b"GET\r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"get / HTTP/1.1\r\n\r\n",
        b" GET / HTTP/1.1\r\n\r\n",
        b"\r\n\r\n\r\n",
    )
    yield b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(300)) + b"\r\n"
    yield b"GET /v1/jobs?%s HTTP/1.1\r\n%s\r\n" % (b"&".join(b"id=%d" % n for n in range(2000)), _HOST)
    yield b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + _HOST + b"\r\n"
    yield b"GET http://localhost:1@evil/ HTTP/1.1\r\n" + _HOST + b"\r\n"


def mutated(request: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    """Return a request with its target, its headers or its body changed in one to four places.

    Mostly the length that it declares is made right again, so that the changed body is looked into.
    """
    head, _, body = request[:20_000].partition(b"\r\n\r\n")
    line, _, headers = head.partition(b"\r\n")
    method, _, target = line.partition(b" ")
    match draw.choices(("target", "headers", "body"), (4, 2, 4 if body else 0))[0]:
        case "target":
            changed = _changed(target.removesuffix(b" HTTP/1.1"), others, draw)
            written = quote_from_bytes(changed, safe="/?&=%:+,;.").encode() if draw.random() < 0.8 else changed
            target = written + b" HTTP/1.1"
        case "headers":
            headers = _changed(headers, others, draw)
        case _:
            body = _changed(body, others, draw)
    if draw.random() < 0.8:
        headers = _DECLARED.sub(b"Content-Length: %d" % len(body), headers)
    return b"%s %s\r\n%s\r\n\r\n%s" % (method, target, headers, body)


def _changed(part: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    changed = bytearray(part)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(changed) + 1)
        end = min(len(changed), at + draw.choice((1, 1, 2, 8, 40)))
        match draw.randrange(6):
            case 0:
                changed[at:end] = draw.randbytes(end - at)
            case 1:
                changed[at:at] = draw.choice(PIECES)
            case 2:
                changed[at:end] = draw.choice(PIECES)
            case 3:
                del changed[at:end]
            case 4:
                changed[at:at] = changed[at:end] * draw.choice((1, 2, 50))
            case _:
                changed[at:] = draw.choice(others)[-2000:]
    return bytes(changed)


@dataclass
class Fuzzer:
    """Sends bytes to one address and looks at what comes back.

    Args:
        address: where the API listens.
    """

    address: tuple[str, int]
    statuses: Counter[int] = field(default_factory=Counter)
    """How often each status came back; 0 where the connection ended without one."""

    def send(self, request: bytes, draw: random.Random) -> None:
        """Send a request, sometimes in pieces, and say that it has ended.

        Raises:
            AssertionError: nothing comes back and the connection stays, what comes back is no HTTP, or it is a fault of
                the server's.
        """
        answer = self._answer(request, draw)
        status = int(found[1]) if (found := _STATUS.match(answer)) else 0
        self.statuses[status] += 1
        assert status or not answer, f"no HTTP came back for {request!r}: {answer[:300]!r}"
        unsupported = status == 501 and b"ransfer" in answer  # what RFC 9112 has for transfer codings
        unavailable = status == 503 and b'"no_predictor"' in answer
        assert status < 500 or unsupported or unavailable, f"{status} for {request!r}: {answer[:2000]!r}"

    def _answer(self, request: bytes, draw: random.Random) -> bytes:
        with socket.create_connection(self.address, timeout=ANSWER_SECONDS) as connection:
            try:
                for piece in _split(request, draw):
                    connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has been answered already, and may be closed
            try:
                return _first(connection)
            except ConnectionError:
                return b""
            except TimeoutError as error:
                raise AssertionError(f"no answer within {ANSWER_SECONDS:g} s to {request!r}") from error


def _split(request: bytes, draw: random.Random) -> list[bytes]:
    at = draw.randrange(len(request) + 1) if draw.random() < 0.1 else 0
    return [request[:at], request[at:]] if at else [request]


def _first(connection: socket.socket) -> bytes:
    """Return the first answer on a connection, or as much as comes; of an event stream its beginning."""
    answer = b""
    while piece := connection.recv(1 << 16):
        answer += piece
        head, ended, body = answer.partition(b"\r\n\r\n")
        if ended and b"text/event-stream" in head:
            break
        length = _LENGTH.search(head + b"\r\n")
        if ended and length and len(body) >= int(length[1]):
            break
    return answer
