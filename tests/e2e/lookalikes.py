"""Ordinary messages that only look like a scanner's or an evasion: each is answered, none is dropped."""

import contextlib
import itertools
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

from harness import nft, sip
from harness.case import EndToEnd, main
from harness.flood import NET4, NET6
from harness.raw_ip import ACK, FIN, RST, Wire
from harness.raw_peer import Crowd, Packets, Peer, Plan

_WORDS = ("OPTIONS sip:100@192.0.2.1 SIP/2.0", "friendly-scanner", "sipcli", "sipvicious", "VaxSIPUserAgent")
_EMBEDDED = ("OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nUser-Agent: friendly-scanner\r\n"
             "From: \"sipvicious\"<sip:100@1.1.1.1>;tag=3061346430303031313363340131323334353637\r\n\r\n")
# Agents of real products, and made-up ones that contain what lists of substrings look for.
_AGENTS = (
    "3CXPhoneSystem 18.0.3.461", "Barcode Scan SIP 1.0", "SIPScanner Gateway 2", "userfriendly-sip/1.0",
    "sipclient 2.0", "minisipcli/1.0", "Asterisk PBX 18.10.0", "FPBX-16.0.40.7(18.16.0)", "Linksys/SPA942-6.1.5(a)",
    "Sippy B2BUA",
    "Zoiper rv2.10.20.2", "Cisco-SIPGateway/IOS-12.x", "OpenSIPS (3.2.5 (x86_64/linux))", "HP ScanJet SIP", "Z",
    "system exec. multipart/mixed;boundary voip",
)
_ALMOST = "friendly-scanner asks:\r\nUser-Agent: friendly-scanner\r\nOPTIONS sip:100@192.0.2.1\r\n\r\n"
_LONG_SDP = sip.SDP + "".join(f"a=candidate:{i} 1 UDP 1 192.0.2.{i} 40000 typ host\r\n" for i in range(60))

Make = Callable[[sip.Endpoint], bytes]


def _messages() -> dict[str, Make]:
    """Descriptions and messages."""
    found: dict[str, Make] = {}
    for word in _WORDS:
        found[f"an INVITE with {word!r} in its SDP"] = lambda e, w=word: e.request(
            "INVITE", body=sip.SDP.replace("s=-", f"s={w}") + f"a=tool:{w}\r\n")
        found[f"an INVITE with {word!r} in its Subject"] = lambda e, w=word: e.request(
            "INVITE", headers=(f"Subject: {w}",), body=sip.SDP)
        found[f"an INVITE with {word!r} in its folded Subject"] = lambda e, w=word: e.request(
            "INVITE", headers=(f"Subject: call me\r\n User-Agent: {w}",), body=sip.SDP)
        found[f"an INVITE to user {word!r}"] = lambda e, w=word: e.request(
            "INVITE", user=urllib.parse.quote(w, safe=""), body=sip.SDP)
        found[f"an INVITE with {word!r} in a header of its own"] = lambda e, w=word: e.request(
            "INVITE", headers=(f"X-User-Agent: {w}", f"X-Note: {w}"), body=sip.SDP)
        found[f"a MESSAGE that says {word!r}"] = lambda e, w=word: e.request(
            "MESSAGE", body=f"{w} {w}", content_type="text/plain")
        found[f"a REGISTER of a contact named {word!r}"] = lambda e, w=word: e.request(
            "REGISTER", headers=(f'Contact: "{w}" <sip:{urllib.parse.quote(w, safe="")}@192.0.2.7>',))
        found[f"a REGISTER to {word!r}"] = lambda e, w=word: e.request("REGISTER").replace(
            b"\r\nTo: ", f'\r\nTo: "{w}" '.encode())
    found["an INVITE with a whole scanner packet in its body"] = lambda e: e.request(
        "INVITE", body=_EMBEDDED, content_type="message/sip")
    found["a MESSAGE with a whole scanner packet as its text"] = lambda e: e.request(
        "MESSAGE", body=_EMBEDDED, content_type="text/plain")
    found["an INVITE to user OPTIONS"] = lambda e: e.request("INVITE", user="OPTIONS", body=sip.SDP)
    for agent in _AGENTS:
        found[f"a REGISTER by {agent!r}"] = lambda e, a=agent: e.request("REGISTER", agent=a)
    found["a REGISTER without a User-Agent"] = lambda e: e.request("REGISTER", agent=None)
    return found


def _embedding(peer: Peer) -> bytes:
    return peer.ask(body=_EMBEDDED, content_type="message/sip")


def _long(peer: Peer) -> bytes:
    return peer.ask(method="INVITE", body=_LONG_SDP)


