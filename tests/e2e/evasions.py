"""One table of ways to get a scanner's message past the shield, over UDP and TCP, IPv4 and IPv6: none arrives."""

import ipaddress
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness import nft, raw_ip, sip
from harness.case import EndToEnd, main
from harness.flood import NET4, NET6
from harness.process import must
from harness.raw_ip import ACK, FIN, PSH, RST, SYN, URG, Wire
from harness.raw_peer import Crowd, Packets, Peer, Plan
from harness.wait import wait_until

_SCANNER = "friendly-scanner"
_HARMLESS = "Yealink SIP-T46S"  # of the same length
_AGENT = f"User-Agent: {_SCANNER}".encode()
_EVIDENCE_AT_ONCE = 40


@dataclass(frozen=True)
class Evasion:
    """How it is sent, and what the shield is expected to say of it."""

    plan: Plan
    on: tuple[str, ...] = ("udp", "tcp")
    versions: tuple[int, ...] = (4, 6)
    reason: str = "signature"  # "" where the kernel drops it before anybody reads it
    value: str = ""  # what the evidence shows, where it is not a rule that tells
    ban: bool = True
    ends: bool = True  # TCP: the client is told by a RST
    opens: bool = True  # TCP: with a handshake

    def is_told_by_evidence(self) -> bool:
        """And not by a ban."""
        return bool(self.reason) and not self.ban


def bad(peer: Peer, **fields: object) -> bytes:
    """A message that the first rule of all catches."""
    return peer.message(**{"agent": _SCANNER, **fields})


def _text(change: Callable[[bytes], bytes]) -> Plan:
    return lambda peer: [peer.whole(change(bad(peer)))]


def _swap(before: bytes, after: bytes) -> Plan:
    def swapped(message: bytes) -> bytes:
        assert before in message
        return message.replace(before, after, 1)
    return _text(swapped)


def _padded(headers: int, length: int) -> Plan:
    lines = tuple(f"X-Padding-{i}: {'x' * length}" for i in range(headers))
    return lambda peer: [peer.whole(bad(peer, agent=None, headers=(*lines, f"User-Agent: {_SCANNER}")))]


def _scanner(change: Callable[[bytes], bytes]) -> Plan:
    """svmap's own message, its name taken away: what is left gives it away."""
    def plan(peer: Peer) -> list[Packets]:
        message = sip.scanner_options(peer.source, peer.target).replace(b"User-Agent: friendly-scanner\r\n", b"")
        return [peer.whole(change(message))]
    return plan


def _compact(message: bytes) -> bytes:
    for long, short in ((b"Via", b"v"), (b"To", b"t"), (b"From", b"f"), (b"Call-ID", b"i"), (b"Contact", b"m")):
        message = message.replace(b"\r\n" + long + b":", b"\r\n" + short + b":")
    return message


def _mixed_ends(message: bytes) -> bytes:
    ends = itertools.cycle((b"\n", b"\r\n", b"\n", b"\n", b"\r\n"))
    return b"".join(line + next(ends) for line in message.split(b"\r\n")[:-2]) + b"\n"


