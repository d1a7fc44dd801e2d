"""What GMime makes of messages, for `tests/interop/test_mime_differential.py`; run by the system's own Python.

Reads messages from standard input, each behind its length (four octets, the highest first), until it ends. Writes for
each the number of contents that it holds, then each content behind its length. Messages in messages count with all that
is in them, and what stands before and behind the parts of a multipart counts as well.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("GMime", "3.0")
from gi.repository import GMime  # noqa: E402  (after its version is said)


def contents(part):
    """The decoded contents of `part` and of all that is in it."""
    if isinstance(part, GMime.Message):
        if (inner := part.get_mime_part()) is not None:
            yield from contents(inner)
    elif isinstance(part, GMime.Multipart):
        for text in (part.get_prologue(), part.get_epilogue()):
            if text:
                yield text.encode("utf-8", "surrogateescape")
        for index in range(part.get_count()):
            yield from contents(part.get_part(index))
    elif isinstance(part, GMime.MessagePart):
        if (inner := part.get_message()) is not None:
            yield from contents(inner)
    elif isinstance(part, GMime.Part) and (content := part.get_content()) is not None:
        stream = GMime.StreamMem.new()
        content.write_to_stream(stream)
        yield bytes(stream.get_byte_array() or b"")


def main() -> None:
    """Until there are no more messages."""
    GMime.init()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while len(length := source.read(4)) == 4:
        raw = source.read(int.from_bytes(length, "big"))
        parser = GMime.Parser.new_with_stream(GMime.StreamMem.new_with_buffer(raw))
        message = parser.construct_message(None)
        found = [] if message is None else list(contents(message))
        sink.write(len(found).to_bytes(4, "big"))
        for content in found:
            sink.write(len(content).to_bytes(4, "big") + content)
        sink.flush()


if __name__ == "__main__":
    main()
