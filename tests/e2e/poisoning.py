"""Datagrams forged in somebody's name: no trusted or known source is ever cut off, nobody else for more than a minute."""

import ipaddress
import os
from collections.abc import Iterable

from harness import nft, raw_ip, sip, sipp
from harness.case import EndToEnd, main
from harness.flood import NET4
from harness.kamailio import SILENT, password_of
from harness.net import core
from harness.phone import Phone
from harness.raw_ip import UDP, Wire
from harness.wait import wait_until

_VERSIONS = (4, 6)
_TRUSTED, _KNOWN, _STRANGER, _GUESSER, _SEEKER, _LIAR = 20, 21, 22, 23, 24, 25
_FORGED = 100
_CALLS, _RATE = 30, 10
_MOST_S = 60


class Forger:
    """Sends from a link of its own, in the name of whoever is asked for."""

    def __init__(self, case: EndToEnd):
        self._wire = Wire(case.network["flood"])

    def send(self, source: str, payloads: Iterable[bytes], port: int = 5060) -> None:
        target = core(ipaddress.ip_address(source).version)
        self._wire.send(raw_ip.packet(source, target, UDP, raw_ip.udp(source, target, (port, 5060), payload))
                        for payload in payloads)

    def close(self) -> None:
        self._wire.close()


def scanner(source: str) -> bytes:
    return sip.request("OPTIONS", source, agent="friendly-scanner")


def attempt(source: str, user: str) -> bytes:
    """A REGISTER with credentials that nobody was asked for."""
    host = sip.bracketed(core(ipaddress.ip_address(source).version))
    line = (f'Authorization: Digest username="{user}", realm="e2e", nonce="{sip.unique()}", uri="sip:{host}", '
            f'response="{os.urandom(16).hex()}", algorithm=MD5')
    return sip.request("REGISTER", source, user=user, caller=user, headers=(line,))