def _fragments(order: Callable[[Packets], Packets]) -> Plan:
    def plan(peer: Peer) -> list[Packets]:
        message = _long(peer)
        return [order(peer.fragments(message, range(800, len(message), 800)))]
    return plan


def _small_fragments(peer: Peer) -> list[Packets]:
    message = _embedding(peer)
    return [peer.fragments(message, range(8, len(message), 8))]


def _segments(cuts: Callable[[int], Iterable[int]], order: Callable[[Packets], Packets] = list) -> Plan:
    def plan(peer: Peer) -> list[Packets]:
        message = _embedding(peer) + _long(peer)
        return [order(peer.segments(message, cuts(len(message))))]
    return plan


def _every_40(size: int) -> range:
    return range(40, size, 40)


def _lost_acknowledgment(peer: Peer) -> Iterator[Packets]:
    """Both messages arrive and are answered; the client does not know, and sends all of it again, cut otherwise."""
    message = _embedding(peer) + _long(peer)
    yield peer.segments(message, range(500, len(message), 500))
    yield peer.segments(message, range(700, len(message), 700))
    yield peer.whole(peer.ask(), len(message))


def _with_keepalives(peer: Peer) -> Iterator[Packets]:
    stream = b""
    for _ in range(5):
        stream += b"\r\n\r\n" + _embedding(peer) + b"\r\n"
    yield peer.whole(stream)
    yield [peer.segment(len(stream), b"\r\n\r\n"), peer.segment(len(stream) + 4, b"\r\n")]
    yield peer.whole(peer.ask(), len(stream) + 6)


def _another_connection(peer: Peer) -> Iterator[Packets]:
    """From the same port, after the first was broken off within a message."""
    begun = peer.message(body=_EMBEDDED)[:-20]
    yield peer.whole(begun)
    yield [peer.segment(len(begun), flags=RST)]
    yield [peer.syn(first=peer.number(1 << 30))]
    yield [peer.segment(0, flags=ACK), *peer.whole(_embedding(peer))]


def _with_a_fin(peer: Peer) -> Iterator[Packets]:
    message = peer.ask()
    yield [peer.segment(0, message[:-1])]
    yield [peer.segment(len(message) - 1, message[-1:], ACK | FIN)]


_PACKETS: dict[str, Plan] = {
    "a long INVITE in fragments": _fragments(list),
    "a long INVITE in fragments, reversed": _fragments(lambda f: f[::-1]),
    "a long INVITE in fragments, each twice": _fragments(lambda f: [f[0], f[0], *f[1:-1], *f[1:]]),
    "an embedded message in fragments of eight bytes": _small_fragments,
}
_STREAMS: dict[str, Plan] = {
    "a byte a segment": _segments(lambda n: range(1, n)),
    "segments reversed": _segments(_every_40, lambda s: s[::-1]),
    "segments of odd order": _segments(_every_40, lambda s: s[1::2] + s[::2]),
    "each segment twice": _segments(_every_40, lambda s: [p for q in s for p in (q, q)]),
    "all of it sent again": _lost_acknowledgment,
    "keepalives between messages": _with_keepalives,
    "a new connection from the same port": _another_connection,
    "a FIN with the last byte": _with_a_fin,
}


def _every_cut() -> dict[str, Plan]:
    """A message that holds a scanner's, in two segments."""
    size = len(_embedding(Peer("", "10.90.0.1", "tcp", lambda _: [])))
    def plan(cut: int) -> Plan:
        return lambda peer: [peer.segments(_embedding(peer), (cut,))]
    return {f"an embedded message cut at {cut}": plan(cut) for cut in range(1, size)}


