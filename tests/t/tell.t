#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What programs tell through lockprof.h, counted by themselves and read from their traces by a
reader that knows the format only (tests/lib/raw.py): phases that change under load, recording that
stops and starts while locks of all kinds are held, kills in between.

    tests/t/tell.t [NAME...]     only these
LOCKPROF_KILLS=N kills so often (default 12)."""

import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import ledger  # noqa: E402
import raw  # noqa: E402

KILLS = int(os.environ.get("LOCKPROF_KILLS", "12"))
OPTIONS = ("mode=trace", "mode=profile", "mode=trace:max_size=1m")
THREADS, UNITS = 4, 3
LINE = struct.Struct("=3I3I12I")  # started, done, sure of told_ledger.c
STATES = ("load", "serve", None, "off")


class Folder:
    """A folder for one run, and the trace in it."""
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.trace = os.path.join(self.folder.name, "trace")
        self.book = os.path.join(self.folder.name, "book")

    def start(self, program, *arguments, options="mode=trace"):
        environment = dict(os.environ, LD_PRELOAD=ledger.SHIM,
                           LOCKPROF_OPTIONS=f"output={self.trace}:{options}")
        return subprocess.Popen([os.path.join(ledger.BUILD, "tests", program), *arguments],
                                env=environment, cwd=self.folder.name, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def run(self, program, *arguments, options="mode=trace"):
        """(what is wrong, output)"""
        with self.start(program, *arguments, options=options) as child:
            try:
                out, err = child.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                child.kill()
                return "hangs\n", ""
        return (f"status {child.returncode}\n{err}" if child.returncode or err else ""), out

    def kill(self, program, *arguments, options="mode=trace", after_s=0.0):
        with self.start(program, *arguments, options=options) as child:
            while "ready" not in (line := child.stdout.readline()) and line:
                pass
            time.sleep(after_s)
            child.send_signal(signal.SIGKILL)
            child.stdout.read()

    def damages(self):
        problem, told = ledger.report(self.trace)
        return problem or "\n".join(f"{n} {what} lost" for what, n in told["run"]["losses"].items()
                                    if n and what != "nested")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.folder.cleanup()


def no_such_nodes(trace):
    """Events, held locks and waits that name nodes which are not there."""
    used = {node for _, node, _ in trace.stats} | set(trace.waits())
    for node, kind, numbers in trace.events():
        if kind < raw.CREATE or kind == raw.WORK:
            used.add(node)
        if kind == raw.COND_WAIT and numbers[2]:
            used.add(numbers[2])
    wrong = [node for node in used if node not in trace.nodes]
    wrong += [node for node, mode in trace.held()
              if node not in trace.nodes and not mode & raw.HELD_OFF]
    return f"no such nodes: {wrong}\n" if wrong else ""


def count_events(trace, wanted):
    return sum(kind == wanted for _, kind, _ in trace.events())


def books(folder):
    """Of told_ledger: {kind: (started, done, {state: sure})}."""
    with open(folder.book, "rb") as file:
        lines = list(LINE.iter_unpack(file.read()))
    told = {}
    for at, kind in enumerate(("mu", "gate", "work")):
        sure = {state: sum(line[6 + 4 * at + n] for line in lines)
                for n, state in enumerate(STATES)}
        told[kind] = (sum(line[at] for line in lines), sum(line[3 + at] for line in lines), sure)
    return told


def compare_books(folder, slack):
    trace = raw.Trace(folder.trace)
    wrong = no_such_nodes(trace)
    acquired, work = trace.taken_of(), trace.work()
    for kind, (started, done, sure) in books(folder).items():
        each = UNITS if kind == "work" else 1
        seen = {state: work[state] if kind == "work" else acquired[state, kind]
                for state in STATES[:3]}
        unsure = (started - sum(sure.values())) * each
        short = sum(max(0, sure[state] * each - seen[state]) for state in seen)
        over = [state for state in seen if seen[state] > sure[state] * each + unsure]
        most = (started - sure["off"]) * each
        if short > slack * each or over or sum(seen.values()) > most:
            wrong += (f"{kind}: {short} missing, too many in {over}\nstarted {started}, done {done},"
                      f" sure {sure}\nrecorded {seen}\n")
    return wrong


def ledgers(tap):
    for options in OPTIONS:
        with Folder() as folder:
            wrong, _ = folder.run("told_ledger", folder.book, "20000", options=options)
            tap.result(wrong or compare_books(folder, 0) + folder.damages(),
                       f"phases under load, {options}")


def kills(tap):
    for number in range(KILLS):
        options = OPTIONS[number % len(OPTIONS)]
        with Folder() as folder:
            folder.kill("told_ledger", folder.book, options=options, after_s=number % 4 * 0.01)
            tap.result(compare_books(folder, THREADS) + folder.damages(), f"killed, {options}")


def steps(tap):
    for options in OPTIONS[:2]:
        with Folder() as folder:
            wrong, out = folder.run("told_off", "steps", options=options)
            trace = raw.Trace(folder.trace)
            wrong += no_such_nodes(trace)
            acquired = trace.taken_of()
            for name, expected in re.findall(r"expect (\S+) (\d+)", out):
                seen = sum(n for (_, lock), n in acquired.items() if lock == name)
                wrong += f"{name}: {seen} instead of {expected}\n" if seen != int(expected) else ""
            foreign = count_events(trace, raw.FOREIGN)
            if "profile" not in options and f"foreign {foreign}\n" not in out:
                wrong += f"{foreign} foreign releases\n"
            tap.result(wrong + folder.damages(), f"off and on with locks held, {options}")


def nothing_grows(tap):
    for options in OPTIONS[:2]:
        with Folder() as folder:
            wrong, _ = folder.run("told_off", "grow", "0", options=options)
            stacks = raw.Trace(folder.trace).nr_stacks
            os.unlink(folder.trace)
            wrong, _ = folder.run("told_off", "grow", "3000", options=options)
            trace = raw.Trace(folder.trace)
            wrong += f"{trace.nr_stacks - stacks} stacks\n" if trace.nr_stacks != stacks else ""
            grown = {kind for _, kind, _ in trace.events() if kind < raw.CREATE or kind == raw.WORK}
            wrong += f"events {grown}, {trace.stats}\n" if grown or trace.stats else ""
            held = [lock for lock in trace.locks.values() if lock[3] & 1]
            wrong += f"contended {held}\n" if held else ""
            tap.result(wrong + folder.damages(), f"nothing is written while off, {options}")


def killed_with_held(tap):
    for options in OPTIONS[:2]:
        with Folder() as folder:
            folder.kill("told_off", "held", options=options)
            trace = raw.Trace(folder.trace)
            wrong = no_such_nodes(trace)
            off = [bool(mode & raw.HELD_OFF) for _, mode in trace.held()]
            wrong += f"held {off}\n" if len(off) < 10 or not all(off) else ""
            tap.result(wrong + folder.damages(), f"killed with unrecorded locks held, {options}")


def letter(kind, numbers):
    if kind == raw.WAIT_END:
        return {110: "t", 125: "c"}.get(numbers[1], "?")
    if kind != raw.ACQUISITION:
        return {0: "a", raw.WAIT_BEGIN: "b", raw.TRY_FAIL: "f", raw.FOREIGN: "r"}.get(kind, "?")
    flags = numbers[1]
    known = "l" if flags & raw.LEFT else "w" if flags & raw.WAITED else "a"
    return known + ("s" if flags & raw.STACK_TAKEN else "")  # somebody waits: nobody does


def letters(trace, lock):
    """What happened to a lock, as the head of told_own.c says."""
    return "".join(sorted("".join(letter(kind, numbers) for node, kind, numbers in trace.events()
                                  if kind < raw.CREATE and trace.lock_of(node) == lock)))


def own_locks(tap):
    with Folder() as folder:
        wrong, out = folder.run("told_own", "own")
        trace = raw.Trace(folder.trace)
        for name, events in re.findall(r"own (\S+) (\S+)", out):
            seen = letters(trace, name)
            wrong += f"{name}: {seen} instead of {events}\n" if seen != events else ""
        wrong += f"waits {trace.waits()}\n" if trace.waits() else ""
        wrong += f"work {trace.work()}\n" if trace.work() != {"late": 5} else ""
        tap.result(wrong + no_such_nodes(trace) + folder.damages(), "locks of the program's own")
    for options in OPTIONS[:2]:
        with Folder() as folder:
            wrong, _ = folder.run("told_own", "races", "20000", options=options)
            trace = raw.Trace(folder.trace)
            seen = trace.taken_of()[None, "gate"]
            wrong += f"{seen} acquisitions\n" if seen != THREADS * 20000 else ""
            begun, ended = count_events(trace, raw.WAIT_BEGIN), count_events(trace, raw.WAIT_END)
            waited = sum(kind == raw.ACQUISITION and numbers[1] & raw.WAITED
                         for _, kind, numbers in trace.events())
            if "trace" in options and (begun != waited or ended or not begun):
                wrong += f"{begun} waits, {waited} acquired, {ended} ended\n"
            tap.result(wrong + no_such_nodes(trace) + folder.damages(), f"... contended, {options}")


def names(tap):
    with Folder() as folder:
        wrong, out = folder.run("told_own", "names")
        trace = raw.Trace(folder.trace)
        for kind, of in (("phase", 3), ("lock", 1)):
            told = {bytes.fromhex(name) for name in re.findall(rf"{kind}=(\w+)", out)}
            seen = {text for (what, _), text in trace.told.items() if what == of}
            wrong += f"{kind}: {seen ^ told}\n" if seen != told or len(told) < 6 else ""
        tap.result(wrong + folder.damages(), "names")


def changes(tap):
    with Folder() as folder:
        wrong, _ = folder.run("told_own", "changes", "100000")
        trace = raw.Trace(folder.trace)
        bytes_a_change = 24
        most = 4 * raw.BLOCK + 65536 * bytes_a_change
        if len(trace.phases) != 65536 or trace.nr_names != 3 or len(trace.data) > most:
            wrong += f"{len(trace.phases)}, {trace.nr_names} names, {len(trace.data)} bytes\n"
        wrong += "" if trace.word >> 33 == 100001 else f"{trace.word >> 33} changes\n"
        tap.result(wrong + folder.damages(), "100,000 changes")


def forks(tap):
    with Folder() as folder:
        folder.trace += ".%p"
        wrong, out = folder.run("told_own", "forks")
        children = re.findall(r"child (\d+) (\S+) (\d+)", out)
        for pid, phase, expected in children:
            trace = raw.Trace(folder.trace.replace("%p", pid))
            seen = dict(trace.taken_of())
            wanted = sum(seen.values()) == int(expected)
            wanted &= all(root == (None if phase == "-" else phase) for root, _ in seen)
            name = trace.phase_name
            wrong += "" if wanted and name == phase.strip("-") else f"{phase}: {seen}, {name}\n"
        wrong += "" if len(children) == 6 else out
        tap.result(wrong, "children go on in the phase of their fork")


def start_no(tap):
    with Folder() as folder:
        wrong, _ = folder.run("told", "4", "500", options="start=no")
        trace = raw.Trace(folder.trace)
        acquired, work = trace.taken_of(), trace.work()
        seen = {phase for phase, _ in acquired}
        if seen != {"load", "own locks"} or acquired["load", "table.mutex"] != 2000 or any(work.values()):
            wrong += f"{acquired} {work}\n"
        tap.result(wrong + folder.damages(), "start=no")


def torn(tap):
    for mode in ("cancelled", "late", "handlers"):
        with Folder() as folder:
            wrong, _ = folder.run("told_odd", mode)
            trace = raw.Trace(folder.trace)
            bottom = raw.NODE_OFF if trace.word >> 32 & 1 else trace.word & 0xffffffff
            if set(trace.bottoms().values()) != {bottom} or trace.waits():
                wrong += f"{trace.word:x}: slots {trace.bottoms()}, waits {trace.waits()}\n"
            if mode == "late" and trace.phase_name != "phase 2":
                wrong += f"{trace.phase_name} is not what the last destructor said\n"
            tap.result(wrong + no_such_nodes(trace), f"no thread is left behind, {mode}")


def main():
    tap = ledger.Tap()
    for part in (ledgers, kills, steps, nothing_grows, killed_with_held, own_locks, names,
                 changes, forks, start_no, torn):
        if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
            part(tap)
    return tap.end()


sys.exit(main())
