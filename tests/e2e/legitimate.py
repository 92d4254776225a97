"""While scanners scan, callers call, phones register and a monitoring station asks OPTIONS."""

from harness import nft, scanners, sipp
from harness.case import EndToEnd, main
from harness.flood import FIRST4, FIRST6, NET4, NET6, Flood
from harness.kamailio import password_of
from harness.net import core
from harness.phone import Phone

_CALLS = 60
_RATE = 10
_USER = "101"
# What a new customer does before anybody knows him: well within what an unknown source may.
_NEW_CALLS, _NEW_RATE = 4, 2
_MONITOR, _STRANGER = 50, 51


class Legitimate(EndToEnd):
    roles = ("callers", "scanner", "flood")
    limits = "shipped"

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.network["flood"].carry(NET4, NET6)
        cls.shield.start()

    def test_1_calls_and_registrations_succeed_while_a_scan_runs(self) -> None:
        scan4 = Flood(self.network["flood"], self.scratch, "scanner", FIRST4, sources=200, seconds=9, pps=300)
        scan6 = Flood(self.network["flood"], self.scratch, "scanner", FIRST6, sources=200, seconds=9, pps=300)
        war = scanners.svwar(self.network["scanner"], self.network["scanner"].address(4, 20), self.scratch)
        runs = self._start_callers()
        for name, run in runs.items():
            result = run.result()
            self.assertTrue(result.all_succeeded, f"{name}: {result}")
        self.assertEqual(war.finding().found, ())
        self.assertGreater(scan4.totals().sent + scan6.totals().sent, 1000, "the scan ran")
        for name, count in self.meter.read().items():
            self.assertGreater(count.offered, _NEW_CALLS if "new" in name else _CALLS, name)
            self.assertEqual(count.lost, 0, f"packets that the shield kept from {name}")
        for run in runs.values():
            self.assertIsNone(nft.banned(self.network.core, run.source), run.name)

    def test_2_a_listed_station_gets_its_options_answered(self) -> None:
        link = self.network["callers"]
        listed, stranger = link.own(4, _MONITOR), link.own(4, _STRANGER)
        self.assertFalse(scanners.sipsak(link, listed), "before it is listed")
        self.shield.cli.json("whitelist", "add", listed, "--comment", "monitoring")
        self.assertTrue(scanners.sipsak(link, listed), "after it was listed")
        self.assertFalse(scanners.sipsak(link, stranger), "a stranger")

    def test_3_also_in_ipv6_and_over_tcp(self) -> None:
        # Debian's sipsak resolves IPv4 alone, and speaks UDP: this is its request from the other sockets.
        for version, transport in ((6, "udp"), (4, "tcp"), (6, "tcp")):
            with (self.subTest(version=version, transport=transport),
                  self.endpoint("callers", version, _MONITOR + 10, transport) as listed,
                  self.endpoint("callers", version, _STRANGER + 10, transport) as stranger):
                self.shield.cli.json("whitelist", "add", listed.source)
                for endpoint, answer in ((listed, 200), (stranger, 0)):
                    message = endpoint.request("OPTIONS", uri=f"sip:[{core(6)}]" if version == 6 else f"sip:{core(4)}",
                                               agent="sipsak 0.9.8.1")
                    self.assertEqual(endpoint.ask(message, 1.5), answer, endpoint.source)

    def _start_callers(self) -> dict[str, sipp.Caller]:
        """For each address family and transport calls and registrations of customers, and calls of a new one, each from
        an address of its own. A customer has registered before: its source is known."""
        runs: dict[str, sipp.Caller] = {}
        host = 20
        for version in (4, 6):
            for transport in ("u1", "t1"):
                for name, scenario in (("calls", "call.xml"), ("registrations", "register.xml"),
                                       ("calls of a new one", "call.xml")):
                    host += 1
                    name = f"{name} over IPv{version}, {transport}"
                    new = "new" in name
                    if not new:
                        self._register_once(version, host)
                    source = self.network["callers"].own(version, host)
                    self.meter.watch(name, source, transport="udp" if transport == "u1" else "tcp")
                    user, password = ("uas", "") if scenario == "call.xml" else (_USER, password_of(_USER))
                    runs[name] = sipp.Caller(
                        self.network["callers"].namespace, source, self.scratch, scenario,
                        rate=_NEW_RATE if new else _RATE, transport=transport, calls=_NEW_CALLS if new else _CALLS,
                        user=user, password=password)
        return runs

    def _register_once(self, version: int, host: int) -> None:
        with self.endpoint("callers", version, host) as endpoint:
            self.assertEqual(Phone(endpoint, _USER).register(), 200)
            self.shield.wait_known(endpoint.source)


if __name__ == "__main__":
    main()
