#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lockprof ctl at running programs: what it changes is what the trace says afterwards, whoever else
changes it at the same time, and whatever kills it.

    tests/t/ctl.t [NAME...]       only these"""

import collections
import glob
import json
import os
import random
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import ledger  # noqa: E402
import raw  # noqa: E402

THREADS = 4
CTL = os.environ.get("LOCKPROF_CTL", ledger.LOCKPROF)  # another build of it
THOROUGH = bool(os.environ.get("LOCKPROF_THOROUGH"))
MODES = ledger.OPTIONS
tap = ledger.Tap()


def ctl(*arguments, **more):
    return subprocess.run([CTL, "ctl", *map(str, arguments)], capture_output=True, text=True,
                          timeout=60, **more)


def must(*arguments):
    done = ctl(*arguments)
    assert not done.returncode and not done.stderr, f"ctl {arguments}: {done.stderr}"
    return done.stdout


class Program:
    """steps, recorded and told what to do."""
    def __init__(self, threads=THREADS, options="mode=trace", output=None):
        self.folder = ledger.Folder()
        self.trace = output or os.path.join(self.folder.path, "steps.trace")
        self.child = subprocess.Popen(
            [os.path.join(ledger.BUILD, "tests", "steps"), str(threads)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "LD_PRELOAD": ledger.SHIM,
                 "LOCKPROF_OPTIONS": f"output={self.trace}:{options}"})
        self.pid = self.child.pid
        self.tell("take 0")  # all threads have begun then

    def begin(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def done(self):
        assert self.child.stdout.readline(), "it died"

    def tell(self, line):
        self.begin(line)
        self.done()

    def end(self, kill=False):
        if kill:
            self.child.kill()
        else:
            self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()
        return raw.Trace(self.trace)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.child.poll() is None:
            self.end(kill=True)
        self.folder.__exit__()


def report(path):
    status, said, error = ledger.lockprof("report", "--json", path)
    assert not status, error
    told = json.loads(said)
    assert not told["run"]["coverage"]["damages"], told["run"]["coverage"]["damages"]
    return told


def changes_are_whole(trace):
    """Each change has its record, in order, of a phase that has a name; one root for a name."""
    numbers = [number for number, *_ in sorted(trace.phases)]
    assert numbers == list(range(1, (trace.word >> 33) + 1)), f"{len(numbers)} of {trace.word >> 33}"
    for _, node, flags, _ in trace.phases:
        assert not node or trace.nodes[node][3] == raw.PHASE_MODE and trace.names[node], node
        assert flags in (0, 1), flags
    roots = [name for node, name in trace.names.items() if node in trace.nodes]
    assert len(roots) == len(set(roots)), collections.Counter(roots).most_common(3)


def bottom_of(word):
    return raw.NODE_OFF if word >> 32 & 1 else word & 2**32 - 1


def slots_agree(trace):
    odd = {slot: path for slot, path in trace.bottoms().items() if path != bottom_of(trace.word)}
    assert not odd, f"{odd}, not {bottom_of(trace.word)}"


# ---- what it does ----

def phases(options):
    with Program(options=options) as program:
        must(program.pid, "phase", "first")
        program.tell("churn 1")  # threads that come after the change
        for line, name, times in (("before", None, 10), ("load", "load", 20), ("run", "run", 30),
                                  ("load again", "load", 40), ("after", None, 50)):
            must(program.pid, "phase", *([name] if name else ["--end"]))
            program.tell(f"take {times}")
        slots_agree(raw.Trace(program.trace))
        trace = program.end()
        assert trace.taken() == {None: 60 * THREADS, "load": 60 * THREADS, "run": 30 * THREADS,
                                 "first": THREADS}, trace.taken()
        assert [trace.names.get(node) for _, node, *_ in sorted(trace.phases)] == ["first", None, "load", "run", "load", None]
        assert all(a[3] < b[3] for a, b in zip(sorted(trace.phases), sorted(trace.phases)[1:])), "times"
        assert trace.features == 1 and trace.ctl_blocks == 1
        changes_are_whole(trace)
        report(program.trace)


def off(options):
    with Program(options=options) as program:
        program.tell("take 10")
        must(program.pid, "stop")
        assert json.loads(must(program.pid, "status", "--json"))["recording"] is False
        program.tell("take 1000")
        program.tell("churn 3")
        must(program.pid, "phase", "quiet one")
        program.tell("take 1000")
        slots_agree(raw.Trace(program.trace))
        must(program.pid, "start")
        must(program.pid, "start")  # changes nothing
        program.tell("take 20")
        trace = program.end()
        assert trace.taken() == {None: 10 * THREADS, "quiet one": 20 * THREADS}, trace.taken()
        assert [flags for *_, flags, _ in sorted(trace.phases)] == [1, 1, 0], trace.phases
        changes_are_whole(trace)
        report(program.trace)


def work(options):
    with Program(options=options) as program:
        must(program.pid, "work", 5)
        must(program.trace, "phase", "load")
        must(program.pid, "work", 7)
        must(program.trace, "work", 2**40)
        must(program.pid, "phase", "--end")
        must(program.pid, "work", 6)
        program.tell("take 3")
        trace = program.end()
        assert trace.work() == {None: 11, "load": 2**40 + 7}, trace.work()
        assert sum(acquired > 0 for _, node, acquired in trace.stats if trace.nodes[node][3] == raw.WORK_MODE) == 2
        assert trace.taken()[None] == 3 * THREADS
        report(program.trace)


def status():
    with Program() as program:
        program.tell("churn 2")
        told = json.loads(must(program.pid, "status", "--json"))
        assert told["phase"] is None and told["recording"] and not told["changes"], told
        assert told["pid"] == program.pid and told["mode"] == "trace", told
        assert told["threads"] == THREADS + 1 and told["threads_so_far"] == 3 * THREADS + 1, told
        must(program.pid, "phase", "b\u00f6se")
        said = must(program.pid, "status")
        assert "phase        b\u00f6se\n" in said and "recording    on\n" in said, said
        assert f"threads      {THREADS + 1} now" in said and "lost         nothing" in said, said


# ---- who may, and what not ----

def names():
    with Program() as program:
        for name, why in (("", "needs a name"), ("x" * 64, "at most 63"), ("a\nb", "control"), ("a\x1b[1m", "control"),
                          ("\u202eabc", "control"), (b"\xff", "UTF-8"), (b"ab\xc3", "UTF-8")):
            done = subprocess.run([CTL, "ctl", str(program.pid), "phase", name], capture_output=True)
            assert done.returncode == 2 and why.encode() in done.stderr, (name, done)
        for name in ("x" * 63, "\u20ac" * 21, "start", "a b: c/d"):
            must(program.pid, "phase", name)
            assert json.loads(must(program.pid, "status", "--json"))["phase"] == name, name
        must(program.pid, "phase", "--", "-x")
        assert raw.Trace(program.trace).phase_name == "-x"


def usage():
    with Program() as program:
        for arguments in (["phase"], ["work"], ["work", "0"], ["work", "-3"], ["work", "2x"], ["work", 2**64],
                          ["start", "now"], ["stop", "--end"], ["status", "-o", "x"], ["phase", "a", "--end"],
                          ["phase", "a", "b"], ["start", "--json"], []):
            assert ctl(program.pid, *arguments).returncode == 2, arguments
        assert ctl().returncode == 2 and ctl("start").returncode == 2
        assert not raw.Trace(program.trace).word


def refusals():
    with Program() as program, Program() as other:
        path = program.folder.path
        gone = subprocess.Popen(["true"])
        gone.wait()
        for target, why in ((gone.pid, "No such process"), (os.getpid(), "not being recorded"),
                            ("/", "directory"), (path + "/none", "No such file"), (ledger.SHIM, "not a lockprof trace"),
                            ("4294967295", "No such process")):
            done = ctl(target, "stop")
            assert done.returncode == 1 and why in done.stderr, (target, done)
        done = ctl(gone.pid, program.pid, path + "/none", other.trace, "phase", "both")
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 2, done
        assert raw.Trace(program.trace).phase_name == raw.Trace(other.trace).phase_name == "both"
        copy = shutil.copy(program.trace, path + "/copy.trace")
        assert "has ended, or runs elsewhere" in ctl(copy, "stop").stderr
        other.end()
        assert "has ended" in ctl(other.trace, "start").stderr
        assert "No such process" in ctl(other.pid, "start").stderr


def rights():
    if os.geteuid():
        tap.skip("rights", "wants root")
        return
    with Program() as program:
        nobody = {"user": 65534, "group": 65534, "extra_groups": []}
        if subprocess.run(["ls", ledger.BUILD], capture_output=True, **nobody).returncode:
            tap.skip("rights", "nobody may come here")
            return
        done = ctl(program.pid, "stop", **nobody)
        assert done.returncode == 1 and "Permission denied" in done.stderr, done
        os.chmod(program.folder.path, 0o755)
        os.chmod(program.trace, 0o644)
        done = ctl(program.trace, "stop", **nobody)
        assert done.returncode == 1 and "Permission denied" in done.stderr, done
        assert not raw.Trace(program.trace).word


def child_of_it():
    """A forked child has its parent's trace in memory until it makes its own."""
    with Program() as program:
        program.begin("fork")
        child = program.child.stdout.readline().split()[0]
        done = ctl(child, "phase", "child")
        assert done.returncode == 1 and "only its parent's" in done.stderr, done
        assert not raw.Trace(program.trace).word
        must(program.pid, "phase", "parent")


