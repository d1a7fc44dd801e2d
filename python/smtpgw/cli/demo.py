"""`smtpgw demo`: a real gateway, five real messages over real STARTTLS, and what became of each.

Nothing is simulated: a listener on a free port, a certificate that the client verifies, aiosmtplib as the client, a
Maildir in a temporary folder as the server behind. If anything comes out otherwise than it must, the exit status says
so, which makes this a smoke test as well.
"""

from __future__ import annotations

import asyncio
import email.message
import email.policy
import email.utils
import io
import ssl
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape

from smtpgw.cli import show
from smtpgw.cli.exits import SOFTWARE, reported
from smtpgw.gateway import Gateway

__all__ = ["EXAMPLES", "demo"]

EXAMPLES = """The test messages are harmless by agreement: EICAR stands for malware, GTUBE for spam, bad.example \
for a bad link.

Next: [bold]smtpgw run[/] for a gateway of your own, [bold]smtpgw check --explain[/] for all that can be set.
"""


class Letter(NamedTuple):
    """One message of the show."""

    title: str
    what: str
    """What is in it, for people."""
    message: email.message.EmailMessage
    delivered: bool
    """Whether it must arrive."""


class Seen(NamedTuple):
    """What became of it."""

    reply: str
    tls: str
    record: dict[str, Any]


def demo() -> None:
    """See it work: five messages through a real gateway.

    Starts a gateway with the embedded defaults on a free port of this machine, sends it a clean message, malware,
    malware in an archive, spam and a bad link through STARTTLS, and shows for each the reply, the verdict and why.
    """
    out = Console(highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="smtpgw-demo-") as folder, reported():
        wrong = asyncio.run(_show(Path(folder), out))
    if wrong:
        out.print(f"[bold red]{wrong} of these did not go as it must.[/]")
        raise typer.Exit(SOFTWARE)
    out.print("[green]As it must be.[/] For a gateway of your own: [bold]smtpgw run[/]")


async def _show(folder: Path, out: Console) -> int:
    gateway = await asyncio.to_thread(_gateway, folder)
    wrong = 0
    async with gateway:
        host, port = gateway.addresses[0]
        inspectors = ", ".join(entry.name for entry in gateway.roster)
        out.print(f"A gateway listens on [bold]{host}:{port}[/], offers STARTTLS and delivers into a Maildir.")
        out.print(f"It asks the inspectors {inspectors} about these five messages:\n")
        for number, letter in enumerate(_letters(), 1):
            before = _delivered(folder)
            seen = await _send(gateway, letter, port, folder)
            arrived = _delivered(folder) - before
            right = arrived == int(letter.delivered)
            wrong += not right
            _print(out, number, letter, seen, gateway, arrived=arrived, right=right)
    return wrong


def _print(
    out: Console, number: int, letter: Letter, seen: Seen, gateway: Gateway, *, arrived: int, right: bool
) -> None:
    reasons = list(show.why(seen.record)) or ["nothing was found"]
    code = seen.reply[:1]
    colour = {"2": "green", "4": "yellow"}.get(code, "red")
    out.print(f"[bold]{number}  {letter.title}[/]")
    out.print(f"   sent     {escape(letter.what)} [dim]over {seen.tls}[/]")
    out.print(f"   reply    [{colour}]{escape(show.plain(seen.reply))}[/]")
    out.print(f"   verdict  {show.verdict(seen.record, gateway.config.verdict)}")
    out.print(f"   why      {f'{chr(10)}            '.join(reasons)}")
    mailbox = "[green]delivered[/]" if arrived else "not delivered"
    out.print(f"   mailbox  {mailbox}{'' if right else '  [bold red]which is wrong[/]'}\n")


