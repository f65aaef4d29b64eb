"""Small servers on loopback that answer as a script says, with or without TLS, and a proxy that makes tunnels."""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

END = b"\r\n\r\n"


class Last(bytes):
    """What goes back on a connection before it is closed; nothing at all, if it is empty."""


def make_answer(body: object = b"", status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole HTTP answer; underscores in the headers' names stand for hyphens."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"Content-Length": str(len(content))} | {name.replace("_", "-"): headers[name] for name in headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + content


def count_messages(visible: int = 0, in_flight: int = 0, delayed: int = 0) -> dict[str, Any]:
    """Return what SQS says of a queue with so many messages."""
    counts = {"": visible, "NotVisible": in_flight, "Delayed": delayed}
    return {"Attributes": {f"ApproximateNumberOfMessages{kind}": str(counts[kind]) for kind in counts}}


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came."""

    line: str
    headers: dict[str, str]
    """By names in lower case."""
    body: bytes
    connection: int
    """The number of its connection, from 0."""


@dataclass(slots=True)
class LoopbackServer:
    """Answers each request with what ``reply`` gives for it, whole or piece by piece; a thread a connection."""

    reply: Callable[[Received], bytes | Iterator[bytes]]
    tls: ssl.SSLContext | None = None
    family: socket.AddressFamily = socket.AF_INET
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _lock: Lock = field(default_factory=Lock)
    _listening: socket.socket = field(init=False)
    _open: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> LoopbackServer:
        """Listen."""
        host = "::1" if self.family == socket.AF_INET6 else "127.0.0.1"
        self._listening = socket.create_server((host, 0), family=self.family, backlog=128)
        self.port = self._listening.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        with self._lock:
            for opened in [self._listening, *self._open]:
                _shut(opened)

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listening.accept()
            except OSError:
                return
            with self._lock:
                number, self.connections = self.connections, self.connections + 1
                self._open.append(accepted)
            Thread(target=self._serve, args=[accepted, number], daemon=True).start()

    def _serve(self, accepted: socket.socket, number: int) -> None:
        try:
            stream = self.tls.wrap_socket(accepted, server_side=True) if self.tls else accepted
            with self._lock:
                self._open.append(stream)
            while (request := read_request(stream, number)) is not None:
                self.received.append(request)
                reply = self.reply(request)
                for piece in [reply] if isinstance(reply, bytes) else reply:
                    stream.sendall(piece)
                if isinstance(reply, Last):
                    break
            _shut(stream)
        except OSError:
            _shut(accepted)


def read_request(stream: socket.socket, number: int = 0) -> Received | None:
    """Read one request; None at the connection's end."""
    data = b""
    while END not in data:
        if not (piece := stream.recv(65_536)):
            return None
        data += piece
    head, _, body = data.partition(END)
    line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += stream.recv(65_536)
    return Received(line, headers, body, number)


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)
    opened.close()


class TunnelProxy:
    """A proxy that carries CONNECT out, to whatever address is named."""

    def __init__(self, refusal: bytes | None = None) -> None:
        """``refusal`` is what it says instead of making a tunnel."""
        self.received: list[Received] = []
        self._refusal = refusal
        self._listening = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> TunnelProxy:
        """Listen."""
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Accept no more."""
        _shut(self._listening)

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listening.accept()
            except OSError:
                return
            Thread(target=self._connect, args=[accepted], daemon=True).start()

    def _connect(self, accepted: socket.socket) -> None:
        request = read_request(accepted)
        if request is None:
            return None
        self.received.append(request)
        if self._refusal is not None:
            accepted.sendall(self._refusal)
            return _shut(accepted)
        host, _, port = request.line.split()[1].rpartition(":")
        onward = socket.create_connection((host.strip("[]"), int(port)))
        accepted.sendall(b"HTTP/1.1 200 Connection established" + END)
        Thread(target=_copy, args=[onward, accepted], daemon=True).start()
        _copy(accepted, onward)
        return None


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    _shut(target)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that is its own authority."""

    path: str
    """The file that a client trusts."""
    context: ssl.SSLContext
    """What a server shows it with."""


def make_certificate(folder: Path, host: str = "localhost") -> Certificate:
    """Make one that is valid for a day, for a host and both loopback addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    names = [x509.DNSName(host), *(x509.IPAddress(ip_address(each)) for each in ("127.0.0.1", "::1"))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown, secret = folder / "certificate.pem", folder / "key.pem"
    shown.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, secret)
    return Certificate(str(shown), context)
