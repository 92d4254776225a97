"""Who the softswitch accepts becomes known, with wider limits, and stays so over crashes; an operator can forget it."""

from harness import nft, sip, sipp
from harness.case import EndToEnd, main
from harness.kamailio import MEMBER, password_of
from harness.phone import Phone
from harness.shield import Cli

_PATHS = tuple((version, transport) for version in (4, 6) for transport in ("udp", "tcp"))
_USER = "101"
_UNKNOWN_REGISTERS = 10  # limits.unknown.register, at once
_MANY = 60  # three times what any rate of limits.unknown lets through at once
_FORGETTABLE = 60
_REGISTERED = {4: 20, 6: 22}  # hosts that test_1 registers over UDP


class Known(EndToEnd):
    limits = "shipped"

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.shield.start()
        cls.learned: list[str] = []

    def test_1_by_a_registration_with_credentials(self) -> None:
        for host, (version, transport) in enumerate(_PATHS, 20):
            with (self.subTest(version=version, transport=transport),
                  self.endpoint("callers", version, host, transport) as endpoint):
                phone = Phone(endpoint, _USER)
                self.assertEqual(self._class_of(endpoint.source), "unknown")
                self.assertEqual(phone.register(), 200)
                self._assert_learned(endpoint.source)

    def test_2_by_a_call_with_credentials_or_within_one(self) -> None:
        """A call that asks for no credentials is a sign too, once the caller shows that it got the answer."""
        for host, (version, transport) in enumerate(_PATHS, 30):
            for offset, (scenario, user) in enumerate((("call_auth.xml", MEMBER), ("call.xml", "uas"))):
                with self.subTest(scenario, version=version, transport=transport):
                    source = self.network["callers"].own(version, host + 10 * offset)
                    run = sipp.Caller(self.network["callers"].namespace, source, self.scratch, scenario, calls=1,
                                      transport="u1" if transport == "udp" else "t1", user=user, login=_USER,
                                      password=password_of(_USER))
                    self.assertTrue(run.result().all_succeeded, run.result())
                    self._assert_learned(source)

    def test_3_by_nothing_less(self) -> None:
        for host, (version, transport) in enumerate(_PATHS, 50):
            with (self.subTest(version=version, transport=transport),
                  self.endpoint("callers", version, host, transport) as endpoint):
                phone = Phone(endpoint, _USER)
                self.assertEqual(phone.heed(endpoint.answer(phone.plain())), 401)
                self.assertEqual(phone.guess("wrong"), 401)
                self.assertEqual(endpoint.ask(endpoint.request("MESSAGE")), 200)
                self.assertEqual(endpoint.ask(endpoint.request("INVITE", body=sip.SDP)), 404)
                self._settle(version)
                self.assertNotIn(endpoint.source, self.shield.known())
                self.assertEqual(self._class_of(endpoint.source), "unknown")

    def test_4_what_is_known_may_send_more(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version):
                self.assertEqual(self._answered(version, _REGISTERED[version]), _MANY, "of the known source")
                answered = self._answered(version, 70)
                print(f"\n  IPv{version}: of {_MANY} registrations {_MANY} of a known source were answered, {answered} "
                      "of an unknown one")
                self.assertEqual(answered, _UNKNOWN_REGISTERS, "of the unknown source")

    def test_5_survives_crash_reboot_and_restart(self) -> None:
        before = self.shield.known()
        self.assertLessEqual(set(self.learned), before)
        for event in ("kill -9", "reboot", "restart"):
            with self.subTest(event):
                if event == "restart":
                    self.shield.stop()
                else:
                    self.shield.kill()
                if event == "reboot":
                    nft.delete_tables(self.network.core)
                self.shield.start()
                self.assertEqual(self.shield.known(), before)
                for version, host in _REGISTERED.items():
                    self.assertEqual(self._answered(version, host), _MANY, f"after {event}, IPv{version}")

    def test_6_until_it_is_forgotten(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version):
                with self.endpoint("callers", version, _FORGETTABLE) as endpoint:
                    self.assertEqual(Phone(endpoint, _USER).register(), 200)
                    self.shield.wait_known(endpoint.source)
                    source = endpoint.source
                self.assertIn(source, self.shield.cli("known", "list").out)
                self.shield.cli.json("known", "forget", source)
                self.assertNotIn(source, self.shield.known())
                self.assertEqual(self._class_of(source), "unknown")
                self.assertLessEqual(self._answered(version, _FORGETTABLE), _UNKNOWN_REGISTERS)
                self.assertEqual(self.shield.cli("known", "forget", source).code, Cli.NOT_FOUND)
                self.shield.kill()
                self.shield.start()
                self.assertNotIn(source, self.shield.known(), "after a restart")

    def _assert_learned(self, source: str) -> None:
        self.shield.wait_known(source)
        self.assertEqual(self._class_of(source), "known")
        self.learned.append(source)

    def _class_of(self, source: str) -> str:
        return self.shield.cli.json("explain", source)["class"]

    def _settle(self, version: int) -> None:
        """Returns when what was answered before has been weighed: another source has become known."""
        self.rounds = getattr(self, "rounds", 0) + 1
        with self.endpoint("callers", version, 80 + self.rounds) as endpoint:
            self.assertEqual(Phone(endpoint, _USER).register(), 200)
            self.shield.wait_known(endpoint.source)

    def _answered(self, version: int, host: int) -> int:
        """Of many registrations at once, each sent once and from one port."""
        with self.endpoint("callers", version, host) as endpoint:
            requests = [endpoint.request("REGISTER", user=_USER, caller=_USER) for _ in range(_MANY)]
            calls = {sip.call_id_of(request) for request in requests}
            for request in requests:
                endpoint.send(request)
            while calls and (answer := endpoint.receive(1)):
                calls.discard(sip.call_id_of(answer))
        return _MANY - len(calls)


if __name__ == "__main__":
    main()
