"""Hundreds of phones behind one address: one with a wrong password harms nobody else, and all may come back at once."""

from harness import nft
from harness.case import EndToEnd, main
from harness.kamailio import FIRST_PHONE, PHONES
from harness.phone import Site, Storm

_SITE = 500
_USERS = [str(FIRST_PHONE + number) for number in range(_SITE)]
_WRONG = _USERS[_SITE // 2]
_HOSTS = {4: 20, 6: 20}
_REFUSALS = 10  # behaviour.refused_credentials


class NatSite(EndToEnd):
    roles = ("site",)
    limits = "shipped"
    log_requests = False

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.shield.start()
        for version, host in _HOSTS.items():
            cls.meter.watch_address(cls.network["site"].own(version, host))

    def test_1_one_phone_makes_the_site_known_and_all_register(self) -> None:
        for version in _HOSTS:
            with self.subTest(version=version):
                with self._site(version, _USERS[:1]) as first:
                    self.assertEqual(first.register_all().status, {_USERS[0]: 200})
                self.shield.wait_known(self._address(version))
                with self._site(version) as site:
                    storm = site.register_all()
                self._assert_all_but_one(storm, (401,), version)
                self._assert_nothing_lost(self._address(version))

    def test_2_the_wrong_one_tries_on_and_is_refused_alone(self) -> None:
        for version in _HOSTS:
            with self.subTest(version=version), self._site(version) as site:
                phone = site.phones[_WRONG]
                self.assertEqual(phone.heed(phone.endpoint.answer(phone.plain(), retransmit_s=0.5)), 401)
                tried = 0
                while tried < 3 * _REFUSALS and phone.guess(f"wrong-{tried}") == 401:
                    tried += 1
                print(f"\n  IPv{version}: {_WRONG} was answered {tried} more times")
                self.assertGreaterEqual(tried, _REFUSALS - 2)  # in the storm before it was refused, too
                self.assertLess(tried, _REFUSALS + 2)
                self.assertIsNone(nft.banned(self.network.core, self._address(version)))
                self._assert_all_but_one(site.register_all(8), (0,), version)
                told = self.shield.cli.json("explain", self._address(version))
                self.assertEqual((told["class"], told["ban"]), ("known", None))
                self.assertEqual(told["counters"]["reason"], "credentials")
                self.assertEqual(told["counters"]["offences"]["refused_users"], 1)
                self.assertIn(f"sip:{_WRONG}@", told["evidence"][0]["excerpt"])

    def test_3_nothing_else_was_dropped(self) -> None:
        packets = self.shield.packets()
        self.assert_balanced(packets)
        self.assertEqual({reason for reason, number in packets["dropped"].items() if number}, {"credentials"}, packets)

    def test_4_two_thousand_phones_come_back_at_once(self) -> None:
        users = [str(FIRST_PHONE + number) for number in range(PHONES)]
        for version, host in ((4, 30), (6, 30)):
            with self.subTest(version=version):
                address = self.network["site"].own(version, host)
                self.meter.watch_address(address)
                with self._site(version, users[:1], host) as first:
                    self.assertEqual(first.register_all().status, {users[0]: 200})
                self.shield.wait_known(address)
                with self._site(version, users, host) as site:
                    self._assert_all(site.register_all(), version)
                self._assert_nothing_lost(address)

    def test_5_also_when_the_shield_comes_back_with_them(self) -> None:
        """The outage was everybody's: what is known was not forgotten, and the first of them all is served."""
        users = [str(FIRST_PHONE + number) for number in range(PHONES)]
        self.shield.kill()
        self.shield.start()
        with self._site(4, users, 30) as site:
            self._assert_all(site.register_all(), 4)
        self._assert_nothing_lost(self._address(4, 30))

    def test_6_a_new_site_of_thirty_phones_is_switched_on(self) -> None:
        """Nobody knows it, and 30 are more ports and requests than a stranger has: the first that is through opens it."""
        users = [str(FIRST_PHONE + number) for number in range(30)]
        for version in _HOSTS:
            self.network["site"].own(version, 40)
            with self.subTest(version=version), self._site(version, users, 40) as site:
                self._assert_all(site.register_all(), version)

    def _site(self, version: int, users: list[str] | None = None, host: int = 0) -> Site:
        site = Site(self.network["site"].namespace, self._address(version, host), users or _USERS)
        if users is None:
            site.phones[_WRONG].password = "what somebody mistyped"
        return site

    def _address(self, version: int, host: int = 0) -> str:
        return self.network["site"].address(version, host or _HOSTS[version])

    def _assert_nothing_lost(self, address: str) -> None:
        self.assertEqual(self.meter.count(address).lost, 0, self.shield.packets()["dropped"])

    def _assert_all_but_one(self, storm: Storm, wrong: tuple[int, ...], version: int) -> None:
        self._print(storm, version)
        self.assertIn(storm.status.pop(_WRONG), wrong, "the one with the wrong password")
        self.assertEqual([user for user, status in storm.status.items() if status != 200], [], "others")

    def _assert_all(self, storm: Storm, version: int) -> None:
        self._print(storm, version)
        self.assertEqual([user for user, status in storm.status.items() if status != 200], [])

    def _print(self, storm: Storm, version: int) -> None:
        print(f"\n  IPv{version}: {len(storm.status)} phones in {storm.seconds:.1f} s, "
              f"{storm.retransmissions} requests sent again")


if __name__ == "__main__":
    main()
