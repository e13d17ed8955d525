#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whatever a process ends by, and however it multiplies: its trace reads without damage and has
all that was completed, for each kind of lock; and its end is what it is without us.

    tests/t/death.t [MODE...]       only these; the programs' heads say what they do"""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import ledger  # noqa: E402

WORKERS = 3
ENDS = {
    "segv": -signal.SIGSEGV, "bus": -signal.SIGBUS, "abort": -signal.SIGABRT,
    "terminated": -signal.SIGTERM, "killed": -signal.SIGKILL, "_exit": 3, "quick_exit": 4,
    "exit_group": 5, "return": 6, "exit_elsewhere": 7, "main_first": 0, "chain": 8,
    "forked": 0, "many_forked": 0, "raw": 0, "vforked": 0, "spawned": 0, "daemon": 0,
}


def main():
    tap = ledger.Tap()
    for mode, status in ENDS.items():
        if sys.argv[1:] and mode not in sys.argv[1:]:
            continue
        for options in ledger.OPTIONS:
            with ledger.Folder() as folder:
                done = folder.run("endings", mode, options=options)
                wrong = "" if done.returncode == status else f"status {done.returncode}\n"
                wrong += done.stderr + folder.check(WORKERS)
                tap.result(wrong, f"{mode}, {options}")
    return tap.end()


sys.exit(main())
