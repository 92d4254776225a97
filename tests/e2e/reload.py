"""New rules and settings under traffic: no call fails, no scan packet passes, and what is wrong changes nothing."""

import json
import signal
import socket
import sqlite3
from pathlib import Path

from harness import scanners, sip, sipp
from harness.case import EndToEnd, main
from harness.flood import FIRST4, NET4, Flood
from harness.process import Completed, must
from harness.shield import RULES, Cli
from harness.wait import wait_until

_NOBODY = 65534
_RELOADS = 1000
_SHIPPED_EVERY = 40  # the shipped rules are many: each of these takes some twenty times as long

# Two rule sets without a rule in common: a packet that met half of one and half of the other would pass.
_BY_NAME = """
[[rule]]
id = "by-name"
description = "The scanner's name"
scope = "user-agent"
match = "exact"
pattern = "friendly-scanner"
action = "ban"
source = "sipvicious"
added = 2026-11-23
catches = ["friendly-scanner"]
passes = ["Friendly Phone"]
"""
_BY_TAG = """
[[rule]]
id = "by-tag"
description = "The scanner's From tag"
scope = "from-tag"
match = "regex"
pattern = '^(?:3[0-9]|6[1-6]){12}01(?:3[0-9]){5,10}$'
action = "ban"
source = "sipvicious"
added = 2026-11-23
catches = ["633061383031303231336334013434373935363131"]
passes = ["1c24841a"]
"""
# OPTIONS are served, so that rules alone stop a scanner; a ban ends before its source is heard again.
# The memory for sources is taken as they come, so that little of it is left to grow while reloads are what is measured.
_SERVED = {"methods.unknown": {"OPTIONS": "allow"}, "bans": {"unverified": "1s"}, "limits": {"memory_mib": 8}}


