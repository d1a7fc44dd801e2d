"""YARA rules on every decoded part, members of archives included.

Rules are compiled once, each file in a namespace of its own, with `include` switched off; a scan ends itself soon
after the gateway would have given it up. Rules see the external variables `filename`, `filepath`, `extension`,
`media_type` and `size`, and what `externals` adds. A part with several names is scanned under each of them, since a
recipient's program may show any, and under each extension that a system would see in one (`inspectors.names`).
"""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from smtpgw.errors import ConfigError, InspectorError, Problem
from smtpgw.inspector import Inspector
from smtpgw.inspectors.names import extensions
from smtpgw.verdict import Verdict

if TYPE_CHECKING:
    from smtpgw._core import Part

__all__ = ["Yara"]

DATA = Path(__file__).parent / "data"


class Yara(Inspector):
    """Refuses parts that a YARA rule matches."""

    name = "yara"

    def __init__(
        self,
        *,
        rules: Sequence[Path] = (),
        shipped: bool = True,
        action: Literal["reject", "quarantine", "defer"] = "reject",
        externals: Mapping[str, str | int | float | bool] | None = None,
    ) -> None:
        """Compiles the rules.

        `rules` are files, folders (all `*.yar` and `*.yara` below) and patterns (`rules/*.yar`); `shipped` adds those
        that come with smtpgw (EICAR). `externals` are variables that rules expect beside the ones above. Raises
        `ConfigError` with every file that is missing or does not compile.
        """
        self._files = list(_files(rules, shipped=shipped))
        self._action: Literal["reject", "quarantine", "defer"] = action
        self._externals = dict(externals or {})
        self._rules = self._compile()
        self._seen = _mentioned(self._files)

    @property
    def files(self) -> Sequence[Path]:
        """The rule files in use."""
        return tuple(self._files)

    def on_part(self, part: Part) -> Verdict | None:
        """Scans one decoded part."""
        if not self._seen:
            # What no rule can see is not asked for.
            found = self._match(part.data)
        else:
            found = self.scan(part.data, names=_names(part), path=part.path, media_type=part.media_type)
        return self._verdict(found, _names(part)) if found else None

    def _verdict(self, found: Sequence[str], names: Sequence[str]) -> Verdict:
        what = f" in {names[0]}" if names else ""
        verdict = {"reject": Verdict.reject, "quarantine": Verdict.quarantine, "defer": Verdict.defer}[self._action]
        return verdict(f"{'rule' if len(found) == 1 else 'rules'} {', '.join(found)}{what}")

    def scan(self, data: Any, *, names: Iterable[str] = (), path: str = "", media_type: str = "") -> list[str]:  # noqa: ANN401
        """The rules that match `data` (any buffer), as `namespace:rule`.

        Raises `yara.TimeoutError` if it takes longer than `timeout_s`, and `InspectorError` if there are more than
        `LOOKS` names that rules can tell apart: what was not looked at must not pass as clean.
        """
        found: dict[str, None] = {}
        for name, extension in self._looks(names):
            # Only what rules can see: to define the others for every part costs as much as to scan a small one.
            every = _externals(name, extension, path, media_type, len(data)) if self._seen else {}
            found |= dict.fromkeys(self._match(data, externals={key: every[key] for key in self._seen}))
        return list(found)

    def _match(self, data: Any, **externals: Any) -> Sequence[str]:  # noqa: ANN401
        # Whole seconds, and later than the gateway's own limit, which then decides what a timeout counts as.
        seconds = math.ceil(self.timeout_s) + 1
        matches = self._rules.match(data=data, timeout=seconds, fast=True, warnings_callback=_note_warning, **externals)
        return [f"{match.namespace}:{match.rule}" for match in matches] if matches else ()

    def _looks(self, names: Iterable[str]) -> Iterable[tuple[str, str]]:
        """The names to scan under, with their extensions; one if no rule can tell them apart."""
        seen = self._seen & NAMED
        looks: dict[tuple[str, str], tuple[str, str]] = {}
        for name in names if seen else ():
            for extension in extensions(name) if "extension" in seen else ("",):
                looks.setdefault((name if "filename" in seen else "", extension), (name, extension))
            if len(looks) > LOOKS:
                raise InspectorError(f"a part with more than {LOOKS} names: it was not looked at under all of them")
        return looks.values() or [("", "")]

    def _compile(self) -> Any:  # noqa: ANN401
        yara = _yara()
        externals = {**_externals("", "", "", "", 0), **self._externals}
        options = {"includes": False, "externals": externals, "error_on_warning": False}
        try:
            return yara.compile(filepaths=_namespaces(self._files), **options)
        except yara.Error as error:
            problems: list[Problem] = []
            for file in self._files:
                try:
                    yara.compile(filepath=str(file), **options)
                except yara.Error as own:
                    problems.append(Problem("rules", str(own)))
            raise ConfigError(problems or [Problem("rules", str(error))]) from error


