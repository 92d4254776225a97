"""A real scanner finds everything without the shield, and nothing with it."""

import ipaddress
import time
from collections.abc import Callable

from harness import nft, scanners, sip
from harness.case import EndToEnd, main
from harness.kamailio import EXTENSIONS, WEAK_PASSWORD
from harness.process import must
from harness.wait import wait_until

_TOOLS = {"svmap": scanners.svmap, "svwar": scanners.svwar, "svcrack": scanners.svcrack}

# Scanners that changed their looks. Written against what an iptables recipe lets through: other letters, other URI
# schemes, no User-Agent at all.
_DISGUISES = {
    "the name in capitals": lambda m: m.replace(b"friendly-scanner", b"FRIENDLY-SCANNER"),
    "the header in odd letters, a blank before the colon": lambda m: m.replace(b"User-Agent:", b"uSER-aGENT :"),
    "the name on a folded line": lambda m: m.replace(b"User-Agent: ", b"User-Agent:\r\n "),
    "line breaks before the request": lambda m: b"\r\n\r\n" + m,
    "a sips URI": lambda m: m.replace(b"OPTIONS sip:", b"OPTIONS sips:"),
    "a harmless User-Agent, the tag kept": lambda m: m.replace(b"friendly-scanner", b"Zoiper rv2.10.20.2"),
    "no User-Agent, the tag kept": lambda m: m.replace(b"User-Agent: friendly-scanner\r\n", b""),
    "REGISTER instead of OPTIONS": lambda m: m.replace(b"OPTIONS", b"REGISTER"),
    "two User-Agents, the harmless one first": lambda m: m.replace(
        b"User-Agent: friendly-scanner", b"User-Agent: Zoiper rv2.10.20.2\r\nUser-Agent: friendly-scanner"),
}


class BanWatch:
    """Tells how long the kernel took to know of a ban: from the last look that saw no packet of an address."""

    def __init__(self, meter: nft.Meter, addresses: list[str]):
        self._meter = meter
        self._silent: dict[str, float] = {}
        self._banned: dict[str, float] = {}
        self._addresses = addresses
        for address in addresses:
            meter.watch_address(address)
        self.look()

    def look(self) -> int:
        """How many are not banned yet."""
        now = time.monotonic()
        counts = self._meter.read()
        self._silent.update({address: now for address in self._addresses if counts[address].offered == 0})
        kernel = nft.elements(self._meter.namespace, "banned4") | nft.elements(self._meter.namespace, "banned6")
        for address in self._addresses:
            if str(ipaddress.ip_address(address)) in kernel:
                self._banned.setdefault(address, time.monotonic())
        return len(self._addresses) - len(self._banned)

    def delays(self) -> dict[str, float]:
        """Seconds, at most."""
        return {address: self._banned[address] - self._silent[address] for address in self._addresses}


