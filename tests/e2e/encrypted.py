"""Ports whose content cannot be read: bans hold and connections are limited, nothing else; status says so."""

import contextlib
import socket
import ssl
import struct

from harness import nft, sip
from harness.case import EndToEnd, main
from harness.net import bound_socket, core
from harness.process import must
from harness.wait import wait_until

_TLS, _WS = 5061, 8080
_LIMIT = 10
_CALLER, _TRUSTED, _PEER, _BANNED, _FAST = 10, 11, 12, 13, 14


class Encrypted(EndToEnd):
    roles = ("callers", "scanner")
    settings = {"shield": {"tls_ports": [_TLS], "ws_ports": [_WS]},
                "guard": {"connections_max": _LIMIT, "connection_rate": 1, "connection_burst": 30}}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        key, certificate = cls.scratch / "key.pem", cls.scratch / "certificate.pem"
        must(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
              "-subj", "/CN=softswitch", "-keyout", str(key), "-out", str(certificate)])
        cls.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.tls.load_cert_chain(certificate, key)
        cls.listeners = {(version, port): bound_socket(cls.network.core, socket.SOCK_STREAM, core(version), port)
                         for version in (4, 6) for port in (_TLS, _WS)}
        for listener in cls.listeners.values():
            listener.listen(200)
            listener.settimeout(5)
        cls.shield.start()
        for version in (4, 6):
            for host, kind in ((_TRUSTED, "trusted"), (_PEER, "peer")):
                cls.shield.cli.json("whitelist", "add", cls.network["callers"].address(version, host), "--class", kind)

    @classmethod
    def tearDownClass(cls) -> None:
        for listener in cls.listeners.values():
            listener.close()
        super().tearDownClass()

    def test_1_status_says_what_is_not_read(self) -> None:
        self.assertIn(f"tls {_TLS}: connections limited, content not read", self.shield.cli("status").out)
        self.assertEqual(self.shield.cli.json("status")["ports"]["ws"], [_WS])

    def test_2_a_call_in_tls_passes_unread(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version), contextlib.ExitStack() as stack:
                client = stack.enter_context(self._connect(version, 20))
                server, _ = self.listeners[version, _TLS].accept()
                stack.enter_context(server)
                # Nothing of it would get through, were it read.
                message = sip.scanner_options("198.51.100.1", core(version))
                self._exchange(client, server, message)

    def test_3_connections_of_one_address_are_limited(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version), contextlib.ExitStack() as stack:
                before = self.shield.counter("connections")
                held = [stack.enter_context(self._connect(version, _CALLER, _TLS if i % 2 else _WS))
                        for i in range(_LIMIT)]
                self.assertIsNone(self._try(version, _CALLER))
                self.assertGreater(self.shield.counter("connections"), before)
                for host in (_TRUSTED, _PEER):
                    for _ in range(_LIMIT + 1):
                        stack.enter_context(self._connect(version, host))
                stack.enter_context(self._connect(version, 30))
                # A connection that is over makes room, once connection tracking knows.
                for connection in held:
                    connection.close()
                wait_until(lambda v=version: self._close(self._try(v, _CALLER)), 15, "room for a connection")

    def test_4_so_is_how_fast_one_opens_them(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version):
                opened = 0
                while opened <= 40 and self._close(self._try(version, _FAST)):
                    opened += 1
                self.assertGreaterEqual(opened, 25)
                self.assertLessEqual(opened, 40)
                self.assertGreater(self.shield.counter("connection_rate"), 0)

    def test_5_a_banned_address_does_not_get_in(self) -> None:
        for version in (4, 6):
            with self.subTest(version=version):
                self._close(self._connect(version, _BANNED))
                source = self.network["callers"].address(version, _BANNED)
                with self.endpoint("callers", version, _BANNED) as scanner:
                    scanner.send(sip.scanner_options(scanner.source, scanner.target[0]))
                self.shield.wait_banned(source)
                self.assertIsNone(self._try(version, _BANNED))
                self.assertGreater(nft.banned(self.network.core, source).packets, 0)

    def test_6_all_of_it_is_accounted_for(self) -> None:
        packets = self.shield.packets()
        self.assertGreater(packets["passed"]["encrypted"], 0)
        self.assert_balanced(packets)

    def _exchange(self, client: socket.socket, server: socket.socket, message: bytes) -> None:
        """The message through a TLS session, both ends of which are stepped here."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        ends = [(client, context, {}), (server, self.tls, {"server_side": True})]
        buffers = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in ends]
        sessions = [ctx.wrap_bio(incoming, outgoing, **how)
                    for (_, ctx, how), (incoming, outgoing) in zip(ends, buffers)]
        self._pump(ends, buffers, [session.do_handshake for session in sessions])
        sessions[0].write(message)
        received: list[bytes] = []
        self._pump(ends, buffers, [lambda: None, lambda: received.append(sessions[1].read(65535))])
        self.assertEqual(received, [message])

    def _pump(self, ends: list, buffers: list, steps: list) -> None:
        """Runs the steps until each is done, carrying what they write over the sockets."""
        waiting = list(range(len(steps)))

        def turn() -> bool:
            for i in list(waiting):
                with contextlib.suppress(ssl.SSLWantReadError):
                    steps[i]()
                    waiting.remove(i)
            for (end, _, _), (incoming, outgoing) in zip(ends, buffers):
                if outgoing.pending:
                    end.sendall(outgoing.read())
                end.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    incoming.write(end.recv(65535))
                end.setblocking(True)
            return not waiting

        wait_until(turn, 5, "the TLS session")

    def _connect(self, version: int, host: int, port: int = _TLS) -> socket.socket:
        connection = self._try(version, host, port)
        self.assertIsNotNone(connection, f"{self.network['callers'].address(version, host)} to port {port}")
        return connection

    def _try(self, version: int, host: int, port: int = _TLS) -> socket.socket | None:
        link = self.network["callers"]
        connection = bound_socket(link.namespace, socket.SOCK_STREAM, link.own(version, host))
        connection.settimeout(0.7)
        # Closed by RST: nobody takes the connections of the listeners and closes the other half.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            connection.connect((core(version), port))
        except TimeoutError:
            connection.close()
            return None
        return connection

    def _close(self, connection: socket.socket | None) -> bool:
        """Whether there was one."""
        if connection:
            connection.close()
        return connection is not None


if __name__ == "__main__":
    main()