def _gateway(folder: Path) -> Gateway:
    from smtpgw import config
    from smtpgw._core import self_signed

    chain, key = self_signed("localhost")
    (folder / "chain.pem").write_text(chain)
    (folder / "key.pem").write_text(key)
    overrides = [
        "listener[0].address=127.0.0.1:0",
        f"listener[0].certificates=[{{ chain = '{folder}/chain.pem', key = '{folder}/key.pem' }}]",
        f"backend.mail.address=maildir:{folder}/mail",
        f"spool.path={folder}",
        f"log.file={folder}/log",
    ]
    return Gateway(config.default(overrides=overrides), records=True)


async def _send(gateway: Gateway, letter: Letter, port: int, folder: Path) -> Seen:
    import aiosmtplib

    trust = ssl.create_default_context(cafile=str(folder / "chain.pem"))
    # The certificate is its own authority, which newer Pythons want to be told.
    trust.verify_flags = (trust.verify_flags & ~ssl.VERIFY_X509_STRICT) | ssl.VERIFY_X509_PARTIAL_CHAIN
    client = aiosmtplib.SMTP(hostname="localhost", port=port, start_tls=True, tls_context=trust, timeout=30)
    async with client:
        try:
            _, reply = await client.send_message(letter.message)
        except aiosmtplib.SMTPDataError as refused:
            reply = f"{refused.code} {refused.message}"
        else:
            reply = f"250 {reply}"
        tls = client.get_transport_info("ssl_object")
        facts = str(tls.version()) if tls else "in clear"
        record = await asyncio.to_thread(_record, gateway)
    return Seen(" ".join(reply.split()), facts, record)


def _record(gateway: Gateway) -> dict[str, Any]:
    """The transaction's record; it is written after the reply."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for record in gateway.next_records(0.2):
            if record["event"] == "transaction":
                return record
    raise TimeoutError("the gateway wrote no record of the message")


def _delivered(folder: Path) -> int:
    return len(list((folder / "mail" / "new").glob("*")))


def _letters() -> Iterator[Letter]:
    minutes = _letter("Minutes of Tuesday's meeting", "Dear all,\n\nthe minutes are attached.\n\nBest regards,\nAnna\n")
    minutes.add_attachment("1. Budget\n2. Any other business\n", filename="minutes.txt")
    yield Letter("A clean message", "text with an attachment, minutes.txt", minutes, delivered=True)

    malware = _letter("Your invoice", "Please find your invoice attached.\n")
    malware.add_attachment(_eicar(), maintype="application", subtype="pdf", filename="invoice.pdf")
    yield Letter("Malware", "EICAR, attached as invoice.pdf", malware, delivered=False)

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("photos/holiday.jpg", b"\xff\xd8\xff\xe0 not a malware" * 50)
        archive.writestr("photos/setup.exe", _eicar())
    hidden = _letter("Holiday pictures", "From the beach!\n")
    hidden.add_attachment(packed.getvalue(), maintype="application", subtype="zip", filename="photos.zip")
    yield Letter("Malware in an archive", "EICAR as photos/setup.exe in photos.zip", hidden, delivered=False)

    yield Letter(
        "Spam", "GTUBE in the text", _letter("Once in a lifetime", f"Dear friend,\n\n{_gtube()}\n"), delivered=False
    )

    link = _letter("Your parcel", "Track it: https://parcel.example/track\n")
    page = '<p>Track it <a href="https://parcel.example@b&#97;d.example:443/login?id=1">https://parcel.example/track</a></p>'
    link.add_alternative(page, subtype="html")
    yield Letter("A bad link", "HTML whose link shows parcel.example and leads to bad.example", link, delivered=False)


def _letter(subject: str, text: str) -> email.message.EmailMessage:
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = "Anna <anna@sender.example>"
    message["To"] = "Ben <ben@recipient.example>"
    message["Subject"] = subject
    message["Date"] = email.utils.localtime()
    message["Message-ID"] = email.utils.make_msgid(domain="sender.example")
    message.set_content(text)
    return message


def _eicar() -> bytes:
    # In two pieces, so that scanners leave this file alone.
    return rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + rb"ANTIVIRUS-TEST-FILE!$H+H*"


def _gtube() -> str:
    return "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


PATIENCE_S = 10.0
