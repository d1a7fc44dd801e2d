"""Somebody whom Postfix asks who may log in: the server's side of Dovecot's authentication protocol, for one user."""

from __future__ import annotations

import base64
import contextlib
import socketserver
import threading
from types import TracebackType

__all__ = ["PASSWORD", "USER", "KnownUsers"]

USER = "ann"
PASSWORD = "horse battery"  # noqa: S105

GREETING = (
    b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\n"
    b"SPID\t1\nCUID\t1\nCOOKIE\t00000000000000000000000000000000\nDONE\n"
)


class KnownUsers:
    """A context manager; it listens at `path`, in the form that `smtpd_sasl_path` has."""

    def __enter__(self) -> KnownUsers:
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def path(self) -> str:
        """Where it listens."""
        return f"inet:127.0.0.1:{self._server.server_address[1]}"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(GREETING)
        said: dict[str, list[bytes]] = {}
        mechanisms: dict[str, str] = {}
        with contextlib.suppress(ConnectionError):
            for line in self.rfile:
                word, *fields = line.decode().rstrip("\n").split("\t")
                if word == "AUTH":
                    number, mechanisms[number], *more = fields
                    said[number] = [base64.b64decode(one[5:]) for one in more if one.startswith("resp=")]
                elif word == "CONT":
                    number, response = fields
                    said[number].append(base64.b64decode(response))
                else:
                    continue
                self.wfile.write(_answer(number, mechanisms[number], said[number]))


def _answer(number: str, mechanism: str, said: list[bytes]) -> bytes:
    questions = [b"Username:", b"Password:"] if mechanism == "LOGIN" else [b""]
    if len(said) < len(questions):
        return f"CONT\t{number}\t{base64.b64encode(questions[len(said)]).decode()}\n".encode()
    *_, user, password = said if mechanism == "LOGIN" else said[0].split(b"\0")
    if (user, password) == (USER.encode(), PASSWORD.encode()):
        return f"OK\t{number}\tuser={USER}\n".encode()
    return f"FAIL\t{number}\tuser={user.decode()}\n".encode()
