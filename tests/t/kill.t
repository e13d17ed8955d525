#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What was recorded before a SIGKILL is in the file, to the unit.

ledger's threads and children count their own pairs in a shared file. They are killed at a random
moment; a trace may miss the one pair per thread that was under way, whatever kind of lock it was.

LOCKPROF_KILLS=N kills so often (default 36; `make check-kill`: 1000 in each mode of recording),
LOCKPROF_SEED=N as that run did."""

import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import ledger  # noqa: E402

KILLS = int(os.environ.get("LOCKPROF_KILLS", "36"))
LONGEST_S = 0.06  # until the kill
OPTIONS = {
    "trace mode": "mode=trace",
    "profile mode": "mode=profile",
    "trace mode up to a cap": "mode=trace:max_size=1m",
}
PROGRAMS = {"threads": 4, "churn": 2, "forks": 2}  # and how many threads work at once


def record_and_kill(folder, mode, options, wait_s):
    environment = dict(os.environ, LD_PRELOAD=ledger.SHIM,
                       LOCKPROF_OPTIONS=f"output={folder.path}/%p.trace:{options}")
    command = [os.path.join(ledger.BUILD, "tests", "ledger"), mode, folder.book]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        while "ready" not in (line := child.stdout.readline()) and line:
            pass
        time.sleep(wait_s)
        child.send_signal(signal.SIGKILL)
        child.stdout.read()  # ends when its children have, too


def main():
    tap = ledger.Tap()
    seed = int(os.environ.get("LOCKPROF_SEED", time.time()))
    random.seed(seed)
    print(f"# LOCKPROF_SEED={seed}")
    for number in range(KILLS):
        name = list(OPTIONS)[number % len(OPTIONS)]
        mode = list(PROGRAMS)[number // len(OPTIONS) % len(PROGRAMS)]
        wait_s = random.choice([0.0, random.random() * 0.01, random.random() * LONGEST_S])
        with ledger.Folder() as folder:
            record_and_kill(folder, mode, OPTIONS[name], wait_s)
            done = sum(sum(book.least.values()) for book in ledger.books(folder.book).values())
            tap.result(folder.check(PROGRAMS[mode]), f"{name}, {mode}, {done} pairs")
    return tap.end()


sys.exit(main())
