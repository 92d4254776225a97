"""Passwords guessed and extensions looked for, slowly and without any scanner's looks: the answers tell, and end it."""

import time
from typing import Any, ClassVar

from harness import scanners, sip
from harness.case import EndToEnd, main
from harness.kamailio import EXTENSIONS, WEAK_EXTENSION, WEAK_PASSWORD
from harness.phone import Phone
from harness.wait import wait_until

_THRESHOLD = 10  # behaviour.refused_credentials, behaviour.unknown_targets
_TRIES = 30
# The ban follows the answer that was one too many; what is on its way meanwhile arrives.
_ON_THE_WAY = 2
_PAUSE_S = 0.1
_SHIPPED = {"refused_credentials": _THRESHOLD, "unknown_targets": _THRESHOLD, "prefix_offences": 30}
_PATHS = tuple((version, transport) for version in (4, 6) for transport in ("udp", "tcp"))
# A rule that hits nobody: these attackers have no looks that give them away.
_NO_RULES = """
[[rule]]
id = "nobody"
description = "Nobody calls itself so"
scope = "user-agent"
match = "exact"
pattern = "nobody-at-all"
action = "log"
source = "tests"
added = 2026-11-23
catches = ["nobody-at-all"]
passes = ["Friendly Phone"]
"""


class WithoutRules(EndToEnd):
    """The behaviour is what is judged."""

    roles = ("callers", "svcrack", "svwar")

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        rules = cls.scratch / "no-rules"
        rules.mkdir()
        (rules / "rules.toml").write_text(_NO_RULES)
        cls.shield.configure({**cls.settings, "paths": {"rules": str(rules)}})

    def seen(self, source: str) -> int:
        """Requests of `source` that the softswitch saw."""
        with self.endpoint("callers", 4, 250) as caller:
            self.kamailio.settle(caller)
        return len(self.kamailio.received(source))

    def assert_banned(self, source: str, reason: str, verified: bool, most_s: float = 600) -> None:
        """For `most_s`, or 60 s when it could have been forged; and `explain` says why."""
        most_s = most_s if verified else 60
        left_s = self.shield.wait_banned(source, 3).expires_s
        assert left_s is not None
        self.assertLessEqual(left_s, most_s)
        self.assertGreater(left_s, most_s - 40)
        told = self.explain(source)
        self.assertEqual((told["ban"]["reason"], told["ban"]["verified"]), (reason, verified), told)
        self.assertEqual((told["evidence"][0]["reason"], told["evidence"][0]["verified"]), (reason, verified), told)

    def explain(self, source: str) -> dict[str, Any]:
        return self.shield.cli.json("explain", source)

    def guess(self, endpoint: sip.Endpoint, pause_s: float = _PAUSE_S) -> int:
        """Tries passwords until nobody answers; how many were answered."""
        phone, answered = Phone(endpoint, WEAK_EXTENSION), 0
        self.assertEqual(phone.heed(endpoint.answer(phone.plain(), 2)), 401)
        while answered < _TRIES and phone.guess(f"wrong-{answered}") == 401:
            answered += 1
            time.sleep(pause_s)
        return answered

    def enumerate(self, endpoint: sip.Endpoint, users: list[str], pause_s: float = _PAUSE_S) -> int:
        """Asks for one user after the other until nobody answers; how many were answered."""
        for number, user in enumerate(users):
            if endpoint.ask(endpoint.request("REGISTER", user=user, caller=user), 1) == 0:
                return number
            time.sleep(pause_s)
        return len(users)


