"""`Part.data` and `Message.raw`: the buffer protocol, without a copy, for as long as anybody holds it."""

import ctypes
import gc
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from smtpgw import Inspector
from smtpgw.testing import make_message, make_part, read_message

DATA = bytes(range(256)) * 5

# Larger than what stays in memory, so that it is mapped from the spool's file, at an offset that is on no page.
LARGE = b"".join(hashlib.sha256(number.to_bytes(4)).digest() for number in range(40_000))


PYBUF_WRITABLE = 1


class PyBuffer(ctypes.Structure):
    """`Py_buffer` of the stable ABI."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


def address(exporter):
    view = PyBuffer()
    assert ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(exporter), ctypes.byref(view), 0) == 0
    try:
        return view.buf
    finally:
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(view))


def large_message():
    """A message with two binary parts that are too large for memory, read through the engine."""
    head = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    part = b"--b\r\nContent-Type: application/x-test\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return read_message(head + part + b"x" * 1001 + b"\r\n" + part + LARGE + b"\r\n--b--\r\n")


def test_it_takes_the_place_of_bytes():
    data = make_part(DATA).data
    assert len(data) == len(DATA)
    assert bytes(data) == DATA
    assert bytes(data[:2]) == b"\x00\x01"
    assert hashlib.sha256(data).digest() == hashlib.sha256(DATA).digest()
    assert re.search(rb"\x10\x11\x12", data).start() == 16
    assert b"".join([b"a", data]) == b"a" + DATA


@pytest.mark.parametrize(
    "index",
    [0, 5, -1, -len(DATA), slice(2), slice(-3, None), slice(5, 2), slice(None, None, 7), slice(700, 3, -3),
     slice(10**30), slice(-(10**30), 10**30, 10**20), slice(None, None, -1)],
)  # fmt: skip
@pytest.mark.parametrize("data", [DATA, b""])
def test_indexing_is_that_of_bytes(data, index):
    buffer = make_part(data).data
    if isinstance(index, int) and not data:
        with pytest.raises(IndexError):
            buffer[index]
    else:
        assert buffer[index] == data[index]
        assert type(buffer[index]) is type(data[index])


@pytest.mark.parametrize("index", [len(DATA), -len(DATA) - 1, 10**30, "a", None, 1.0])
def test_indexing_what_is_not_there(index):
    with pytest.raises((IndexError, TypeError, OverflowError)):
        make_part(DATA).data[index]


def test_searching_never_misleads():
    data = make_part(b"hello MZ").data
    assert b"MZ" in data
    assert bytearray(b"lo M") in data
    assert make_part(b"ello").data in data
    assert b"" in data
    assert ord("M") in data
    assert b"mz" not in data
    assert 0 not in data
    for wrong in ("MZ", 256, -1, None):
        with pytest.raises(TypeError):
            wrong in data  # noqa: B015


def test_equality_and_hash_are_those_of_bytes():
    data = make_part(DATA).data
    assert data == DATA
    assert DATA == data
    assert data == bytearray(DATA)
    assert data == memoryview(DATA)
    assert data == make_part(DATA).data
    assert data != DATA[1:]
    assert data != make_part(DATA[1:]).data
    assert data != "text"
    assert data != None  # noqa: E711
    assert hash(data) == hash(DATA)
    assert {data: 1}[DATA] == 1


def test_nobody_can_write():
    data = make_part(DATA).data
    view = memoryview(data)
    assert view.readonly
    assert (view.format, view.ndim, view.itemsize, view.c_contiguous) == ("B", 1, 1, True)
    with pytest.raises(TypeError):
        view[0] = 1
    with pytest.raises(BufferError):
        ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(data), ctypes.byref(PyBuffer()), PYBUF_WRITABLE)
    with pytest.raises(TypeError):
        data[0] = 1


def test_nothing_is_copied():
    """Every view is of the same octets, however it was had."""
    part = make_part(DATA)
    at = address(part.data)
    assert address(part.data) == at
    assert address(memoryview(part.data)) == at
    assert address(memoryview(part.data)[3:]) == at + 3
    message = make_message(part)
    assert address(message.parts[0].data) == at


def test_nothing_is_copied_from_a_file():
    message = large_message()
    part = message.parts[1]
    at = address(part.data)
    assert address(message.parts[1].data) == at
    assert address(memoryview(part.data)) == at
    lines = Path("/proc/self/maps").read_text().splitlines()
    ranges = [(*(int(end, 16) for end in line.split()[0].split("-")), line) for line in lines]
    mapping = next(line for begin, end, line in ranges if begin <= at < end)
    # Shared with the page cache, and the file has no name any more.
    assert "(deleted)" in mapping
    assert mapping.split()[1].startswith("r--")


def test_content_in_a_file_is_all_there():
    message = large_message()
    small, large = message.parts
    assert small.data == b"x" * 1001
    assert large.data == LARGE
    assert large.sha256 == hashlib.sha256(LARGE).hexdigest()
    assert message.raw.__len__() == len(bytes(message.raw))
    assert bytes(message.raw).count(LARGE) == 1


@pytest.mark.parametrize("make", [lambda: make_part(DATA), lambda: large_message().parts[1]], ids=["memory", "file"])
def test_a_view_outlives_the_part(make):
    part = make()
    expected = bytes(part.data)
    view = memoryview(part.data)[5:-5]
    del part
    gc.collect()
    # Give what might have been freed to somebody else.
    others = [bytearray(b"\xff" * len(expected)) for _ in range(8)]
    assert view == expected[5:-5]
    assert len(others) == 8


def test_an_empty_part_has_an_empty_buffer():
    part = make_part(b"")
    assert bytes(part.data) == b""
    assert len(part.data) == 0
    assert not part.data
    assert memoryview(part.data).nbytes == 0


# Scanners get 64 MiB. A copy would show in the peak of resident memory; the octets themselves are touched before.
SCAN = """
import hashlib, sys
from smtpgw.testing import make_part
size = 64 << 20
data = bytearray(size)
data[-8:] = b"EVILDATA"
part = make_part(bytes(data))
del data
buffer = part.data
{prepare}
{small}
open("/proc/self/clear_refs", "w").write("5")
def status(key):
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith(key))
before = status("VmRSS")
{scan}
grown = status("VmHWM") - before
sys.exit(0 if grown < size // 4 else f"the peak grew by {{grown}} octets")
"""
SCANNERS = {
    "yara": (
        "import yara; rules = yara.compile(source='rule r { strings: $a = \"EVILDATA\" condition: $a }')",
        "assert rules.match(data=make_part(b'EVILDATA').data)",
        "assert [match.rule for match in rules.match(data=buffer)] == ['r']",
    ),
    "hyperscan": (
        "import hyperscan\n"
        "database = hyperscan.Database(); found = []\n"
        "database.compile(expressions=[b'EVILDATA'], ids=[7], flags=[hyperscan.HS_FLAG_SINGLEMATCH])\n"
        "scratch = hyperscan.Scratch(database)\n"
        "take = lambda id, begin, end, flags, context: found.append((id, end))",
        "database.scan(make_part(b'EVILDATA').data, match_event_handler=take, scratch=scratch)\n"
        "assert found == [(7, 8)]",
        "database.scan(buffer, match_event_handler=take, scratch=scratch)\nassert found[1:] == [(7, size)]",
    ),
}


@pytest.mark.parametrize("scanner", SCANNERS)
def test_scanners_take_it_without_a_copy(scanner):
    prepare, small, scan = SCANNERS[scanner]
    program = SCAN.format(prepare=prepare, small=small, scan=scan)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_measure_of_the_test_above_sees_a_copy():
    program = SCAN.format(prepare="", small="", scan="copy = bytes(buffer)")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "the peak grew" in done.stderr


def test_buffers_of_a_message_stay_the_same_objects_within_a_batch():
    """What one inspector had made is there for the next one."""
    seen = []

    class First(Inspector):
        def on_part(self, part):
            seen.append((part, part.data, part.text))

    class Second(Inspector):
        def on_part(self, part, message):
            seen.append((part, part.data, part.text))
            assert message.parts[0] is part

    from smtpgw.testing import ask

    answers = ask([First(), Second()], make_message(make_part("hello")))
    assert [answer.error for answer in answers] == [None, None]
    (part, data, text), again = seen
    assert again[0] is part
    assert again[1] is data
    assert again[2] is text
