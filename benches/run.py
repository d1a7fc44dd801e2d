#!/usr/bin/env python3
"""The benchmark suite: the gateway with and without inspectors beside a plain TCP relay, nginx and HAProxy, in one run.

Needs nothing but the standard library, cargo, and smtpgw installed beside the Python that runs it. Results go to
benches/results/: report.md, throughput.svg and a JSON file of the run. docs/benchmarks.md says how to read them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from suite import crowd, memory, micro, parsers, report, steady, throughput
from suite.bench import Bench
from suite.contenders import OWN, Contender
from suite.peers import Haproxy, Nginx
from suite.process import StartError
from suite.results import Results

CONTENDERS: tuple[Contender, ...] = (*OWN, Haproxy(), Nginx())
CROWDED = ("plain", "run")
"""Contenders that get large messages at the same time; proxies that keep nothing have nothing to show there."""
SUITES = ("throughput", "steady", "memory", "crowd", "idle", "hooks", "parsers", "micro")


def main() -> int:
    """Runs what the command line asks for."""
    options = _options()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="smtpgw-bench-") as folder:
        bench = Bench(Path(folder))
        bench.build()
        results = Results(bench.facts())
        contenders = _contenders(bench, options.contender, results)
        for suite in options.suite or SUITES:
            _say(f"{suite} …")
            try:
                _run(suite, bench, contenders, options, results)
            except (StartError, RuntimeError, ImportError) as error:
                results.absent[suite] = str(error)
                _say(f"{suite}: {error}")
    for table in report.tables(results):
        _print(report.text(table))
    options.output.mkdir(parents=True, exist_ok=True)
    results.save(options.output / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json")
    (options.output / "report.md").write_text(report.markdown(results))
    if results.measurements:
        (options.output / "throughput.svg").write_text(report.figure(results))
    for name, why in (results.absent | results.skipped).items():
        _print(f"\nnot measured: {name}: {why}")
    failures = list(results.failures())
    for failure in failures:
        _print(f"\nFAILED: {failure}")
    _print(f"\n{time.monotonic() - begin:.0f} s; report in {options.output}/report.md")
    missed = [gate for gate in results.gates() if not gate.reached]
    return 1 if failures or results.absent or (options.gate and missed) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke test: seconds, figures mean little")
    parser.add_argument(
        "--full",
        action="store_true",
        help="1,000 large messages, one after the other and at once, 5,000 idle connections, more rounds",
    )
    parser.add_argument("--suite", action="append", choices=SUITES, help="only this one (may be repeated)")
    parser.add_argument(
        "--contender",
        action="append",
        choices=[each.name for each in CONTENDERS],
        help="only this one (may be repeated)",
    )
    parser.add_argument("--workload", help="only workloads whose name contains this")
    parser.add_argument("--rounds", type=int, help="rounds of each workload")
    parser.add_argument("--seconds", type=float, help="seconds of each measurement")
    parser.add_argument("--gate", action="store_true", help="exit status 1 if a figure is not reached")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results", help="folder for results")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 7 if options.full else 3)
    options.seconds = options.seconds or (0.5 if options.quick else 3.0)
    return options


def _contenders(bench: Bench, wanted: list[str] | None, results: Results) -> list[Contender]:
    chosen = []
    for contender in CONTENDERS:
        if wanted and contender.name not in wanted:
            continue
        if why := contender.absent(bench):
            left_out = contender.is_peer and os.environ.get("SMTPGW_REQUIRE_PEERS") != "1"
            (results.skipped if left_out else results.absent)[contender.name] = why
        else:
            chosen.append(contender)
    return chosen


def _run(suite: str, bench: Bench, contenders: list[Contender], options: argparse.Namespace, results: Results) -> None:
    quick, full = options.quick, options.full
    if suite == "throughput":
        workloads = [
            each for each in throughput.WORKLOADS if (each.quick or not quick) and (options.workload or "") in each.name
        ]
        for each in throughput.measure(bench, contenders, workloads, options.rounds, options.seconds):
            results.measurements.append(each)
            _say(f"  {each.workload}, {each.contender}: {each.messages_per_cpu_second:,.0f} messages a CPU second")
    elif suite == "steady":
        results.steady.extend(steady.measure_steady(bench, contenders, 1.0 if quick else 30.0 if full else 10.0))
    elif suite == "memory":
        messages = 1_000 if full else 12 if quick else 60
        results.growth.extend(memory.measure_growth(bench, contenders, messages))
    elif suite == "crowd":
        own = [each for each in contenders if each.name in CROWDED]
        results.crowds.extend(crowd.measure_crowd(bench, own, 1_000 if full else 10 if quick else 100))
    elif suite == "parsers":
        if why := parsers.lacking():
            required = os.environ.get("SMTPGW_REQUIRE_PEERS") == "1"
            (results.absent if required else results.skipped)[parsers.THEIRS] = why
        results.parsing.extend(parsers.measure_parsers(bench, 1 if quick else options.rounds, 0.15 if quick else 1.0))
    elif suite == "idle":
        connections = 5_000 if full else 200 if quick else 1_000
        for starttls in (False, True):
            results.idle.extend(memory.measure_idle(bench, contenders, connections, starttls=starttls))
    elif suite == "hooks":
        results.hooks = micro.hook_calls(bench, 3 if quick else 15)
    else:
        results.micro = micro.run_criterion(bench, quick=quick)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
