"""What proves nothing alone: oddities of one source add up to a ban, and those of honest devices never do."""

from pathlib import Path

from harness import nft, sip
from harness.case import EndToEnd, main
from harness.wait import wait_until

_CORPUS = Path(__file__).parents[1] / "corpus" / "legitimate"
# One number behind prefixes that callers hardly use: 20, 25, 25 and 15 of the 100 that ban.
_PREFIXES = ("000", "0000", "%2B00", "9011")


def _devices() -> dict[str, list[bytes]]:
    """The messages of tests/corpus/legitimate, without OPTIONS, which strangers may not send whatever they are."""
    found = {}
    for path in sorted(_CORPUS.glob("*.sip")):
        texts = path.read_text().split("=====\n")
        found[path.stem] = [_on_the_wire(text) for text in texts if not text.startswith("OPTIONS")]
    return found


def _on_the_wire(text: str) -> bytes:
    head, _, body = text.replace("\n", "\r\n").partition("\r\n\r\n")
    return f"{head}\r\n\r\n{body}".replace("{length}", str(len(body))).encode()


class Scores(EndToEnd):
    roles = ("callers",)

    def test_1_what_honest_devices_send_passes(self) -> None:
        self.shield.start()
        before = self.shield.packets()
        sent = 0
        for host, messages in enumerate(_devices().values(), 20):
            with self.endpoint("callers", 4, host) as device:
                for message in messages:
                    device.send(message)
                sent += len(messages)
        self.assertGreater(sent, 30)
        wait_until(lambda: self.shield.packets()["offered"] - before["offered"] >= sent, 10, "them to be counted")
        self.assertEqual(sum(self.shield.packets()["dropped"].values()), 0)
        self.assertEqual(self.shield.cli.json("bans", "list")["total"], 0)

    def test_2_oddities_of_one_source_add_up_to_a_ban(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version), self.endpoint("callers", version, 12) as dialer:
                for prefix in (*_PREFIXES, *_PREFIXES):  # the same again adds nothing
                    answer = dialer.ask(dialer.request("INVITE", user=f"{prefix}972595934023", body=sip.SDP), 2)
                    self.assertIn(answer, range(200, 700), prefix)
                self.assertEqual(dialer.ask(dialer.request("INVITE", agent="sipsak 0.9.8.1"), 0.5), 0)
                wait_until(lambda d=dialer: nft.banned(self.network.core, d.source), 2, "the dialer to be banned")
                self._assert_explained(dialer.source)

    def _assert_explained(self, source: str) -> None:
        told = self.shield.cli.json("explain", source)
        self.assertEqual((told["ban"]["reason"], told["ban"]["origin"]), ("score", "auto:score"))
        newest = told["evidence"][0]
        self.assertEqual((newest["reason"], newest["action"], newest["rule"]), ("score", "score", "sipsak"))
        self.assertIn("prefix-0000 25", newest["detail"])
        self.assertIn("sipsak 30", told["counters"]["score_rules"])
        self.assertGreaterEqual(told["counters"]["score"], told["counters"]["score_ban_at"])


if __name__ == "__main__":
    main()
