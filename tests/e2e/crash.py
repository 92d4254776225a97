"""kill -9: calls go on, bans hold; a restart adopts both without a gap; a reboot restores the bans."""

import signal
import time

from harness import nft, sip, sipp
from harness.case import EndToEnd, main
from harness.flood import FIRST4, FIRST6, NET4, NET6, Flood
from harness.wait import wait_until

_TOLERANCE_S = 2


class Crash(EndToEnd):
    roles = ("callers", "flood")
    # Bans that outlive the test; a queue that a modest flood can fill.
    settings = {"bans": {"unverified": "10m"}, "shield": {"queue_length": 1024}, "guard": {"unknown_burst": 1000}}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.network["flood"].carry(NET4, NET6)
        cls.shield.start()
        cls.banned = (FIRST4, FIRST6)

    def test_1_calls_go_on_and_bans_hold_without_the_daemon(self) -> None:
        self._ban()
        calls = self._call("during-kill", calls=120, rate=20)
        wait_until(lambda: calls.successful_so_far() > 20, 20, "calls to go through")
        before = {address: self._expiry(address) for address in self.banned}
        self.shield.kill()
        self.assertNotIn("inet sipward_queue", nft.tables(self.network.core), "the queue rules of a dead daemon")
        self.assertIn("inet sipward", nft.tables(self.network.core))
        result = calls.result()
        self.assertTrue(result.all_succeeded, result)
        self.assertGreater(self.shield.counter("bypassed_no_daemon"), 0)
        for address in self.banned:
            self.assertAlmostEqual(self._expiry(address), before[address], delta=_TOLERANCE_S)
        self._assert_sent_in_vain(self._send_from_banned(seconds=1))

    def test_2_a_restart_adopts_table_and_bans_without_a_gap(self) -> None:
        expiry = {address: self._expiry(address) for address in self.banned}
        offered = self.shield.counter("offered")
        stream = self._send_from_banned(seconds=4)
        calls = self._call("during-restart", calls=80, rate=20)
        self.shield.start()
        self.assertGreaterEqual(self.shield.counter("offered"), offered, "the counters go on")
        listed = {ban["net"]: ban for ban in self.shield.cli.json("bans", "list")["bans"]}
        for address in self.banned:
            self.assertAlmostEqual(self._expiry(address), expiry[address], delta=_TOLERANCE_S)
            self.assertAlmostEqual(self._listed(listed, address)["left_ms"] / 1000, self._left(address),
                                   delta=_TOLERANCE_S)
        self._assert_sent_in_vain(stream)
        result = calls.result()
        self.assertTrue(result.all_succeeded, result)
        self.assertEqual(self.shield.cli("status").code, 0)

    def test_3_a_stop_and_start_leaves_no_gap_either(self) -> None:
        expiry = {address: self._expiry(address) for address in self.banned}
        stream = self._send_from_banned(seconds=4)
        stopped = self.shield.stop()
        self.assertEqual(stopped.code, 0, stopped)
        self.assertNotIn("inet sipward_queue", nft.tables(self.network.core))
        self.shield.start()
        self._assert_sent_in_vain(stream)
        for address in self.banned:
            self.assertAlmostEqual(self._expiry(address), expiry[address], delta=_TOLERANCE_S)

    def test_4_a_reboot_restores_the_bans(self) -> None:
        expiry = {address: self._expiry(address) for address in self.banned}
        self.shield.kill()
        nft.delete_tables(self.network.core)
        self.assertEqual([t for t in nft.tables(self.network.core) if "sipward" in t], [])
        self.shield.start()
        for address in self.banned:
            self.assertAlmostEqual(self._expiry(address), expiry[address], delta=_TOLERANCE_S)
        self._assert_sent_in_vain(self._send_from_banned(seconds=1))

    def test_5_a_flushed_ruleset_is_rebuilt(self) -> None:
        nft.delete_tables(self.network.core)
        for address in self.banned:
            self.shield.wait_banned(address, 5)
        with self.endpoint("callers", 4, 40) as scanner:
            scanner.send(sip.scanner_options(scanner.source, scanner.target[0]))
            self.shield.wait_banned(scanner.source)

    def test_6_a_daemon_that_hangs_is_not_in_the_way_for_long(self) -> None:
        """fail_open: what a stopped daemon does not read fills the queue, then passes."""
        assert self.shield.process
        self.shield.process.signal(signal.SIGSTOP)
        try:
            # The caller's own /24, so that the packets fill the queue that the caller's are put in: the kernel
            # spreads prefixes over the queues by a hash with a seed of its own. 128 sources at 156 packets/s stay
            # within what one source may send, and 20,000 packets/s leave more than a queue holds.
            neighbour, flooding = "10.90.100.200", self.network["flood"]
            flooding.add(neighbour)
            with sip.Endpoint(flooding.namespace, neighbour) as caller:
                Flood(flooding, self.scratch, "invite", "10.90.100.0", sources=128, seconds=3, pps=20_000,
                      name="fill").totals()
                self.assertEqual(caller.ask(caller.request("REGISTER"), 5, retransmit_s=0.5), 404)
        finally:
            self.shield.process.signal(signal.SIGCONT)
        self.assertGreater(self.shield.counter("bypassed_queue_full"), 0)

    def _ban(self) -> None:
        for index, address in enumerate(self.banned):
            Flood(self.network["flood"], self.scratch, "scanner", address, packets=1, name=f"ban-{index}").totals()
            self.shield.wait_banned(address)
            self.meter.watch_address(address)

    def _call(self, name: str, calls: int, rate: int) -> sipp.Caller:
        return sipp.Caller(self.network["callers"].namespace, self.network["callers"].own(4, 20), self.scratch,
                           name=name, calls=calls, rate=rate)

    def _send_from_banned(self, seconds: int) -> list[tuple[str, int, Flood]]:
        """Messages that no rule objects to: only the ban keeps them away."""
        before = self.meter.read()
        return [(address, before[address].offered,
                 Flood(self.network["flood"], self.scratch, "invite", address, seconds=seconds, pps=500))
                for address in self.banned]

    def _assert_sent_in_vain(self, stream: list[tuple[str, int, Flood]]) -> None:
        for address, offered, flood in stream:
            sent = flood.totals().sent
            count = self.meter.count(address)
            self.assertEqual(count.offered - offered, sent)
            self.assertEqual(count.delivered, 0, f"packets of the banned {address} that came through")

    def _left(self, address: str) -> float:
        found = nft.banned(self.network.core, address)
        assert found and found.expires_s is not None, address
        return found.expires_s

    def _expiry(self, address: str) -> float:
        return time.monotonic() + self._left(address)

    def _listed(self, bans: dict[str, dict], address: str) -> dict:
        self.assertIn(address, bans)
        return bans[address]


if __name__ == "__main__":
    main()
