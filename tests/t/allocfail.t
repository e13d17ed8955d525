#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lockprof runs out of memory at each of its allocations, once and for good.

It says so in one line and ends with status 1, or it could do without and prints exactly what it
prints otherwise: what is not whole is never presented as whole. Never a crash. The traces name
modules that are nowhere, so that the allocations are ours and not libdw's.

    LOCKPROF_STRIDE=1 tests/t/allocfail.t       every allocation; without it some hundred of each
"""
import gzip
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build")))
TRIES = 100  # of each command, when no stride is given
COMMANDS = [["report"], ["report", "--json"], ["report", "--csv", "--by=lock"],
            ["report", "--by=thread", "--all"], ["info"], ["info", "--json"], ["dump"],
            ["dump", "--sort"], ["dump", "--records"],
            ["diff", "small.trace"], ["diff", "--json", "small.trace"], ["check", "--json"]]
PHASED = [["check", "--json", "--phase=load"], ["check", "--write-budget"],
          ["check", "--budget=limits"], ["diff", "--phase=load", "phases.trace"],
          *(["export", form] for form in ("perfetto", "openmetrics", "pprof", "folded"))]
LIMITS = '[check]\nphases = load\n[lock "*" in "load"]\nhold_p50 = 1s\n'
TOLD = re.compile(r"^lockprof: .*(memory|cannot)", re.M)


class Sweep:
    def __init__(self, folder):
        self.folder = folder
        self.library = os.path.join(folder, "allocfail.so")
        self.count_file = os.path.join(folder, "count")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", self.library,
                        os.path.join(HERE, "..", "fuzz", "allocfail.c")], check=True)

    def run(self, arguments, trace, at=0, then=""):
        env = {**os.environ, "LD_PRELOAD": self.library, "ALLOCFAIL_AT": str(at),
               "ALLOCFAIL_THEN": then, "ALLOCFAIL_COUNT": self.count_file,
               "MALLOC_PERTURB_": "165"}
        run = subprocess.run([os.path.join(BUILD, "lockprof"), *arguments, trace], env=env,
                             cwd=self.folder, capture_output=True, timeout=60, check=False)
        return run.returncode, run.stdout, run.stderr.decode("utf-8", "replace")

    def count(self):
        with open(self.count_file, encoding="ascii") as file:
            return int(file.read())

    def problem(self, arguments, trace, whole, at, then):
        status, out, err = self.run(arguments, trace, at, then)
        if status == 0:
            return None if out == whole else "status 0, but not the whole output"
        if status != 1:
            return f"status {status}: {err[-300:]}"
        return None if TOLD.search(err) else f"status 1 without a reason: {err[-300:]}"

    def sweep(self, arguments, trace):
        """How many runs, how many of them ended with status 1, and what was wrong."""
        status, whole, err = self.run(arguments, trace)
        if status != 0 or not whole:
            return 0, [f"without a failure: status {status}: {err}"]
        nr = self.count()
        stride = int(os.environ.get("LOCKPROF_STRIDE", max(1, nr // (TRIES // 2))))
        bad, runs = [], 0
        for then in ("", "on"):
            for at in range(1, nr + 1, stride):
                runs += 1
                problem = self.problem(arguments, trace, whole, at, then)
                if problem:
                    bad.append(f"allocation {at} {then}: {problem}")
        return runs, bad


def main():
    count = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        sweep = Sweep(folder)
        with open(os.path.join(folder, "limits"), "w", encoding="ascii") as file:
            file.write(LIMITS)
        for name, commands in (("small", COMMANDS), ("folded", COMMANDS), ("phases", PHASED)):
            with gzip.open(os.path.join(HERE, "..", "golden", f"{name}.trace.gz")) as packed:
                with open(os.path.join(folder, f"{name}.trace"), "wb") as file:
                    file.write(packed.read())
            for arguments in commands:
                runs, bad = sweep.sweep(arguments, f"{name}.trace")
                count += 1
                failed += bool(bad) or not runs
                print(f"{'not ok' if bad or not runs else 'ok'} {count} - "
                      f"{' '.join(arguments)} of {name}: {runs} failing allocations")
                for line in bad[:5]:
                    print("#   " + line, file=sys.stderr)
    print(f"1..{count}")
    sys.exit(1 if failed else 0)


main()
