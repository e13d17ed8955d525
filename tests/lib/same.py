# SPDX-License-Identifier: MIT
"""A recorded program does what it does without us. For the tests that compare:

    same(name, command, ...)    output, errors and exit status, native and in each mode of recording;
                                then every trace that was left must read without damage
    program(name, arguments)    a program that make has built
    compiled(name, sources, flags)    one that is built here, in the test's own folder
    run_checks(function)        calls it, cleans up, and prints the plan

    TEST.t [NAME...]            only these checks; - for a blank in a name

LOCKPROF_ROUNDS=N runs everything N times (default 1): races want more than one look.
LOCKPROF_THOROUGH=1 takes larger programs, all compilers and both modes everywhere: minutes.
LOCKPROF_LIMIT_S=N calls a program hanging that runs longer (default 120)."""

import glob
import os
import shutil
import subprocess
import sys
import tempfile

from emulate import emulated

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "programs")
SHIM = os.path.join(BUILD, "liblockprof.so")
LOCKPROF = os.path.join(BUILD, "lockprof")
ROUNDS = int(os.environ.get("LOCKPROF_ROUNDS", "1"))
THOROUGH = os.environ.get("LOCKPROF_THOROUGH") == "1"
LIMIT_S = int(os.environ.get("LOCKPROF_LIMIT_S", "120"))
BOTH = ("trace", "profile")

tmp = tempfile.mkdtemp()
count = failed = 0


def result(good, name, why=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    for line in "" if good else why.splitlines():
        print("#   " + line, file=sys.stderr)


def wanted(name):
    return not sys.argv[1:] or name.replace(" ", "-") in sys.argv[1:]


def skip(name, why):
    global count
    if wanted(name):
        count += 1
        print(f"ok {count} - {name} # SKIP {why}", flush=True)


def run(command, preload, options, before=None, environment=()):
    """Exit status, stdout and stderr, or a word about why there is none."""
    recorded = dict(environment, LD_PRELOAD=":".join(preload))
    if options is not None:
        recorded["LOCKPROF_OPTIONS"] = f"output={tmp}/%e.%p.trace:{options}"
    argv, environment = emulated(command, os.environ, recorded)
    try:
        done = subprocess.run(argv, env=environment, capture_output=True, timeout=LIMIT_S,
                              preexec_fn=before, cwd=tmp)
    except subprocess.TimeoutExpired as late:
        return "hangs", late.stdout, late.stderr
    return done.returncode, done.stdout, done.stderr


def check_traces(name, at_least, max_bytes):
    """Reads what the last run left."""
    traces = glob.glob(tmp + "/*.trace*")  # a number is appended after exec
    wrong = ""
    if len(traces) < (at_least or 0) or (at_least is None and traces):
        wrong = f"{len(traces)} traces, wanted {at_least}\n"
    for trace in traces:
        done = subprocess.run([LOCKPROF, "info", trace], capture_output=True, text=True)
        if done.returncode or "damage       none" not in done.stdout:
            wrong += f"{trace}: status {done.returncode}\n{done.stdout}{done.stderr}"
        if max_bytes and os.stat(trace).st_size > max_bytes:
            wrong += f"{trace}: {os.stat(trace).st_size} bytes, wanted at most {max_bytes}\n"
        os.unlink(trace)
    result(not wrong, f"{name}: {len(traces)} traces read", wrong)


def same(name, command, traces=1, first=(), preload=(), before=None, modes=BOTH, environment=(),
         max_bytes=0):
    """`command` behaves alike without us. first, preload: loaded before us, and after us.
    traces: at least so many must be left; None: there must be none."""
    if not wanted(name):
        return
    native = run(command, [*first, *preload], None, before, environment)
    for mode in BOTH if THOROUGH else modes:
        for _ in range(ROUNDS):
            ours = run(command, [*first, SHIM, *preload], f"mode={mode}", before, environment)
            result(ours == native, f"{name}, {mode} mode", f"native {native}\nours   {ours}")
            check_traces(f"{name}, {mode} mode", traces, max_bytes)


def program(name, *arguments):
    return [os.path.join(BUILD, "tests", name), *arguments]


def compiled(name, sources, *flags, cc=os.environ.get("CC", "cc")):
    """Path of a program or library made of tests/programs/SOURCES, or None: cannot be built."""
    path = os.path.join(tmp, name)
    sources = [os.path.join(SOURCES, source) for source in sources]
    if not shutil.which(cc):
        return None
    done = subprocess.run([cc, "-g", "-D_GNU_SOURCE", "-pthread", "-o", path, *flags, *sources],
                          capture_output=True)
    return None if done.returncode else path


def run_checks(checks):
    try:
        checks()
    finally:
        shutil.rmtree(tmp)
    print(f"1..{count}")
    sys.exit(failed != 0)
