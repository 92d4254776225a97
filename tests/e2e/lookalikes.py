"""Ordinary messages that only look like a scanner's to a search for words: each is answered, none is dropped."""

import urllib.parse
from collections.abc import Callable

from harness import nft, sip
from harness.case import EndToEnd, main

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
    found["an INVITE with a whole scanner packet in its body"] = lambda e: e.request(
        "INVITE", body=_EMBEDDED, content_type="message/sip")
    found["a MESSAGE with a whole scanner packet as its text"] = lambda e: e.request(
        "MESSAGE", body=_EMBEDDED, content_type="text/plain")
    found["an INVITE to user OPTIONS"] = lambda e: e.request("INVITE", user="OPTIONS", body=sip.SDP)
    for agent in _AGENTS:
        found[f"a REGISTER by {agent!r}"] = lambda e, a=agent: e.request("REGISTER", agent=a)
    found["a REGISTER without a User-Agent"] = lambda e: e.request("REGISTER", agent=None)
    return found


class Lookalikes(EndToEnd):
    roles = ("callers",)

    def test_each_is_answered_and_none_is_dropped(self) -> None:
        self.shield.start()
        for transport in ("udp", "tcp"):
            for version in (4, 6):
                source = self.network["callers"].own(version, 10)
                self.meter.watch(f"{source} {transport}", source, transport=transport)
                for name, make in _messages().items():
                    # A connection for each: a dropped segment would silence the one that it belongs to.
                    with (self.subTest(name, transport=transport, version=version),
                          self.endpoint("callers", version, 10, transport) as caller):
                        self.assertIn(caller.ask(make(caller), 2), range(200, 500), "answer of the softswitch")
        self._assert_nothing_dropped()
        self._assert_a_real_scanner_is()

    def _assert_nothing_dropped(self) -> None:
        packets = self.shield.packets()
        self.assertEqual(sum(packets["dropped"].values()), 0, packets["dropped"])
        self.assertEqual(self.shield.cli.json("bans", "list")["total"], 0)
        for name, count in self.meter.read().items():
            self.assertGreater(count.offered, len(_messages()) - 1, name)
            self.assertEqual(count.lost, 0, name)

    def _assert_a_real_scanner_is(self) -> None:
        """That the shield was at work all the time."""
        for version in (4, 6):
            with self.endpoint("callers", version, 11) as scanner:
                self.assertEqual(scanner.ask(scanner.request("REGISTER", agent="friendly-scanner"), 0.5), 0)
                self.assertIsNotNone(nft.banned(self.network.core, scanner.source))


if __name__ == "__main__":
    main()