def full_disk():
    """A change that finds no room is an error and no change; the trace stays good."""
    if not os.environ.get("LOCKPROF_OWN_MOUNTS"):
        tap.skip("full disk", "mounts nothing")
        return
    with ledger.Folder() as folder:
        disk = os.path.join(folder.path, "disk")
        os.mkdir(disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", disk], check=True)
        try:
            on_full_disk(disk)
        finally:
            subprocess.run(["umount", "-l", disk], check=True)


def on_full_disk(disk):
    with Program(output=os.path.join(disk, "steps.trace")) as program:
        with open(disk + "/filler", "wb", buffering=0) as filler:
            try:
                while filler.write(bytes(4096)):
                    pass
            except OSError:
                pass
        before = raw.Trace(program.trace)
        for verb in (["phase", "load"], ["stop"], ["work", 3], ["snapshot"]):
            done = ctl(program.pid, *verb)
            assert done.returncode == 1 and "No space" in done.stderr, done
        assert len(os.listdir(disk)) == 2, os.listdir(disk)
        after = raw.Trace(program.trace)
        assert (after.word, after.nr_blocks) == (0, before.nr_blocks), (after.word, after.nr_blocks, before.nr_blocks)
        os.unlink(disk + "/filler")
        must(program.pid, "phase", "load")
        program.tell("take 5")
        trace = program.end()
        assert trace.taken()["load"] == 5 * THREADS, trace.taken()
        report(program.trace)


def size_limit():
    with Program() as program:
        done = subprocess.run(["sh", "-c", f'ulimit -f 1; exec "{CTL}" ctl {program.pid} phase x'],
                              capture_output=True, text=True)
        assert done.returncode == 1 and "File too large" in done.stderr, done
        assert not raw.Trace(program.trace).word


# ---- many at once ----

def storm(pid, loops, each, names=("a", "b", "c")):
    """Shells that change all kinds of things at the same time."""
    loop = ('i=0; while [ $i -lt $2 ]; do "$0" ctl $1 phase $3 && "$0" ctl $1 work 1 || exit 1; i=$((i+1)); done')
    return [subprocess.Popen(["sh", "-c", loop, CTL, str(pid), str(each // 2), names[i % len(names)]])
            for i in range(loops)]


def together(options):
    each = 200 if THOROUGH else 40
    with Program(options=options) as program:
        children = storm(program.pid, 8, each)
        turns = 0
        while any(child.poll() is None for child in children):
            program.tell("take 50")
            turns += 1
        assert not any(child.returncode for child in children)
        slots_agree(raw.Trace(program.trace))
        trace = program.end()
        changes_are_whole(trace)
        assert trace.word >> 33 == 8 * each // 2, trace.word >> 33
        assert sum(trace.work().values()) == 8 * each // 2, trace.work()
        assert sum(trace.taken().values()) == turns * 50 * THREADS, (turns, trace.taken())
        assert len(trace.names) == 3 and trace.ctl_blocks == 1, (trace.names, trace.ctl_blocks)
        report(program.trace)


def come_and_go(options):
    """Threads begin while the phase changes: none stays in a former one."""
    with Program(64, options) as program:
        children = storm(program.pid, 2, 400 if THOROUGH else 100)
        turns = 0
        while any(child.poll() is None for child in children):
            program.tell("churn 2")
            turns += 1
        trace = raw.Trace(program.trace)
        slots_agree(trace)
        must(program.pid, "phase", "last")
        program.tell("churn 3")
        program.tell("take 1")
        trace = program.end()
        changes_are_whole(trace)
        assert trace.taken()["last"] == 4 * 64, trace.taken()
        assert sum(trace.taken().values()) == (turns * 2 + 4) * 64, (turns, trace.taken())
        report(program.trace)


def many_changes():
    """They take a few blocks, and those beyond 65,536 have no record."""
    times = 10000 if THOROUGH else 1000
    with Program() as program:
        loop = 'i=0; while [ $i -lt $2 ]; do "$0" ctl $1 phase p$((i % 100)) || exit 1; i=$((i+1)); done'
        subprocess.run(["sh", "-c", loop, CTL, str(program.pid), str(times)], check=True)
        trace = program.end()
        changes_are_whole(trace)
        assert trace.word >> 33 == times
        assert trace.ctl_blocks == -(-(times * 24 + 100 * 64) // 65472), trace.ctl_blocks
        report(program.trace)


def killed(options):
    """SIGKILL at any moment of a change: the trace is good, and the next change is whole."""
    random.seed(7)
    with Program(options=options) as program:
        for i in range(300 if THOROUGH else 60):
            child = subprocess.Popen([CTL, "ctl", str(program.pid), *random.choice(
                (["phase", f"p{i}"], ["phase", "same"], ["work", "3"], ["phase", "--end"]))])
            program.begin("take 20")
            for _ in range(random.randrange(3000)):
                pass
            child.kill()
            child.wait()
            program.done()
            if i % 20 == 0:
                report(program.trace)
        must(program.pid, "phase", "whole")
        program.tell("take 20")
        slots_agree(raw.Trace(program.trace))
        trace = program.end()
        assert trace.taken()["whole"] == 20 * THREADS, trace.taken()
        for _, node, *_ in trace.phases:
            assert not node or trace.names[node] and node in trace.nodes
        report(program.trace)


def program_killed(options):
    with Program(options=options) as program:
        must(program.pid, "phase", "load")
        program.tell("take 30")
        program.begin("take 100000")
        must(program.pid, "phase", "run")
        trace = program.end(kill=True)
        assert trace.taken()["load"] >= 30 * THREADS, trace.taken()
        changes_are_whole(trace)
        report(program.trace)


# ---- snapshots ----

def snapshot(options):
    with Program(options=options) as program:
        program.tell("take 30000")
        must(program.pid, "phase", "second")
        program.tell("take 20")
        path = must(program.pid, "snapshot").strip()
        assert path == program.trace.replace(".trace", ".snapshot-1.trace"), path
        copy = raw.Trace(path)
        assert copy.taken() == {None: 30000 * THREADS, "second": 20 * THREADS}, copy.taken()
        told = report(path)
        assert told["process"]["exit"] == "running" and told["run"]["acquisitions"] == 30020 * THREADS, told["run"]
        assert copy.end == 0 and copy.end_ticks and os.stat(path).st_mode & 0o777 == 0o600
        assert os.stat(path).st_blocks <= os.stat(program.trace).st_blocks + 256
        assert ctl(path, "stop").returncode == 1
        assert "snapshot-2" in must(program.pid, "snapshot")
        named = os.path.join(program.folder.path, "named.trace")
        must(program.pid, "snapshot", "-o", named)
        must(program.pid, "snapshot", "-o", named)
        assert report(named)["run"]["acquisitions"] == 30020 * THREADS
        assert ctl(program.pid, "snapshot", "-o", program.folder.path + "/no/where").returncode == 1
        assert ctl(program.pid, "snapshot", "-o", "/dev/null").returncode == 1
        program.end()
        assert len(glob.glob(program.folder.path + "/*")) == 4


def snapshot_at_work(options):
    """Whatever the threads do meanwhile: no damage, no event twice, none missing before others."""
    last = 0
    with Program(options=options) as program:
        times = 300000
        program.begin(f"take {times}")
        for i in range(20):
            path = must(program.pid, "snapshot").strip()
            told = report(path)["run"]
            copy = raw.Trace(path)
            assert copy.last_ticks <= copy.end_ticks, "events of after the copy"
            taken = sum(copy.taken().values()) if i == 0 else told["acquisitions"]
            assert last <= taken + 8 * THREADS and taken <= times * THREADS, (last, taken)
            last = max(last, taken)
            os.unlink(path)
        program.done()
        path = must(program.pid, "snapshot").strip()
        assert report(path)["run"]["acquisitions"] == times * THREADS


def snapshot_of_waits(options):
    """What the trace knows of each wait in the end, its copy knows; and of the latest ones, which
    are still in the threads' rings then, it may know more short holds."""
    def known(path):
        lock, = [lock for lock in report(path)["locks"] if lock["name"] == "steps_mu"]
        return (lock["contended"], lock["folded_wait_ns"] > 0,
                sum(blame["waits"] for blame in lock["blame"]))

    with Program(options=options) as program:
        copied = (0,)
        for _ in range(100):
            if copied[0] >= 100:
                break
            program.tell("take 30000")
            path = must(program.pid, "snapshot").strip()
            copied = known(path)
        program.end()
        assert copied[0] >= 100, "no contention"
        ended = known(program.trace)
        assert copied[:2] == ended[:2] and copied[2] >= ended[2] > 0, (copied, ended)


def broken(offset, value, verb, *operands):
    """A header that leads into what is in use already: ctl says so and leaves all as it is."""
    with Program() as program:
        with open(program.trace, "r+b") as file:
            os.pwrite(file.fileno(), struct.pack("<I", value), offset)
        before = raw.Trace(program.trace)
        done = ctl(program.pid, verb, *operands)
        assert done.returncode == 1 and "its header is wrong about" in done.stderr, done
        after = raw.Trace(program.trace)
        for trace in before, after:
            trace.heads = [trace.data[at:at + 12] for at in range(0, len(trace.data), raw.BLOCK)]
        assert (after.heads, after.nodes, after.told, after.phases, after.word) == \
               (before.heads, before.nodes, before.told, [], 0), "it wrote there"


def broken_header():
    for nr_blocks in (0, 1):
        broken(96, nr_blocks, "stop")
        broken(96, nr_blocks, "phase", "x")
    for nr_nodes in (2**30, 2**32 - 2, 2**32 - 1):
        broken(132, nr_nodes, "phase", "x")
        broken(132, nr_nodes, "work", 3)


BOTH = (phases, off, work, together, come_and_go, killed, program_killed, snapshot, snapshot_at_work,
        snapshot_of_waits)
ONCE = (status, names, usage, refusals, rights, child_of_it, size_limit, many_changes, full_disk, broken_header)


def run(case, *arguments):
    count = tap.count
    try:
        case(*arguments)
        problem = ""
    except (AssertionError, OSError, KeyError, subprocess.SubprocessError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
    if tap.count == count:
        tap.result(problem, " ".join([case.__name__, *arguments]).replace("_", " "))


def own_mounts():
    """Goes on in a mount namespace where there can be one."""
    if os.environ.get("LOCKPROF_OWN_MOUNTS") or os.geteuid() or not shutil.which("unshare"):
        return
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0:
        os.environ["LOCKPROF_OWN_MOUNTS"] = "yes"
        os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])


def main():
    own_mounts()
    wanted = sys.argv[1:]
    for case in BOTH:
        for options in MODES:
            if not wanted or case.__name__ in wanted:
                run(case, options)
    for case in ONCE:
        if not wanted or case.__name__ in wanted:
            run(case)
    return tap.end()


sys.exit(main())
