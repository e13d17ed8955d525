#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs of other languages, linked in other ways, with other allocators, with sanitizers and
with other wrappers of the pthread functions come out the same with and without us. What is missing
here (a compiler, a library) is skipped.

Sanitizers: UndefinedBehaviorSanitizer's and ThreadSanitizer's programs can be recorded as they are;
no race is reported that is none. gcc's AddressSanitizer refuses to start when anything is preloaded
before it: preload libasan.so first, or set ASAN_OPTIONS=verify_asan_link_order=0, as `lockprof
record` does. clang's is part of the program and does not mind.

    tests/t/builds.t [NAME...]      see tests/lib/same.py, also for the environment"""

import glob
import os
import platform
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from same import THOROUGH, compiled, program, run_checks, same, skip, wanted  # noqa: E402

ONE = ("trace",)


def languages():
    same("C++", program("cxx_odd"))
    if os.path.exists(program("rust_odd")[0]):
        same("Rust", program("rust_odd"))
    else:
        skip("Rust", "no rustc")
    for name, cc in ("OpenMP of gcc", "gcc"), ("OpenMP of clang", "clang"):
        path = wanted(name) and compiled(name, ["builds/openmp.c"], "-fopenmp", cc=cc)
        if path:
            same(name, [path])
        else:
            skip(name, f"no {cc}, or without OpenMP")


def links():
    """How a program finds our functions; a static one does not."""
    for name, flags, traces in (
            ("no PLT", ["-O2", "-fno-plt"], 1),
            ("bound at start", ["-Wl,-z,now"], 1),
            ("bound when called", ["-Wl,-z,lazy", "-no-pie"], 1),
            ("static", ["-static-pie"], None)):
        path = wanted(name) and compiled(name, ["odd_stacks.c"], *flags)
        if path:
            same(name, [path, "tiny"], traces=traces, modes=ONE)
        else:
            skip(name, "cannot be linked")
    path = wanted("old conditions") and platform.machine() == "x86_64" and \
        compiled("old_cond", ["builds/old_cond.c"])
    if path:
        same("old conditions", [path])
    else:
        skip("old conditions", "none on this machine")


def wrappers():
    """poison.so forwards everything; what is on a page of its own it takes away when it is let go."""
    poison = compiled("poison.so", ["builds/poison.c"], "-shared", "-fPIC")
    same("poison", [compiled("poisoned", ["builds/poisoned.c"])], preload=[poison])
    for name, command in (("values_wait", program("values_wait")),
                          ("values_threads", program("values_threads")),
                          ("fork", program("odd_process", "fork"))):
        same(f"{name} with a wrapper after us", command, preload=[poison], modes=ONE)
        same(f"{name} with a wrapper before us", command, first=[poison], modes=ONE)
    same("a wrapper in the program", [compiled("wrapped", ["values_wait.c", "builds/poison.c"])],
         modes=ONE)


def allocators():
    found = [path for name in ("jemalloc", "tcmalloc_minimal")
             for path in glob.glob(f"/usr/lib/*/lib{name}.so.[0-9]")]
    own = compiled("own_malloc.so", ["builds/own_malloc.c"], "-shared", "-fPIC", "-fno-builtin")
    for path in [*found, own]:
        short = os.path.basename(path).split(".")[0]
        for name, command in (("values_threads", program("values_threads")),
                              ("storm", program("odd_threads", "storm")),
                              ("atfork", program("odd_process", "atfork")),
                              ("fork", program("odd_process", "fork"))):
            same(f"{name} with {short} before us", command, first=[path], modes=ONE)
            same(f"{name} with {short} after us", command, preload=[path], modes=ONE)
    if not found:
        skip("allocators", "neither jemalloc nor tcmalloc")
    path = compiled("linked", ["odd_process.c", "builds/own_malloc.c"], "-fno-builtin")
    for mode in "fork", "atfork", "around_main":
        same(f"{mode} with an allocator in the program", [path, mode], modes=ONE)


def runtime(cc, name):
    return subprocess.run([cc, f"-print-file-name={name}"], capture_output=True,
                          text=True).stdout.strip()


def sanitizer(cc, kind):
    """The stories that the sanitizer itself has nothing to say about."""
    for source, mode in ("odd_threads", "storm"), ("odd_stacks", "tiny"), ("odd_threads", "robust"):
        name = f"{kind} sanitizer of {cc} {mode}"
        if not wanted(name) or (mode == "robust" and not THOROUGH):
            continue
        path = compiled(f"{cc}.{kind}.{mode}", [source + ".c"], f"-fsanitize={kind}", cc=cc)
        if not path:
            skip(name, "cannot be built")
        elif cc == "gcc" and kind == "address":
            same(name, [path, mode], modes=ONE, first=[runtime(cc, "libasan.so")])
            same(name, [path, mode], modes=ONE,
                 environment={"ASAN_OPTIONS": "verify_asan_link_order=0"})
        else:
            same(name, [path, mode], modes=ONE)


def all_checks():
    languages()
    links()
    wrappers()
    allocators()
    for cc in ("gcc", "clang") if THOROUGH else ("gcc",):
        for kind in "address", "thread", "undefined":
            sanitizer(cc, kind)


run_checks(all_checks)
