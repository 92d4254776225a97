"""A saturating flood from 1,000 sources: listed callers lose nothing, strangers no more than the budget says."""

from harness import nft, sipp
from harness.case import EndToEnd, main
from harness.flood import FIRST4, NET4, Flood
from harness.wait import wait_until

_SOURCES = 1000
_SECONDS = 10
# What this Kamailio can answer beside the generator: with more, its own socket overflows and is what is measured.
_UNKNOWN_RATE = 2000
_UNKNOWN_BURST = 500
_CALLS, _RATE = 80, 8
_TRUSTED, _PEER, _STRANGER = 20, 21, 22


class FloodCase(EndToEnd):
    roles = ("callers", "flood")
    log_requests = False
    settings = {"guard": {"unknown_rate": _UNKNOWN_RATE, "unknown_burst": _UNKNOWN_BURST}}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.network["flood"].carry(NET4)
        cls.meter.watch("all")
        cls.meter.watch("flood", NET4)
        for host in (_TRUSTED, _PEER, _STRANGER):
            cls.meter.watch_address(cls.network["callers"].own(4, host))
        cls.shield.start()
        callers = cls.network["callers"]
        cls.shield.cli.json("whitelist", "add", callers.address(4, _TRUSTED), "--comment", "trunk")
        cls.shield.cli.json("whitelist", "add", callers.address(4, _PEER), "--class", "peer")

    def test_1_a_flood_of_ordinary_calls(self) -> None:
        """No signature fits: the kernel's guard alone stands before the queue."""
        before = self.shield.packets()
        flood = Flood(self.network["flood"], self.scratch, "invite", FIRST4, sources=_SOURCES, seconds=_SECONDS)
        wait_until(lambda: self.meter.count("flood").offered > 10_000, 5, "the flood")
        callers = {host: self._call(host) for host in (_TRUSTED, _PEER)}
        stranger = self._ask_as_stranger(while_running=flood)
        totals = flood.totals()
        results = {host: caller.result() for host, caller in callers.items()}
        count = self.meter.read()
        print(f"\n  flood: {totals.sent} packets, {totals.sent / totals.seconds:.0f}/s; passed: "
              f"{count['flood'].delivered}; stranger: {stranger[0]} asked, {stranger[1]} answered; calls: {results}")
        for host, result in results.items():
            self.assertTrue(result.all_succeeded, f"listed caller {host}: {result}")
            address = self.network["callers"].address(4, host)
            self.assertEqual(count[address].lost, 0, f"packets of the listed caller {address}")
        # The strangers' budget is granted in full, and not exceeded.
        self.assertLessEqual(count["flood"].delivered, _UNKNOWN_BURST + _UNKNOWN_RATE * (totals.seconds + 1))
        self.assertGreaterEqual(count["flood"].delivered, 0.8 * _UNKNOWN_RATE * (totals.seconds - 1))
        self._assert_losses_accounted(before, {"source_rate", "unknown_budget"})

    def test_2_a_flood_of_scanners(self) -> None:
        before = self.shield.packets()
        delivered = self.meter.count("flood").delivered
        flood = Flood(self.network["flood"], self.scratch, "scanner", "10.90.16.1", sources=_SOURCES, seconds=4,
                      name="scanners")
        calls = self._call(_TRUSTED, calls=24)
        totals = flood.totals()
        self.assertTrue(calls.result().all_succeeded)
        banned = wait_until(lambda: [a for a in nft.elements(self.network.core, "banned4") if a.startswith("10.90.")],
                            2, "bans")
        print(f"\n  scanners: {totals.sent} packets, {totals.sent / totals.seconds:.0f}/s; banned: {len(banned)}")
        self.assertGreaterEqual(len(banned), 0.95 * _SOURCES)
        after = self.shield.packets()
        overflow = sum(after["bypassed"].values()) - sum(before["bypassed"].values())
        self.assertEqual(self.meter.count("flood").delivered - delivered, overflow, "scanner packets that came through")
        self._assert_losses_accounted(before, {"source_rate", "unknown_budget", "banned", "signature"})

    def test_3_afterwards_strangers_are_served_at_once(self) -> None:
        result = self._call(_STRANGER, calls=16).result()
        self.assertTrue(result.all_succeeded, result)
        self.assertEqual(result.retransmissions, 0, result)

    def _call(self, host: int, calls: int = _CALLS) -> sipp.Caller:
        link = self.network["callers"]
        self._runs = getattr(self, "_runs", 0) + 1
        return sipp.Caller(link.namespace, link.address(4, host), self.scratch, calls=calls, rate=_RATE,
                           name=f"{self.id().rsplit('.', 1)[1]}-{host}-{self._runs}")

    def _ask_as_stranger(self, while_running: Flood) -> tuple[int, int]:
        """An unlisted phone that registers again and again, five times a second: how often, and how often answered."""
        asked = answered = 0
        with self.endpoint("callers", 4, _STRANGER) as stranger:
            while while_running.process.running():
                asked += 1
                answered += stranger.ask(stranger.request("REGISTER"), 0.2) == 404
        return asked, answered

    def _assert_losses_accounted(self, before: dict, reasons: set[str]) -> None:
        after = self.shield.packets()
        self.assert_balanced(after)
        gained = {reason: n - before["dropped"].get(reason, 0) for reason, n in after["dropped"].items()
                  if n != before["dropped"].get(reason, 0)}
        self.assertLessEqual(set(gained), reasons, gained)
        total = self.meter.count("all")
        self.assertEqual(total.lost, sum(after["dropped"].values()), f"what did not arrive; {after}")


if __name__ == "__main__":
    main()
