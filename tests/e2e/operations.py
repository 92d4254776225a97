"""An operator's day: bans, whitelist, modes, explanations, and the answers of the command to scripts."""

import sqlite3
import time

from harness import nft, sip
from harness.case import EndToEnd, main
from harness.net import CORE4, CORE6
from harness.shield import RULES, Cli
from harness.wait import wait_until

_NOBODY = 65534


class Operations(EndToEnd):
    roles = ("callers",)

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.cli = cls.shield.cli

    def test_00_before_the_daemon_runs(self) -> None:
        for command in (("status",), ("bans", "list"), ("whitelist", "add", "192.0.2.1")):
            done = self.cli(*command)
            self.assertEqual(done.code, Cli.UNREACHABLE, done)
            self.assertIn("not running", done.err)
        self.shield.start()
        self.assertEqual(self.cli("status").code, Cli.OK)

    def test_01_a_ban_is_never_shortened(self) -> None:
        for version in (4, 6):
            address = self.network["callers"].address(version, 30)
            self.cli.json("bans", "add", address, "--for", "1h", "--reason", "a test")
            again = self.cli.json("bans", "add", address, "--for", "5s")
            self.assertTrue(again["extended"] and again["ban"]["left_ms"] > 3_500_000, again)
            self.assertGreater(self._banned(address).expires_s, 3500)
            longer = self.cli.json("bans", "add", address, "--for", "2h")
            self.assertGreater(longer["ban"]["left_ms"], 7_000_000)
            self.assertGreater(self._banned(address).expires_s, 7000, "the kernel's element")
            self.assertEqual(self.cli("bans", "remove", address).code, Cli.OK)
            self.assertIsNone(nft.banned(self.network.core, address))
            gone = self.cli("bans", "remove", address)
            self.assertEqual(gone.code, Cli.NOT_FOUND)
            self.assertIn("not banned", gone.err)

    def test_01b_another_program_holds_the_database(self) -> None:
        address = self.network["callers"].address(4, 32)
        other = sqlite3.connect(self.shield.home / "sipward.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        self.cli.json("bans", "add", address, "--for", "1h")  # held by the kernel; its record is kept
        status = wait_until(lambda: self._status_if_locked(), 10, "the lock to be told")
        assert status
        self.assertEqual(status["store"]["errors"], 0)
        self.assertIn("holds the database locked", " ".join(status["problems"]))
        done = self.cli("whitelist", "add", address)
        self.assertEqual(done.code, Cli.FAILURE, done)
        self.assertIn("another program holds it locked", done.err)
        self.assertEqual(self.cli.json("whitelist", "list")["entries"], [])
        self.assertIsNotNone(self.cli.json("explain", address)["ban"])
        other.execute("ROLLBACK")
        stored = "SELECT count(*) FROM ban WHERE net = ?"
        wait_until(lambda: other.execute(stored, (address,)).fetchone()[0] == 1, 10, "the ban to be stored")
        other.close()
        wait_until(lambda: self.cli("status").code == Cli.OK, 10, "the shield to be healthy again")
        self.assertEqual(self.cli("bans", "remove", address).code, Cli.OK)

    def _status_if_locked(self) -> dict | None:
        status = self.cli.json("status", code=None)
        return status if status["store"]["locked"] else None

    def test_02_some_are_not_to_be_banned(self) -> None:
        listed = self.network["callers"].address(4, 31)
        self.cli.json("whitelist", "add", listed, "--comment", "trunk")
        for address in (CORE4, CORE6, self.network["callers"].gateway4, "127.0.0.1", "::1", listed, "10.77.1.0/24",
                        "0.0.0.0/0", "::/0"):
            with self.subTest(address):
                done = self.cli("bans", "add", address)
                self.assertEqual(done.code, Cli.REFUSED, done)
                self.assertIn(address, done.err)
        self.assertEqual(self.cli.json("bans", "list")["total"], 0)
        self.cli.json("whitelist", "remove", listed)

    def test_03_a_banned_net_is_cut_off(self) -> None:
        for version, net in ((4, "10.77.1.128/25"), (6, "2001:db8:77:1800::/53")):
            with self.subTest(net), self.endpoint("callers", version, 40) as outside:
                inside_host = 200 if version == 4 else 0x801
                with self.endpoint("callers", version, inside_host) as member:
                    self.assertEqual(member.ask(member.request("REGISTER"), 2), 404)
                    self.cli.json("bans", "add", net, "--for", "1m")
                    self.assertEqual(member.ask(member.request("REGISTER"), 0.5), 0)
                    self.assertEqual(outside.ask(outside.request("REGISTER"), 2), 404)
                    self.cli.json("bans", "remove", net)
                    self.assertEqual(member.ask(member.request("REGISTER"), 2), 404)

    def test_03b_a_lifted_ban_has_no_afterlife(self) -> None:
        for version in (4, 6):
            for how in ("remove", "flush"):
                host = 37 if how == "remove" else 38
                with self.subTest(how, version=version), self.endpoint("callers", version, host) as caller:
                    caller.send(sip.scanner_options(caller.source, caller.target[0]))
                    self.shield.wait_banned(caller.source)
                    arguments = (caller.source,) if how == "remove" else ("--yes",)
                    self.cli.json("bans", how, *arguments)
                    self.assertIsNone(nft.banned(self.network.core, caller.source))
                    self.assertEqual(caller.ask(caller.request("REGISTER"), 2), 404)

    def test_04_listing_lifts_the_ban(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version), self.endpoint("callers", version, 32) as caller:
                caller.send(sip.scanner_options(caller.source, caller.target[0]))
                self.shield.wait_banned(caller.source)
                added = self.cli.json("whitelist", "add", caller.source, "--comment", "a mistake")
                self.assertEqual(len(added["lifted"]), 1, added)
                self.assertIsNone(nft.banned(self.network.core, caller.source))
                self.assertEqual(caller.ask(caller.request("OPTIONS"), 2), 200)
                checked = self.cli("whitelist", "check", caller.source)
                self.assertEqual(checked.code, Cli.OK, checked)

    def test_05_a_listing_can_expire(self) -> None:
        with self.endpoint("callers", 4, 33) as caller:
            self.cli.json("whitelist", "add", caller.source, "--for", "2s")
            self.assertEqual(caller.ask(caller.request("OPTIONS"), 2), 200)
            wait_until(lambda: not self.cli.json("whitelist", "check", caller.source, code=None)["covered"], 5,
                       "the listing to expire")
            wait_until(lambda: caller.ask(caller.request("OPTIONS"), 0.3) == 0, 3, "OPTIONS to be refused again")

    def test_06_nobody_lists_the_whole_world(self) -> None:
        for net in ("0.0.0.0/0", "::/0"):
            done = self.cli("whitelist", "add", net)
            self.assertEqual(done.code, Cli.REFUSED, done)
            self.assertIn("observe", done.err, "the hint at what is meant instead")
        for wrong in ("10.0.0.1/24", "10.0.0.0/33", "example", "10.0.0.256"):
            done = self.cli("whitelist", "add", wrong)
            self.assertEqual(done.code, Cli.USAGE, done)
            self.assertIn(wrong, done.err)

    def test_07_observing_for_a_while(self) -> None:
        start = time.monotonic()
        self.cli.json("mode", "observe", "--for", "3s")
        with self.endpoint("callers", 4, 34) as scanner:
            before = self.shield.packets()["read_as"].get("observed", 0)
            self.assertEqual(scanner.ask(sip.scanner_options(scanner.source, scanner.target[0]), 2), 200)
            self.assertEqual(self.shield.packets()["read_as"].get("observed", 0), before + 1)
            self.assertIsNone(nft.banned(self.network.core, scanner.source))
            self.assertLess(time.monotonic() - start, 3, "the test is too slow to say anything")
            wait_until(lambda: self.cli.json("mode")["mode"] == "enforce", 6, "enforcing again")
            self.assertGreaterEqual(time.monotonic() - start, 2.9)
            self.assertEqual(scanner.ask(sip.scanner_options(scanner.source, scanner.target[0]), 0.5), 0)
            self.shield.wait_banned(scanner.source)

    def test_08_an_explanation_shows_what_was_seen(self) -> None:
        with self.endpoint("callers", 4, 35) as scanner:
            scanner.send(scanner.request("REGISTER", agent="Friendly-Scanner/2.0"))
            self.shield.wait_banned(scanner.source)
            seen = wait_until(lambda: self.cli.json("explain", scanner.source)["evidence"], 3, "the evidence")[0]
            self.assertEqual((seen["rule"], seen["action"], seen["reason"]), ("friendly-scanner", "ban", "signature"))
            self.assertEqual(seen["source_port"], scanner.port)
            self.assertEqual(seen["destination"], f"{CORE4}:5060")
            self.assertEqual(seen["value"][seen["match_begin"]:seen["match_end"]], "Friendly-")
            self.assertTrue(seen["excerpt"].startswith("REGISTER sip:"), seen)
            explained = self.cli.json("explain", scanner.source)
            self.assertEqual(explained["ban"]["rule"], "friendly-scanner")
            self.assertEqual(explained["counters"]["dropped"], 1)
            self.assertEqual(explained["new_options"]["verdict"], "drop", explained["new_options"])
            text = self.cli("explain", scanner.source)
            self.assertEqual(text.code, Cli.OK, text)
            for word in (scanner.source, "friendly-scanner", "[[Friendly-]]Scanner/2.0"):
                self.assertIn(word, text.out)
            self.assertNotIn("\x1b[", text.out, "colour in a pipe")
        unheard = self.cli("explain", "192.0.2.77")
        self.assertEqual(unheard.code, Cli.OK, unheard)
        self.assertIn("not banned", unheard.out)

    def test_09_statistics_name_rule_method_and_source(self) -> None:
        with self.endpoint("callers", 4, 36) as scanner:
            before = {r["rule"]: r["hits"] for r in self.cli.json("stats")["by_rule"]}
            scanner.send(scanner.request("REGISTER", agent="friendly-scanner"))
            self.shield.wait_banned(scanner.source)
            stats = self.cli.json("stats", "--sources", "1000")
            hits = {r["rule"]: r["hits"] for r in stats["by_rule"]}
            self.assertEqual(hits["friendly-scanner"], before.get("friendly-scanner", 0) + 1)
            self.assertIn("REGISTER", {r["method"] for r in stats["by_method"]})
            rows = {r["address"]: r for r in stats["by_source"]}
            self.assertEqual(rows[scanner.source]["dropped"], 1, rows)
            rules = {r["id"]: r for r in self.cli.json("rules", "list")["rules"]}
            self.assertGreaterEqual(rules["friendly-scanner"]["hits"], 1)

    def test_09b_rules_tell_what_they_do(self) -> None:
        listed = self.cli.json("rules", "list")
        rules = {rule["id"]: rule for rule in listed["rules"]}
        self.assertEqual({rule["override"] for rule in rules.values()}, {None})
        self.assertLessEqual({rule["state"] for rule in rules.values()}, {"enforce", "observe"})
        warm = {rule_id for rule_id, rule in rules.items() if rule["hits"]}
        self.assertIn("friendly-scanner", warm)
        cold = {rule["id"] for rule in self.cli.json("rules", "list", "--cold", "1h")["rules"]}
        self.assertEqual(cold, set(rules) - warm)
        of_file = self.cli.json("rules", "list", "--file", "fingerprints.toml")["rules"]
        self.assertEqual({rule["file"].rpartition("/")[2] for rule in of_file}, {"fingerprints.toml"})
        shown = self.cli("rules", "show", "friendly-scanner")
        self.assertEqual(shown.code, Cli.OK, shown)
        for word in ("user-agents.toml:", "enforce, as its file says", "Friendly-Scanner", "userfriendly-sip/1.0"):
            self.assertIn(word, shown.out)
        tested = self.cli("rules", "test", RULES)
        self.assertEqual((tested.code, tested.err), (Cli.OK, ""), tested)
        self.assertIn(f"{len(rules)} rules, ", tested.out)

    def test_10_who_may_ask_and_who_may_change(self) -> None:
        for command in (("status",), ("bans", "list"), ("bans", "add", "192.0.2.9"), ("mode", "observe")):
            done = self.cli(*command, user=_NOBODY)
            self.assertEqual(done.code, Cli.DENIED, done)
            self.assertEqual(len(done.err.splitlines()), 1, done)
        self.assertEqual(self.cli.json("mode")["mode"], "enforce")

    def test_11_usage_errors(self) -> None:
        for command in (("bans", "add"), ("frobnicate",), ("bans", "add", "192.0.2.9", "--for", "soon"),
                        ("bans", "add", "nonsense"), ("mode", "attack")):
            done = self.cli(*command)
            self.assertEqual(done.code, Cli.USAGE, done)
            self.assertEqual(done.out, "")

    def test_12_a_degraded_shield_says_so(self) -> None:
        self.assertEqual(self.cli("status").code, Cli.OK)
        self.shield.stop()
        self.assertEqual(self.cli("status").code, Cli.UNREACHABLE)

    def _banned(self, address: str) -> nft.Element:
        found = nft.banned(self.network.core, address)
        assert found, f"{address} is not in the kernel's set"
        return found


if __name__ == "__main__":
    main()
