"""The boundaries of the house, held by reading its sources, manifests and lock file (see ARCHITECTURE.md).

What the compiler can hold (no_std, forbid(unsafe_code)) is only checked for being switched on; the rest is checked
here: who depends on whom, rule S1 (one door to the world), licences and security floors of what ships, sizes of
files. Nothing here needs a build, except the licences: cargo must have fetched the crates.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).parent.parent

# Who may depend on whom, among our own crates. What a crate's own tests use is another matter: the testkit.
MAY_DEPEND_ON = {
    "smtpgw-smtp": set(),
    "smtpgw-mime": set(),
    "smtpgw-archive": set(),
    "smtpgw-urls": set(),
    "smtpgw-gateway": {"smtpgw-smtp", "smtpgw-mime", "smtpgw-archive"},
    "smtpgw-python": {"smtpgw-gateway", "smtpgw-urls"},
    "smtpgw-testkit": set(),
    "smtpgw-invariants": {"smtpgw-smtp", "smtpgw-mime", "smtpgw-archive", "smtpgw-urls", "smtpgw-gateway"},
    "smtpgw-bench": {"smtpgw-smtp", "smtpgw-mime", "smtpgw-archive", "smtpgw-gateway"},
}
SHIPS = (
    "smtpgw-smtp",
    "smtpgw-mime",
    "smtpgw-archive",
    "smtpgw-urls",
    "smtpgw-gateway",
    "smtpgw-python",
)
# Sans-IO crates: all that they may use is arithmetic on octets.
SANS_IO = {
    "smtpgw-smtp": {"memchr", "zeroize"},
    "smtpgw-mime": {"memchr", "base64-simd", "encoding_rs", "simdutf8"},
    "smtpgw-urls": {"memchr", "unicode-normalization"},
}
RUST_FLOORS = {
    "rustls": "0.23.46",
    "rustls-webpki": "0.103.16",
    "zip": "9.0.4",
    "sevenz-rust2": "0.21.1",
}
PYTHON_FLOORS = {"aiosmtplib": "5.1.2"}
LICENCES = {
    "MIT", "MIT-0", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Zlib",
    "Unicode-3.0", "0BSD", "CC0-1.0", "Unlicense", "bzip2-1.0.6", "OpenSSL",
}  # fmt: skip
# Lists of data (public suffixes) may be under the MPL; code may not.
MPL_DATA = {"psl"}
LINES = 600

# Rule S1: what only world.rs may name, and what to use instead. `world::Instant` is the timers' own clock, which a
# simulation pauses, so reading that one is allowed anywhere.
WORLD_ONLY = {
    r"\btokio::(?:\{[^;]*?\b)?(?:net|time)\b": "world's streams, sleep and timeout",
    r"\bstd::(?:os::unix::)?net::(?:\{[^;]*?\b)?(?:Tcp|Udp|Unix)\w+": "World",
    r"\b(?:Tcp|Udp|Unix)(?:Stream|Listener|Socket|Datagram)\b": "World",
    r"\bsocket2\b": "World",
    r"\bstd::time::(?:\{[^;]*?\b)?Instant\b": "world::Instant",
    r"\bSystemTime::now\b": "World::now",
    r"\bthread::sleep\b": "world::sleep",
    r"\brand::|\bgetrandom\b|\bfastrand\b|\bRandomState\b": "World::random",
}
# What is needed outside of any runtime, and why.
WORLD_EXCEPTIONS = {
    ("log.rs", "thread::sleep"): "the log thread lets records gather; nobody waits for it",
    ("service.rs", "thread::sleep"): "dropping a service waits for its log thread, whatever is left of the runtime",
}


def manifest(crate: str) -> dict:
    folder = ROOT / "benches" if crate == "smtpgw-bench" else ROOT / "rust" / crate
    return tomllib.loads((folder / "Cargo.toml").read_text())


def dependencies(crate: str, *, tests: bool = False) -> set[str]:
    """Names a crate's manifest depends on, for every platform; with `tests` what its own tests use instead."""
    kinds = ["dev-dependencies"] if tests else ["dependencies", "build-dependencies"]
    found = manifest(crate)
    tables = [found, *found.get("target", {}).values()]
    return {
        entry.get("package", name) if isinstance(entry, dict) else name
        for table in tables
        for kind in kinds
        for name, entry in table.get(kind, {}).items()
    }


def locked() -> dict[str, list[str]]:
    """Versions in Cargo.lock by name of crate."""
    versions: dict[str, list[str]] = {}
    for package in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]:
        versions.setdefault(package["name"], []).append(package["version"])
    return versions


def code(source: str) -> str:
    """Rust source without comments, strings and `#[cfg(test)]` modules; lines keep their numbers."""
    blank = re.compile(
        r"""//[^\n]*|/\*.*?\*/|b?r(?P<h>\#*)".*?"(?P=h)|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^\n]*?|[^'\\\n])'""",
        re.DOTALL,
    )
    bare = blank.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)
    for match in reversed(list(re.finditer(r"#\[cfg\((?:test|all\(test[^\]]*)\)\]\s*mod \w+\s*\{", bare))):
        depth, end = 1, match.end()
        while depth and end < len(bare):
            depth += {"{": 1, "}": -1}.get(bare[end], 0)
            end += 1
        bare = bare[: match.start()] + re.sub(r"[^\n]", " ", bare[match.start() : end]) + bare[end:]
    return re.sub(r"#\[cfg\(test\)\]\s*extern crate std;", lambda match: "\n" * match[0].count("\n"), bare)