class Control:
    """The control socket, as a program uses it."""

    def __init__(self, path: Path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(60)
        self._socket.connect(str(path))

    def __enter__(self) -> "Control":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def call(self, method: str) -> dict:
        self._socket.sendall(json.dumps({"method": f"sipward.shield.{method}", "parameters": {}}).encode() + b"\0")
        answer = b""
        while not answer.endswith(b"\0"):
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("the daemon hung up")
            answer += data
        return json.loads(answer[:-1])


class Reload(EndToEnd):
    roles = ("callers", "svmap", "flood")
    settings = _SERVED

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.network["flood"].carry(NET4)
        cls.cli = cls.shield.cli
        cls.folders = {"by-name": cls._folder("by-name", _BY_NAME), "by-tag": cls._folder("by-tag", _BY_TAG),
                       "shipped": Path(RULES)}
        cls._configure("by-name")
        cls.shield.start()

    def test_1_a_thousand_reloads_under_traffic(self) -> None:
        self.meter.watch("scan", NET4, "10.77.2.0/24")
        flood = Flood(self.network["flood"], self.scratch, "scanner", FIRST4, sources=20_000, seconds=60, pps=400)
        calls, scans = [self._call(0)], [self._scan(0)]
        resident_kb = []
        with Control(self.shield.runtime / "sipwardd.sock") as control:
            for number in range(1, _RELOADS + 1):
                self._configure("shipped" if number % _SHIPPED_EVERY == 0 else ("by-tag", "by-name")[number % 2],
                                number)
                answer = control.call("Reload")
                self.assertNotIn("error", answer)
                self.assertEqual(answer["parameters"]["waiting"], [], answer)
                self.assertEqual(answer["parameters"]["needs_restart"], [], answer)
                resident_kb.append(self._resident_kb())
                if not calls[-1].process.running():
                    calls.append(self._call(len(calls)))
                if not scans[-1].process.running():
                    scans.append(self._scan(len(scans)))
        flood.process.signal(signal.SIGINT)
        flood.process.wait(10)
        for caller in calls:
            result = caller.result()
            self.assertTrue(result.all_succeeded, result)
        for scan in scans:
            finding = scan.finding()
            self.assertEqual(finding.found, (), finding.output)
        packets = self.shield.packets()
        self.assert_balanced(packets)
        for kind in ("bypassed", "dropped"):
            self.assertEqual({k: v for k, v in packets[kind].items() if v and k not in ("signature", "banned")}, {},
                             packets)
        count = self.meter.count("scan")
        self.assertGreater(count.offered, _RELOADS, "too few scan packets to say anything")
        self.assertEqual(count.delivered, 0, "scan packets that passed")
        with self.endpoint("callers", 4, 10) as caller:
            self.kamailio.settle(caller)
        self.assertEqual([r for r in self.kamailio.received() if "scanner" in r.agent], [])
        for rules, rule in (("shipped", "friendly-scanner"), ("by-name", "by-name"), ("by-tag", "by-tag")):
            self._configure(rules)
            self.cli.json("reload")
            self.assertGreater(self.cli.json("rules", "show", rule)["rule"]["hits"], 0, rule)
        print(f"  {len(calls)} x 200 calls, {len(scans)} scans, {count.offered} scan packets, "
              f"{resident_kb[_RELOADS // 4]} and {resident_kb[-1]} kB resident")
        self.assertLess(resident_kb[-1] - resident_kb[_RELOADS // 4], 16_384, "kB that reloads have left behind")

    def test_2_broken_rules_change_nothing(self) -> None:
        self._configure("by-name")
        self.assertEqual(self.cli("reload").code, Cli.OK)
        file = self.folders["by-name"] / "rules.toml"
        for number, (broken, line, said) in enumerate((
                (_BY_NAME.replace('"exact"', '"exactly"'), 6, "exactly"),
                (_BY_NAME.replace('match = "exact"', 'match = "regex"').replace('"friendly-scanner"\na', '"("\na'), 7,
                 "pattern"),
                (_BY_NAME + "[[rule\n", 13, "table header"),
                (_BY_NAME + _BY_NAME, 15, "already used"))):
            with self.subTest(said):
                file.write_text(broken)
                self._assert_refused(self.cli("reload"), f"{file}:{line}:", said)
                self._assert_answer(f"10.77.1.{100 + number}", 0)
        file.unlink()
        self._assert_refused(self.cli("reload"), "no rules in")
        file.write_text(_BY_NAME)
        self._assert_answer("10.77.1.110", 0)

    def test_3_a_broken_configuration_changes_nothing(self) -> None:
        good = self.shield.config.read_text()
        for number, (broken, line, said) in enumerate((("[log]\nlevle = 1\n" + good, 2, "log.level"),
                                                       ("[log]\nlevel = \"loud\"\n" + good, 2, "loud"),
                                                       ("[log\n" + good, 1, "table header"))):
            with self.subTest(said):
                self.shield.config.write_text(broken)
                self._assert_refused(self.cli("reload"), f"{self.shield.config}:{line}:", said)
                self._assert_answer(f"10.77.1.{120 + number}", 0)
        # Fit by itself, and not with what stays until a restart.
        self.shield.configure({**_SERVED, "guard": {"unknown_burst": 9000}, "shield": {"queue_length": 10000},
                               "paths": {"rules": str(self.folders["by-name"])}})
        self._assert_refused(self.cli("reload"), "without a restart", "guard.unknown_burst", "shield.queue_length")
        self.shield.config.write_text(good)
        with sqlite3.connect(self.shield.home / "sipward.db") as database:
            audit = wait_until(lambda: database.execute(
                "SELECT type, user, detail FROM audit WHERE event = 'reload' AND type = 'error'").fetchall(), 5,
                "the audit entries")
        self.assertEqual(audit[0][:2], ("error", "root"))
        self.assertIn("rules.toml:6:", audit[0][2])

    def test_4_settings_are_in_force_or_named(self) -> None:
        self.assertEqual(self.cli("reload").code, Cli.OK)
        with self.endpoint("callers", 4, 130) as caller:
            self.assertEqual(caller.ask(caller.request("OPTIONS"), 2), 200)
            self.shield.configure({**_SERVED, "methods.unknown": {}, "shield": {"queue_length": 4096, "workers": 5},
                                   "guard": {"source_rate": 90}, "paths": {"rules": str(self.folders["by-name"])}})
            reloaded = self.cli.json("reload")
            self.assertEqual(reloaded["applied"], ["guard.source_rate", "methods.unknown"])
            self.assertEqual(reloaded["needs_restart"], ["shield.workers", "shield.queue_length"])
            self.assertEqual(caller.ask(caller.request("OPTIONS"), 0.5), 0, "OPTIONS is no longer served")
            self.assertIn("limit rate over 90/second", self._guard())
        told = self.cli("reload")
        self.assertEqual(told.code, Cli.OK)
        self.assertIn("needs a restart: shield.workers", told.err)
        self._configure("by-name")
        self.assertEqual(self.cli.json("reload")["needs_restart"], [])

    def test_5_overrides_hold_from_the_next_packet_on(self) -> None:
        scan_answered = ((("disable", "by-name", "--comment", "a test"), "disabled", 200),
                         (("enable", "by-name"), "enforce", 0), (("observe", "by-name"), "observe", 200),
                         (("enable", "by-name"), "observe", 200), (("enforce", "by-name"), "enforce", 0),
                         (("reset", "by-name"), "enforce", 0))
        for number, (command, state, answer) in enumerate(scan_answered):
            with self.subTest(command):
                changed = self.cli.json("rules", *command)
                self.assertEqual((changed["rule"]["state"], changed["waiting"]), (state, []))
                self._assert_answer(f"10.77.1.{140 + number}", answer)
        hits = self.cli.json("rules", "show", "by-name")["rule"]["hits"]
        self.cli.json("rules", "observe", "by-name")
        self._assert_answer("10.77.1.150", 200)
        self.assertEqual(self.cli.json("rules", "show", "by-name")["rule"]["hits"], hits + 1, "observed is counted")
        for command in (("disable", "no-such"), ("show", "no-such"), ("reset", "no-such")):
            done = self.cli("rules", *command)
            self.assertEqual(done.code, Cli.NOT_FOUND, done)
            self.assertIn("no-such", done.err)

    def test_6_overrides_outlive_the_daemon_and_their_rules(self) -> None:
        self.cli.json("rules", "disable", "by-name", "--comment", "a customer's own")
        self.shield.kill()
        self.shield.start()
        self._assert_answer("10.77.1.160", 200)
        rule = self.cli.json("rules", "show", "by-name")["rule"]
        self.assertEqual((rule["state"], rule["override"]["comment"]), ("disabled", "a customer's own"))
        self._configure("by-tag")
        reloaded = self.cli.json("reload")
        self.assertEqual([o["rule"] for o in reloaded["without_rule"]], ["by-name"])
        self._assert_answer("10.77.1.161", 0)
        self._configure("by-name")
        self.assertEqual(self.cli.json("reload")["without_rule"], [])
        self._assert_answer("10.77.1.162", 200)
        self.assertIn("every rule is disabled", self.cli("status").out)
        self._configure("by-tag")
        self.cli.json("reload")
        self.assertIsNone(self.cli.json("rules", "reset", "by-name")["rule"])
        self.assertEqual(self.cli.json("rules", "list")["without_rule"], [])

    def test_7_sighup_does_the_same(self) -> None:
        assert self.shield.process
        self._configure("by-name")
        self.shield.process.signal(signal.SIGHUP)
        wait_until(lambda: self.cli.json("rules", "list")["rules"][0]["id"] == "by-name", 5, "the new rules")
        self._assert_answer("10.77.1.170", 0)
        self.shield.config.write_text("nonsense\n")
        self.shield.process.signal(signal.SIGHUP)
        process = self.shield.process
        wait_until(lambda: "root (SIGHUP) failed, the old rules and settings stay" in process.err(), 5, "the log")
        wait_until(lambda: f"{self.shield.config}:1:" in process.err().rsplit("SIGHUP", 1)[1], 5, "the place")
        self._assert_answer("10.77.1.171", 0)
        self._configure("by-name")

    def test_8_who_may_reload(self) -> None:
        for command in (("reload",), ("rules", "disable", "by-name"), ("rules", "reset", "by-name")):
            self.assertEqual(self.cli(*command, user=_NOBODY).code, Cli.DENIED)
        self.assertEqual(self.cli.json("rules", "show", "by-name")["rule"]["state"], "enforce")
        self.assertEqual(self.shield.stop().code, 0)
        self.assertEqual(self.cli("reload").code, Cli.UNREACHABLE)

    @classmethod
    def _folder(cls, name: str, rules: str) -> Path:
        folder = cls.scratch / name
        folder.mkdir()
        (folder / "rules.toml").write_text(rules)
        return folder

    @classmethod
    def _configure(cls, rules: str, number: int = 0) -> None:
        """Odd and even numbers differ in the policy and in a rate of the kernel's."""
        cls.shield.configure({**_SERVED, "policy": {"refuse_ban_after": 20 + number % 2},
                              "guard": {"source_rate": 100 + number % 2},
                              "paths": {"rules": str(cls.folders[rules])}})

    def _call(self, number: int) -> sipp.Caller:
        link = self.network["callers"]
        return sipp.Caller(link.namespace, link.own(4, 20 + number), self.scratch, calls=200, rate=20)

    def _scan(self, number: int) -> scanners.Scan:
        link = self.network["svmap"]
        return scanners.svmap(link, link.address(4, 20 + number), self.scratch, f"svmap-{number}")

    def _resident_kb(self) -> int:
        assert self.shield.process
        status = Path(f"/proc/{self.shield.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def _guard(self) -> str:
        return must(["nft", "list", "chain", "inet", "sipward", "unlisted"], self.network.core)

    def _assert_refused(self, done: Completed, *said: str) -> None:
        self.assertEqual(done.code, Cli.USAGE, done)
        for words in said:
            self.assertIn(words, done.err)

    def _assert_answer(self, source: str, status: int) -> None:
        """What a scanner's request from `source` is answered with; 0: nothing, for it does not get through."""
        link = self.network["callers"]
        link.add(source)
        with sip.Endpoint(link.namespace, source) as scanner:
            request = sip.scanner_options(source, scanner.target[0])
            self.assertEqual(scanner.ask(request, 3 if status else 0.5), status)


if __name__ == "__main__":
    main()
