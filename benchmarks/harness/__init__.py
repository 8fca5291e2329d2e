"""What the benchmarks share: timing of children and of blocks, a PREFECT_HOME of their own, the table."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LEADAGENT = str(Path(sys.executable).with_name("leadagent"))
#: Another program's slice of a core shows in the wall time, hardly in the CPU time: both are shown.
_PACKAGES = ("prefect", "pydantic", "jinja2")


@dataclass(frozen=True)
class Timing:
    """Seconds. ``cpu`` is user and system time together."""

    wall: float
    cpu: float


class Stopwatch:
    """Times a block of this process: ``with Stopwatch() as watch: ...``, then ``watch.timing``."""

    def __enter__(self) -> Stopwatch:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.timing = Timing(time.perf_counter() - self._wall, time.process_time() - self._cpu)


def child(*command: str) -> Timing:
    """Times a process from its start to its end; raises where it fails, with its stderr shown."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Timing(wall, usage.ru_utime + usage.ru_stime)


@contextmanager
def own_home() -> Iterator[Path]:
    """A fresh PREFECT_HOME for this process and its children; a server that was started in it is stopped."""
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "LEADAGENT_"))]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="leadagent-bench-"))
    os.environ["PREFECT_HOME"] = str(home)
    # Only a benchmark that was killed leaves its server to this.
    os.environ["LEADAGENT_SERVER_IDLE_SECONDS"] = "300"
    try:
        yield home
    finally:
        from leadagent_prefect.embedded import stop

        stop()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def machine() -> Iterator[None]:
    """Prints what the numbers depend on: versions, cores, and the load before and after."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    print(f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores")
    before = os.getloadavg()[0]
    try:
        yield
    finally:
        print(f"load (1 min) {before:.1f} before, {os.getloadavg()[0]:.1f} after\n", flush=True)


def median_wall(timings: Sequence[Timing]) -> float:
    return statistics.median(timing.wall for timing in timings)


def table(rows: dict[str, list[Timing]], base: str, unit: str = "ms") -> None:
    """A line per row: medians in ``unit``, the extremes of the wall time, the ratio to the row ``base``."""
    factor = {"s": 1.0, "ms": 1e3, "us": 1e6}[unit]
    width = max(map(len, rows))
    print(f"{'':{width}}  {'n':>3} {'wall ' + unit:>9} {'min':>9} {'max':>9} {'cpu ' + unit:>9} {'ratio':>6}")
    for name, timings in rows.items():
        walls = [timing.wall for timing in timings]
        figures = [statistics.median(walls), min(walls), max(walls)]
        figures.append(statistics.median(timing.cpu for timing in timings))
        ratio = figures[0] / median_wall(rows[base])
        shown = " ".join(f"{figure * factor:9.1f}" for figure in figures)
        print(f"{name:{width}}  {len(timings):3} {shown} {ratio:6.2f}")