# What one message looks like. Over TCP and UDP alike.
_TEXTS: dict[str, Evasion] = {
    "the plain name": Evasion(_text(bytes)),
    "the name in capitals": Evasion(_swap(b"friendly-scanner", b"FRIENDLY-SCANNER")),
    "the name in odd letters": Evasion(_swap(b"friendly-scanner", b"fRiEnDlY-sCaNnEr")),
    "the header in capitals": Evasion(_swap(b"User-Agent", b"USER-AGENT")),
    "the header in odd letters": Evasion(_swap(b"User-Agent", b"uSeR-aGeNt")),
    "no blank behind the colon": Evasion(_swap(_AGENT, b"User-Agent:friendly-scanner")),
    "many blanks behind the colon": Evasion(_swap(b"User-Agent: ", b"User-Agent: \t   \t")),
    "a blank before the colon": Evasion(_swap(b"User-Agent:", b"User-Agent :")),
    "a tab before the colon": Evasion(_swap(b"User-Agent:", b"User-Agent\t:")),
    "blanks and tabs before the colon": Evasion(_swap(b"User-Agent:", b"User-Agent \t \t:")),
    "the value on a folded line": Evasion(_swap(b"User-Agent: ", b"User-Agent:\r\n ")),
    "the value on a line folded with a tab": Evasion(_swap(b"User-Agent: ", b"User-Agent:\r\n\t")),
    "the value behind empty folded lines": Evasion(_swap(b"User-Agent: ", b"User-Agent:\r\n \r\n\t\r\n  ")),
    "the value folded behind a bare LF": Evasion(_swap(b"User-Agent: ", b"User-Agent:\n ")),
    "the colon on a folded line": Evasion(_swap(b"User-Agent:", b"User-Agent\r\n :")),
    "more on a folded line": Evasion(_swap(_AGENT, _AGENT + b"\r\n 2.0")),
    "bare LF": Evasion(_text(lambda m: m.replace(b"\r\n", b"\n"))),
    "mixed line ends": Evasion(_text(_mixed_ends)),
    "a line break before it": Evasion(_text(lambda m: b"\r\n" + m)),
    "many line breaks before it": Evasion(_text(lambda m: b"\r\n" * 9 + m)),
    "LF before it": Evasion(_text(lambda m: b"\n\n\n" + m)),
    "a harmless User-Agent before it": Evasion(_swap(_AGENT, b"User-Agent: Zoiper\r\n" + _AGENT)),
    "a harmless User-Agent behind it": Evasion(_swap(_AGENT, _AGENT + b"\r\nUser-Agent: Zoiper")),
    "two harmless ones around it": Evasion(
        _swap(_AGENT, b"User-Agent: Zoiper\r\n" + _AGENT + b"\r\nUser-Agent: Bria")),
    "1 KB before it": Evasion(_padded(10, 100)),
    "8 KB before it": Evasion(_padded(8, 1000)),
    "200 headers before it": Evasion(_padded(200, 4)),
    "400 headers before it": Evasion(_padded(400, 4), reason="malformed", ban=False),
    "a control byte behind the name": Evasion(_swap(b"User-Agent:", b"User-Agent\x01:")),
    "NUL behind the name": Evasion(_swap(b"User-Agent:", b"User-Agent\0:")),
    "NUL behind the value": Evasion(_swap(_AGENT, _AGENT + b"\0")),
    "NUL in another header": Evasion(_swap(_AGENT, b"X-Odd: a\0b\r\n" + _AGENT)),
    "a line without a colon before it": Evasion(_swap(_AGENT, b"nothing\r\n" + _AGENT)),
    "an empty name before it": Evasion(_swap(_AGENT, b": nothing\r\n" + _AGENT)),
    "an open quote before it": Evasion(_swap(_AGENT, b'Subject: "never closed\r\n' + _AGENT)),
    "two blanks behind the method": Evasion(_swap(b"MESSAGE sip:", b"MESSAGE  sip:")),
    "two blanks before the version": Evasion(_swap(b" SIP/2.0\r\nVia", b"  SIP/2.0\r\nVia")),
    "a tab in the request line": Evasion(_swap(b"MESSAGE sip:", b"MESSAGE\tsip:")),
    "a blank behind the version": Evasion(_swap(b" SIP/2.0\r\nVia", b" SIP/2.0 \r\nVia")),
    "a lower-case version": Evasion(_swap(b" SIP/2.0\r\nVia", b" sip/2.0\r\nVia")),
    "the scheme in capitals": Evasion(_swap(b"MESSAGE sip:", b"MESSAGE SIP:")),
    "a sips URI": Evasion(_swap(b"MESSAGE sip:", b"MESSAGE sips:")),
    "a tel URI": Evasion(lambda p: [p.whole(bad(p, uri="tel:+493012345678"))]),
    "no Content-Length": Evasion(_swap(b"Content-Length: 0\r\n", b"")),
    "a Content-Length that is larger": Evasion(_swap(b"Content-Length: 0", b"Content-Length: 9999")),
    "a Content-Length that is none": Evasion(_swap(b"Content-Length: 0", b"Content-Length: none")),
    "a negative Content-Length": Evasion(_swap(b"Content-Length: 0", b"Content-Length: -1")),
    "svmap without its name": Evasion(_scanner(bytes)),
    "svmap without its name, compact": Evasion(_scanner(_compact)),
    "svmap's tag in capitals": Evasion(_scanner(lambda m: m.replace(b";tag=", b";TAG="))),
    "svmap, compact, as REGISTER": Evasion(_scanner(lambda m: _compact(m.replace(b"OPTIONS", b"REGISTER")))),
    "SQL in the user, escaped": Evasion(
        lambda p: [p.whole(p.message(user="100%27%20OR%20%271%27=%271"))], ban=False),
    "SQL in the user, letters escaped": Evasion(
        lambda p: [p.whole(p.message(user="100%27%20%4f%52%20%271%27=%271"))], ban=False),
    "OPTIONS": Evasion(lambda p: [p.whole(p.message(method="OPTIONS"))], reason="method", ban=False),
    "OPTIONS to a sips URI": Evasion(
        lambda p: [p.whole(p.message(method="OPTIONS").replace(b"OPTIONS sip:", b"OPTIONS SIPS:"))],
        reason="method", ban=False),
    "a good message first": Evasion(lambda p: _good_then_bad(p)),
}


