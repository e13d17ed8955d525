#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Descriptors and limits belong to the program: the shim never takes a low number, never writes
into a number that is not its own any more, and what it cannot have because of a limit costs no
count. The program's head says what its modes do.

    tests/t/descriptors.t [MODE...]     only these"""

import os
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import ledger  # noqa: E402

MODES = ("closefrom", "close_range", "close_all", "dup2", "low", "list", "no_files", "file_size",
         "memory", "lock_limit", "stack")


def nothing_open():
    for number in range(3):
        os.close(number)


def limits(*pairs):
    def set_them():
        for which, value in pairs:
            resource.setrlimit(which, (value, value))
    return set_them


FROM_THE_START = {
    "RLIMIT_NOFILE 4": (limits((resource.RLIMIT_NOFILE, 4)), True),
    "RLIMIT_AS 64 MiB": (limits((resource.RLIMIT_AS, 64 << 20)), True),
    "RLIMIT_AS 16 MiB": (limits((resource.RLIMIT_AS, 16 << 20)), False),
    "RLIMIT_STACK 64 KiB": (limits((resource.RLIMIT_STACK, 64 << 10)), True),
    "RLIMIT_STACK without limit": (limits((resource.RLIMIT_STACK, resource.RLIM_INFINITY)), True),
    "RLIMIT_FSIZE 1.1 MiB": (limits((resource.RLIMIT_FSIZE, 1150000)), True),
    "RLIMIT_CORE and RLIMIT_MEMLOCK 0": (limits((resource.RLIMIT_CORE, 0),
                                                (resource.RLIMIT_MEMLOCK, 0)), True),
}


def try_mode(tap, mode, options, name, before=None, has_trace=True):
    with ledger.Folder() as folder:
        done = folder.run("descriptors", mode, options=options, before=before)
        wrong = "" if done.returncode == 0 else f"status {done.returncode}\n{done.stderr}"
        wrong += folder.check() if has_trace else ""
        tap.result(wrong, f"{name}, {options}")


def main():
    tap = ledger.Tap()
    for options in ledger.OPTIONS:
        for mode in MODES:
            if not sys.argv[1:] or mode in sys.argv[1:]:
                try_mode(tap, mode, options, mode, before=nothing_open if mode == "low" else None)
        for name, (before, has_trace) in FROM_THE_START.items():
            if not sys.argv[1:]:
                mode = "lock_limit" if has_trace else "memory"  # the latter makes no thread
                try_mode(tap, mode, options, name, before, has_trace)
    return tap.end()


sys.exit(main())