def sources(*folders: str, ends: tuple[str, ...] = (".rs",)) -> list[Path]:
    """Files in git's care, and new ones that are not ignored."""
    command = [
        "git",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
        "--",
        *folders,
    ]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name.endswith(ends) and (ROOT / name).is_file()]


def licence_is_permissive(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met with the allowed licences (`/` is the old way to write OR)."""
    words = re.findall(r"[()]|[\w.+-]+(?:\s+WITH\s+[\w.+-]+)?", expression.replace("/", " OR "))

    def alternatives() -> bool:
        met = conjunction()
        while words and words[0] == "OR":
            words.pop(0)
            met |= conjunction()
        return met

    def conjunction() -> bool:
        met = single()
        while words and words[0] == "AND":
            words.pop(0)
            met &= single()
        return met

    def single() -> bool:
        word = words.pop(0)
        if word == "(":
            met = alternatives()
            words.pop(0)
            return met
        return re.sub(r"\s+", " ", word) in allowed

    return alternatives()


# --- Crates ---------------------------------------------------------------------------------------------------


def test_every_member_has_its_edges_written_down() -> None:
    root = tomllib.loads((ROOT / "Cargo.toml").read_text())
    assert "package" not in root, "the root is a virtual workspace: a package would claim tests/ and examples/"
    members = {tomllib.loads((ROOT / member / "Cargo.toml").read_text())["package"]["name"]
               for member in root["workspace"]["members"]}  # fmt: skip
    assert members == set(MAY_DEPEND_ON)


@pytest.mark.parametrize("crate", MAY_DEPEND_ON)
def test_crate_depends_only_on_what_it_may(crate: str) -> None:
    ours = {name for name in dependencies(crate) if name.startswith("smtpgw-")}
    assert ours <= MAY_DEPEND_ON[crate]


@pytest.mark.parametrize("crate", SHIPS)
def test_nothing_that_ships_depends_on_test_tools(crate: str) -> None:
    assert not dependencies(crate) & {
        "smtpgw-testkit",
        "smtpgw-bench",
        "proptest",
        "turmoil",
        "criterion",
    }


def test_gateway_knows_no_python() -> None:
    for crate in set(MAY_DEPEND_ON) - {"smtpgw-python"}:
        both = dependencies(crate) | dependencies(crate, tests=True)
        assert not {name for name in both if name.startswith("pyo3")}, crate


@pytest.mark.parametrize("crate", SANS_IO)
def test_sans_io_crate_has_nothing_to_do_io_with(crate: str) -> None:
    assert dependencies(crate) <= SANS_IO[crate]
    root = (ROOT / "rust" / crate / "src" / "lib.rs").read_text()
    assert re.search(r"^#!\[no_std\]$", root, re.MULTILINE)
    for path in sources(f"rust/{crate}/src"):
        assert not re.search(r"\bextern crate std\b|\bstd::", code(path.read_text())), path


@pytest.mark.parametrize("crate", sorted(set(MAY_DEPEND_ON) - {"smtpgw-python", "smtpgw-bench"}))
def test_crate_forbids_unsafe_code(crate: str) -> None:
    root = (ROOT / "rust" / crate / "src" / "lib.rs").read_text()
    assert re.search(r"^#!\[forbid\(unsafe_code\)\]$", root, re.MULTILINE)


@pytest.mark.parametrize("crate", MAY_DEPEND_ON)
def test_crate_takes_the_lints_of_the_workspace(crate: str) -> None:
    assert manifest(crate)["lints"] == {"workspace": True}


def beyond_the_door(source: str) -> list[tuple[int, str, str]]:
    """Where Rust source names what only world.rs may: line, what, what to use instead."""
    bare = code(source)
    return [
        (bare.count("\n", 0, match.start()) + 1, match[0], instead)
        for pattern, instead in WORLD_ONLY.items()
        for match in re.finditer(pattern, bare)
    ]


def test_one_door_to_the_world() -> None:
    """Rule S1: in the gateway only world.rs touches sockets, clock, timers and randomness."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what} (use {instead})"
        for path in sources("rust/smtpgw-gateway/src")
        if path.name != "world.rs"
        for line, what, instead in beyond_the_door(path.read_text())
        if (path.name, what) not in WORLD_EXCEPTIONS
    ]
    assert not found, "\n".join(found)


# --- Supply -----------------------------------------------------------------------------------------------------


