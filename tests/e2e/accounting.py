"""offered = passed + dropped by reason + bypassed, exactly; and a table of the test's own says the same."""

import contextlib
import os
import socket

from harness import nft, scanners, sip, sipp
from harness.case import EndToEnd, main
from harness.net import bound_socket
from harness.wait import wait_until

_SOL_UDP, _UDP_SEGMENT = 17, 103
_STRANGER, _TRUSTED, _PEER, _SCANNER = 10, 11, 12, 13
_FLOWS = 10
_GARBAGE, _KEEPALIVES, _RESPONSES, _OPTIONS = 30, 40, 20, 12


class Accounting(EndToEnd):
    roles = ("callers", "scanner")
    settings = {"limits.unknown": {"flows": _FLOWS}}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # From here on every packet for port 5060 is counted, by both.
        cls.meter.watch("udp")
        cls.meter.watch("tcp", transport="tcp")
        cls.shield.start()
        for version in (4, 6):
            for host, kind in ((_TRUSTED, "trusted"), (_PEER, "peer")):
                cls.shield.cli.json("whitelist", "add", cls.network["callers"].address(version, host), "--class", kind)

    def test_1_a_mixed_run_balances(self) -> None:
        before = self._offered_by_meter()
        start = self.shield.packets()
        scan = scanners.svmap(self.network["scanner"], self.network["scanner"].address(4, 20), self.scratch)
        runs = [sipp.Caller(self.network["callers"].namespace, self.network["callers"].own(version, 20), self.scratch,
                            transport=transport, calls=30, rate=30)
                for version in (4, 6) for transport in ("u1", "t1")]
        for version in (4, 6):
            self._send_the_odd_ones(version)
        for run in runs:
            self.assertTrue(run.result().all_succeeded)
        scan.finding()
        self._assert_both_agree(before, start)

    def test_2_each_reason_is_the_right_one(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version), self.endpoint("callers", version, 30) as stranger:
                for message, kind, reason in (
                        (os.urandom(100).replace(b" ", b"x"), "dropped", "not_sip"),
                        (b"\r\n\r\n", "read_as", "keepalive"),
                        (sip.stun_binding(), "read_as", "keepalive"),
                        (b"", "read_as", "keepalive"),
                        (stranger.request("OPTIONS"), "dropped", "method"),
                        (stranger.request("REGISTER"), "read_as", "request"),
                        (_response(stranger), "read_as", "response"),
                        (stranger.request("REGISTER", agent="friendly-scanner"), "dropped", "signature")):
                    before = self.shield.packets()[kind].get(reason, 0)
                    stranger.send(message)
                    wait_until(lambda k=kind, r=reason, b=before: self.shield.packets()[k].get(r, 0) == b + 1, 2,
                               f"{kind} {reason} to count {message[:40]!r}")
        self.assert_balanced(self.shield.packets())

    def test_3_a_fragmented_invite_is_one_packet_and_is_read_whole(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version), self.endpoint("callers", version, 31) as caller:
                body = sip.SDP + "".join(f"a=candidate:{i} 1 UDP 1 192.0.2.{i} 40000 typ host\r\n" for i in range(60))
                self.assertGreater(len(body), 2000)
                self.assertEqual(caller.ask(caller.request("INVITE", body=body), 2), 404)
            with self.endpoint("callers", version, 32) as scanner:
                # The name that gives it away is in the second fragment.
                padding = tuple(f"X-Padding-{i}: {'x' * 90}" for i in range(20))
                message = scanner.request("INVITE", agent=None, headers=(*padding, "User-Agent: friendly-scanner"))
                self.assertEqual(scanner.ask(message, 0.5), 0)
                self.assertIsNotNone(nft.banned(self.network.core, scanner.source))
        self.assert_balanced(self.shield.packets())

    def test_4_merged_datagrams_are_read_one_by_one(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version):
                with self.endpoint("callers", version, 33) as phone:
                    calls = self._send_merged(phone, "Yealink SIP-T46S 66.84.0.15")
                    answered = {sip.call_id_of(phone.receive(2) or b"") for _ in calls}
                    self.assertEqual(answered, calls)
                with self.endpoint("callers", version, 34) as scanner:
                    self._send_merged(scanner, "friendly-scanner")
                    self.shield.wait_banned(scanner.source)
                    self.assertIsNone(scanner.receive(0.5), "an answer to a train with a scanner in it")

    def test_5_connections_beyond_the_cap_and_copied_answers_are_counted(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version), contextlib.ExitStack() as stack:
                dropped, copied = self._flows(), self.shield.counter("answers_copied")
                held = [stack.enter_context(self.endpoint("callers", version, 35, "tcp")) for _ in range(_FLOWS)]
                self.assertEqual(self._flows(), dropped)
                one_more = stack.enter_context(self._socket_of(version, 35))
                with self.assertRaises(TimeoutError):
                    one_more.connect(held[0].target)
                self.assertGreater(self._flows(), dropped)
                self.assertEqual(held[0].ask(held[0].request("INVITE", body=sip.SDP), 5), 404)
                self.assertGreater(self.shield.counter("answers_copied"), copied)
        self.assert_balanced(self.shield.packets())

    def _socket_of(self, version: int, host: int) -> socket.socket:
        callers = self.network["callers"]
        unconnected = bound_socket(callers.namespace, socket.SOCK_STREAM, callers.own(version, host), 0)
        unconnected.settimeout(2)
        return unconnected

    def _flows(self) -> int:
        return self.shield.packets()["dropped"]["flows"]

    def _send_merged(self, endpoint: sip.Endpoint, agent: str) -> set[bytes]:
        """Two requests in one packet, which a network card would cut in two (UDP_SEGMENT, udp(7)): the first one is
        always harmless and ends within a line. Their Call-IDs."""
        second = endpoint.request("REGISTER", agent=agent)
        first = endpoint.request("REGISTER", body="x" * 40, content_type="text/plain")
        self.assertGreaterEqual(len(first), len(second))
        endpoint.socket.setsockopt(_SOL_UDP, _UDP_SEGMENT, len(first))
        endpoint.send(first + second)
        return {sip.call_id_of(first), sip.call_id_of(second)}

    def _send_the_odd_ones(self, version: int) -> None:
        with (self.endpoint("callers", version, _STRANGER) as stranger,
              self.endpoint("callers", version, _TRUSTED) as trusted,
              self.endpoint("callers", version, _PEER) as peer,
              self.endpoint("callers", version, _SCANNER) as scanner,
              self.endpoint("callers", version, _STRANGER, "tcp") as stream):
            for i in range(_GARBAGE):
                stranger.send(os.urandom(i * 40))
            for _ in range(_KEEPALIVES):
                stranger.send(b"\r\n\r\n")
                stranger.send(sip.stun_binding())
                trusted.send(b"\r\n\r\n")
            for _ in range(_RESPONSES):
                stranger.send(_response(stranger))
            for _ in range(_OPTIONS):
                stranger.send(stranger.request("OPTIONS"))
                self.assertEqual(trusted.ask(trusted.request("OPTIONS"), 2), 200)
                self.assertEqual(peer.ask(peer.request("OPTIONS"), 2), 200)
                scanner.send(sip.scanner_options(scanner.source, scanner.target[0]))
            stranger.send(stranger.request("INVITE", body=sip.SDP + "a=x:" + "x" * 3000 + "\r\n"))
            self.assertEqual(stream.ask(stream.request("MESSAGE", body="x" * 5000, content_type="text/plain"), 5), 200)

    def _assert_both_agree(self, before: tuple[int, int], start: dict[str, dict[str, int]]) -> None:
        packets = self.shield.packets()
        self.assert_balanced(packets)
        offered, delivered = (now - then for now, then in zip(self._offered_by_meter(), before, strict=True))
        self.assertEqual(packets["offered"] - start["offered"], offered, "as the test counts them")
        dropped = sum(packets["dropped"].values()) - sum(start["dropped"].values())
        self.assertEqual(offered - delivered, dropped, f"packets that did not arrive; {packets}")
        for reason in ("signature", "method", "not_sip", "banned"):
            self.assertGreater(packets["dropped"].get(reason, 0), 0, packets)
        kernel = nft.counters(self.network.core)
        self.assertEqual(kernel["offered"], packets["offered"], kernel)

    def _offered_by_meter(self) -> tuple[int, int]:
        counts = self.meter.read().values()
        return sum(c.offered for c in counts), sum(c.delivered for c in counts)


def _response(endpoint: sip.Endpoint) -> bytes:
    request = endpoint.request("OPTIONS")
    return b"SIP/2.0 200 OK\r\n" + request.split(b"\r\n", 1)[1]


if __name__ == "__main__":
    main()
