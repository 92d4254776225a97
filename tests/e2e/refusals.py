"""What cannot work is refused at the start: one clear line, the documented exit code, nothing changed in the kernel."""

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from harness import nft
from harness.case import EndToEnd, main
from harness.net import inside
from harness.process import Completed
from harness.shield import BAD_CONFIG, BUSY, FAILURE, NO_CAPABILITY, OK, Shield, line_count

_GOOD_RULE = """[[rule]]
id = "one"
description = "a test"
scope = "user-agent"
match = "exact"
pattern = "one"
action = "ban"
source = "a test"
added = 2026-01-01
catches = ["one"]
passes = ["two"]
"""


class Refusals(EndToEnd):
    roles = ("callers",)

    def test_bad_configuration_files(self) -> None:
        for name, text, line, quoted in (
                ("no TOML", '[shield\nmode = "enforce"\n', 1, ""),
                ("a key nobody knows", '[shield]\nmode = "enforce"\nmoode = "observe"\n', 3, "moode"),
                ("a section nobody knows", '[shield]\n[sheild]\nmode = "observe"\n', 2, "sheild"),
                ("a mode nobody knows", '[shield]\nmode = "attack"\n', 2, "attack"),
                ("a net with bits after its length", '[shield]\nprotected = ["10.0.0.1/24"]\n', 2, "10.0.0.1/24"),
                ("a net with too long a length", '[shield]\nprotected = ["10.0.0.0/33"]\n', 2, "10.0.0.0/33"),
                ("no net at all", '[shield]\nprotected = ["softswitch"]\n', 2, "softswitch"),
                ("a port beyond 65535", "[shield]\nudp_ports = [65536]\n", 2, "65536"),
                ("a number for a string", "[shield]\nmode = 1\n", 2, ""),
                ("a duration without a unit", '[bans]\nunverified = "60"\n', 2, "60"),
                ("a negative rate", "[guard]\nsource_rate = -1\n", 2, "-1")):
            with self.subTest(name):
                shield = self._fresh(name)
                paths = shield.config.read_text()
                shield.config.write_text(text + paths)
                self._assert_refused(shield.try_start(), BAD_CONFIG, f"{shield.config}:{line}", quoted)
                self._assert_refused(shield.try_start("--check-config"), BAD_CONFIG, f"{shield.config}:{line}", quoted)

    def test_a_missing_configuration_file(self) -> None:
        shield = self._fresh("missing")
        shield.config.unlink()
        self._assert_refused(shield.try_start(), BAD_CONFIG, str(shield.config))

    def test_good_configuration_passes_the_check_and_is_printed(self) -> None:
        shield = self._fresh("good")
        done = shield.try_start("--check-config")
        self.assertEqual(done.code, OK, done)
        printed = shield.try_start("--print-config")
        self.assertEqual(printed.code, OK, printed)
        shield.config.write_text(printed.out)
        self.assertEqual(shield.try_start("--check-config").code, OK, "its own --print-config")
        self.assertEqual(nft.tables(self.network.core), self._tables)

    def test_bad_rules(self) -> None:
        for name, text, quoted in (
                ("no TOML", "[[rule", "bad.toml:1"),
                ("a key nobody knows", _GOOD_RULE + 'colour = "red"\n', "colour"),
                ("no pattern", _GOOD_RULE.replace('pattern = "one"\n', ""), "pattern"),
                ("a broken regular expression",
                 _GOOD_RULE.replace('"exact"', '"regex"').replace('"one"\naction', '"(one"\naction'), "(one"),
                ("an action nobody knows", _GOOD_RULE.replace('"ban"', '"kick"'), "kick"),
                ("a scope nobody knows", _GOOD_RULE.replace('"user-agent"', '"moon"'), "moon"),
                ("an id given twice", _GOOD_RULE + _GOOD_RULE, "one")):
            with self.subTest(name):
                rules = self.scratch / "rules" / name.replace(" ", "-")
                rules.mkdir(parents=True)
                (rules / "bad.toml").write_text(text)
                shield = self._fresh(f"rules {name}", {"paths": {"rules": str(rules)}})
                self._assert_refused(shield.try_start(), BAD_CONFIG, str(rules / "bad.toml"), quoted)
                self._assert_refused(shield.try_start("--check-config"), BAD_CONFIG, str(rules / "bad.toml"), quoted)

    def test_a_missing_rules_folder(self) -> None:
        shield = self._fresh("no rules", {"paths": {"rules": "/nonexistent/rules"}})
        self._assert_refused(shield.try_start(), BAD_CONFIG, "/nonexistent/rules")

    def test_a_missing_capability(self) -> None:
        shield = self._fresh("nobody")
        for path in (shield.home, shield.runtime):
            path.chmod(0o777)
        as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        self._assert_refused(shield.try_start(wrapper=as_nobody), NO_CAPABILITY, "CAP_NET_ADMIN")
        without = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")
        self._assert_refused(shield.try_start(wrapper=without), NO_CAPABILITY, "CAP_NET_ADMIN")

    def test_a_database_that_may_not_be_written(self) -> None:
        shield = self._fresh("readonly")
        database = shield.home / "sipward.db"
        database.write_bytes(b"")
        database.chmod(0o444)
        without_override = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override")
        # No privilege is missing: the next try may find the file mended.
        self._assert_refused(shield.try_start(wrapper=without_override), FAILURE, str(database))

    def test_a_queue_that_somebody_else_reads(self) -> None:
        shield = self._fresh("queue")
        with _queue_taken(self.network.core, 5060):
            self._assert_refused(shield.try_start(), BUSY, "5060")

    def test_a_second_instance(self) -> None:
        first = self._fresh("first").start()
        assert first.process
        try:
            tables = nft.tables(self.network.core)
            self.assertIn("inet sipward", tables)
            for second in (first, self._fresh("second")):  # of the same folders, and of others
                done = second.try_start()
                self._assert_refused(done, BUSY, tables=tables)
                if second is first:
                    self.assertIn(str(first.process.pid), done.err, "the first instance's pid")
            self.assertTrue(first.process.running())
            self.assertEqual(first.cli("status").code, 0)
        finally:
            first.stop()
            nft.delete_tables(self.network.core)

    def test_a_database_that_is_none(self) -> None:
        shield = self._fresh("database")
        (shield.home / "sipward.db").write_bytes(b"this is no database\n" * 100)
        done = shield.try_start()
        self.assertNotEqual(done.code, OK)
        self._assert_refused(done, done.code, "sipward.db")
        self.assertTrue((shield.home / "sipward.db").read_bytes().startswith(b"this is no database"), "left as it was")

    def setUp(self) -> None:
        self._tables = nft.tables(self.network.core)

    def _fresh(self, name: str, settings: dict | None = None) -> Shield:
        return Shield(self.network, self.scratch, settings, name=f"shield-{name.replace(' ', '-')}",
                      limits="shipped")

    def _assert_refused(self, done: Completed, code: int, *mentioned: str | Path,
                        tables: list[str] | None = None) -> None:
        self.assertEqual(done.code, code, done)
        self.assertEqual(line_count(done), 1, f"one line:\n{done}")
        for text in mentioned:
            self.assertIn(str(text), done.err)
        self.assertEqual(nft.tables(self.network.core), self._tables if tables is None else tables)


_NFNL_SUBSYS_QUEUE = 3
_NFQNL_MSG_CONFIG = 2
_NLM_F_REQUEST, _NLM_F_ACK = 1, 4
_NFQA_CFG_CMD, _NFQNL_CFG_CMD_BIND = 1, 1


@contextlib.contextmanager
def _queue_taken(namespace: str, number: int) -> Iterator[None]:
    """Another program reads the queue (linux/netfilter/nfnetlink_queue.h)."""
    with inside(namespace):
        taken = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
    with taken:
        taken.bind((0, 0))
        command = struct.pack("=HHBxH", 8, _NFQA_CFG_CMD, _NFQNL_CFG_CMD_BIND, 0)
        body = struct.pack(">BBH", socket.AF_UNSPEC, 0, number) + command
        kind = _NFNL_SUBSYS_QUEUE << 8 | _NFQNL_MSG_CONFIG
        taken.send(struct.pack("=IHHII", 16 + len(body), kind, _NLM_F_REQUEST | _NLM_F_ACK, 1, 0) + body)
        error = struct.unpack_from("=i", taken.recv(4096), 16)[0]
        if error != 0:
            raise OSError(-error, f"cannot take queue {number}")
        yield


if __name__ == "__main__":
    main()