def _good_then_bad(peer: Peer) -> Iterator[Packets]:
    good = peer.ask()
    yield peer.whole(good)
    yield peer.whole(bad(peer), len(good))


def _fragments(cuts: Callable[[int], Iterable[int]], order: Callable[[Packets], Packets] = list) -> Plan:
    """`cuts`: from the size of the datagram to multiples of 8."""
    def plan(peer: Peer) -> list[Packets]:
        message = bad(peer)
        return [order(peer.fragments(message, cuts(len(message) + 8)))]
    return plan


def _eighths(size: int) -> range:
    return range(8, size, 8)


def _overlapping(bad_first: bool, length: int) -> Plan:
    """Two copies of the bytes around the name, the second of this length; 40 of them are in the first fragment too."""
    def plan(peer: Peer) -> list[Packets]:
        scan, harmless, at = _both(peer, arrives=length <= 40 and not bad_first)
        one, two = (peer.datagram(m) for m in ((scan, harmless) if bad_first else (harmless, scan)))
        at = at // 8 * 8
        last = (at + 40, one[at + 40:], False)
        return [peer.pieces([(0, one[:at + 40], True), (at, two[at:at + length], True), last])]
    return plan


def _nested(peer: Peer) -> list[Packets]:
    """Fragments of fragments: what is put together is a fragment again."""
    inner = peer.fragments(bad(peer), (200,))
    return [[p for packet in inner for p in raw_ip.fragmented6(packet, (104,))]]


def _atomic_around(peer: Peer) -> list[Packets]:
    return [[p for packet in peer.fragments(bad(peer), (200,)) for p in raw_ip.fragmented6(packet, ())]]


def _extended(*kinds: int) -> Plan:
    return lambda peer: [[raw_ip.with_extensions(packet, kinds) for packet in peer.whole(bad(peer))]]


def _extended_fragments(peer: Peer) -> list[Packets]:
    """The options belong to what is cut: the first fragment holds nothing of UDP or TCP."""
    (whole,) = peer.whole(bad(peer))
    return [raw_ip.fragmented6(raw_ip.with_extensions(whole, [raw_ip.DESTINATION] * 2), (8, 64, 200))]


