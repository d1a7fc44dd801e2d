"""Other people's proxies as contenders: nginx's mail proxy and HAProxy.

Both are unpacked by `scripts/setup contenders`, or installed. They run as they come, with what a site would write into
their configuration and as many workers as they choose; nothing is logged that ours would not log.
"""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from .bench import ROOT, Bench
from .contenders import Contender, Subject, greets, warm_up
from .process import Process, wait_until

__all__ = ["Haproxy", "Nginx"]

UNPACKED = ROOT / ".venv" / "peers"
"""Where the setup unpacks what it does not install."""


def find(path: str) -> Path | None:
    """A file of a package, such as `usr/sbin/nginx`: unpacked, or installed."""
    return next((place / path for place in (UNPACKED, Path("/")) if (place / path).exists()), None)


class Haproxy(Contender):
    """A TCP relay of the trade: it is to SMTP what `relay` is, with twenty years of work in it."""

    name = "haproxy"
    about = "HAProxy as a TCP relay: copies octets, understands nothing"
    takes_starttls = False
    is_peer = True

    def absent(self, bench: Bench) -> str | None:
        """It is Debian's."""
        return None if find("usr/sbin/haproxy") else "not there (scripts/setup contenders)"

    def start(self, bench: Bench, backend: str, *, starttls: bool) -> Subject:
        """Starts it in the foreground."""
        port = _free_port()
        config = bench.folder / f"haproxy-{port}.cfg"
        config.write_text(HAPROXY.format(port=port, backend=backend))
        command = _with_libraries(find("usr/sbin/haproxy"))
        process = Process([*command, "-f", config, "-db"], log=bench.folder / "haproxy.err")
        return _greeting(self.name, Subject(process, f"127.0.0.1:{port}"))


class Nginx(Contender):
    """A mail proxy: speaks SMTP up to the first RCPT, with TLS of its own, then copies."""

    name = "nginx"
    about = (
        "nginx's mail proxy: SMTP up to the first RCPT, STARTTLS, then it copies; its auth_http server does not count"
    )
    is_peer = True
    post_quantum = False
    """Debian 12's OpenSSL does not know it."""
    places = 10_000
    """Connections that a worker may have: 5,000 clients, and as many to the backend, if all are one worker's."""

    def floor(self, bench: Bench, backend: str, *, starttls: bool) -> int | None:
        """With the fewest places: nginx takes memory for every connection that there may be when it starts."""
        small = Nginx()
        small.places = 64
        with small.start(bench, backend, starttls=starttls) as subject:
            warm_up(bench, subject.address, starttls=starttls)
            return subject.process.rss()

    def absent(self, bench: Bench) -> str | None:
        """It is Debian's, with the mail module."""
        there = find("usr/sbin/nginx") and find("usr/lib/nginx/modules/ngx_mail_module.so")
        return None if there else "not there (scripts/setup contenders)"

    def start(self, bench: Bench, backend: str, *, starttls: bool) -> Subject:
        """Starts it, and the server that tells it where to send mail: a second nginx, outside of the measurement."""
        port, answers = _free_port(), _free_port()
        folder = bench.folder / f"nginx-{port}"
        folder.mkdir()
        host, _, backend_port = backend.rpartition(":")
        common = COMMON.format(places=self.places)
        (folder / "answers.conf").write_text(common + ANSWERS.format(port=answers, host=host, backend=backend_port))
        values = {"module": find("usr/lib/nginx/modules/ngx_mail_module.so"), "port": port, "answers": answers}
        (folder / "mail.conf").write_text(NGINX.format(**values, common=common, tls=_tls(folder) if starttls else ""))
        command = [*_with_libraries(find("usr/sbin/nginx")), "-p", folder, "-e", "stderr", "-g", "daemon off;", "-c"]
        helper = Process([*command, folder / "answers.conf"], log=folder / "answers.err")
        try:
            wait_until(self.name, helper, lambda: _listens(answers))
            process = Process([*command, folder / "mail.conf"], log=folder / "mail.err")
        except BaseException:
            helper.stop()
            raise
        return _greeting(self.name, Subject(process, f"127.0.0.1:{port}", (helper,)))


def _greeting(name: str, subject: Subject) -> Subject:
    try:
        wait_until(name, subject.process, lambda: greets(subject.address))
    except BaseException:
        subject.stop()
        raise
    return subject


def _with_libraries(program: Path | None) -> list[str | Path]:
    """The command, with the libraries that were unpacked beside it."""
    assert program is not None  # noqa: S101 - `absent` was asked before
    if UNPACKED not in program.parents:
        return [program]
    libraries = ":".join(map(str, (UNPACKED / "usr/lib").glob("*-linux-*")))
    return [shutil.which("env") or "/usr/bin/env", f"LD_LIBRARY_PATH={libraries}", program]


def _tls(folder: Path) -> str:
    """A certificate of the same kind as the gateway's own."""
    from smtpgw import _core

    chain, key = _core.self_signed("mx.example.org")
    (folder / "chain.pem").write_text(chain)
    (folder / "key.pem").write_text(key)
    # Its defaults end at TLS 1.2 before version 1.23.4; handshakes are compared that are of one kind.
    protocols = "ssl_protocols TLSv1.2 TLSv1.3;"
    return f"starttls on; {protocols} ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem;"


def _free_port() -> int:
    """A port that was free a moment ago; neither program can choose one and say which."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


HAPROXY = """\
global
    maxconn 9000
defaults
    mode tcp
    timeout connect 10s
    timeout client 300s
    timeout server 300s
frontend mail
    bind 127.0.0.1:{port}
    default_backend sink
backend sink
    server sink {backend}
"""

COMMON = f"""\
{"user root;" if os.geteuid() == 0 else ""}
worker_processes auto;
error_log stderr warn;
events {{{{ worker_connections {{places}}; }}}}
"""

ANSWERS = """\
pid answers.pid;
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            add_header Auth-Status OK always;
            add_header Auth-Server {host} always;
            add_header Auth-Port {backend} always;
            return 200;
        }}
    }}
}}
"""

NGINX = """\
load_module {module};
{common}
pid mail.pid;
mail {{
    server_name mx.example.org;
    auth_http 127.0.0.1:{answers}/;
    proxy_pass_error_message on;
    timeout 300s;
    proxy_timeout 300s;
    proxy_buffer 16k;
    smtp_client_buffer 16k;
    xclient off;
    smtp_auth none;
    smtp_capabilities "SIZE 26214400" PIPELINING 8BITMIME ENHANCEDSTATUSCODES;
    server {{
        listen 127.0.0.1:{port};
        protocol smtp;
        {tls}
    }}
}}
"""