def _names(part: Part) -> list[str]:
    return list(dict.fromkeys(name for name in (part.filename, *part.names) if name))


def _note_warning(kind: int, what: object) -> int:
    """A string that matches a million times is cut off there: enough for every rule, so that it is only noted."""
    LOG.debug("yara warning %s: %s", kind, what)
    return int(_yara().CALLBACK_CONTINUE)


def _yara() -> Any:  # noqa: ANN401
    try:
        import yara
    except ImportError as error:
        raise InspectorError(
            "the yara inspector needs yara-python, which has no release for this Python version: "
            "use Python 3.13 or older, or leave the inspector out"
        ) from error
    return yara


def _files(rules: Sequence[Path], *, shipped: bool) -> Iterator[Path]:
    problems: list[Problem] = []
    files: list[Path] = []
    for rule in [*([DATA / "eicar.yar"] if shipped else []), *rules]:
        rule = Path(rule)
        closed: list[OSError] = []
        if os.path.isdir(rule):
            some = sorted(_below(rule, closed.append))
        elif os.path.isfile(rule):
            some = [rule]
        else:
            base = Path(rule.anchor)
            some = sorted(file for file in base.glob(str(rule.relative_to(base))) if os.path.isfile(file))
        # What cannot be read must not be missing in silence.
        problems += [Problem("rules", f"cannot be read: {error.strerror}", f'"{error.filename}"') for error in closed]
        problems += [Problem("rules", f"cannot be read: {why}", f'"{file}"') for file in some if (why := _unread(file))]
        if not some and not closed:
            reason = "there is no rule file in it" if os.path.isdir(rule) else "there is no such file or folder"
            problems.append(Problem("rules", reason, f'"{rule}"'))
        files += some
    if not problems and not files:
        problems.append(Problem("rules", "is empty", hint="name rule files, or set shipped = true"))
    if problems:
        raise ConfigError(problems)
    yield from dict.fromkeys(files)


def _below(folder: Path, refused: Callable[[OSError], object]) -> Iterator[Path]:
    """The rule files in a folder and all below it, links included; each folder once, so that no link leads round."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, onerror=refused, followlinks=True):
        here = os.path.realpath(place)
        if here in seen:
            folders.clear()
            continue
        seen.add(here)
        files = (Path(place, name) for name in names if name.endswith((".yar", ".yara")))
        # A link that leads nowhere is told as a file that cannot be read.
        yield from (
            file for file in files if os.path.isfile(file) or (os.path.islink(file) and not os.path.exists(file))
        )


def _unread(file: Path) -> str | None:
    try:
        file.open("rb").close()
    except OSError as error:
        return error.strerror
    return None


def _namespaces(files: Iterable[Path]) -> dict[str, str]:
    """`malware` for `malware.yar`; with the folder in front where two files share a name."""
    spaces: dict[str, str] = {}
    for file in files:
        space = file.stem
        for parent in file.parents:
            if space not in spaces:
                break
            space = f"{parent.name}/{space}"
        spaces[space] = str(file)
    return spaces


def _externals(name: str, extension: str, path: str, media_type: str, size: int) -> dict[str, str | int]:
    return {
        "filename": _plain(name),
        "filepath": _plain(path),
        "extension": _plain(extension),
        "media_type": media_type,
        "size": size,
    }


def _mentioned(files: Iterable[Path]) -> frozenset[str]:
    """The external variables whose names occur in the rules: at least those that some rule uses."""
    words = {word.decode() for file in files for word in WORD.findall(file.read_bytes())}
    return frozenset(words & _externals("", "", "", "", 0).keys())


def _plain(text: str) -> str:
    # A NUL would end the text for the rules, and what stands behind it must not be hidden from them.
    return text.replace("\0", "?").encode(errors="replace").decode()


LOG = logging.getLogger("smtpgw.inspectors.yara")

WORD = re.compile(rb"\w+")
NAMED = frozenset({"filename", "extension"})
"""External variables that differ between two names of one part."""
LOOKS = 16
"""Names of one part that rules can tell apart, each with its extensions; more than four are never seen in honest
mail."""