# How it is packed, beneath UDP and TCP.
_PACKETS: dict[str, Evasion] = {
    "IPv4 options": Evasion(lambda p: [[raw_ip.with_options(packet, 1) for packet in p.whole(bad(p))]], versions=(4,)),
    "all the IPv4 options there can be": Evasion(
        lambda p: [[raw_ip.with_options(packet, 10) for packet in p.whole(bad(p))]], versions=(4,)),
    "a routing header at its end": Evasion(_extended(raw_ip.ROUTING), versions=(6,)),
    "hop-by-hop options": Evasion(_extended(raw_ip.HOP_BY_HOP), versions=(6,)),
    "destination options": Evasion(_extended(raw_ip.DESTINATION), versions=(6,)),
    "hop-by-hop and three destination options": Evasion(
        _extended(raw_ip.HOP_BY_HOP, *[raw_ip.DESTINATION] * 3), versions=(6,)),
    "destination options, fragmented": Evasion(_extended_fragments, versions=(6,)),
    "an atomic fragment": Evasion(
        lambda p: [raw_ip.fragmented6(packet, ()) for packet in p.whole(bad(p))], versions=(6,)),
    "fragments in fragments": Evasion(_nested, on=("udp",), versions=(6,), reason="", ban=False),
    "fragments in atomic fragments": Evasion(_atomic_around, on=("udp",), versions=(6,), reason="", ban=False),
    "fragments of eight bytes": Evasion(_fragments(_eighths), on=("udp",)),
    "fragments of eight bytes, reversed": Evasion(
        _fragments(_eighths, lambda f: f[::-1]), on=("udp",)),
    # Linux throws such datagrams away (RFC 5722), but takes a fragment within another for its copy.
    "fragments that overlap, the scanner's copy first": Evasion(
        _overlapping(True, 48), on=("udp",), reason="", ban=False),
    "fragments that overlap, the harmless copy first": Evasion(
        _overlapping(False, 48), on=("udp",), reason="", ban=False),
    "a fragment within another, the scanner's copy first": Evasion(_overlapping(True, 40), on=("udp",)),
    "a fragment within another, the harmless copy first": Evasion(
        _overlapping(False, 40), on=("udp",), reason="", ban=False),
    "fragments of a segment": Evasion(lambda p: [_segment_fragments(p)], on=("tcp",)),
    "fragments of a segment, reversed": Evasion(lambda p: [_segment_fragments(p)[::-1]], on=("tcp",)),
}


def _segment_fragments(peer: Peer) -> Packets:
    segment = peer.bare_segment(0, bad(peer))
    # A first fragment without the whole TCP header does not live long in IPv6 (RFC 8200, section 4.5).
    return peer.pieces(raw_ip.pieces(segment, range(24, len(segment), 8)), raw_ip.TCP)


