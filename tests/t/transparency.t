#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A recorded program does what it does without us: output, errors and exit status are compared,
once native and once per mode of recording. Then every trace that was left must read without
damage. The programs tell in their heads what each of their modes is about.

    tests/t/transparency.t [NAME...]      only these; - for a blank in a name

LOCKPROF_ROUNDS=N runs everything N times (default 1): races want more than one look.
LOCKPROF_LIMIT_S=N calls a program hanging that runs longer (default 120)."""

import glob
import os
import resource
import shutil
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "programs")
SHIM = os.path.join(BUILD, "liblockprof.so")
LOCKPROF = os.path.join(BUILD, "lockprof")
ROUNDS = int(os.environ.get("LOCKPROF_ROUNDS", "1"))
LIMIT_S = int(os.environ.get("LOCKPROF_LIMIT_S", "120"))

tmp = tempfile.mkdtemp()
plugin = os.path.join(tmp, "plugin.so")
scratch = os.path.join(tmp, "scratch")
count = failed = 0


def result(good, name, why=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    for line in "" if good else why.splitlines():
        print("#   " + line, file=sys.stderr)


def run(command, preload, options, before):
    """Exit status, stdout and stderr, or a word about why there is none."""
    environment = dict(os.environ, LD_PRELOAD=":".join(preload))
    if options is not None:
        environment["LOCKPROF_OPTIONS"] = f"output={tmp}/%e.%p.trace:{options}"
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=LIMIT_S,
                              preexec_fn=before, cwd=tmp)
    except subprocess.TimeoutExpired as late:
        return "hangs", late.stdout, late.stderr
    return done.returncode, done.stdout, done.stderr


def check_traces(name, wanted):
    """Reads what the last run left. wanted: at least so many traces."""
    traces = glob.glob(tmp + "/*.trace*")  # a number is appended after exec
    wrong = "" if len(traces) >= wanted else f"{len(traces)} traces, wanted {wanted}\n"
    for trace in traces:
        done = subprocess.run([LOCKPROF, "info", trace], capture_output=True, text=True)
        if done.returncode or "damage       none" not in done.stdout:
            wrong += f"{trace}: status {done.returncode}\n{done.stdout}{done.stderr}"
        os.unlink(trace)
    result(not wrong, f"{name}: {len(traces)} traces read", wrong)


def same(name, command, traces=1, preload=(), before=None):
    """`command` behaves alike without us, in trace and in profile mode."""
    if sys.argv[1:] and name.replace(" ", "-") not in sys.argv[1:]:
        return
    native = run(command, preload, None, before)
    for mode in ("trace", "profile"):
        for _ in range(ROUNDS):
            ours = run(command, [SHIM, *preload], f"mode={mode}", before)
            result(ours == native, f"{name}, {mode} mode", f"native {native}\nours   {ours}")
            check_traces(f"{name}, {mode} mode", traces)


def program(name, *arguments):
    return [os.path.join(BUILD, "tests", name), *arguments]


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))


def all_checks():
    for name in ("values", "values_wait", "values_threads"):
        same(name, program(name))
    for mode in ("storm", "cancel", "ends", "tiny", "altstack", "coroutines", "unmap", "deep",
                 "robust", "brink"):
        same(mode, program("odd_threads", mode))
    same("many threads", program("many_threads", "10", "2000", "2"))
    same("exec", program("exec_chain"), traces=3)
    same("fork", program("odd_process", "fork"), traces=40)
    same("forked inside", program("odd_process", "inside"), traces=3)
    same("atfork", program("odd_process", "atfork"), traces=6)
    same("spawn", program("odd_process", "spawn"), traces=11)
    same("descriptors", program("odd_process", "descriptors", scratch))
    same("file size", program("odd_process", "file_size"))
    same("file size from the start", program("odd_process", "file_size"), traces=0,
         before=small_files)
    same("file count", program("odd_process", "file_count"))
    same("file count from the start", program("odd_process", "file_count"),
         before=few_descriptors)
    same("plugins", program("odd_process", "plugins", plugin))
    same("around main", program("odd_process", "around_main"))
    same("a constructor before ours", program("plugin"), preload=[plugin])


try:
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-pthread", "-o", plugin,
                    os.path.join(SOURCES, "plugin.c")], check=True)
    all_checks()
finally:
    shutil.rmtree(tmp)
print(f"1..{count}")
sys.exit(failed != 0)
