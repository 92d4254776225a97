"""The shield on Debian's own kernel, in a virtual machine: native queue statement, modules loaded on demand, older netlink."""

import base64
import json
import os
import platform
import shutil
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any, ClassVar

from harness import cleanup, sip
from harness.case import SKIPPED
from harness.net import CORE4, CORE6, core, is_v6
from harness.process import Completed
from harness.shield import CLI, DAEMON, RULES, UNLIMITED, Cli, merged, toml
from harness.wait import wait_until
from vm.guest import Guest
from vm.image import BUSYBOX, Image
from vm.kernel import debian_kernel

_DATAGRAMS = os.environ.get("SIPWARD_DATAGRAMS", "sipward_datagrams")
_PROGRAMS = {"usr/sbin/sipwardd": DAEMON, "usr/bin/sipward": CLI, "usr/bin/datagrams": _DATAGRAMS,
             "usr/sbin/nft": "nft", "usr/sbin/ip": "ip"}
_NEEDED = ("qemu-system-x86_64", "setpriv", "dpkg-deb", "apt-get", "ldd", BUSYBOX, *_PROGRAMS.values())
_PATHS = {"rules": "/etc/sipward/rules", "database": "/var/lib/sipward/sipward.db", "runtime": "/run/sipward"}
_CONFIG = merged({"paths": _PATHS, "shield": {"workers": 2}}, UNLIMITED)
_LOG = "/run/sipwardd.log"
_LOG_TAIL = 4000
_WAIT_S = 20
_TOLERANCE_S = 3
_VERSIONS = (4, 6)

_NETWORK = f"""
ip=/usr/sbin/ip
for ns in core callers; do
  $ip netns add $ns
  $ip -n $ns link set lo up
  $ip netns exec $ns sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
done
$ip -n core link add to-callers type veth peer name to-core netns callers
$ip -n core address add {CORE4}/32 dev lo
$ip -n core address add {CORE6}/128 dev lo nodad
$ip -n core address add 10.77.1.1/24 dev to-callers
$ip -n core address add 2001:db8:77:1::1/64 dev to-callers nodad
$ip -n callers address add 10.77.1.2/24 dev to-core
$ip -n callers address add 2001:db8:77:1::2/64 dev to-core nodad
$ip -n core link set to-callers up
$ip -n callers link set to-core up
$ip -n core link add link to-callers name tagged type vlan id 7
$ip -n callers link add link to-core name tagged type vlan id 7
$ip -n core address add 10.77.7.1/24 dev tagged
$ip -n core address add 2001:db8:77:7::1/64 dev tagged nodad
$ip -n callers address add 10.77.7.66/24 dev tagged
$ip -n callers address add 2001:db8:77:7::66/64 dev tagged nodad
$ip -n core link set tagged up
$ip -n callers link set tagged up
$ip -n callers route add default via 10.77.1.1
$ip -n callers -6 route add default via 2001:db8:77:1::1
$ip -n core route add 10.0.0.0/16 via 10.77.1.2
$ip -n core -6 route add 2001:db8:90::/48 via 2001:db8:77:1::2
$ip netns exec core datagrams listen 5060 >/run/heard 2>/run/listener.err &
($ip netns exec core sh -c 'while nc -l -p 5060 >>/run/heard-tcp; do :; done' 2>/dev/null &) >/dev/null
"""

# The exit code is kept, so that an orderly end can be told from a crash.
_START = f"""
set +e
rm -f /run/sipwardd.exit
(/usr/sbin/ip netns exec core sipwardd --config /etc/sipward/sipward.toml; echo $? >/run/sipwardd.exit) >>{_LOG} 2>&1 &
"""


