#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Traces that were written once must read the same for ever.

tests/golden/NAME.trace.gz, with what lockprof must print for it beside it: NAME.info, NAME.dump,
NAME.records, NAME.report. A change of the format makes new ones:

    tests/t/golden.t --update      (build/tests/golden_trace must be built)

which writes every trace and every expected text that exists; read the diff before committing.
"""
import gzip
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden")
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build")))
NAMES = ["small", "folded"]
COMMANDS = {
    "info": ["info"],
    "dump": ["dump", "--sort"],
    "records": ["dump", "--records"],
    "report": ["report"],
}


def lockprof(arguments, folder):
    env = dict(os.environ, TZ="UTC", NO_COLOR="1", LC_ALL="C.UTF-8")
    run = subprocess.run([os.path.join(BUILD, "lockprof")] + arguments, cwd=folder, env=env,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    return run.returncode, run.stdout.decode()


def expected_files():
    for name in NAMES:
        for kind, command in COMMANDS.items():
            path = os.path.join(GOLDEN, name + "." + kind)
            if os.path.exists(path):
                yield name, path, command + [name + ".trace"]


def update(folder):
    for name in NAMES:
        trace = os.path.join(folder, name + ".trace")
        subprocess.run([os.path.join(BUILD, "tests", "golden_trace"), name, trace], check=True)
        with open(trace, "rb") as file:
            packed = gzip.compress(file.read(), mtime=0)
        with open(os.path.join(GOLDEN, name + ".trace.gz"), "wb") as file:
            file.write(packed)
    for _, path, arguments in expected_files():
        with open(path, "w", encoding="utf-8") as file:
            file.write(lockprof(arguments, folder)[1])


def check(folder):
    for name in NAMES:
        with gzip.open(os.path.join(GOLDEN, name + ".trace.gz")) as packed:
            with open(os.path.join(folder, name + ".trace"), "wb") as file:
                file.write(packed.read())
    tests = list(expected_files())
    print(f"1..{len(tests)}")
    failed = 0
    for number, (_, path, arguments) in enumerate(tests, 1):
        status, text = lockprof(arguments, folder)
        with open(path, encoding="utf-8") as file:
            want = file.read()
        good = status == 0 and text == want
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {' '.join(arguments)}")
        if not good:
            print(f"# status {status}, {os.path.basename(path)} differs from:", file=sys.stderr)
            for line in text.splitlines():
                print("#   " + line, file=sys.stderr)
    return 1 if failed else 0


with tempfile.TemporaryDirectory() as directory:
    if sys.argv[1:] == ["--update"]:
        update(directory)
    else:
        sys.exit(check(directory))