def tree(*options: str) -> dict[str, str]:
    """What cargo really builds here with these options: `name version` and its licence.

    Cargo.lock is no answer to that: it also lists crates that a feature could ask for and none does.
    """
    command = [
        "cargo",
        "tree",
        "--locked",
        "--offline",
        "--prefix=none",
        "--format={p}\t{l}",
        *options,
    ]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    found = (line.removesuffix(" (*)").split("\t") for line in lines if "\t" in line)
    return {" ".join(package.split()[:2]).replace(" v", " "): licence for package, licence in found}


def test_one_crypto_provider() -> None:
    names = [package.split()[0] for package in tree("--workspace", "--edges=all")]
    assert "aws-lc-rs" in names
    assert not {"ring", "openssl", "openssl-sys", "native-tls"} & set(names)
    assert names.count("rustls") == 1


@pytest.mark.parametrize("crate", RUST_FLOORS)
def test_rust_security_floor(crate: str) -> None:
    for version in locked().get(crate, []):
        assert Version(version) >= Version(RUST_FLOORS[crate])


@pytest.mark.parametrize("package", PYTHON_FLOORS)
def test_python_security_floor(package: str) -> None:
    assert Version(importlib.metadata.version(package)) >= Version(PYTHON_FLOORS[package])


def test_floors_name_crates_that_are_there() -> None:
    """A misspelt name would hold no floor; sevenz-rust2 comes with the formats that need it."""
    assert set(RUST_FLOORS) - set(locked()) <= {"sevenz-rust2"}


def test_licences_of_what_ships_are_permissive() -> None:
    shipped = tree("--package=smtpgw-python", "--edges=normal")
    assert len(shipped) > 50, "the walk through the graph went wrong"
    bad = {
        package: licence
        for package, licence in shipped.items()
        if not licence_is_permissive(
            licence,
            LICENCES | ({"MPL-2.0"} if package.split()[0] in MPL_DATA else set()),
        )
    }
    assert not bad


# --- Files ------------------------------------------------------------------------------------------------------


def test_files_stay_readable() -> None:
    """A file is about one noun; beyond this many lines it is about several."""
    long = {
        str(path.relative_to(ROOT)): count
        for path in sources(ends=(".rs", ".py", ".pyi"))
        if (count := path.read_text().count("\n")) > LINES
    }
    assert not long


def test_every_file_opens_with_its_manual() -> None:
    mute = []
    for path in sources("rust", "benches", "python", ends=(".rs", ".py")):
        lines = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith(("#![", "#!"))]
        if lines and not lines[0].startswith(("//!", '"""', 'r"""', "// SPDX")):
            mute.append(str(path.relative_to(ROOT)))
    assert not mute


def test_rfcs_are_cited_in_the_form_that_grep_finds() -> None:
    """Always `RFC 5321 §4.5.2`."""
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sources(
            "rust",
            "python",
            "tests",
            "docs",
            "examples",
            ends=(".rs", ".py", ".pyi", ".md", ".toml"),
        )
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"\bRFC\d|\bRFC[ -]?\d+,? (?:[Ss]ection|[Ss]ec\.)|\bRFC \d+§", line)
    ]
    assert not wrong, "\n".join(wrong)


def test_documents_name_files_that_are_there() -> None:
    """Links between pages, and the gateway's files in the life of a message."""
    lost = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in sources(ends=(".md",))
        for target in re.findall(r"\]\(([^):#]+)[^):]*\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    life = (ROOT / "docs" / "life-of-a-message.md").read_text()
    lost += [
        name
        for name in set(re.findall(r"`([\w/]+\.rs)`", life))
        if not (ROOT / "rust/smtpgw-gateway/src" / name).exists()
    ]
    assert not lost


def test_importing_the_package_does_no_work() -> None:
    """Heavy imports wait until something needs them; the command line stays quick."""
    heavy = "{'yara', 'hyperscan', 'aiosmtplib', 'rich', 'typer', 'asyncio'}"
    program = f"import sys, smtpgw; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"


# --- The tools above --------------------------------------------------------------------------------------------


def test_the_door_is_watched() -> None:
    source = (
        '// tokio::net\nlet a = "tokio::net";\n/* SystemTime::now\n*/ use tokio::net;\nlet b = r#"x " tokio::net"#;\n'
        "let c = '\"'; let d: &'static str = x;\n"
        "#[cfg(test)]\nmod tests {\n    fn f() { SystemTime::now() }\n}\nfn g() { SystemTime::now() }\n"
        "use std::time::{Duration, Instant};\nuse tokio::{io, net::TcpStream};\nuse crate::world::Instant;\n"
    )
    assert code(source).count("\n") == source.count("\n")
    assert sorted({line for line, _, _ in beyond_the_door(source)}) == [4, 11, 12, 13]


@pytest.mark.parametrize(
    ("expression", "permissive"),
    [
        ("MIT", True),
        ("MIT/Apache-2.0", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT OR LGPL-2.1) AND (ISC AND (Zlib OR GPL-2.0))", True),
        ("MIT AND (LGPL-2.1 OR GPL-2.0)", False),
        ("Apache-2.0 WITH LLVM-exception OR GPL-2.0", True),
    ],
)
def test_licence_expressions(expression: str, permissive: bool) -> None:
    assert licence_is_permissive(expression, LICENCES) is permissive
