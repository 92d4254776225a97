"""SIP messages written by hand, and sockets that send them from a chosen address."""

import itertools
import os
import re
import select
import socket
import time

from .net import bound_socket, bracketed, core, is_v6

_serial = itertools.count(1)

SDP = ("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
       "m=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n")


def unique() -> str:
    """Never digits alone, as scanners' are."""
    return f"u{os.getpid():x}{next(_serial):x}{os.urandom(4).hex()}"


def request(method: str, source: str, *, uri: str = "", user: str = "7000", transport: str = "udp", port: int = 5060,
            agent: str | None = "Yealink SIP-T46S 66.84.0.15", headers: tuple[str, ...] = (), body: str = "",
            content_type: str = "application/sdp", call_id: str = "", caller: str = "6000", number: int = 1) -> bytes:
    """A request as an ordinary phone would send it. `headers` are whole lines, `number` is the CSeq's."""
    host = bracketed(core(6 if is_v6(source) else 4))
    here = bracketed(source)
    uri = uri or f"sip:{user}@{host}"
    identifier = call_id or unique()
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/{transport.upper()} {here}:{port};branch=z9hG4bK{unique()};rport",
        "Max-Forwards: 70",
        f"From: <sip:{caller}@{host}>;tag={unique()}",
        f"To: <{uri}>",
        f"Call-ID: {identifier}",
        f"CSeq: {number} {method}",
        f"Contact: <sip:{caller}@{here}:{port};transport={transport}>",
        *([f"User-Agent: {agent}"] if agent is not None else []),
        *headers,
        *([f"Content-Type: {content_type}"] if body else []),
        f"Content-Length: {len(body.encode())}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def scanner_options(source: str, target: str, agent: str = "friendly-scanner") -> bytes:
    """What svmap 0.3.3 sends, byte for byte but for its random numbers."""
    octets = "".join(f"{int(o):02x}" for o in target.split(".")) if not is_v6(target) else target.replace(":", "")
    tag = f"{octets}13c4".encode().hex() + "01" + b"3213456789".hex()
    host = bracketed(target)
    from_to = f'"sipvicious"<sip:100@{host if is_v6(target) else "1.1.1.1"}>'
    return (f"OPTIONS sip:100@{host} SIP/2.0\r\nVia: SIP/2.0/UDP {source}:5060;branch=z9hG4bK-{_number()};rport\r\n"
            f"Max-Forwards: 70\r\nTo: {from_to}\r\nFrom: {from_to};tag={tag}\r\nUser-Agent: {agent}\r\n"
            f"Call-ID: {_number()}{_number()}\r\nContact: sip:100@{source}:5060\r\nCSeq: 1 OPTIONS\r\n"
            f"Accept: application/sdp\r\nContent-Length: 0\r\n\r\n").encode()


def stun_binding() -> bytes:
    """A STUN binding request without attributes (RFC 8489, section 5)."""
    return bytes.fromhex("000100002112a442") + os.urandom(12)


def status_of(message: bytes) -> int:
    """The status code of a response, 0 of anything else."""
    found = re.match(rb"SIP/2\.0 (\d{3}) ", message)
    return int(found[1]) if found else 0


def call_id_of(message: bytes) -> bytes:
    found = re.search(rb"\r\n(?:Call-ID|i)[ \t]*:[ \t]*([^\r\n]+)", message, re.IGNORECASE)
    return found[1] if found else b""


def number_of(message: bytes) -> int:
    """The CSeq's number, 0 when there is none."""
    found = re.search(rb"\r\nCSeq[ \t]*:[ \t]*(\d+)", message, re.IGNORECASE)
    return int(found[1]) if found else 0


class Endpoint:
    """A UDP or TCP endpoint in a namespace, talking to the softswitch from `source`."""

    def __init__(self, namespace: str, source: str, transport: str = "udp", port: int = 0):
        self.source = source
        self.transport = transport
        self.target = (core(6 if is_v6(source) else 4), 5060)
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.socket = bound_socket(namespace, kind, source, port)
        if transport == "tcp":
            self.socket.settimeout(5)
            self.socket.connect(self.target)
        self.port: int = self.socket.getsockname()[1]
        self._pending = b""

    def __enter__(self) -> "Endpoint":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def request(self, method: str, **fields: object) -> bytes:
        return request(method, self.source, transport=self.transport, port=self.port, **fields)  # type: ignore

    def send(self, message: bytes) -> None:
        if self.transport == "udp":
            self.socket.sendto(message, self.target)
        else:
            self.socket.sendall(message)

    def receive(self, timeout_s: float) -> bytes | None:
        """The next whole message, None when there is none in time or the peer has hung up."""
        end = time.monotonic() + timeout_s
        while True:
            message = self._take()
            if message is not None:
                return message
            if not select.select([self.socket], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            data = self.socket.recv(65535)
            if self.transport == "udp":
                return data
            if not data:
                return None
            self._pending += data

    def ask(self, message: bytes, timeout_s: float = 5, retransmit_s: float | None = None) -> int:
        """The final status that answers `message`; 0 when none comes. Sent once unless `retransmit_s` is given."""
        return status_of(self.answer(message, timeout_s, retransmit_s))

    def answer(self, message: bytes, timeout_s: float = 5, retransmit_s: float | None = None) -> bytes:
        """As ask(), but the whole answer; empty when none comes."""
        end = time.monotonic() + timeout_s
        try:
            self.send(message)
            while (left := end - time.monotonic()) > 0:
                answer = self.receive(min(left, retransmit_s or left))
                if answer is None:
                    if retransmit_s is None or time.monotonic() >= end:
                        return b""
                    self.send(message)
                elif _answers(message, answer) and status_of(answer) >= 200:
                    return answer
        except ConnectionError:
            pass  # hung up on us
        return b""

    def _take(self) -> bytes | None:
        """A whole message of the stream (RFC 3261, section 18.3), if one is there."""
        head, blank, rest = self._pending.partition(b"\r\n\r\n")
        found = re.search(rb"\r\n(?:Content-Length|l)[ \t]*:[ \t]*(\d+)", head, re.IGNORECASE)
        length = int(found[1]) if found else 0
        if not blank or len(rest) < length:
            return None
        self._pending = rest[length:]
        return head + blank + rest[:length]


def _answers(message: bytes, answer: bytes) -> bool:
    return (call_id_of(answer) == call_id_of(message) and
            number_of(message) in (0, number_of(answer)))  # 0: one without a CSeq


def _number() -> int:
    return int.from_bytes(os.urandom(4), "big")
