"""Clients without a kernel: every datagram, segment and fragment is sent as a test wants it; many of them at once."""

import re
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from . import raw_ip, sip
from .net import core, is_v6
from .raw_ip import ACK, PSH, RST, SYN, Wire

_SEGMENT = 1400
_WAVE = 128
Packets = list[bytes]
# What a peer sends, step by step: before the next step everything that it asked has been answered.
Plan = Callable[["Peer"], Iterable[Packets]]


class Peer:
    """One source address with one UDP port, or one TCP connection."""

    def __init__(self, name: str, source: str, transport: str, plan: Plan, opens: bool = True):
        self.name = name
        self.source = source
        self.transport = transport
        self.plan = plan
        self.opens = opens and transport == "tcp"  # the handshake is made before the plan begins
        self.version = 6 if is_v6(source) else 4
        self.target = core(self.version)
        self.port = 5060
        self.asked: list[str] = []
        self.answered: dict[str, int] = {}
        self.reset = False
        self._first = 0xFFFFFF00  # so that the numbers wrap around within the first message
        self.server_next: int | None = None
        self._pending = b""

    def __str__(self) -> str:
        return f"{self.name}, {self.transport}, IPv{self.version}, {self.source}"

    def message(self, **fields: object) -> bytes:
        """A request that nobody objects to, unless `fields` make it so."""
        method = str(fields.pop("method", "MESSAGE"))
        return sip.request(method, self.source, transport=self.transport, port=self.port, **fields)  # type: ignore

    def ask(self, **fields: object) -> bytes:
        """As message(), and it is to arrive and to be answered."""
        made = self.message(**fields)
        self.asked.append(sip.call_id_of(made).decode())
        return made

    def is_served(self) -> bool:
        """All that was asked is answered, and a connection that was asked for is there."""
        connected = not self.opens or self.server_next is not None
        return connected and all(call_id in self.answered for call_id in self.asked)

    # UDP

    def datagram(self, payload: bytes) -> bytes:
        """Without the IP header."""
        return raw_ip.udp(self.source, self.target, (self.port, 5060), payload)

    def fragments(self, payload: bytes, cuts: Iterable[int]) -> Packets:
        return self.pieces(raw_ip.pieces(self.datagram(payload), cuts))

    def pieces(self, parts: Sequence[raw_ip.Piece], protocol: int = raw_ip.UDP) -> Packets:
        return raw_ip.fragments(self.source, self.target, protocol, parts)

    # TCP

    def syn(self, payload: bytes = b"", first: int | None = None) -> bytes:
        if first is not None:
            self._first = first & 0xFFFFFFFF
            self.server_next = None
        return self._ip(raw_ip.tcp(self.source, self.target, (self.port, 5060), (self._first, 0), SYN, payload))

    def number(self, offset: int) -> int:
        """The sequence number of this byte of the stream."""
        return (self._first + 1 + offset) & 0xFFFFFFFF

    def bare_segment(self, offset: int, payload: bytes = b"", flags: int = ACK | PSH, sound: bool = True,
                     urgent: int = 0) -> bytes:
        """Without the IP header. `offset`: from the first byte of the stream on."""
        numbers = (self.number(offset), self.server_next or 0)
        return raw_ip.tcp(self.source, self.target, (self.port, 5060), numbers, flags, payload, sound,
                          urgent)

    def segment(self, offset: int, payload: bytes = b"", flags: int = ACK | PSH, sound: bool = True,
                hops: int = 64, urgent: int = 0) -> bytes:
        return self._ip(self.bare_segment(offset, payload, flags, sound, urgent), hops)

    def segments(self, payload: bytes, cuts: Iterable[int], offset: int = 0) -> Packets:
        """In order, cut at these bytes."""
        return [self.segment(offset + start, data) for start, data, _ in raw_ip.pieces(payload, cuts)]

    # Either

    def whole(self, payload: bytes, offset: int = 0) -> Packets:
        """In as few packets as the link allows."""
        if self.transport == "udp":
            return raw_ip.fitting(self.source, self.target, raw_ip.UDP, self.datagram(payload))
        return self.segments(payload, range(_SEGMENT, len(payload), _SEGMENT), offset)

    def _ip(self, segment: bytes, hops: int = 64) -> bytes:
        return raw_ip.packet(self.source, self.target, raw_ip.TCP, segment, hops)

    def note(self, protocol: int, upper: bytes) -> None:
        """Takes what came for this peer."""
        if protocol == raw_ip.UDP:
            self._note_answer(upper[8:])
        else:
            self._note_segment(upper)

    def _note_segment(self, upper: bytes) -> None:
        sequence, acknowledged, words, flags = struct.unpack_from("!IIBB", upper, 4)
        payload = upper[words // 16 * 4:]
        if flags & RST:
            # In this client's view: at the number it expects, or it would be ignored (RFC 5961, section 3.2).
            self.reset |= self.server_next is None or sequence == self.server_next
        elif flags & SYN and acknowledged == self.number(0):
            self.server_next = (sequence + 1) & 0xFFFFFFFF
        elif payload and sequence == self.server_next:
            self.server_next = (sequence + len(payload)) & 0xFFFFFFFF
            self._pending = (self._pending + payload).lstrip(b"\r\n")  # answers to keepalives
            while (found := re.search(rb"\r\n\r\n", self._pending)) is not None:  # answers have no body
                self._note_answer(self._pending[:found.end()])
                self._pending = self._pending[found.end():].lstrip(b"\r\n")

    def _note_answer(self, answer: bytes) -> None:
        if sip.status_of(answer) >= 200:
            self.answered[sip.call_id_of(answer).decode()] = sip.status_of(answer)


class Crowd:
    """Lets many peers go through their plans together."""

    def __init__(self, wire: Wire):
        self._wire = wire
        self._by_address: dict[bytes, Peer] = {}

    def run(self, peers: Sequence[Peer]) -> None:
        """Returns when all plans are through. Who got no answer is for the test to say."""
        for start in range(0, len(peers), _WAVE):
            self._run_wave(peers[start:start + _WAVE])

    def open(self, peers: Sequence[Peer]) -> None:
        """Makes the handshakes."""
        self._by_address.update({raw_ip.packed(peer.source): peer for peer in peers})
        self._send((peer, [peer.syn()]) for peer in peers)
        self.wait(lambda: all(peer.server_next is not None for peer in peers), 5)
        self._send((peer, [peer.segment(0, flags=ACK)]) for peer in peers)

    def step(self, peers: Sequence[Peer], plans: Sequence[Iterator[Packets]]) -> list[tuple[Peer, Iterator[Packets]]]:
        """Sends the next step of each, waits for answers, and tells whose plan goes on."""
        going_on = []
        for peer, plan in zip(peers, plans, strict=True):
            packets = next(plan, None)
            if packets is None:
                continue
            self._wire.send(packets)
            going_on.append((peer, plan))
        self.wait(lambda: all(peer.is_served() for peer, _ in going_on), 5)
        return going_on

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Takes what comes until the condition holds."""
        end = time.monotonic() + timeout_s
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                return False
            for data in self._wire.receive(min(left, 0.05)):
                self._deliver(data)
        return True

    def _run_wave(self, peers: Sequence[Peer]) -> None:
        self._by_address.update({raw_ip.packed(peer.source): peer for peer in peers})
        self.open([peer for peer in peers if peer.opens])
        going_on = [(peer, iter(peer.plan(peer))) for peer in peers]
        while going_on:
            going_on = self.step(*zip(*going_on, strict=True))  # type: ignore

    def _send(self, all_packets: Iterable[tuple[Peer, Packets]]) -> None:
        for _, packets in all_packets:
            self._wire.send(packets)

    def _deliver(self, data: bytes) -> None:
        v6 = data[0] >> 4 == 6
        protocol, target = (data[6], data[24:40]) if v6 else (data[9], data[16:20])
        peer = self._by_address.get(target)
        if peer is not None and protocol in (raw_ip.TCP, raw_ip.UDP):
            peer.note(protocol, data[40:] if v6 else data[data[0] % 16 * 4:])