class Patient(WithoutRules):
    """No rate is exceeded: there is none."""

    settings: ClassVar = {"behaviour": _SHIPPED}

    def test_1_without_the_shield_they_go_on(self) -> None:
        for version, transport in _PATHS:
            with self.endpoint("callers", version, 20, transport) as attacker:
                self.assertEqual(self.guess(attacker, 0), _TRIES)
                self.assertEqual(Phone(attacker, WEAK_EXTENSION, WEAK_PASSWORD).register(), 200)
                self.assertEqual(self.enumerate(attacker, self._unknown(), 0), _TRIES)
        self.shield.start()

    def test_2_guessing_ends_at_the_threshold(self) -> None:
        """The nonce that comes back proves who guesses: the ban is a long one, also over UDP."""
        for host, (version, transport) in enumerate(_PATHS, 30):
            with (self.subTest(version=version, transport=transport),
                  self.endpoint("callers", version, host, transport) as attacker):
                guessed = self.guess(attacker)
                self.assert_banned(attacker.source, "credentials", verified=True)
                attempts = self.seen(attacker.source) - 1  # the first had no credentials
                print(f"\n  guessing over {transport}, IPv{version}: {guessed} answered, {attempts} seen")
                self.assertGreaterEqual(attempts, _THRESHOLD)
                self.assertLessEqual(attempts, _THRESHOLD + _ON_THE_WAY)

    def test_3_so_does_looking_for_extensions(self) -> None:
        """Over UDP nothing proves that it was not somebody else: that ban is short."""
        for host, (version, transport) in enumerate(_PATHS, 60):
            with (self.subTest(version=version, transport=transport),
                  self.endpoint("callers", version, host, transport) as attacker):
                known = [str(extension) for extension in EXTENSIONS]
                answered = self.enumerate(attacker, known + self._unknown())
                self.assert_banned(attacker.source, "unknown_targets", verified=transport == "tcp")
                unknown = self.seen(attacker.source) - len(known)
                print(f"\n  looking for extensions over {transport}, IPv{version}: {answered} answered, {unknown} seen")
                self.assertGreaterEqual(unknown, _THRESHOLD)
                self.assertLessEqual(unknown, _THRESHOLD + _ON_THE_WAY)

    def test_4_what_is_no_failure_is_not_counted(self) -> None:
        """A challenge is none, the same wrong number again is no other one, and the ninth try may be the right one."""
        for version in (4, 6):
            with self.subTest(version=version), self.endpoint("callers", version, 90) as phone:
                for _ in range(_TRIES):
                    self.assertEqual(phone.ask(phone.request("REGISTER", user=WEAK_EXTENSION), 1), 401)
                    self.assertEqual(phone.ask(phone.request("REGISTER", user="7000"), 1), 404)
            with self.subTest(version=version), self.endpoint("callers", version, 91) as endpoint:
                forgetful = Phone(endpoint, WEAK_EXTENSION)
                self.assertEqual(forgetful.heed(endpoint.answer(forgetful.plain())), 401)
                for number in range(_THRESHOLD - 1):
                    self.assertEqual(forgetful.guess(f"wrong-{number}"), 401)
                self.assertEqual(forgetful.guess(WEAK_PASSWORD), 200)
                self.assertIsNone(self.explain(endpoint.source)["ban"])

    @staticmethod
    def _unknown() -> list[str]:
        return [str(number) for number in range(7100, 7100 + _TRIES)]


class Escalation(WithoutRules):
    settings: ClassVar = {"behaviour": _SHIPPED, "bans": {"unverified": "1s", "steps": ["2s", "1h", "2h"]}}

    def test_1_who_comes_back_is_banned_for_longer(self) -> None:
        self.shield.start()
        for version in (4, 6):
            with self.subTest(version=version), self.endpoint("callers", version, 20) as attacker:
                self.guess(attacker)
                wait_until(lambda s=attacker.source: len(self.explain(s)["history"]) == 1, 5, "the first ban's end")
                self.guess(attacker)
                self.assert_banned(attacker.source, "credentials", verified=True, most_s=3600)
                first = self.explain(attacker.source)["history"][0]
                self.assertEqual((first["reason"], first["end"]), ("credentials", "expired"))
                # What an operator lifts is forgiven; what is guessed then is not.
                self.shield.cli.json("bans", "remove", attacker.source)
                self.assertGreaterEqual(self.guess(attacker), _THRESHOLD - 1)
                self.shield.wait_banned(attacker.source, 3)


class RealTools(WithoutRules):
    """svcrack and svwar with all that is shipped, one try a second: below every rate but the sustained ones."""

    limits = "shipped"

    def test_1_without_the_shield_both_find_what_they_look_for(self) -> None:
        scans = self._start(20, pause_s=0.02)
        for (tool, version), scan in scans.items():
            found = scan.finding().found
            self.assertEqual(found, (WEAK_PASSWORD,) if tool == "svcrack" else tuple(map(str, EXTENSIONS)),
                             f"{tool}, IPv{version}")

    def test_2_with_the_shield_neither_does(self) -> None:
        self.shield.start()
        scans = self._start(30, pause_s=1)
        for (tool, version), scan in scans.items():
            with self.subTest(tool, version=version):
                finding = scan.finding()
                self.assertEqual(finding.found, (), finding.output)
                source = self.network[tool].address(version, 30)
                cracking = tool == "svcrack"
                self.assert_banned(source, "credentials" if cracking else "unknown_targets", verified=cracking)
                tries = self.seen(source) - cracking  # its first has no credentials
                print(f"\n  {tool} over IPv{version}: {tries} tries seen")
                self.assertGreaterEqual(tries, _THRESHOLD)
                self.assertLessEqual(tries, _THRESHOLD + _ON_THE_WAY)

    def _start(self, host: int, pause_s: float) -> dict[tuple[str, int], scanners.Scan]:
        scans = {}
        for version in (4, 6):
            for tool in ("svcrack", "svwar"):
                link, name = self.network[tool], f"{tool}-{version}-{host}"
                options = {"numbers": "80-115"} if tool == "svwar" else {}
                start = getattr(scanners, tool)
                scans[tool, version] = start(link, link.address(version, host), self.scratch, name, pause_s=pause_s,
                                             **options)
        return scans


if __name__ == "__main__":
    main()
