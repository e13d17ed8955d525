#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What C programs can do with threads, locks, signals, stacks and processes comes out the same
with and without us. The programs tell in their heads what each of their modes is about;
builds.t goes on with other languages, compilers, allocators and wrappers.

    tests/t/transparency.t [NAME...]      see tests/lib/same.py, also for the environment"""

import os
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from same import THOROUGH, compiled, program, run_checks, same, tmp  # noqa: E402

MIB = 1 << 20


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))


def crowds():
    """Many threads must not need more slots than live at once, many locks no more than a record
    and a node each."""
    generations, threads = (100, 2000) if THOROUGH else (10, 2000)
    same("many threads", program("many_threads", str(generations), str(threads), "2"),
         max_bytes=256 * MIB)
    locks = "1000000" if THOROUGH else "100000"
    same("many locks", program("many_locks", locks, "1", locks), max_bytes=int(locks) * 400)


def processes():
    plugin = compiled("plugin.so", ["plugin.c"], "-shared", "-fPIC")
    scratch = os.path.join(tmp, "scratch")
    same("exec", program("exec_chain"), traces=3)
    same("fork", program("odd_process", "fork"), traces=40)
    same("forked inside", program("odd_process", "inside"), traces=3)
    same("forked in a handler", program("odd_process", "interrupted"))
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
    same("namespaces", program("odd_process", "namespaces", plugin))
    same("quiet", program("quiet"), traces=2)
    same("around main", program("odd_process", "around_main"))
    same("quick exit", program("odd_process", "quick_exit"))
    same("a constructor before ours", program("plugin"), preload=[plugin])


def told():
    """What lockprof.h offers does nothing to the program, wherever it is called."""
    same("told errno", program("told_odd", "errno"), traces=3)
    for mode in ("handlers", "forks", "cancelled", "late", "rights", "sandbox"):
        same(f"told {mode}", program("told_odd", mode))


def all_checks():
    for name in ("values", "values_wait", "values_threads", "values_cancel", "values_queue"):
        same(name, program(name))
    for mode in ("storm", "cancel", "ends", "unmap", "deep", "robust"):
        same(mode, program("odd_threads", mode))
    same("race", program("odd_threads", "race"), traces=20)
    for mode in ("tiny", "brink", "altstack", "coroutines", "travel", "recursion"):
        same(mode, program("odd_stacks", mode))
    for mode in ("servers", "restarts", "jumps", "untouched"):
        same(f"signal {mode}", program("odd_signals", mode))
    crowds()
    processes()
    told()


run_checks(all_checks)