class Poisoning(EndToEnd):
    roles = ("trusted", "known", "strangers", "flood")
    limits = "shipped"

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.network["flood"].carry(NET4)
        cls.trusted = {version: cls.network["trusted"].own(version, _TRUSTED) for version in _VERSIONS}
        cls.known = {version: cls.network["known"].own(version, _KNOWN) for version in _VERSIONS}

    def setUp(self) -> None:
        self.forger = Forger(self)
        self.addCleanup(self.forger.close)

    def test_1_without_the_shield_they_arrive(self) -> None:
        for version, source in self.known.items():
            self.forger.send(source, [scanner(source)])
            wait_until(lambda s=source: [r for r in self.kamailio.received(s) if r.agent == "friendly-scanner"], 5,
                       f"what was forged in the name of {source}")
        self.shield.start()
        for version in _VERSIONS:
            self.shield.cli.json("whitelist", "add", self.trusted[version])
            self._register("known", version, _KNOWN, "101")
            self.shield.wait_known(self.known[version])

    def test_2_trusted_and_known_callers_are_never_cut_off(self) -> None:
        for source in (*self.trusted.values(), *self.known.values()):
            self.meter.watch_address(source)
        before = self.meter.read()
        runs = [self._call(role, source) for role, sources in (("trusted", self.trusted), ("known", self.known))
                for source in sources.values()]
        for _ in range(_FORGED):
            for source in (*self.trusted.values(), *self.known.values()):
                self.forger.send(source, [scanner(source)])
        for run in runs:
            result = run.result()
            self.assertTrue(result.all_succeeded, f"{run.name}: {result}")
        after = self.meter.read()
        lost = {source: after[source].lost - before[source].lost for source in after}
        print(f"\n  forged: {_FORGED} in each name; lost of trusted sources "
              f"{[lost[s] for s in self.trusted.values()]}, of known ones {[lost[s] for s in self.known.values()]}")
        for source in self.trusted.values():
            self.assertEqual(lost[source], 0, "trusted sources are not read")
            self.assertEqual(self._ban_of(source), None)
        for source in self.known.values():
            self.assertEqual(lost[source], _FORGED, "the forged ones alone")
            self.assertEqual(self._ban_of(source), None)
            self.assertEqual(self.shield.cli.json("explain", source)["class"], "known")

    def test_3_nor_are_the_users_of_a_known_source(self) -> None:
        """Wrong credentials in its name, of users that are behind it and of others."""
        for version, source in self.known.items():
            with self.subTest(version=version):
                refused = self._refused(source)
                self.forger.send(source, [attempt(source, "101") for _ in range(30)])
                self.forger.send(source, [attempt(source, str(user)) for user in range(4000, 4030)])
                wait_until(lambda s=source, r=refused: self._refused(s) >= r + 30, 5, "the forged ones to arrive")
                for user in ("101", "102"):
                    self._register("known", version, _KNOWN, user)
                self.assertIsNone(self._ban_of(source))

    def test_4_a_stranger_is_cut_off_for_a_minute_at_most(self) -> None:
        for version in _VERSIONS:
            for host, reason, payloads in (
                    (_STRANGER, "signature", lambda s: [scanner(s)]),
                    (_GUESSER, "credentials", lambda s: [attempt(s, "105") for _ in range(15)]),
                    (_SEEKER, "unknown_targets",
                     lambda s: [sip.request("REGISTER", s, user=str(7200 + i)) for i in range(15)])):
                with self.subTest(reason, version=version):
                    source = self.network["strangers"].own(version, host)
                    self.forger.send(source, payloads(source))
                    element = self.shield.wait_banned(source, 5)
                    self.assertLessEqual(element.timeout_s or 0, _MOST_S)
                    ban = self._ban_of(source)
                    self.assertEqual((ban["reason"], ban["verified"]), (reason, False))
                    self.assertLessEqual(ban["left_ms"], _MOST_S * 1000)
                    self.assertFalse(self.shield.cli.json("explain", source)["evidence"][0]["verified"])

    def test_5_a_prefix_is_not_banned_for_what_was_forged(self) -> None:
        for number in range(1, 21):
            source = f"10.90.7.{number}"
            self.forger.send(source, [scanner(source)])
            self.forger.send(source, [attempt(source, "105") for _ in range(15)])
            self.shield.wait_banned(source, 5)
        nets = [ban["net"] for ban in self.shield.cli.json("bans", "list", "--limit", "0")["bans"]]
        self.assertEqual([net for net in nets if "/" in net], [])

    def test_6_forged_answers_make_nobody_known(self) -> None:
        for version in _VERSIONS:
            with self.subTest(version=version), self.endpoint("strangers", version, _LIAR) as liar:
                for method in ("REGISTER", "INVITE"):
                    asked = attempt(liar.source, "105").replace(b"REGISTER", method.encode())
                    liar.send(asked)
                    for source in (liar.source, liar.target[0]):
                        self.forger.send(source, [_answer_to(asked, method)])
                    liar.send(_answer_to(asked, method))
                self._assert_unknown(liar.source)

    def test_7_nor_do_those_that_the_softswitch_passes_on(self) -> None:
        """A stateless proxy sends a response on to the Via behind its own, whoever wrote that (RFC 3261, section 16.11).

        What Kamailio passes on while a call with credentials is pending makes nobody known."""
        for version in _VERSIONS:
            with self.subTest(version=version), self.endpoint("strangers", version, _LIAR + 1) as liar:
                host = sip.bracketed(liar.target[0])
                asked = liar.request("INVITE", user=SILENT, body=sip.SDP, headers=(
                    f'Authorization: Digest username="105", realm="e2e", nonce="x", uri="sip:{host}", response="0"',))
                liar.send(asked)
                wait_until(lambda e=liar: sip.status_of(e.receive(1) or b"") == 100, 5, "the INVITE to be pending")
                own = f"Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bKforged\r\nVia:".encode()
                liar.send(_answer_to(asked, "INVITE").replace(b"Via:", own, 1))
                passed_on = sip.status_of(liar.receive(1) or b"")
                print(f"\n  IPv{version}: the softswitch passed on the forged {passed_on}")
                self._assert_unknown(liar.source)

    def test_8_afterwards_a_stranger_is_served_again(self) -> None:
        self.shield.stop()
        self.shield.configure({"bans": {"unverified": "2s"}})
        self.shield.start()
        for version in _VERSIONS:
            with self.subTest(version=version):
                source = self.network["strangers"].own(version, 40)
                self.forger.send(source, [scanner(source)])
                self.shield.wait_banned(source)
                wait_until(lambda s=source: nft.banned(self.network.core, s) is None, 10, "the end of the ban")
                result = self._call("strangers", source, calls=3).result()
                self.assertTrue(result.all_succeeded, result)
                self.assertEqual(result.retransmissions, 0, result)

    def _call(self, role: str, source: str, calls: int = _CALLS) -> sipp.Caller:
        return sipp.Caller(self.network[role].namespace, source, self.scratch, calls=calls, rate=_RATE)

    def _register(self, role: str, version: int, host: int, user: str) -> None:
        with self.endpoint(role, version, host) as endpoint:
            self.assertEqual(Phone(endpoint, user, password_of(user)).register(), 200, f"{user} at {endpoint.source}")

    def _refused(self, source: str) -> int:
        """REGISTERs of the source that reached the softswitch."""
        return sum(request.method == "REGISTER" for request in self.kamailio.received(source))

    def _ban_of(self, source: str) -> dict | None:
        bans = self.shield.cli.json("bans", "list", "--limit", "0")["bans"]
        wanted = str(ipaddress.ip_address(source))
        found = [ban for ban in bans if ban["net"] == wanted]
        self.assertEqual(bool(found), nft.banned(self.network.core, source) is not None, "the kernel thinks otherwise")
        return found[0] if found else None

    def _assert_unknown(self, source: str) -> None:
        """When all that was sent has surely been weighed."""
        self._register("known", 4, 60, "103")
        self.shield.wait_known(self.network["known"].address(4, 60))
        self.assertNotIn(str(ipaddress.ip_address(source)), self.shield.known())
        self.assertEqual(self.shield.cli.json("explain", source)["class"], "unknown")


def _answer_to(request: bytes, method: str) -> bytes:
    """200 OK, with all that the request says of itself and a To tag."""
    lines = [line for line in request.split(b"\r\n")
             if line.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq", b"Contact")]
    lines = [line + b";tag=forged" if line.startswith(b"To:") else line for line in lines]
    assert any(line == f"CSeq: 1 {method}".encode() for line in lines)
    return b"\r\n".join([b"SIP/2.0 200 OK", *lines, b"Expires: 3600", b"Content-Length: 0", b"", b""])


if __name__ == "__main__":
    main()