class Lookalikes(EndToEnd):
    roles = ("callers", "flood")
    settings: ClassVar = {"guard": {"source_rate": 1000000, "source_burst": 65536, "unknown_rate": 1000000,
                                    "unknown_burst": 65535},
                          "shield": {"queue_length": 131072}}
    sources = itertools.count(1)
    wire: ClassVar[Wire]
    early: ClassVar[list[sip.Endpoint]] = []

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.network["flood"].carry(NET4, NET6)
        cls.wire = Wire(cls.network["flood"])
        # Connected before there is a shield; used until the end.
        cls.early = [cls.endpoint("callers", version, 12, "tcp") for version in (4, 6)]
        for caller in cls.early:
            assert caller.ask(caller.request("REGISTER"), 5) == 404
        cls.shield.start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.wire.close()
        for caller in cls.early:
            caller.close()
        super().tearDownClass()

    def test_1_each_is_answered(self) -> None:
        for transport in ("udp", "tcp"):
            for version in (4, 6):
                source = self.network["callers"].own(version, 10)
                self.meter.watch(f"{source} {transport}", source, transport=transport)
                for name, make in _messages().items():
                    # A connection for each: a dropped segment would silence the one that it belongs to.
                    with (self.subTest(name, transport=transport, version=version),
                          self.endpoint("callers", version, 10, transport) as caller):
                        self.assertIn(caller.ask(make(caller), 2), range(200, 500), "answer of the softswitch")
        for name, count in self.meter.read().items():
            self.assertGreater(count.offered, len(_messages()) - 1, name)
            self.assertEqual(count.lost, 0, name)

    def test_2_however_it_is_packed_cut_and_ordered(self) -> None:
        self._run(_PACKETS, "udp")
        self._run(_STREAMS, "tcp")

    def test_3_cut_at_every_byte(self) -> None:
        self._run(_every_cut(), "tcp")

    def test_4_many_messages_at_once(self) -> None:
        """64 KiB and more written in one go: the kernel hands them over in segments larger than any packet."""
        for version in (4, 6):
            with self.subTest(version=version), self.endpoint("callers", version, 13, "tcp") as caller:
                asked = [caller.request("MESSAGE", body=_EMBEDDED, content_type="text/plain") for _ in range(150)]
                self.assertGreater(sum(map(len, asked)), 65536)
                caller.send(b"".join(asked))
                answered = {sip.call_id_of(caller.receive(5) or b"") for _ in asked}
                self.assertEqual(answered, {sip.call_id_of(message) for message in asked})

    def test_5_nothing_was_dropped(self) -> None:
        self._assert_none_accused()
        statistics = self.shield.cli.json("stats")
        self.assertEqual(sum(statistics["packets"]["dropped"].values()), 0, statistics)

    def test_6_connections_that_are_older_than_the_shield(self) -> None:
        """A segment whose place is not known yet may have to come twice, so what counts is that each is served."""
        with contextlib.ExitStack() as stack:
            fresh = [stack.enter_context(self.endpoint("callers", version, 14, "tcp")) for version in (4, 6)]
            self._assert_served([*self.early, *fresh])
            self.shield.stop()
            self._assert_served([*self.early, *fresh])
            self.shield.start()
            self._assert_served([*self.early, *fresh])
        self._assert_served(self.early)
        self._assert_none_accused()

    def test_7_a_request_in_a_body_on_a_connection_that_is_older_than_the_shield(self) -> None:
        """It might be a message to the softswitch: the connection ends, nobody is banned, and the next one serves."""
        for caller, version in zip(self.early, (4, 6), strict=True):
            self.assertEqual(caller.ask(caller.request("MESSAGE", body=_EMBEDDED), 1), 0, caller.source)
            with self.endpoint("callers", version, 12, "tcp") as again:
                self.assertEqual(again.ask(again.request("MESSAGE", body=_EMBEDDED), 5), 200, again.source)
        self.assertEqual(self.shield.cli.json("bans", "list")["total"], 0)
        self.assertEqual(self.shield.cli.json("stats")["tcp"]["trouble"]["embedded"], len(self.early))

    def test_8_a_real_scanner_is(self) -> None:
        """That the shield was at work all the time."""
        for version in (4, 6):
            with self.endpoint("callers", version, 11) as scanner:
                self.assertEqual(scanner.ask(scanner.request("REGISTER", agent="friendly-scanner"), 0.5), 0)
                self.assertIsNotNone(nft.banned(self.network.core, scanner.source))

    def _assert_none_accused(self) -> None:
        self.assert_balanced(self.shield.packets())
        self.assertEqual(self.shield.cli.json("bans", "list")["total"], 0)

    def _assert_served(self, callers: list[sip.Endpoint]) -> None:
        for caller in callers:
            for message in (caller.request("MESSAGE", body=_ALMOST), caller.request("INVITE", body=_LONG_SDP)):
                self.assertIn(caller.ask(message, 5), (200, 404), caller.source)

    def _run(self, table: dict[str, Plan], transport: str) -> None:
        peers = [Peer(name, self._source(version), transport, plan)
                 for name, plan in table.items() for version in (4, 6)]
        Crowd(self.wire).run(peers)
        for peer in peers:
            with self.subTest(str(peer)):
                self.assertEqual(sorted(peer.answered), sorted(peer.asked), "answers of the softswitch")
                self.assertFalse(peer.reset, "the connection was ended")

    def _source(self, version: int) -> str:
        number = next(self.sources)
        return f"10.90.{number // 250}.{number % 250 + 1}" if version == 4 else f"2001:db8:90:{number:x}::1"


if __name__ == "__main__":
    main()
