#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sandboxes that kill for system calls that their authors did not think of: the program lives, and
what it does afterwards is in the trace to the unit, as statistics. The program's head says what
its modes do.

    tests/t/sandbox.t [MODE...]     only these"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import ledger  # noqa: E402

NOT_PERMITTED = 77
STILL_A_TRACE = ("probe",)  # in trace mode: every other mode ends it


def count_lost(folder):
    """In strict mode there is no clock: every call is counted as lost."""
    told, problems = ledger.traces_of(folder.path)
    for key, book in ledger.books(folder.book).items():
        seen = sum(ledger.recorded(told[key]).values())
        lost = told[key]["run"]["losses"]["events"]
        if 2 * (sum(book.least.values()) - seen) != lost or not lost:
            problems.append(f"done {book.least}, recorded {seen} pairs, lost {lost} calls")
    return "\n".join(problems)


def main():
    tap = ledger.Tap()
    for mode in ("strict", "strict_call", "kill_all", "kill_some", "trap_some", "refuse", "probe"):
        for options in ledger.OPTIONS:
            if sys.argv[1:] and mode not in sys.argv[1:]:
                continue
            with ledger.Folder() as folder:
                done = folder.run("sandbox", mode, options=options)
                name = f"{mode}, {options}"
                if done.returncode == NOT_PERMITTED:
                    tap.skip(name, "not permitted here")
                    continue
                wrong = f"status {done.returncode}\n" if done.returncode else ""
                wrong += count_lost(folder) if mode.startswith("strict") else folder.check()
                told, _ = ledger.traces_of(folder.path)
                if mode in STILL_A_TRACE and any(one["run"]["coverage"]["no_file"]
                                                 for one in told.values()):
                    wrong += "stopped tracing for nothing\n"
                tap.result(wrong, name)
    return tap.end()


sys.exit(main())
