"""Results for people: the same tables in the terminal and in Markdown, and a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

from .crowd import Crowd
from .memory import Growth, Idle
from .parsers import PARSERS, THEIRS, Parsing
from .results import Gate, Results
from .steady import RATE, Steady
from .throughput import Summary

__all__ = ["Table", "figure", "markdown", "tables", "text"]


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the heads of the columns (the first one is empty), and rows of as many cells."""

    title: str
    heads: Sequence[str]
    rows: list[Sequence[str]]


def tables(results: Results) -> Iterator[Table]:
    """Every table that has something to say."""
    summaries = results.summaries
    heads: Sequence[str]
    for workload in dict.fromkeys(each.workload for each in summaries):
        heads = ("", "msgs/s", "MB/s", "CPU s / 1,000", "msgs / CPU s", "of relay", *LATENCIES)
        yield Table(workload, heads, [_throughput_row(each) for each in summaries if each.workload == workload])
    if results.steady:
        heads = (
            "",
            "messages",
            "greeting p50",
            "p90",
            "p99",
            "handshake p50",
            "p90",
            "p99",
            "end of data p50",
            "p90",
            "p99",
        )
        title = f"{RATE} new connections a second, a message of 4 KiB each (ms)"
        yield Table(title, heads, [_steady_row(each) for each in results.steady])
    if results.growth:
        heads = ("", "at start", "after 10", "half", "all", "messages", "growth", "2nd half", "descriptors")
        yield Table("Memory, messages of 25 MB", heads, [_growth_row(each) for each in results.growth])
    if results.crowds:
        sizes = list(dict.fromkeys(each.messages for each in results.crowds))
        heads = ("", "before", *(f"{size:,}" for size in sizes), "KiB each")
        title = "Memory, messages of 25 MB arriving at the same time"
        yield Table(title, heads, list(_crowd_rows(results.crowds)))
    if results.parsing:
        messages = list(dict.fromkeys(each.message for each in results.parsing))
        heads = ("", *(head for name in messages for head in (f"{name}: µs", "MB/s", f"of {THEIRS}")))
        title = "Parsing, one thread, MB of raw message a second"
        yield Table(title, heads, list(_parser_rows(results.parsing, messages)))
    if results.idle:
        heads = ("", "connections", "alive", "KiB each", "greeting p50", "p90", "p99", "max")
        title = "Idle connections, and greetings beside them (ms)"
        yield Table(title, heads, [_idle_row(each) for each in results.idle])
    if results.hooks:
        heads = ("", "the hook in a Python loop", "call beyond it", "all told beyond it")
        title = f"Hook calls (µs, {results.hooks['parts']} parts)"
        yield Table(title, heads, [_hook_row(results, name) for name in ("takes-nothing", "takes-part")])
    if results.micro:
        rows: list[Sequence[str]] = [
            (each.name, f"{each.nanoseconds / 1e3:,.1f}", _or_dash(each.megabytes_per_second, "{:,.0f}"))
            for each in results.micro
        ]
        yield Table("Single parts", ("", "µs", "MB/s"), rows)
    gates = list(results.gates())
    if gates:
        yield Table("Figures to reach", ("", "figure", "to reach", ""), [_gate_row(each) for each in gates])


LATENCIES = ("greeting p50", "p99", "handshake p50", "p99", "end of data p50", "p99")


def _throughput_row(each: Summary) -> Sequence[str]:
    latencies = [
        _or_dash((each.latency_ms[kind] or {}).get(name), "{:.2f}")
        for kind in ("greeting", "handshake", "end_of_data")
        for name in ("p50", "p99")
    ]
    return (
        each.contender,
        f"{each.messages_per_second:,.0f}",
        f"{each.megabytes_per_second:,.1f}",
        f"{each.cpu_seconds_per_1000:.3f}",
        f"{each.messages_per_cpu_second:,.0f}",
        _or_dash(each.ratio, "{:.2f}"),
        *latencies,
    )


def _steady_row(each: Steady) -> Sequence[str]:
    latencies = [
        _or_dash((each.latency_ms[kind] or {}).get(name), "{:.2f}")
        for kind in ("greeting", "handshake", "end_of_data")
        for name in ("p50", "p90", "p99")
    ]
    return (each.contender + (", STARTTLS" if each.starttls else ""), f"{each.messages}", *latencies)


def _growth_row(each: Growth) -> Sequence[str]:
    octets = (each.rss_start, each.rss_first, each.rss_half, each.rss_last)
    growth = (_mib(each.growth), _mib(each.late_growth))
    descriptors = f"{each.descriptors_start} → {each.descriptors_last}"
    return (each.contender, *map(_mib, octets), f"{each.messages}", *growth, descriptors)


def _crowd_rows(crowds: list[Crowd]) -> Iterator[Sequence[str]]:
    for name in dict.fromkeys(each.contender for each in crowds):
        own = [each for each in crowds if each.contender == name]
        yield (name, _mib(own[0].rss_start), *(_mib(each.rss) for each in own), f"{own[-1].octets_each / 1024:.0f}")