class Scanners(EndToEnd):
    roles = ("callers", *_TOOLS)
    limits = "shipped"
    scans = 0

    def test_1_without_the_shield_each_finds_what_it_looks_for(self) -> None:
        findings = {(tool, version): scan.finding().found for (tool, version), scan in self._scan_all(20).items()}
        for version in (4, 6):
            self.assertEqual(len(findings["svmap", version]), 1, f"devices found over IPv{version}")
            self.assertEqual(findings["svwar", version], tuple(str(e) for e in EXTENSIONS), f"extensions, IPv{version}")
            self.assertEqual(findings["svcrack", version], (WEAK_PASSWORD,), f"passwords, IPv{version}")

    def test_2_with_the_shield_none_finds_anything(self) -> None:
        self.shield.start()
        # It asks more often than a stranger may, to learn what has arrived.
        self.shield.cli.json("whitelist", "add", self.network["callers"].address(4, 10), "--class", "peer")
        watch = BanWatch(self.meter, [self.network[tool].address(version, 30) for tool in _TOOLS for version in (4, 6)])
        scans = self._scan_all(30, after_each=watch.look)
        wait_until(lambda: watch.look() == 0, 10, "every scanner to be banned")
        for address, delay_s in watch.delays().items():
            self.assertLessEqual(delay_s, 1, f"from the first packet of {address} to its ban")
            ban = nft.banned(self.network.core, address)
            self.assertTrue(ban and ban.timeout_s and ban.timeout_s <= 60, "a datagram may be forged: its ban is short")
        for (tool, version), scan in scans.items():
            finding = scan.finding()
            self.assertEqual(finding.found, (), f"{tool} over IPv{version}:\n{finding.output}")
            self._assert_softswitch_saw_nothing_of(self.network[tool].address(version, 30))

    def test_3_a_second_scan_dies_in_the_kernel(self) -> None:
        addresses = [self.network[tool].address(version, 30) for tool in _TOOLS for version in (4, 6)]
        before = {address: nft.banned(self.network.core, address) for address in addresses}
        queued = self.shield.counter("queued")
        for scan in self._scan_all(30).values():
            self.assertEqual(scan.finding().found, ())
        self.assertEqual(self.shield.counter("queued"), queued, "a packet of a banned source was queued")
        for address, element in before.items():
            now = nft.banned(self.network.core, address)
            self.assertTrue(element and now, f"the ban of {address}")
            self.assertGreater(now.packets, element.packets, f"the kernel's count for {address}")

    def test_4_a_disguise_does_not_help(self) -> None:
        for host, (name, disguise) in enumerate(_DISGUISES.items(), 100):
            for version in (4, 6):
                with self.subTest(name, version=version), self.endpoint("callers", version, host) as scanner:
                    message = disguise(sip.scanner_options(scanner.source, scanner.target[0]))
                    scanner.send(message)
                    wait_until(lambda s=scanner: self._dropped(s.source) == 1, 2, "the packet to be dropped")
                    self._assert_softswitch_saw_nothing_of(scanner.source)

    def test_5_over_tcp_the_connection_ends_and_the_ban_is_longer(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version), self.endpoint("callers", version, 90, "tcp") as scanner:
                scanner.send(sip.scanner_options(scanner.source, scanner.target[0]))
                element = self.shield.wait_banned(scanner.source)
                # A handshake proves the source; a datagram may be forged, so its ban is a minute.
                self.assertGreater(element.expires_s, 540)
                with self.assertRaises(ConnectionResetError):
                    scanner.receive(2)
                connected = must(["ss", "-Htn", "state", "established"], self.network.core)
                self.assertNotIn(f"{sip.bracketed(scanner.source)}:{scanner.port}", connected, "at the softswitch")
                self._assert_softswitch_saw_nothing_of(scanner.source)

    def test_6_repeated_options_are_banned_single_ones_only_refused(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version), self.endpoint("callers", version, 91) as asker:
                for _ in range(19):
                    asker.send(asker.request("OPTIONS"))
                wait_until(lambda a=asker: self._dropped(a.source) == 19, 2, "19 OPTIONS to be dropped")
                self.assertIsNone(nft.banned(self.network.core, asker.source), "banned after 19")
                repeated = asker.request("OPTIONS")
                asker.send(repeated)
                self.shield.wait_banned(asker.source)

    def _scan_all(self, host: int,
                  after_each: Callable[[], object] = lambda: None) -> dict[tuple[str, int], scanners.Scan]:
        type(self).scans += 1
        running = {}
        for tool, start in _TOOLS.items():
            for version in (4, 6):
                link = self.network[tool]
                running[tool, version] = start(link, link.address(version, host), self.scratch,
                                               f"{tool}-{version}-{self.scans}")
                after_each()
        return running

    def _assert_softswitch_saw_nothing_of(self, address: str) -> None:
        with self.endpoint("callers", 4, 10) as caller:
            self.kamailio.settle(caller)
        self.assertEqual(self.kamailio.received(address), [], f"requests of {address} that reached the softswitch")

    def _dropped(self, address: str) -> int:
        """As `sipward explain` tells it."""
        return (self.shield.cli.json("explain", address)["counters"] or {}).get("dropped", 0)


if __name__ == "__main__":
    main()
