#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Says what is wrong with the traces that a real program left; nothing when all is well.

    traces.py LOCKPROF FOLDER [--lose=KIND,KIND...] [--traces=N] [--threads=N] [--acquisitions=N]
              [--killed]

Every trace must read without damage, and nothing may be missing but what --lose names, since a real
program has calls that cannot be recorded. A report over the largest of them together must agree
with itself. N are the least numbers that are plausible. ./facts gets a line about what there was.
--killed: a process may have been killed before it had written the first byte of its trace."""

import argparse
import collections
import glob
import json
import os
import subprocess

TOGETHER = 20  # traces in one report; test suites leave thousands

parser = argparse.ArgumentParser()
parser.add_argument("lockprof")
parser.add_argument("folder")
parser.add_argument("--lose", default="")
parser.add_argument("--killed", action="store_true")
parser.add_argument("--traces", type=int, default=1)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--acquisitions", type=int, default=1)
options = parser.parse_args()
may_lose = options.lose.split(",")
wrong = []


def ask(*command):
    """The answer as JSON, or None where there was no clean one."""
    done = subprocess.run([options.lockprof, *command], capture_output=True, text=True)
    if done.returncode or done.stderr:
        wrong.append(f"{' '.join(command)[:300]}: status {done.returncode}, {done.stderr}")
        return None
    return json.loads(done.stdout)


def check_info(trace):
    info = ask("info", "--json", trace)
    if not info:
        return collections.Counter()
    lost = {kind: n for kind, n in info["losses"].items() if n}
    if set(lost) - set(may_lose):
        wrong.append(f"{trace}: lost {lost}")
    for bad in ("damages", "size_cap", "no_space", "no_file"):
        if info[bad]:
            wrong.append(f"{trace}: {bad} {info[bad]}")
    return collections.Counter(lost)


def check_report(traces):
    report = ask("report", "--json", *traces)
    if not report:
        return None
    run, locks = report["run"], report["locks"]
    for total in ("acquisitions", "contended", "wait_ns"):
        if run[total] != sum(lock[total] for lock in locks):
            wrong.append(f"the locks' {total} are not the run's {run[total]}")
    for lock in locks:
        if lock["contended"] > lock["acquisitions"]:
            wrong.append(f"lock {lock['name']}: contended more often than acquired")
    for what in ("threads", "acquisitions"):
        if run[what] < getattr(options, what):
            wrong.append(f"{run[what]} {what}, wanted {getattr(options, what)}")
    return run


found = sorted(glob.glob(options.folder + "/*"), key=os.path.getsize, reverse=True)
if options.killed:
    found = [trace for trace in found if os.path.getsize(trace)]
losses = sum((check_info(trace) for trace in found), collections.Counter())
run = check_report(found[:TOGETHER]) if found else None
if len(found) < options.traces:
    wrong.append(f"{len(found)} traces, wanted {options.traces}")
if run:
    with open("facts", "w") as facts:
        facts.write(f"# {len(found)} traces, {run['threads']} threads, {run['locks']} locks, "
                    f"{run['acquisitions']} acquisitions, {run['contended']} contended, "
                    f"lost {dict(losses) or 'nothing'}\n")
print("\n".join(wrong), end="")