def _every_fragment() -> dict[str, Evasion]:
    """The datagram in two, at every place there is."""
    last = len(bad(Peer("", "2001:db8:90:ffff::1", "udp", lambda _: []))) + 8
    made = {}
    for cut in _eighths(last - 8):
        def there(size: int, cut: int = cut) -> tuple[int]:
            return (min(cut, (size - 1) // 8 * 8),)
        made[f"fragments, the second at {cut}"] = Evasion(_fragments(there), on=("udp",))
        made[f"fragments, the second at {cut}, reversed"] = Evasion(
            _fragments(there, lambda f: f[::-1]), on=("udp",))
        made[f"fragments, the second at {cut}, the first twice"] = Evasion(
            _fragments(there, lambda f: [f[0], f[0], f[1]]), on=("udp",))
    return made


def _every_cut() -> dict[str, Evasion]:
    """The stream in two segments, at every byte of the message."""
    longest = len(bad(Peer("", "2001:db8:90:ffff::1", "tcp", lambda _: [])))
    def plan(cut: int) -> Plan:
        def cut_there(peer: Peer) -> list[Packets]:
            message = bad(peer)
            return [peer.segments(message, (min(cut, len(message) - 1),))]
        return cut_there
    return {f"segments, the second at {cut}": Evasion(plan(cut), on=("tcp",)) for cut in range(1, longest)}


def _segments(cuts: Callable[[int], Iterable[int]], order: Callable[[Packets], Packets] = list) -> Plan:
    def plan(peer: Peer) -> list[Packets]:
        message = bad(peer)
        return [order(peer.segments(message, cuts(len(message))))]
    return plan


def _both(peer: Peer, arrives: bool) -> tuple[bytes, bytes, int]:
    """The scanner's message, a harmless one that differs by the name alone, and where the name begins."""
    harmless = (peer.ask if arrives else peer.message)(agent=_HARMLESS)
    return (harmless.replace(_HARMLESS.encode(), _SCANNER.encode()), harmless, harmless.index(_HARMLESS.encode()))


def _decoy(arrives: bool = False, **how: object) -> Plan:
    """The harmless bytes so that they (perhaps) do not arrive, then the scanner's at the same place."""
    def plan(peer: Peer) -> list[Packets]:
        scan, harmless, at = _both(peer, arrives)
        return [[peer.segment(0, harmless[:at]), peer.segment(at, harmless[at:at + 16], **how),  # type: ignore
                 peer.segment(at, scan[at:at + 16]), peer.segment(at + 16, scan[at + 16:])]]
    return plan


def _overlap_ahead(bad_first: bool) -> Plan:
    """Both copies come before the bytes that precede them."""
    def plan(peer: Peer) -> list[Packets]:
        scan, harmless, at = _both(peer, arrives=not bad_first)
        one, two = (scan, harmless) if bad_first else (harmless, scan)
        return [[peer.segment(at, one[at:]), peer.segment(at - 8, two[at - 8:at + 20]), peer.segment(0, scan[:at])]]
    return plan


def _bad_then_harmless(peer: Peer) -> list[Packets]:
    scan, harmless, at = _both(peer, arrives=False)
    return [[peer.segment(0, scan[:at + 16]), peer.segment(at, harmless[at:at + 16]),
             peer.segment(at + 16, scan[at + 16:])]]


def _between(*strays: Callable[[Peer, int], bytes]) -> Plan:
    """Segments that carry nothing, between the two halves."""
    def plan(peer: Peer) -> list[Packets]:
        message = bad(peer)
        half = len(message) // 2
        return [[peer.segment(0, message[:half]), *(stray(peer, half) for stray in strays),
                 peer.segment(half, message[half:])]]
    return plan


def _behind(head: Callable[[bytes], bytes], body: bytes = b"") -> Plan:
    """The scanner's message where a body may be seen: behind a good head, in the same segment."""
    def plan(peer: Peer) -> list[Packets]:
        good = head(peer.message())
        assert good.endswith(b"\n")
        return [peer.whole(good + body + bad(peer))]
    return plan


def _length(line: bytes) -> Callable[[bytes], bytes]:
    return lambda message: message.replace(b"Content-Length: 0", line)


def _good_body_then_bad(peer: Peer) -> Iterator[Packets]:
    good = peer.ask(body="x" * 2000, content_type="text/plain")
    yield peer.whole(good)
    yield peer.segments(bad(peer), range(1, 200), len(good))


def _good_then_bad_together(peer: Peer) -> list[Packets]:
    return [peer.whole(peer.message() + bad(peer) + peer.message())]


def _urgent(ahead: bool) -> Plan:
    """One byte too many in the name, marked as urgent: the receiver would read the stream without it (RFC 6093)."""
    def plan(peer: Peer) -> list[Packets]:
        # Where the mark comes in a packet of its own, the rest is a message like others.
        message = (peer.ask if ahead else peer.message)(agent=_SCANNER)
        at = message.index(b"endly-scanner")
        stream = message[:at] + b"x" + message[at:]
        if ahead:
            return [[peer.segment(0, b"", ACK | URG, urgent=at + 1), peer.segment(0, stream)]]
        return [[peer.segment(0, stream, ACK | PSH | URG, urgent=at + 1)]]
    return plan


def _again(distance: int, then: Callable[[Peer, bytes], Packets], half: bool = False, bare: bool = True) -> Plan:
    """A second connection between the same ports, whose bytes are numbered `distance` behind those of the first."""
    def plan(peer: Peer) -> Iterator[Packets]:
        first = peer.message(body="x" * 400)[:-300] if half else peer.ask()
        yield peer.whole(first)
        yield [peer.segment(len(first), flags=RST)]
        yield [peer.syn(first=peer.number(len(first)) - 1 + distance)]
        yield [*([peer.segment(0, flags=ACK)] if bare else []), *then(peer, bad(peer))]
    return plan


def _too_near(then: Callable[[Peer, bytes], Packets], half: bool = False, bare: bool = True) -> Evasion:
    """What the client asks for twice, its own kernel would not: the second SYN is refused."""
    return Evasion(_again(5000, then, half, bare), reason="tcp_stream", value="second_syn", ban=False, ends=False)


def _reversed_halves(peer: Peer, message: bytes) -> Packets:
    return peer.segments(message, (1,))[::-1]


def _with_a_start_before_it(peer: Peer, message: bytes) -> Packets:
    """The receiver cuts off what lies before the first number that it expects."""
    return [peer.segment(-9, b"\r\nMESSAGE" + message)]


def _a_connection_that_never_was(peer: Peer) -> Iterator[Packets]:
    """The SYN is ignored, and so is the byte behind it: whoever believes them takes what follows for early."""
    good = peer.ask()
    yield peer.whole(good)
    yield [peer.segment(len(good) - 2001, flags=SYN)]
    yield [peer.segment(len(good) - 2000, b"M"), *peer.whole(bad(peer), len(good))]


def _unframed(change: Callable[[bytes], bytes]) -> Evasion:
    """Behind a message whose end stacks see in different places."""
    return Evasion(_behind(change), on=("tcp",), reason="tcp_stream", value="no_length", ban=False)


def _unclear(line: bytes) -> Evasion:
    return _unframed(_length(line))


# How it is cut and ordered, and what is said about it, within a TCP connection.
_STREAMS: dict[str, Evasion] = {
    "a byte a segment": Evasion(_segments(lambda n: range(1, n))),
    "a byte a segment, reversed": Evasion(_segments(lambda n: range(1, n), lambda s: s[::-1])),
    "segments reversed": Evasion(_segments(lambda n: range(40, n, 40), lambda s: s[::-1])),
    "segments of odd order": Evasion(_segments(lambda n: range(40, n, 40), lambda s: s[1::2] + s[::2])),
    "each segment twice": Evasion(_segments(lambda n: range(40, n, 40), lambda s: [p for q in s for p in (q, q)])),
    "segments that overlap": Evasion(
        lambda p: [(lambda m: [p.segment(i, m[i:i + 90]) for i in range(0, len(m), 30)])(bad(p))]),
    "overlap, the harmless copy first": Evasion(
        _decoy(arrives=True), reason="tcp_stream", value="contradiction", ban=False, ends=False),
    "overlap, the scanner's copy first": Evasion(_bad_then_harmless),
    "overlap ahead, the scanner's copy first": Evasion(_overlap_ahead(True)),
    "overlap ahead, the harmless copy first": Evasion(
        _overlap_ahead(False), reason="tcp_stream", value="contradiction", ban=False, ends=False),
    "a decoy with a false checksum": Evasion(
        _decoy(sound=False), reason="tcp_stream", value="contradiction", ban=False, ends=False),
    "a decoy without ACK": Evasion(
        _decoy(flags=PSH), reason="tcp_stream", value="contradiction", ban=False, ends=False),
    "a decoy that lives for one hop": Evasion(
        _decoy(arrives=True, hops=1), reason="tcp_stream", value="contradiction", ban=False, ends=False),
    "a stray SYN": Evasion(_between(lambda p, at: p.segment(at, flags=SYN))),
    "the SYN again": Evasion(_between(lambda p, at: p.syn())),
    "a SYN far away": Evasion(_between(lambda p, at: p.segment(1 << 30, flags=SYN))),
    "a SYN ahead": Evasion(_between(lambda p, at: p.segment(at + 5000, flags=SYN))),
    "a RST that is ignored": Evasion(_between(lambda p, at: p.segment(at + 9, flags=RST))),
    "a RST with a false checksum": Evasion(_between(lambda p, at: p.segment(at, flags=RST, sound=False))),
    "a RST": Evasion(_between(lambda p, at: p.segment(at, flags=RST))),
    "a FIN": Evasion(_between(lambda p, at: p.segment(at, flags=FIN | ACK))),
    "a FIN with a false checksum": Evasion(_between(lambda p, at: p.segment(at, flags=FIN | ACK, sound=False))),
    "with a FIN": Evasion(lambda p: [[p.segment(0, bad(p), ACK | PSH | FIN)]]),
    "another connection, its numbers near": _too_near(Peer.whole),
    "another connection, its numbers near, within a body": _too_near(Peer.whole, half=True),
    "another connection, its numbers near, out of order": _too_near(_reversed_halves, bare=False),
    "another connection, its numbers near, with a start before it": _too_near(_with_a_start_before_it, bare=False),
    "another connection, its numbers far": Evasion(_again(1 << 30, Peer.whole)),
    "another connection, its numbers far, within a body": Evasion(_again(1 << 30, Peer.whole, half=True)),
    "another connection, its numbers far, out of order": Evasion(_again(1 << 30, _reversed_halves)),
    "another connection, its numbers far, out of order at once": Evasion(
        _again(1 << 30, _reversed_halves, bare=False), reason="tcp_stream", value="too_far", ban=False, ends=False),
    "another connection, its numbers far, with a start before it": Evasion(
        _again(1 << 30, _with_a_start_before_it), reason="tcp_stream", value="forgotten", ban=False, ends=False),
    "a connection that never was": Evasion(_a_connection_that_never_was),
    "data in the SYN": Evasion(lambda p: [[p.syn(bad(p))]], reason="tcp_stream", value="data_in_syn", ban=False,
                               ends=False, opens=False),
    "an urgent byte": Evasion(_urgent(False), reason="tcp_stream", value="urgent", ban=False, ends=False),
    "an urgent byte, told before": Evasion(
        _urgent(True), reason="tcp_stream", value="urgent", ban=False, ends=False),
    "between two good ones, in one segment": Evasion(_good_then_bad_together),
    "behind a body, a byte a segment": Evasion(_good_body_then_bad),
    "behind Content-Length 0": Evasion(_behind(bytes)),
    "behind a folded Content-Length": Evasion(_behind(_length(b"Content-Length:\r\n 0"))),
    "behind a compact Content-Length": Evasion(_behind(_length(b"l : 0"))),
    "behind a Content-Length with zeros": Evasion(_behind(_length(b"Content-Length: 000000005")), b"hello"),
    "behind no Content-Length": _unclear(b"X-Length: 500"),
    "behind a body that is longer than told": Evasion(_behind(_length(b"Content-Length: 4"), b"1234\r\n\r\n")),
    "behind LF LF": _unframed(lambda m: m.replace(b"\r\n", b"\n")),
    "behind LF CRLF": Evasion(_behind(lambda m: m[:-4] + b"\n\r\n")),
    "behind CRLF LF": _unframed(lambda m: m[:-4] + b"\r\n\n"),
    "behind a line of blanks": Evasion(_behind(lambda m: m[:-4] + b"\r\n \r\n")),
    "behind a bare CR": Evasion(_behind(lambda m: m[:-4] + b"\r\n\r\r\n")),
    "behind two lengths": _unclear(b"Content-Length: 0\r\nContent-Length: 600"),
    "behind two lengths, one compact": _unclear(b"l: 600\r\nContent-Length: 0"),
    "behind two lengths, one with an odd name": _unclear(b"Content-Length\x01: 600\r\nContent-Length: 0"),
    "behind a negative length": _unclear(b"Content-Length: -1"),
    "behind a hexadecimal length": _unclear(b"Content-Length: 0x200"),
    "behind a length with a sign": _unclear(b"Content-Length: +600"),
    "behind an empty length": _unclear(b"Content-Length:"),
    "behind a length of two numbers": _unclear(b"Content-Length: 0, 600"),
    "behind a huge length": _unclear(b"Content-Length: 4294967296"),
    "behind something else": Evasion(lambda p: [p.whole(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + bad(p))],
                                     reason="not_sip", value="not_sip", ban=False),
}


class Evasions(EndToEnd):
    roles = ("callers", "flood")
    settings: ClassVar = {"guard": {"source_rate": 1000000, "source_burst": 65536, "unknown_rate": 1000000,
                                    "unknown_burst": 65535},
                          "shield": {"queue_length": 131072}}
    sources = itertools.count(1)
    wire: ClassVar[Wire]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        link = cls.network["flood"]
        link.carry(NET4, NET6)
        cls.meter.watch("udp")
        cls.meter.watch("tcp", transport="tcp")
        cls.wire = Wire(link)
        cls.shield.start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.wire.close()
        super().tearDownClass()

    def test_1_whatever_the_message_looks_like(self) -> None:
        self._run(_TEXTS)

    def test_2_however_it_is_packed(self) -> None:
        self._run(_PACKETS)

    def test_3_fragments_at_every_offset(self) -> None:
        self._run(_every_fragment())

    def test_4_however_the_stream_is_told(self) -> None:
        self._run(_STREAMS, on="tcp")

    def test_5_a_stream_cut_at_every_byte(self) -> None:
        self._run(_every_cut())

    def test_6_a_forged_segment_cuts_nobody_off(self) -> None:
        """What somebody else sends in a client's name, without knowing its numbers."""
        def plan(peer: Peer) -> list[Packets]:
            scan, message = bad(peer), peer.ask()
            forged = [peer.segment(away, scan) for away in (1 << 27, 1 << 30, (1 << 31) - 1, -(1 << 27), -(1 << 30))]
            return [[peer.segment(0, message[:100]), *forged, peer.segment(100, message[100:])]]
        peers = [Peer("forged segments", self._source(version), "tcp", plan) for version in (4, 6)]
        Crowd(self.wire).run(peers)
        for peer in peers:
            with self.subTest(str(peer)):
                self.assertEqual(list(peer.answered), peer.asked, "answers of the softswitch")
                self.assertFalse(peer.reset, "the connection was ended")
                self.assertIsNone(nft.banned(self.network.core, peer.source))
        self.assertGreaterEqual(self.shield.cli.json("stats")["tcp"]["trouble"]["unproven"], 10)

    def test_7_every_packet_is_accounted_for(self) -> None:
        packets = self.shield.packets()
        self.assert_balanced(packets)
        self.assertEqual(sum(packets["bypassed"].values()), 0, packets)
        for reason in ("signature", "method", "malformed", "not_sip", "tcp_stream"):
            self.assertGreater(packets["dropped"].get(reason, 0), 0, packets)

    def _run(self, table: dict[str, Evasion], on: str = "") -> None:
        attempts = []
        for name, evasion in table.items():
            for transport, version in itertools.product([on] if on else evasion.on, evasion.versions):
                attempts.append((Peer(name, self._source(version), transport, evasion.plan, evasion.opens), evasion))
        crowd = Crowd(self.wire)
        # Of much evidence that comes at once only a part is kept.
        told = [attempt for attempt in attempts if attempt[1].is_told_by_evidence()]
        for start in range(0, len(told), _EVIDENCE_AT_ONCE):
            part = told[start:start + _EVIDENCE_AT_ONCE]
            crowd.run([peer for peer, _ in part])
            for peer, evasion in part:
                with self.subTest(str(peer)):
                    self._assert_told(peer, evasion)
        crowd.run([peer for peer, evasion in attempts if not evasion.is_told_by_evidence()])
        crowd.wait(lambda: all(peer.reset for peer, evasion in attempts if peer.transport == "tcp" and evasion.ends), 3)
        self._assert_stopped(attempts)

    def _source(self, version: int) -> str:
        number = next(self.sources)
        return f"10.90.{number // 250}.{number % 250 + 1}" if version == 4 else f"2001:db8:90:{number:x}::1"

    def _assert_stopped(self, attempts: list[tuple[Peer, Evasion]]) -> None:
        with self.endpoint("callers", 4, 10) as caller:
            self.kamailio.settle(caller)
        received = defaultdict(list)
        for request in self.kamailio.received():
            received[ipaddress.ip_address(request.source)].append(request.call_id)
        connected = must(["ss", "-Htn", "state", "established"], self.network.core)
        banned = self._bans([peer.source for peer, evasion in attempts if evasion.ban])
        kernel = nft.elements(self.network.core, "banned4") | nft.elements(self.network.core, "banned6")
        for peer, evasion in attempts:
            with self.subTest(str(peer)):
                # What was good before it did arrive, and nothing else.
                self.assertEqual(received[ipaddress.ip_address(peer.source)], peer.asked, "at the softswitch")
                self.assertEqual(banned.get(peer.source), evasion.reason if evasion.ban else None, "banned for")
                self.assertEqual(peer.source in kernel, evasion.ban, "banned in the kernel, for every transport")
                if peer.transport == "tcp" and evasion.ends:
                    self.assertTrue(peer.reset, "the client is told that the connection ended")
                    self.assertNotRegex(connected, rf"\[?{peer.source}\]?:{peer.port}\b")

    def _assert_told(self, peer: Peer, evasion: Evasion) -> None:
        found = wait_until(lambda: self.shield.cli.json("explain", peer.source)["evidence"], 3,
                           "the evidence")[-1]
        self.assertEqual(found["reason"], evasion.reason)
        if evasion.value:
            self.assertEqual(found["value"], evasion.value)

    def _bans(self, sources: list[str]) -> dict[str, str]:
        """Reasons by address, once all of these are banned; fewer where that does not come."""
        def listed() -> dict[str, str]:
            return {ban["net"]: ban["reason"]
                    for ban in self.shield.cli.json("bans", "list", "--limit", "0")["bans"]}
        try:
            wait_until(lambda: set(sources) <= set(listed()), 3, "bans")
        except TimeoutError:
            pass  # each that is missing is told by its own
        return listed()


if __name__ == "__main__":
    main()