class NativeQueue(unittest.TestCase):
    """One machine for all tests, which run in the order of their names and build on each other."""

    longMessage = True
    guest: ClassVar[Guest]
    logs: ClassVar[dict[str, str]] = {}
    scanners = {4: "10.77.1.66", 6: "2001:db8:77:1::66"}
    callers = {4: "10.77.1.10", 6: "2001:db8:77:1::10"}

    @classmethod
    def setUpClass(cls) -> None:
        scratch = Path(tempfile.mkdtemp(prefix=f"sipward-vm-{os.getpid()}-"))
        cleanup.on_exit(lambda: shutil.rmtree(scratch, ignore_errors=True))
        kernel = debian_kernel()
        initramfs = scratch / "initramfs"
        _image(kernel.modules()).write(initramfs)
        start = time.monotonic()
        cls.guest = Guest(kernel.image, initramfs, scratch / "console")
        cls.guest.must(_NETWORK)
        for address in (*cls.scanners.values(), *cls.callers.values()):
            _own(cls.guest, address)
        print(f"Linux {kernel.release} ({cls.guest.accelerator}), booted in {time.monotonic() - start:.1f} s")
        cls.unused_modules = cls.guest.must("lsmod")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.logs = {"sipwardd": cls.guest.run(f"cat {_LOG}").out, "console": cls.guest.console.read_text(errors="replace")}
        cleanup.run_all()

    def test_01_starts_on_a_kernel_without_modules_and_queues_natively(self) -> None:
        self.assertNotRegex(self.unused_modules, "nf_tables|nfnetlink")
        self._start_daemon()
        status = self._sipward("status")
        self.assertEqual(status["queue_target"], "native")
        self.assertTrue(status["table"]["present"])
        self.assertEqual(status["problems"], [], status)
        modules = self.guest.must("lsmod")
        for module in ("nft_queue", "nfnetlink_queue", "nft_log", "nfnetlink_log"):
            self.assertIn(module, modules)

    def test_02_the_tables_are_readable(self) -> None:
        self.assertEqual(self._tables(), ["inet sipward", "inet sipward_queue"])
        for table in ("sipward", "sipward_queue"):
            listed = self._in_core(f"nft list table inet {table}")
            self.assertEqual((listed.code, listed.err), (0, ""), listed)
        queues = self._in_core("nft list table inet sipward_queue").out
        for number in (5060, 5061, 5062):  # two workers and the peers' queue
            self.assertIn(f"queue flags bypass to {number}", queues)
        self.assertNotIn("xt target", queues)

    def test_03_an_innocent_request_passes_and_a_scanner_is_banned(self) -> None:
        for version in _VERSIONS:
            with self.subTest(version=version):
                self._assert_passes(sip.request("REGISTER", self.callers[version]), self.callers[version])
                scanner = self.scanners[version]
                message = sip.scanner_options(scanner, core(version))
                self._send(message, scanner)
                ban = wait_until(lambda s=scanner: self._banned(s), _WAIT_S, "the scanner's ban")
                self.assertTrue(60 - _TOLERANCE_S <= ban["timeout"] <= 60, ban)
                self.assertNotIn(sip.call_id_of(message).decode(), self._heard())

    def test_04_the_next_packets_are_dropped_in_the_kernel(self) -> None:
        for version in _VERSIONS:
            with self.subTest(version=version):
                self._assert_dropped_by_ban(self.scanners[version])

    def test_05_fragments_are_read_whole(self) -> None:
        for version in _VERSIONS:
            with self.subTest(version=version):
                before = self._counters()["offered"]
                self._assert_passes(sip.request("REGISTER", self.callers[version], body="a=x\r\n" * 700),
                                    self.callers[version])
                self.assertEqual(self._counters()["offered"], before + 1)

    def test_05b_so_are_packets_with_a_vlan_tag(self) -> None:
        for version, here, there in ((4, "10.77.7.66", "10.77.7.1"), (6, "2001:db8:77:7::66", "2001:db8:77:7::1")):
            with self.subTest(version=version):
                for body in ("", "a=x\r\n" * 700):
                    self._assert_passes(sip.request("REGISTER", here, body=body), here, there)
                message = sip.request("INVITE", here, agent=None, body="a=x\r\n" * 300,
                                      headers=(*(f"X-{i}: {'x' * 90}" for i in range(20)), "User-Agent: friendly-scanner"))
                self._send(message, here, there)
                wait_until(lambda h=here: self._banned(h), _WAIT_S, "the ban of a scanner behind a tag")
                self.assertNotIn(sip.call_id_of(message).decode(), self._heard())

    def test_06_a_ban_is_extended_and_never_shortened(self) -> None:
        for version in _VERSIONS:
            with self.subTest(version=version):
                scanner = self.scanners[version]
                self._sipward("bans", "add", scanner, "--for", "1h")
                self.assertGreater(self._banned(scanner)["expires"], 3500)
                again = self._sipward("bans", "add", scanner, "--for", "5s")
                self.assertGreater(again["ban"]["left_ms"], 3_500_000)
                self.assertGreater(self._banned(scanner)["expires"], 3500)
                self._assert_dropped_by_ban(scanner)

    def test_07_overlapping_nets_are_listed_and_lift_bans(self) -> None:
        for version, wide, narrow, host in ((4, "10.0.0.0/16", "10.0.1.0/24", "10.0.1.5"),
                                            (6, "2001:db8:90::/48", "2001:db8:90:1::/64", "2001:db8:90:1::5")):
            with self.subTest(version=version):
                _own(self.guest, host)
                self._send(sip.scanner_options(host, core(version)), host)
                wait_until(lambda h=host: self._banned(h), _WAIT_S, "the ban to lift")
                self.assertEqual(len(self._sipward("whitelist", "add", wide, "--for", "1h")["lifted"]), 1)
                self.assertEqual(self._sipward("whitelist", "add", narrow)["lifted"], [])
                self.assertIsNone(self._banned(host))
                self._assert_passes(sip.scanner_options(host, core(version)), host)
                for net in (wide, narrow):
                    self._sipward("whitelist", "remove", net)
                self._send(sip.scanner_options(host, core(version)), host)
                wait_until(lambda h=host: self._banned(h), _WAIT_S, "the ban of what is listed no more")
                self._sipward("bans", "remove", host)

    def test_08_banned_nets_may_overlap(self) -> None:
        for version, wide, narrow in ((4, "10.0.0.0/16", "10.0.1.0/24"), (6, "2001:db8:90::/48", "2001:db8:90:1::/64")):
            with self.subTest(version=version):
                host = "10.0.1.5" if version == 4 else "2001:db8:90:1::5"
                for net, length in ((narrow, "2h"), (wide, "1h")):
                    self._sipward("bans", "add", net, "--for", length)
                self._assert_dropped_by_ban(host)
                self.assertEqual(len(self._sipward("bans", "remove", wide)["removed"]), 2)
                self._assert_passes(sip.request("REGISTER", host), host)

    def test_09_every_packet_is_accounted_for(self) -> None:
        self._assert_balanced()

    def test_10_a_killed_daemon_leaves_bans_and_an_open_way(self) -> None:
        expiry = {version: self._expiry(self.scanners[version]) for version in _VERSIONS}
        self.guest.must("kill -9 $(pidof sipwardd)")
        wait_until(lambda: self._exit_code() is not None, _WAIT_S, "the daemon to be gone")
        self.assertEqual(self._tables(), ["inet sipward"])
        for version in _VERSIONS:
            with self.subTest(version=version):
                bypassed = self._counters()["bypassed_no_daemon"]
                # Nobody reads it any more: even a scanner's request comes through from an address that is not banned.
                self._assert_passes(sip.scanner_options(self.callers[version], core(version)), self.callers[version])
                self.assertEqual(self._counters()["bypassed_no_daemon"], bypassed + 1)
                self._assert_dropped_by_ban(self.scanners[version])
                self.assertAlmostEqual(self._expiry(self.scanners[version]), expiry[version], delta=_TOLERANCE_S)

    def test_11_a_restart_adopts_the_table(self) -> None:
        counters = self._counters()
        expiry = {version: self._expiry(self.scanners[version]) for version in _VERSIONS}
        self._start_daemon()
        self.assertIn("took over", self.guest.must(f"tail -n 1 {_LOG}"))
        after = self._counters()
        for name in ("offered", "banned", "bypassed_no_daemon"):
            self.assertEqual(after[name], counters[name], name)
        for version in _VERSIONS:
            with self.subTest(version=version):
                scanner = self.scanners[version]
                self.assertAlmostEqual(self._expiry(scanner), expiry[version], delta=_TOLERANCE_S)
                self._assert_dropped_by_ban(scanner)
                self._assert_passes(sip.request("REGISTER", self.callers[version]), self.callers[version])
        self._assert_balanced()

    def test_12_sigterm_leaves_bans_and_an_open_way(self) -> None:
        self.guest.must("kill -TERM $(pidof sipwardd)")
        wait_until(lambda: self._exit_code() is not None, _WAIT_S, "the daemon to stop")
        self.assertEqual(self._exit_code(), 0, self.guest.must(f"tail -n 20 {_LOG}"))
        self.assertEqual(self._tables(), ["inet sipward"])
        for version in _VERSIONS:
            with self.subTest(version=version):
                self._assert_dropped_by_ban(self.scanners[version])
                self._assert_passes(sip.scanner_options(self.callers[version], core(version)), self.callers[version])
        self._start_daemon()
        self._assert_balanced()

    def test_13_tcp_is_read_after_its_handshake(self) -> None:
        # Late, since the connection of a banned scanner goes on trying.
        message = sip.request("REGISTER", "10.77.1.2", transport="tcp")
        self._send_by_tcp(message)
        wait_until(lambda: sip.call_id_of(message).decode() in self.guest.must("cat /run/heard-tcp"), _WAIT_S,
                   "the request by TCP")
        wait_until(lambda: self._in_core("grep ':13C4 .* 0A ' /proc/net/tcp /proc/net/tcp6").out, _WAIT_S,
                   "the listener to listen again")
        self._send_by_tcp(sip.request("OPTIONS", "10.77.1.2", transport="tcp", agent="friendly-scanner"))
        ban = wait_until(lambda: self._banned("10.77.1.2"), _WAIT_S, "the ban of a scanner")
        # Who shook hands is no forgery: banned for longer.
        self.assertTrue(600 - _TOLERANCE_S <= ban["timeout"] <= 600, ban)
        self.assertEqual(self._sipward("stats")["packets"]["unaccounted"], 0)

    def test_14_the_kernel_has_nothing_to_complain_of(self) -> None:
        self.assertEqual(self.guest.run(r"dmesg | grep -E 'BUG:|Oops|WARNING:|Call Trace|nf_tables:|nf_queue:'").out, "")

    def _start_daemon(self) -> None:
        self.guest.must(_START)

        def answers() -> bool:
            if self._exit_code() is not None:
                raise RuntimeError(f"sipwardd has ended:\n{self.guest.run(f'tail -n 20 {_LOG}').out}")
            return "ready: " in self.guest.must(f"tail -n 1 {_LOG}")

        wait_until(answers, 60, "the daemon to be ready")

    def _exit_code(self) -> int | None:
        done = self.guest.run("cat /run/sipwardd.exit")
        return int(done.out) if done.code == 0 and done.out.strip() else None

    def _sipward(self, *arguments: str) -> dict[str, Any]:
        done = self.guest.run(" ".join(("sipward --socket /run/sipward/sipwardd.sock", *arguments, "-o json")))
        self.assertEqual(done.code, Cli.OK, done)
        return json.loads(done.out)

    def _in_core(self, command: str) -> Completed:
        return self.guest.run(f"{_exec('core')} {command}")

    def _nft(self, command: str, kind: str) -> list[dict[str, Any]] | None:
        """The objects of `kind` in nft's answer; nothing when it fails."""
        done = self._in_core(f"nft -j {command}")
        return [item[kind] for item in json.loads(done.out)["nftables"] if kind in item] if done.code == 0 else None

    def _tables(self) -> list[str]:
        # As text: the JSON of nft 1.0.6 breaks off at a table that has an owner.
        return [line.removeprefix("table ").strip() for line in self._in_core("nft list tables").out.splitlines()]

    def _counters(self) -> dict[str, int]:
        found = self._nft("list counters table inet sipward", "counter")
        assert found is not None, "table inet sipward is gone"
        return {counter["name"]: counter["packets"] for counter in found}

    def _banned(self, address: str) -> dict[str, Any] | None:
        """The element in the kernel's set; its `timeout` and `expires` are in seconds."""
        found = self._nft(f"list set inet sipward banned{6 if is_v6(address) else 4}", "set")
        elements = [item["elem"] for item in found[0].get("elem", [])] if found else []
        return next((element for element in elements if element["val"] == address), None)

    def _expiry(self, address: str) -> float:
        """When the ban ends, by the machine's uptime in seconds."""
        ban = self._banned(address)
        assert ban, f"{address} is not in the kernel's set"
        return float(self.guest.must("cat /proc/uptime").split()[0]) + ban["expires"]

    def _heard(self) -> str:
        """All that the listener behind the shield was given."""
        return self.guest.must("cat /run/heard")

    def _send(self, message: bytes, source: str, to: str = "") -> None:
        self._pipe(message, f"datagrams send {source} {to or core(6 if is_v6(source) else 4)} 5060")

    def _send_by_tcp(self, message: bytes) -> None:
        # busybox's nc ends only when the other side does: which a banned one's does not.
        self._pipe(message, f"timeout 2 nc -w 2 {CORE4} 5060 || true")

    def _pipe(self, message: bytes, command: str) -> None:
        self.guest.must(f"echo {base64.b64encode(message).decode()} | base64 -d | {_exec('callers')} {command}")

    def _assert_passes(self, message: bytes, source: str, to: str = "") -> None:
        self._send(message, source, to)
        wait_until(lambda: sip.call_id_of(message).decode() in self._heard(), _WAIT_S, f"a message from {source} to pass")

    def _assert_dropped_by_ban(self, source: str) -> None:
        """A message that no rule objects to: only the ban keeps it away, before any queue."""
        before = self._counters()
        message = sip.request("REGISTER", source)
        self._send(message, source)
        after = wait_until(lambda: (now := self._counters())["offered"] > before["offered"] and now, _WAIT_S,
                           "the packet to be counted")
        changed = {name: count - before[name] for name, count in after.items() if count != before[name]}
        self.assertEqual(changed, {"offered": 1, "banned": 1})
        self.assertNotIn(sip.call_id_of(message).decode(), self._heard())

    def _assert_balanced(self) -> None:
        packets = self._sipward("stats")["packets"]
        self.assertEqual(packets["unaccounted"], 0, packets)
        self.assertEqual(packets["in_queue"], 0, packets)
        self.assertEqual(packets["dropped"].get("other_rules", 0), 0, packets)
        self.assertEqual(packets["offered"], self._counters()["offered"], packets)


