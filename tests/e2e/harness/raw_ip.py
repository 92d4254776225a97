"""IP packets byte by byte, with fragments and options, from addresses that no kernel answers for."""

import ipaddress
import itertools
import select
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence

from .net import Link, inside, is_v6

TCP, UDP = 6, 17
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
HOP_BY_HOP, ROUTING, DESTINATION = 0, 43, 60
_FRAGMENT = 44
_EVERY_PROTOCOL = 3
_MTU = 1500
_identifications = itertools.count(1)


def checksum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def _pseudo_header(source: str, target: str, protocol: int, length: int) -> bytes:
    return packed(source) + packed(target) + struct.pack("!II", length, protocol)


def udp(source: str, target: str, ports: tuple[int, int], payload: bytes) -> bytes:
    """A UDP datagram with its checksum, without the IP header."""
    length = 8 + len(payload)
    bare = struct.pack("!HHHH", *ports, length, 0) + payload
    total = checksum(_pseudo_header(source, target, UDP, length) + bare) or 0xFFFF
    return bare[:6] + struct.pack("!H", total) + payload


def tcp(source: str, target: str, ports: tuple[int, int], numbers: tuple[int, int], flags: int, payload: bytes,
        sound: bool = True, urgent: int = 0) -> bytes:
    """A TCP segment, without the IP header. `numbers`: sequence and acknowledgment. Not `sound`: a false checksum."""
    sequence, acknowledgment = (number & 0xFFFFFFFF for number in numbers)
    bare = struct.pack("!HHIIBBHHH", *ports, sequence, acknowledgment, 0x50, flags, 65535, 0, urgent) + payload
    total = checksum(_pseudo_header(source, target, TCP, len(bare)) + bare)
    return bare[:16] + struct.pack("!H", total if sound else total ^ 0x5555) + bare[18:]


def _header4(source: str, target: str, protocol: int, length: int, hops: int, number: int = 0,
             place: int = 0) -> bytes:
    bare = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, number, place, hops, protocol, 0)
    bare += packed(source) + packed(target)
    return bare[:10] + struct.pack("!H", checksum(bare)) + bare[12:]


def _header6(source: str, target: str, protocol: int, length: int, hops: int) -> bytes:
    return struct.pack("!IHBB", 0x60000000, length, protocol, hops) + packed(source) + packed(target)


def packet(source: str, target: str, protocol: int, upper: bytes, hops: int = 64) -> bytes:
    """A whole IP packet."""
    header = _header6 if is_v6(source) else _header4
    return header(source, target, protocol, len(upper), hops) + upper


def extension_header(kind: int, following: int) -> bytes:
    """8 bytes that ask for nothing: options of padding alone, or a route at its end (RFC 8200, sections 4.2 and 4.4)."""
    return struct.pack("!BBBB4x", following, 0, *((0, 0) if kind == ROUTING else (1, 4)))


def fragment_header(following: int, offset: int, more: bool, number: int) -> bytes:
    return struct.pack("!BBHI", following, 0, offset | more, number)


Piece = tuple[int, bytes, bool]


def pieces(upper: bytes, cuts: Iterable[int]) -> list[Piece]:
    """(offset, bytes, whether more follow), cut at these multiples of 8."""
    ends = [*sorted(cuts), len(upper)]
    starts = [0, *ends[:-1]]
    return [(start, upper[start:end], end != len(upper)) for start, end in zip(starts, ends, strict=True)]


def fragments(source: str, target: str, protocol: int, parts: Sequence[Piece]) -> list[bytes]:
    """Each piece in a fragment of its own, in the order given."""
    number = next(_identifications)
    made = []
    for offset, data, more in parts:
        if is_v6(source):
            upper = fragment_header(protocol, offset, more, number) + data
            made.append(packet(source, target, _FRAGMENT, upper))
        else:
            place = offset // 8 | more << 13
            made.append(_header4(source, target, protocol, len(data), 64, number & 0xFFFF, place) + data)
    return made


def fitting(source: str, target: str, protocol: int, upper: bytes) -> list[bytes]:
    """One packet, or the fragments that the link can carry."""
    room = (_MTU - 48) // 8 * 8
    if len(upper) <= _MTU - 40:
        return [packet(source, target, protocol, upper)]
    return fragments(source, target, protocol, pieces(upper, range(room, len(upper), room)))


def with_extensions(plain: bytes, kinds: Sequence[int]) -> bytes:
    """An IPv6 packet with headers of these kinds put before what it carries."""
    following, chain = plain[6], b""
    for kind in reversed(kinds):
        chain = extension_header(kind, following) + chain
        following = kind
    payload = chain + plain[40:]
    return plain[:4] + struct.pack("!HB", len(payload), following) + plain[7:40] + payload


def with_options(plain: bytes, words: int) -> bytes:
    """An IPv4 packet with 4 * `words` bytes of options that do nothing (RFC 791, section 3.1)."""
    total = struct.unpack_from("!H", plain, 2)[0] + 4 * words
    header = struct.pack("!BBH", 0x45 + words, plain[1], total) + plain[4:10] + bytes(2) + plain[12:20]
    header += b"\1" * 4 * words
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + plain[20:]


def fragmented6(plain: bytes, cuts: Iterable[int]) -> list[bytes]:
    """An IPv6 packet, whatever it carries, as fragments; without cuts as the single, atomic one (RFC 6946)."""
    source, target = (str(ipaddress.ip_address(plain[at:at + 16])) for at in (8, 24))
    return fragments(source, target, plain[6], pieces(plain[40:], cuts))


class Wire:
    """The cable of a link: frames out, IP packets in."""

    def __init__(self, link: Link):
        with inside(link.namespace):
            self._out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._in = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._in.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self._in.bind((link.interface, _EVERY_PROTOCOL))
        self._out.bind((link.interface, 0))
        self._macs = bytes.fromhex(link.gateway_mac.replace(":", "")) + b"\x02\0\0\0\0\x01"

    def send(self, packets: Iterable[bytes]) -> None:
        for one in packets:
            kind = 0x86DD if one[0] >> 4 == 6 else 0x0800
            self._out.send(self._macs + struct.pack("!H", kind) + one)

    def receive(self, timeout_s: float) -> Iterator[bytes]:
        """The IP packets that have arrived; waits for the first of them."""
        if not select.select([self._in], [], [], timeout_s)[0]:
            return
        while True:
            try:
                data, address = self._in.recvfrom(65535, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if address[2] != socket.PACKET_OUTGOING and address[1] in (0x0800, 0x86DD):
                yield data

    def close(self) -> None:
        self._out.close()
        self._in.close()
