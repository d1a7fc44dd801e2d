"""The benchmark suite: contenders, workloads, measurements, report. `benches/run.py` is its command line."""