def _image(modules: dict[str, bytes]) -> Image:
    image = Image()
    for path, program in _PROGRAMS.items():
        found = shutil.which(program)
        assert found, program
        image.add_program(found, path)
    for rules in sorted(Path(RULES).glob("*.toml")):
        image.add_file(f"etc/sipward/rules/{rules.name}", rules.read_bytes())
    for path, content in modules.items():
        image.add_file(path, content)
    image.add_file("etc/sipward/sipward.toml", toml(_CONFIG).encode())
    return image


def _exec(namespace: str) -> str:
    return f"/usr/sbin/ip netns exec {namespace}"


def _own(guest: Guest, address: str) -> None:
    length, option = ("128", "nodad") if is_v6(address) else ("32", "")
    guest.must(f"/usr/sbin/ip -n callers address add {address}/{length} dev to-core {option}")


def main() -> None:
    """Runs the tests; needs no root."""
    if platform.machine() != "x86_64":
        print("needs an x86_64 host: the machine runs its programs", file=sys.stderr)
        sys.exit(SKIPPED)
    missing = [program for program in _NEEDED if shutil.which(program) is None]
    if missing:
        print(f"not found: {', '.join(missing)} (see tools/install-dependencies, and README.md for the environment)",
              file=sys.stderr)
        sys.exit(1)
    start = time.monotonic()
    outcome = unittest.main(exit=False, verbosity=2).result
    print(f"{time.monotonic() - start:.1f} s")
    if not outcome.wasSuccessful():
        for name, text in NativeQueue.logs.items():
            print(f"\n--- {name}\n{text[-_LOG_TAIL:]}")
    sys.exit(0 if outcome.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