def _parser_rows(measured: list[Parsing], messages: Sequence[str]) -> Iterator[Sequence[str]]:
    seconds = {
        (name, message): median(each.seconds for each in chosen)
        for name in PARSERS
        for message in messages
        if (chosen := [each for each in measured if (each.parser, each.message) == (name, message)])
    }
    octets = {each.message: each.octets for each in measured}
    for name in PARSERS:
        cells = []
        for message in messages:
            own, theirs = seconds.get((name, message)), seconds.get((THEIRS, message))
            cells += [
                _or_dash(own and own * 1e6, "{:,.1f}"),
                _or_dash(own and octets[message] / own / 1e6, "{:,.0f}"),
                _or_dash(theirs / own if own and theirs else None, "{:.2f}"),
            ]
        yield (name, *cells)


def _idle_row(each: Idle) -> Sequence[str]:
    name = each.contender + (", TLS" if each.starttls else "")
    greeting = [f"{each.greeting_ms[name]:.2f}" for name in ("p50", "p90", "p99", "max")]
    return (name, f"{each.connections}", f"{each.alive}", f"{each.octets_each / 1024:.1f}", *greeting)


def _hook_row(results: Results, name: str) -> Sequence[str]:
    return (name, *(f"{results.hooks[name][key]:.2f}" for key in ("python_loop_us", "call_us", "all_told_us")))


def _gate_row(each: Gate) -> Sequence[str]:
    bound = f"{'≤' if each.at_most else '≥'} {each.bound:,g} {each.unit}".rstrip()
    return (each.what, f"{each.figure:,.2f} {each.unit}".rstrip(), bound, each.verdict)


def text(table: Table) -> str:
    """A table for the terminal."""
    every = [table.heads, *table.rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(table.heads))]
    lines = [table.title]
    for row in every:
        cells = zip(row, widths, strict=True)
        line = "  ".join(cell.rjust(width) if n else cell.ljust(width) for n, (cell, width) in enumerate(cells))
        lines.append(line.rstrip())
    return "\n" + "\n".join(lines)


def markdown(results: Results) -> str:
    """The whole report."""
    facts = "".join(f"- {name.replace('_', ' ')}: {value}\n" for name, value in results.facts.items())
    parts = [f"# Benchmark report\n\n{facts}\nMedians over the rounds; latencies in milliseconds.\n"]
    if results.measurements:
        parts.append("\n![Messages per CPU second, relative to the relay](throughput.svg)\n")
    for table in tables(results):
        rule = ["---:" if n else "---" for n in range(len(table.heads))]
        lines = map(" | ".join, [table.heads, rule, *table.rows])
        parts.append(f"\n## {table.title}\n\n" + "".join(f"| {line} |\n" for line in lines))
    if missing := results.absent | results.skipped:
        parts.append("\n## Not measured\n\n" + "".join(f"- {name}: {why}\n" for name, why in missing.items()))
    return "".join(parts)


def figure(results: Results) -> str:
    """Messages per processor second as bars, relative to the best of each workload, as SVG."""
    groups: dict[str, list[Summary]] = {}
    for each in results.summaries:
        groups.setdefault(each.workload, []).append(each)
    names = list(dict.fromkeys(each.contender for each in results.summaries))
    y, shapes = 30, []
    for workload, bars in groups.items():
        most = max(bar.messages_per_cpu_second for bar in bars) or 1
        shapes.append(f'<text x="10" y="{y}" class="title">{escape(workload)}</text>')
        for bar in bars:
            y += 22
            length = bar.messages_per_cpu_second / most * 420
            fill = COLOURS[names.index(bar.contender) % len(COLOURS)]
            label = f"{bar.messages_per_cpu_second:,.0f}" + (f" ({bar.ratio:.2f})" if bar.ratio is not None else "")
            shapes.append(f'<text x="150" y="{y}" class="name">{escape(bar.contender)}</text>')
            shapes.append(f'<rect x="160" y="{y - 13}" width="{length:.1f}" height="17" fill="{fill}"/>')
            shapes.append(f'<text x="{166 + length:.1f}" y="{y}">{label}</text>')
        y += 42
    style = "text{font:13px sans-serif;fill:#222}.title{font-weight:bold}.name{text-anchor:end}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{y}" viewBox="0 0 720 {y}">\n'
        f"<title>Messages per CPU second (relative to the relay)</title><style>{style}</style>\n"
        f'<rect width="720" height="{y}" fill="#fff"/>\n' + "\n".join(shapes) + "\n</svg>\n"
    )


def _mib(octets: int) -> str:
    return f"{octets / (1 << 20):.1f} MiB"


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


COLOURS = ("#9aa5b1", "#2f7fd1", "#2a9d8f", "#e07a3f", "#8e6bbf", "#c94f6d")
