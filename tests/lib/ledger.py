# SPDX-License-Identifier: MIT
"""Compares what programs counted themselves (tests/programs/ledger.h) with what their traces say.

Each process, and each of its lives from exec to exec, has a trace of its own; each must read
without damage, and for each kind of lock say neither less than what was completed nor more than
what was started."""
import collections
import glob
import json
import os
import re
import struct
import shutil
import subprocess
import sys
import tempfile

from emulate import emulated

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
SHIM = os.path.join(BUILD, "liblockprof.so")
LOCKPROF = os.path.join(BUILD, "lockprof")
KINDS = ("mutex", "read", "write", "spin", "sem", "try")
OPTIONS = ("mode=trace", "mode=profile")
LINE = struct.Struct("=II6I6I8x")


class Book:
    """What one life of one process did: by kind, at least and at most."""
    def __init__(self):
        self.least, self.most = collections.Counter(), collections.Counter()
        self.lines = 0


def books(path):
    """{(pid, life): Book} of a ledger's file."""
    found = collections.defaultdict(Book)
    with open(path, "rb") as file:
        lines = struct.unpack("=I", file.read(4))[0]
        file.seek(64)
        for _ in range(lines):
            pid, life, *counts = LINE.unpack(file.read(LINE.size))
            book = found[pid, life]
            book.lines += 1
            for kind, started, completed in zip(KINDS, counts[:6], counts[6:]):
                book.least[kind] += completed
                book.most[kind] += started
    return {key: book for key, book in found.items() if sum(book.most.values())}


def lockprof(*arguments):
    done = subprocess.run([LOCKPROF, *arguments], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def report(trace):
    """(problem, report) of one trace."""
    status, said, error = lockprof("report", "--json", "--all", trace)
    if status:
        return f"{trace}: {error}", None
    told = json.loads(said)
    return "\n".join(map(str, told["run"]["coverage"]["damages"])), told


def recorded(told):
    """Acquisitions by kind."""
    seen = collections.Counter()
    for lock in told["locks"]:
        name = re.match(r"ledger_(\w+)", lock["name"] or "")
        seen[name[1] if name else "?"] += lock["acquisitions"]
    return seen


def compare(book, told, slack):
    seen, losses = recorded(told), told["run"]["losses"]
    short = sum(max(0, book.least[kind] - seen[kind]) for kind in KINDS)
    more = [kind for kind in KINDS if seen[kind] > book.most[kind]]
    if short <= slack and not more:
        return ""
    return (f"{short} missing, {slack} allowed\ncompleted {dict(book.least)}\n"
            f"started   {dict(book.most)}\nrecorded  {dict(seen)}\n"
            f"losses {losses}, {told['run']['coverage']}")


def waits_add_up(told):
    """Each lock's waiting is somebody's, or nobody's, or not known one by one; told what is not so."""
    for lock in told["locks"]:
        parts = sum(place["wait_ns"] for place in lock["blame"])
        parts += (lock["unattributed_ns"] or 0) + lock["folded_wait_ns"]
        if lock["wait_ns"] != parts:
            return f"{lock['name']} waited {lock['wait_ns']} ns, of which {parts} are told"
    return ""


def is_begun(trace):
    """False for the file of a process that was killed while it made its trace."""
    with open(trace, "rb") as file:
        return file.read(4) not in (b"", bytes(4))


def traces_of(folder):
    """{(pid, life): report} of all traces in a folder, and what is wrong with them."""
    lives, problems = collections.defaultdict(list), []
    for trace in glob.glob(os.path.join(folder, "*.trace*")):
        if not is_begun(trace):
            continue
        problem, told = report(trace)
        if problem:
            problems.append(problem)
        else:
            problems += filter(None, [waits_add_up(told)])
            lives[told["process"]["pid"]].append(told)
    for life in lives.values():
        life.sort(key=lambda told: told["process"]["start_unix_ns"])
    return {(pid, n): told for pid, life in lives.items() for n, told in enumerate(life)}, problems


class Folder:
    """A folder for one run of a program, with its book and its traces."""
    def __init__(self, where=None):
        self.path = tempfile.mkdtemp(dir=where)
        self.book = os.path.join(self.path, "book")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.path)

    def run(self, program, *arguments, options="mode=trace", output="%p.trace", before=None,
            preload=SHIM, env=None):
        """MODE FILE ARGUMENTS... of a program of tests/programs, recorded."""
        mode, *more = arguments
        recorded = {"LD_PRELOAD": preload,
                    "LOCKPROF_OPTIONS": f"output={output}:{options}", **(env or {})}
        argv, environment = emulated([os.path.join(BUILD, "tests", program), mode, self.book, *more],
                                     os.environ, recorded)
        return subprocess.run(argv, env=environment, cwd=self.path, capture_output=True, text=True,
                              timeout=60, preexec_fn=before)

    def check(self, slack=0):
        """What is wrong: "" when all books agree. `slack`: so many threads may have been killed
        while they worked, and each may miss one pair: that which it was just moving into the
        statistics."""
        told, problems = traces_of(self.path)
        wanted = books(self.book)
        for key, book in wanted.items():
            if key in told:
                problem = compare(book, told[key], slack)
                problems += [f"process {key}: {problem}"] if problem else []
            elif sum(book.least.values()):
                problems.append(f"process {key}: no trace")
        if not wanted:
            problems.append("nothing was done")
        return "\n".join(problems)


class Tap:
    """ok and not ok, and the plan at the end."""
    def __init__(self):
        self.count = self.failed = 0

    def result(self, problem, name):
        self.count += 1
        self.failed += bool(problem)
        print(f"{'not ok' if problem else 'ok'} {self.count} - {name}".replace("#", r"\#"), flush=True)
        for line in problem.splitlines():
            print("#   " + line, file=sys.stderr)

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)

    def end(self):
        print(f"1..{self.count}")
        return self.failed != 0
