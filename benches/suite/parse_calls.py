"""Seconds of processor time that one parser takes for each of some messages, a line each; run by `parsers.py`.

    parse_calls.py --parser decode|scan|fast|email --seconds 0.5 FILE ...

A message is parsed in batches for so long, and the batch with the least counts: whatever else the machine does can only
make it slower. Everything has to be handed out, for some parsers wait until they are asked.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

BATCH_S = 0.02


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parser", choices=PARSERS, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("files", nargs="+", type=Path)
    options = parser.parse_args()
    parse = PARSERS[options.parser]()
    for file in options.files:
        sys.stdout.write(f"{least(parse, file.read_bytes(), options.seconds)}\n")


def least(parse: Callable[[bytes], int], raw: bytes, seconds: float) -> float:
    """Seconds of one message."""
    if not parse(raw) > len(raw) // 2:
        raise SystemExit("hardly anything came out, so this would measure nothing")
    batch, best, end = 1, float("inf"), time.process_time() + seconds
    while time.process_time() < end:
        begin = time.process_time()
        for _ in range(batch):
            parse(raw)
        taken = time.process_time() - begin
        best = min(best, taken / batch)
        if taken < BATCH_S:
            batch *= 2
    return best


def decode() -> Callable[[bytes], int]:
    """Ours."""
    from smtpgw.testing import decode

    def parse(raw: bytes) -> int:
        header, leaves = decode(raw)
        header.items()
        return sum(len(leaf.data if leaf.text is None else leaf.text) for leaf in leaves)

    return parse


def scan() -> Callable[[bytes], int]:
    """Ours, with all that a message comes to in the gateway."""
    from smtpgw import config
    from smtpgw._core import Scanner

    scanner = Scanner(config.default().to_core_json(), [], threads=1)

    def parse(raw: bytes) -> int:
        scanner.scan(raw)
        return len(raw)

    return parse


def fast() -> Callable[[bytes], int]:
    """PyPI's fast-mail-parser."""
    from fast_mail_parser import parse_email

    def parse(raw: bytes) -> int:
        message = parse_email(raw)
        _ = message.subject, message.headers
        texts = sum(map(len, message.text_plain)) + sum(map(len, message.text_html))
        return texts + sum(len(attachment.content) for attachment in message.attachments)

    return parse


def library() -> Callable[[bytes], int]:
    """Python's own."""
    from email import message_from_bytes

    def parse(raw: bytes) -> int:
        message = message_from_bytes(raw)
        message.items()
        size = 0
        for part in message.walk():
            if not part.is_multipart():
                data = part.get_payload(decode=True)
                is_text = part.get_content_maintype() == "text"
                size += len(data.decode(part.get_content_charset("us-ascii"), "replace") if is_text else data)
        return size

    return parse


PARSERS = {"decode": decode, "scan": scan, "fast": fast, "email": library}

if __name__ == "__main__":
    main()
