#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What was recorded before a SIGKILL is in the file, to the unit.

kill_me counts its own pairs in a shared file, one line per thread: completed, then started. It is
killed at a random moment; the trace may miss the one pair per thread that was under way.

LOCKPROF_KILLS=N kills so often (default 60)."""

import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
LOCKPROF = os.path.join(BUILD, "lockprof")
KILLS = int(os.environ.get("LOCKPROF_KILLS", "60"))
THREADS = 3
OPTIONS = {
    "trace mode": "mode=trace",
    "profile mode": "mode=profile",
    "trace mode up to a cap": "mode=trace:max_size=1m",
}

tmp = tempfile.mkdtemp()
counters = os.path.join(tmp, "counters")
trace = os.path.join(tmp, "trace")


def record_and_kill(options, wait_s):
    """Completed and started pairs of each thread."""
    environment = dict(os.environ, LD_PRELOAD=os.path.join(BUILD, "liblockprof.so"),
                       LOCKPROF_OPTIONS=f"output={trace}:{options}")
    program = os.path.join(BUILD, "tests", "kill_me")
    with subprocess.Popen([program, counters, str(THREADS)], env=environment,
                          stdout=subprocess.PIPE, text=True) as child:
        while "ready" not in (line := child.stdout.readline()) and line:
            pass
        time.sleep(wait_s)
        child.send_signal(signal.SIGKILL)
    with open(counters, "rb") as file:
        return [struct.unpack_from("<QQ", line) for line in iter(lambda: file.read(64), b"")]


def recorded():
    """What lockprof says: acquisitions, and what went wrong."""
    info = subprocess.run([LOCKPROF, "info", trace], capture_output=True, text=True)
    if info.returncode or "damage       none" not in info.stdout:
        return None, info.stdout + info.stderr
    report = subprocess.run([LOCKPROF, "report", "--json", trace], capture_output=True, text=True)
    if report.returncode:
        return None, report.stderr
    run = json.loads(report.stdout)["run"]
    return run["acquisitions"], info.stdout


def main():
    failed = 0
    seed = int(os.environ.get("LOCKPROF_SEED", time.time()))
    random.seed(seed)
    print(f"# LOCKPROF_SEED={seed}")
    for number in range(1, KILLS + 1):
        name = list(OPTIONS)[number % len(OPTIONS)]
        wait_s = random.choice([0.0, random.random() * 0.01, random.random() * 0.15])
        lines = record_and_kill(OPTIONS[name], wait_s)
        completed, started = sum(line[0] for line in lines), sum(line[1] for line in lines)
        seen, words = recorded()
        good = seen is not None and completed - THREADS <= seen <= started
        print(f"{'ok' if good else 'not ok'} {number} - {name}, {started} pairs", flush=True)
        if not good:
            failed += 1
            print(f"#   completed {completed}, started {started}, recorded {seen}\n#   " +
                  words.replace("\n", "\n#   "), file=sys.stderr)
        os.unlink(trace)
    print(f"1..{KILLS}")
    return failed != 0


try:
    sys.exit(main())
finally:
    shutil.rmtree(tmp)
