#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Traces that were written once must read the same for ever.

tests/golden/NAME.trace.gz, with what lockprof must print for it beside it: NAME.info, NAME.facts,
NAME.dump, NAME.records, NAME.report, NAME.json. A change of the format makes new ones:

    tests/t/golden.t --update      (build/tests/golden_trace must be built)

which writes every made trace and every expected text that exists; read the diff before committing.
Recorded traces stay as they are: what was recorded once must be readable. One more comes in by

    tests/t/golden.t --adopt NAME FILE

which puts its modules where no machine has any, so that no symbol depends on where it is read, and
checks it in with empty expected texts; remove those that are not wanted, and --update.
"""
import difflib
import glob
import gzip
import os
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden")
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build")))
MADE = ["small", "folded", "phases", "waits"]
BLOCK, HEADER, RECORDS = 65536, 1, 4
COMMANDS = {
    "info": ["info"],
    "facts": ["info", "--json"],
    "dump": ["dump", "--sort"],
    "records": ["dump", "--records"],
    "report": ["report"],
    "json": ["report", "--json"],
}


def names():
    return sorted(os.path.basename(path)[:-len(".trace.gz")]
                  for path in glob.glob(os.path.join(GOLDEN, "*.trace.gz")))


def lockprof(arguments, folder):
    env = dict(os.environ, TZ="UTC", NO_COLOR="1", LC_ALL="C.UTF-8")
    run = subprocess.run([os.path.join(BUILD, "lockprof")] + arguments, cwd=folder, env=env,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    return run.returncode, run.stdout.decode()


def expected_files():
    for name in names():
        for kind, command in COMMANDS.items():
            path = os.path.join(GOLDEN, name + "." + kind)
            if os.path.exists(path):
                yield name, path, command + [name + ".trace"]


def pack(name, trace):
    with open(os.path.join(GOLDEN, name + ".trace.gz"), "wb") as file:
        file.write(gzip.compress(trace, mtime=0))


def unpack(folder):
    for name in names():
        with gzip.open(os.path.join(GOLDEN, name + ".trace.gz")) as packed:
            with open(os.path.join(folder, name + ".trace"), "wb") as file:
                file.write(packed.read())


def without_places(block):
    """Paths begin with dashes, as long as before; build ids are zero."""
    for path in re.finditer(rb"/[^/\0]+(?=/[!-~]+)", bytes(block)):
        whole = re.match(rb"[!-~]+", bytes(block[path.start():]))[0]
        length = struct.unpack_from("<I", block, path.start() - 36)[0]
        if block[4] == HEADER or length == len(whole):
            block[path.start() + 1:path.end()] = b"-" * (path.end() - path.start() - 1)
        if block[4] == RECORDS and length == len(whole):
            block[path.start() - 32:path.start()] = bytes(32)
    return block


def adopt(name, path):
    with open(path, "rb") as file:
        trace = bytearray(file.read())
    for at in range(0, len(trace), BLOCK):
        if trace[at + 4] in (HEADER, RECORDS):
            trace[at:at + BLOCK] = without_places(trace[at:at + BLOCK])
    pack(name, bytes(trace))
    for kind in COMMANDS:
        with open(os.path.join(GOLDEN, name + "." + kind), "w", encoding="utf-8"):
            pass


def update(folder):
    for name in MADE:
        trace = os.path.join(folder, name + ".trace")
        subprocess.run([os.path.join(BUILD, "tests", "golden_trace"), name, trace], check=True)
        with open(trace, "rb") as file:
            pack(name, file.read())
    unpack(folder)
    for _, path, arguments in expected_files():
        with open(path, "w", encoding="utf-8") as file:
            file.write(lockprof(arguments, folder)[1])


def check(folder):
    unpack(folder)
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
            for line in difflib.unified_diff(want.splitlines(), text.splitlines(), lineterm="", n=0):
                print("#   " + line, file=sys.stderr)
    return 1 if failed else 0


with tempfile.TemporaryDirectory() as directory:
    if sys.argv[1:] == ["--update"]:
        update(directory)
    elif sys.argv[1:2] == ["--adopt"]:
        adopt(sys.argv[2], sys.argv[3])
    else:
        sys.exit(check(directory))
