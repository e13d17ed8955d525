#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lockprof export: each format says what the report says, to the nanosecond.

tests/lib/exported.py reads the files, with nothing but Python. The tools that people open them
with are in tests/consumers, for `make check-consumers`, as they are large.
"""
import csv
import gzip
import io
import json
import os
import random
import re
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import exported  # noqa: E402
import tap  # noqa: E402

BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build")))
TOOL = os.path.join(BUILD, "lockprof")
ASAN = os.path.join(BUILD, "asan", "lockprof")
SHIM = os.path.join(BUILD, "liblockprof.so")
FORMATS = ["pprof", "perfetto", "speedscope", "folded", "sqlite", "openmetrics", "jsonl", "csv"]
CONTENDING = ("mutex", "rwlock", "spin lock", "semaphore")
BLOCK = 65536
LOSSES, LOSS_EVENTS = 256, 4  # of the header
# As long as what they replace in the trace.
HOSTILE = {b"cache \x1b[31mlock\n": b"a;b\"\\ \xff\n,'=\t;1 2", b"worker-1": b"w;\"\xff\n\\ 1",
           b"/usr/bin/generated": b"/usr/bin/ge\";\xff\\\n %"}


class Tests(tap.Tests):
    def run(self, *arguments, tool=TOOL, **more):
        return subprocess.run([tool, *arguments], cwd=self.folder, capture_output=True, timeout=60,
                              check=False, **more)

    def record(self, name, command, options=""):
        """The names of the traces."""
        env = dict(os.environ, LD_PRELOAD=SHIM,
                   LOCKPROF_OPTIONS=f"output={self.path(name)}.%p.trace{options}")
        subprocess.run(command, env=env, stdout=subprocess.DEVNULL, timeout=60, check=True)
        return sorted(f for f in os.listdir(self.folder) if re.fullmatch(name + r"\.\d+\.trace", f))

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return [name]

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()


def golden(name):
    with gzip.open(os.path.join(HERE, "..", "golden", name + ".trace.gz")) as file:
        return file.read()


# ---- all formats of a trace against its report ----

class Exports:
    """Everything that can be made of some traces."""

    def __init__(self, tests, traces, status=0):
        self.report = json.loads(tests.run("report", "--json", *traces).stdout)
        self.data, self.errors = {}, []
        for form in FORMATS:
            for whom in ("waiter", "holder"):
                run = tests.run("export", "-o", "out", "--attribute", whom, form, *traces)
                if run.returncode != status:
                    self.errors.append((form, run.returncode, run.stderr))
                self.data[form, whom] = tests.read("out") if os.path.exists(tests.path("out")) else b""
                self.stderr = run.stderr.decode()
                if form != "sqlite":
                    os.path.exists(tests.path("out")) and os.unlink(tests.path("out"))
            if form == "sqlite":
                os.replace(tests.path("out"), tests.path("out.sqlite"))
        self.db = exported.database(tests.path("out.sqlite"))
        self.locks = self.report["locks"]
        coverage = self.report["run"]["coverage"]
        self.complete = coverage["complete"] and not coverage["damages"]
        self.waits = self.one("SELECT ifnull(sum(waits), 0) FROM wait")

    def __getitem__(self, key):
        return self.data[key if isinstance(key, tuple) else (key, "waiter")]

    def one(self, sql):
        return self.db.execute(sql).fetchone()[0]


def told(text):
    """As names are written where a terminal may show them. (JSON has lost which byte was bad.)"""
    return re.sub("[\0-\x1f\ufffd]", lambda c: f"\\x{min(ord(c[0]), 255):02x}", text)


def by_class(exports):
    out = Counter()
    for lock in exports.locks:
        out[lock["class"]] += lock["wait_ns"]
    return {name: ns for name, ns in out.items() if ns}


def check_pprof(tests, exports, whom):
    profile = exported.Pprof(exports["pprof", whom])
    tests.same(f"pprof by {whom}: types", (["contentions/count", "delay/nanoseconds"], "delay"),
               (profile.types, profile.default))
    tests.same(f"pprof by {whom}: total", exports.report["run"]["wait_ns"], profile.total(1))
    tests.same(f"pprof by {whom}: locks", {told(c): ns for c, ns in by_class(exports).items()},
               {name: ns for name, ns in profile.by("lock").items() if ns})
    tests.check(f"pprof by {whom}: the lock is the outermost frame",
                all(frames[-1] == labels["lock"] for frames, labels, _ in profile.samples))
    if whom == "waiter":
        tests.same("pprof: waits", exports.waits, profile.total(0))


def check_stacks(tests, exports, whom):
    """All three have the same stacks."""
    total = exports.report["run"]["wait_ns"]
    lines = exported.folded(exports["folded", whom])
    profiles = exported.speedscope(exports["speedscope", whom])
    pprof = Counter()
    for frames, _, values in exported.Pprof(exports["pprof", whom]).samples:
        if values[1]:
            pprof[frames[::-1]] += values[1]
    tests.same(f"folded by {whom}: total", total, sum(lines.values()))
    tests.same(f"speedscope by {whom}: total", total, sum(profiles[0][1].values()))
    frames = json.loads(exports["speedscope", whom])["shared"]["frames"]
    tests.same(f"speedscope and pprof by {whom}: the same lines",
               exported.Pprof(exports["pprof", whom]).lines,
               {(told(f["name"]), told(f["file"]), f["line"]) for f in frames if "line" in f})
    classes = Counter()
    for name, stacks in profiles[1:]:
        classes[name] += sum(stacks.values())
    tests.same(f"speedscope by {whom}: a profile for each lock", by_class(exports), dict(classes))
    tests.same(f"speedscope and pprof by {whom}: the same stacks", dict(pprof),
               {tuple(map(told, stack)): ns for stack, ns in profiles[0][1].items()})
    tests.same(f"folded and pprof by {whom}: the same stacks",
               {tuple(f.replace(";", ":") for f in stack): ns for stack, ns in pprof.items()}, lines)


def check_jsonl(tests, exports):
    rows = exported.jsonl(exports["jsonl"])
    run, wanted = rows["run"][0], exports.report["run"]
    keys = ("duration_ns", "thread_ns", "threads", "acquisitions", "contended", "wait_ns", "hold_ns")
    tests.same("jsonl: the run", {k: wanted[k] for k in keys}, {k: run[k] for k in keys})
    tests.same("jsonl: complete", exports.complete, run["complete"])
    keys = ("name", "class", "kind", "process", "id", "acquisitions", "contended", "wait_ns",
            "wait_max_ns", "wait_p99_ns", "hold_ns", "hold_p50_ns", "try_failures", "timeouts")
    used = [[lock[k] for k in keys] for lock in exports.locks
            if lock["acquisitions"] or lock["wait_ns"]]
    tests.same("jsonl: locks", sorted(map(str, used)),
               sorted(str([lock[k] for k in keys]) for lock in rows["lock"]))
    for kind in ("wait", "blame"):
        tests.same(f"jsonl: {kind}s", wanted["wait_ns"], sum(row["wait_ns"] for row in rows[kind]))
    keys = ("tid", "wait_ns", "hold_max_ns", "acquisitions", "cond_wait_ns", "join_wait_ns")
    tests.same("jsonl: threads", sorted([t[k] for k in keys] for t in exports.report["threads"]),
               sorted([t[k] for k in keys] for t in rows["thread"]))


def check_csv(tests, exports):
    rows = list(csv.DictReader(io.StringIO(exports["csv"].decode(), newline="")))
    tests.check("csv: whole rows", all(None not in row and None not in row.values() for row in rows))
    for key in ("acquisitions", "contended", "wait_ns", "hold_ns"):
        tests.same(f"csv: {key}", exports.report["run"][key], sum(int(row[key]) for row in rows))


def check_openmetrics(tests, exports):
    metrics = exported.openmetrics(exports["openmetrics"])
    for name, key in (("acquisitions_total", "acquisitions"), ("contended_total", "contended"),
                      ("hold_seconds_total", "hold_ns"), ("wait_seconds_sum", "wait_ns")):
        tests.same(f"openmetrics: {name}", exports.report["run"][key],
                   sum(metrics["lockprof_" + name].values()))
    counts = metrics["lockprof_wait_seconds_count"]
    tests.same("openmetrics: wait_seconds_count", exports.waits, sum(counts.values()))
    buckets = {}
    for labels, value in metrics["lockprof_wait_seconds_bucket"].items():
        series, _, bound = labels.partition(',le="')
        buckets.setdefault(series, []).append((float(bound[:-1]), value))
    tests.check("openmetrics: buckets rise to the count", all(
        b == sorted(b) and [v for _, v in b] == sorted(v for _, v in b) and b[-1][1] == counts[s]
        for s, b in buckets.items()), buckets)


def check_sqlite(tests, exports):
    run = exports.report["run"]
    for key, sql in (("acquisitions", "SELECT sum(acquired) FROM lock WHERE contends"),
                     ("contended", "SELECT sum(contended) FROM lock WHERE contends"),
                     ("wait_ns", "SELECT sum(wait_ns) FROM lock WHERE contends"),
                     ("wait_ns", "SELECT sum(wait_ns) FROM classes"),
                     ("wait_ns", "SELECT sum(wait_ns) FROM wait"),
                     ("wait_ns", "SELECT sum(wait_ns) FROM waiters"),
                     ("wait_ns", "SELECT sum(wait_ns) FROM blame"),
                     ("wait_ns", "SELECT sum(wait_ns) FROM holders"),
                     ("wait_ns", "SELECT value FROM meta WHERE key = 'wait_ns'"),
                     ("hold_ns", "SELECT sum(hold_ns) FROM lock WHERE contends"),
                     ("threads", "SELECT count(*) FROM thread")):
        tests.same(f"sqlite: {sql}", run[key], exports.one(sql) or 0)
    lines = {(told(function), told(file), line) for function, file, line in exports.db.execute(
        "SELECT function, file, line FROM frame WHERE line > 0")}
    tests.same("sqlite: the lines of pprof", set(), exported.Pprof(exports["pprof"]).lines - lines)
    tests.same("sqlite: complete", exports.complete, bool(exports.one(
        "SELECT value FROM meta WHERE key = 'complete'")))
    tests.same("sqlite: every reference is there", 0, exports.one(
        "SELECT (SELECT count(*) FROM interval WHERE thread NOT IN (SELECT id FROM thread))"
        " + (SELECT count(lock) FROM interval WHERE lock NOT IN (SELECT id FROM lock))"
        " + (SELECT count(stack) FROM interval WHERE stack NOT IN (SELECT stack FROM stack))"
        " + (SELECT count(*) FROM wait WHERE lock NOT IN (SELECT id FROM lock))"
        " + (SELECT count(stack) FROM wait WHERE stack NOT IN (SELECT stack FROM stack))"
        " + (SELECT count(*) FROM stack WHERE frame NOT IN (SELECT id FROM frame))"))


def check_perfetto(tests, exports):
    trace = exported.Perfetto(exports["perfetto"])
    kinds = {"gave up": "wait, given up", "never ended": "wait, never ended"}
    wanted = Counter((kinds.get(kind, kind), tid, begin, begin + length)
                     for kind, tid, begin, length in exports.db.execute(
                         "SELECT interval.kind, tid, interval.begin_ns, max(length_ns, 1)"
                         " FROM interval JOIN thread ON thread.id = thread"))
    got = Counter((s.category, trace.thread_of(s)["tid"], s.begin, s.end) for s in trace.slices)
    tests.check("perfetto: the same intervals as sqlite", wanted == got,
                f"missing: {list((wanted - got).items())[:3]}\ntoo many: {list((got - wanted).items())[:3]}")
    tests.same("perfetto: threads", sorted((t["tid"], t["name"]) for t in exports.report["threads"]),
               sorted((t["tid"], t["name"]) for t in trace.tracks.values() if t["kind"] == "thread"))
    tests.same("perfetto: waiters by class end at 0", [],
               [trace.tracks[t]["name"] for t, values in trace.counters.items()
                if values[-1][1] or any(v >> 32 for _, v in values)])
    area = sum(v * (end - ns) for values in trace.counters.values()
               for (ns, v), (end, _) in zip(values, values[1:]))
    tests.same("perfetto: ... and have the waits' area", exports.one(
        "SELECT ifnull(sum(length_ns), 0) FROM interval WHERE kind IN ('wait', 'gave up',"
        " 'never ended') AND lock IS NOT NULL"), area)
    return trace


def phase_row(phase):
    return tuple(phase[k] for k in ("name", "time_ns", "thread_ns", "begins", "work_units",
                                    "acquisitions", "contended", "wait_ns", "hold_ns"))


def check_phases(tests, exports):
    """The phases of all formats against the report's, and that they add up to the whole."""
    wanted = [phase_row(phase) for phase in exports.report.get("phases", [])]
    rows = exported.jsonl(exports["jsonl"])
    tests.same("phases of jsonl", wanted, [phase_row(phase) for phase in rows["phase"]])
    tests.same("phases of sqlite", wanted, exports.db.execute(
        "SELECT name, time_ns, thread_ns, begins, work_units, acquired, contended, wait_ns, hold_ns"
        " FROM phase ORDER BY id").fetchall())
    metrics = exported.openmetrics(exports["openmetrics"])
    for at, name in ((1, "seconds"), (4, "work_units"), (5, "acquisitions"), (6, "contended"),
                     (7, "wait_seconds"), (8, "hold_seconds")):
        tests.same(f"phases of openmetrics: {name}", [row[at] for row in wanted],
                   list(metrics.get(f"lockprof_phase_{name}_total", {}).values()))
    units = exports.one("SELECT value FROM meta WHERE key = 'work_units'")
    tests.same("units of work", [units] * 2, [rows["run"][0]["work_units"], sum(
        metrics.get("lockprof_work_units_total", {"": 0}).values())])
    locks = [(p["name"], lock["process"], lock["id"], lock["acquisitions"], lock["wait_ns"], lock["hold_ns"])
             for p in exports.report.get("phases", []) for lock in p["locks"]]
    tests.same("locks of phases: jsonl", sorted(map(str, locks)), sorted(
        str((r["phase"], r["process"], r["id"], r["acquisitions"], r["wait_ns"], r["hold_ns"]))
        for r in rows["phase_lock"]))
    tests.same("locks of phases: sqlite", sorted(row[3:] for row in locks), sorted(exports.db.execute(
        "SELECT phase_lock.acquired, phase_lock.wait_ns, phase_lock.hold_ns FROM phase_lock"
        " JOIN lock ON lock.id = lock WHERE contends AND (phase_lock.acquired OR phase_lock.wait_ns)")))
    if not wanted:
        return
    run = exports.report["run"]
    tests.same("phases add up", [run[k] for k in ("acquisitions", "contended", "wait_ns", "hold_ns")] +
               [units], [sum(row[at] for row in wanted) for at in (5, 6, 7, 8, 4)])
    spans = exports.db.execute("SELECT phase.name, off, sum(length_ns) FROM phase_span JOIN phase"
                               " ON phase.id = phase GROUP BY phase.name, off").fetchall()
    tests.same("spans of sqlite: the phases' times", {row[0]: row[1] for row in wanted if row[1]},
               {name: ns for name, off, ns in spans if not off})
    check_spans(tests, exports, rows)


def check_spans(tests, exports, rows):
    told = sorted((r["process"] + 1, r["begin_ns"], r["length_ns"], r["off"], r["phase"])
                  for r in rows["phase_span"])
    spans = exports.db.execute("SELECT process, begin_ns, length_ns, off, name FROM phase_span"
                               " JOIN phase ON phase.id = phase ORDER BY process, begin_ns").fetchall()
    tests.same("spans of jsonl", [(*row[:3], bool(row[3]), row[4]) for row in spans], told)
    pids = dict(exports.db.execute("SELECT id, pid FROM process"))
    tests.same("spans of perfetto", sorted(
        (pids[process], begin, begin + length, "not recorded" if off else "phase",
         "not recorded" if off else name) for process, begin, length, off, name in spans if off or name),
        sorted((exports.perfetto.thread_of(s)["pid"], s.begin, s.end, s.category, s.name)
               for s in exports.perfetto.phases))


def check_all(tests, name, traces, status=0):
    print(f"# {name}")
    exports = Exports(tests, traces, status)
    tests.same("all formats are written", [], exports.errors)
    for whom in ("waiter", "holder"):
        check_pprof(tests, exports, whom)
        check_stacks(tests, exports, whom)
    check_jsonl(tests, exports)
    check_csv(tests, exports)
    check_openmetrics(tests, exports)
    check_sqlite(tests, exports)
    exports.perfetto = check_perfetto(tests, exports)
    check_phases(tests, exports)
    return exports


# ---- traces ----

def known(tests):
    """20 waits of 3.1 us, of which the holder explains 3 us: all is known to the nanosecond."""
    exports = check_all(tests, "a known run", tests.write("small.trace", golden("small")))
    trace = exports.perfetto
    tests.same("sqlite: intervals of one tick a nanosecond", (20, 62000), exports.db.execute(
        "SELECT count(*), sum(length_ns) FROM interval WHERE kind = 'wait'").fetchone())
    tests.same("20 waits", 20, exports.waits)
    waits = [s for s in trace.slices if s.category == "wait"]
    tests.same("perfetto: whom a wait waited for", {"worker-1"}, {s.notes["held by"] for s in waits})
    tests.same("perfetto: what a wait is called", {"waits for cache \x1b[31mlock\n"},
               {s.name for s in waits})
    tests.same("perfetto: a flow for each wait", 20, len(trace.flows))
    tests.check("perfetto: it leads from the hold that ended to the hold that began", all(
        a.category == b.category == "hold" and a.name == b.name and a.end <= b.begin and
        b.begin - a.end == 100 and trace.thread_of(a)["name"] == "worker-1" and
        trace.thread_of(b)["name"] == "worker-2" for a, b in trace.flows))
    tests.same("perfetto: a hold that never ended has an end", 1,
               sum(s.begin == 222000 and s.category == "hold" for s in trace.slices))
    metrics = exported.openmetrics(exports["openmetrics"])
    tests.same("openmetrics: waits of 3.1 us lie between 2 us and 5 us", [0, 20], [
        value for labels, value in metrics["lockprof_wait_seconds_bucket"].items()
        if "cache" in labels and labels.endswith(('le="2e-06"', 'le="5e-06"'))])


UNKNOWN = "[recorded as statistics: not known]"
NOBODY = "[nobody held it: hand-off, wake-up]"
# What tests/programs/export_trace.c makes, worked out by hand: class, who, place, how often, how long.
WAITED = [("cache_mu", "main", "1200", 1, 3050), ("cache_mu", "reader", "1300", 1, 1500),
          ("cache_mu", "worker", "1200", 2, 3100 + 500), ("row[]", "worker", "1600", 1, 600),
          ("row[]", "worker", "1700", 2, 600 + 650), ("table", "main", "1500", 1, 1010),
          ("table", "reader", "1400", 1, 420)]
HELD = [("cache_mu", None, NOBODY, 0, 100 + 150), ("cache_mu", "worker", "1100", 4, 6500 + 500),
        ("cache_mu", "worker", "1200", 1, 900), ("row[]", None, NOBODY, 0, 100 + 100 + 150),
        ("row[]", "late", "1600", 1, 500), ("row[]", "late", "1700", 2, 500 + 400),
        ("row[]", "worker", "1700", 1, 100), ("table", None, NOBODY, 0, 10 + 20),
        ("table", "main", "1500", 1, 400), ("table", "reader", "1400", 1, 1000)]
FLOWS = [(1000, 5100), (5100, 6050), (7000, 9010), (9010, 9520), (10000, 12100), (11000, 13100),
         (13100, 13250)]  # from the hold that began at the one time to the one at the other
COUNTERS = {
    "waiting for cache_mu": [(1500, 1), (2000, 2), (3000, 2), (5100, 1), (6050, 0),
                             (20500, 1), (21000, 0)],
    "waiting for table": [(8000, 1), (9010, 0), (9100, 1), (9520, 0)],
    "waiting for row[]": [(11500, 1), (12100, 0), (12500, 1), (12600, 2), (13100, 1), (13250, 0)]}
TIMELINE = [
    ("reader", "", "wait, given up", "gives up waiting for cache_mu", 1500, 3000),
    ("worker", "", "wait, never ended", "still waits for cache_mu", 20500, 21000),
    ("reader", "", "condition", "waits for condition ready", 14000, 15000),
    ("worker", "", "barrier", "waits at barrier round", 15300, 16000),
    ("reader", "", "once", "waits for once set_up", 16700, 17000),
    ("reader", "", "futex", "waits for futex word", 17750, 18000),
    ("main", "", "join", "joins late", 18100, 19000),
    ("worker", "holds", "hold", "cache_mu", 20000, 21000),
    ("late", "holds", "hold", "table", 7500, 8500),
    ("late", "holds", "hold", "row[0]", 10000, 12000)]


def place(text):
    return re.sub(r"^generated\+0x", "", text)


def worked_stacks(tests, exports):
    for whom, wanted in (("waiter", WAITED), ("holder", HELD)):
        profile = exported.Pprof(exports["pprof", whom])
        got = [(labels["lock"], labels.get("thread"), place(frames[0]), *values)
               for frames, labels, values in profile.samples]
        tests.same(f"pprof by {whom}", sorted(map(str, wanted)), sorted(map(str, got)))
        lines = Counter()
        for lock, _, where, _, ns in wanted:
            lines[lock, where] += ns
        got = exported.folded(exports["folded", whom])
        tests.same(f"folded by {whom}", dict(lines), {(s[0], place(s[-1])): ns for s, ns in got.items()})
        tests.same(f"the stack of {whom}s", whom == "holder",
                   ("cache_mu", "generated+0x9000", "generated+0x1100") in got)
    tests.same("pprof: when", (1700000000000000000, 21000), (profile.begin_ns, profile.duration_ns))
    rows = exported.jsonl(exports["jsonl"])
    for kind, who, wanted in (("wait", "waiter", WAITED), ("blame", "holder", HELD)):
        got = {}
        for row in rows[kind]:
            key = row["class"], row[who], place(row["stack"][0])
            waits, ns = got.get(key, (0, 0))
            got[key] = waits + row["waits"], ns + row["wait_ns"]
        tests.same(f"jsonl: {kind}s", {row[:3]: row[3:] for row in wanted}, got)


def worked_timeline(tests, trace):
    tests.same("perfetto: flows", FLOWS, sorted((a.begin, b.begin) for a, b in trace.flows))
    tests.same("perfetto: counters", COUNTERS, {trace.tracks[track]["name"]: values
                                                for track, values in trace.counters.items()})
    got = [(trace.thread_of(s)["name"], trace.tracks[s.track]["name"] if
            trace.tracks[s.track]["kind"] != "thread" else "", s.category, s.name, s.begin, s.end)
           for s in trace.slices]
    tests.same("perfetto: slices of each kind", [], [row for row in TIMELINE if row not in got])
    tests.same("perfetto: what is held hand over hand has a track of its own", 2,
               len({s.track for s in trace.slices if trace.thread_of(s)["name"] == "late"}))
    notes = {s.begin: s.notes for s in trace.slices}
    tests.same("perfetto: notes", [
        {"function": "generated+0x1400", "kind": "rwlock", "mode": "read", "held by": "main"},
        {"function": "generated+0x1500", "kind": "rwlock", "mode": "write"},
        {"function": "generated+0x1600", "kind": "mutex", "class": "row[]"}],
        [notes[at] for at in (9100, 9010, 12100)])


def worked_tables(tests, exports):
    rows = exports.db.execute("SELECT l.name, w.name, h.name, b.wait_ns FROM blocking b"
                              " JOIN lock l ON l.id = b.lock JOIN thread w ON w.id = b.waiter"
                              " JOIN thread h ON h.id = b.holder ORDER BY b.lock, b.wait_ns").fetchall()
    tests.same("sqlite: who blocked whom", [
        ("cache_mu", "main", "worker", 900), ("cache_mu", "reader", "worker", 1500),
        ("cache_mu", "main", "worker", 2000), ("cache_mu", "worker", "worker", 3500),
        ("table", "reader", "main", 400), ("table", "main", "reader", 1000),
        ("row[0]", "worker", "late", 500), ("row[1]", "worker", "worker", 100),
        ("row[1]", "worker", "late", 400), ("row[1]", "worker", "late", 500)], rows)
    tests.same("sqlite: classes", [
        ("cache_mu", "mutex", 1, 4, 2, 8150, 3100, 5950, 4000),
        ("row[]", "mutex", 2, 5, 3, 1850, 650, 4250, 2000),
        ("table", "rwlock", 1, 6, 2, 1430, 1010, 3585, 2000)],
        exports.db.execute("SELECT * FROM classes ORDER BY name").fetchall())
    tests.same("sqlite: what nobody is to blame for", [250, 30, 100, 250], [ns for ns, in exports.db.execute(
        "SELECT unattributed_ns FROM lock WHERE contends ORDER BY id")])
    tests.same("sqlite: a stack, innermost first", ["generated+0x1100", "generated+0x9000"], [
        function for function, in exports.db.execute(
            "SELECT function FROM stack JOIN frame ON frame.id = stack.frame WHERE stack.stack ="
            " (SELECT max(blame.stack) FROM blame WHERE wait_ns = 7000) ORDER BY depth")])
    tests.same("sqlite: reading", [7000, 7500, 9100, 9505, 9520, 9530], [at for at, in exports.db.execute(
        "SELECT begin_ns FROM interval WHERE shared ORDER BY begin_ns")])
    tests.same("sqlite: threads", [(2, 2, 4060, 540, 0, 900), (3, 1, 650, 5050, 0, 0),
                                   (3, 3, 4800, 1100, 0, 0), (3, 2, 2220, 2080, 1000, 0),
                                   (5, 0, 0, 5015, 0, 0)], exports.db.execute(
        "SELECT acquired, contended, wait_ns, hold_ns, cond_wait_ns, join_wait_ns FROM thread"
        " ORDER BY id").fetchall())
    metrics = exported.openmetrics(exports["openmetrics"])
    labels = 'exe="generated",lock="cache_mu",kind="mutex"'
    buckets = metrics["lockprof_wait_seconds_bucket"]
    tests.same("openmetrics: waits of 0.5, 1.5, 3.05 and 3.1 us", [1, 2, 4, 4], [
        buckets[f'{labels},le="{bound}"'] for bound in ("1e-06", "2e-06", "5e-06", "+Inf")])
    tests.same("openmetrics: waits of 0.42 and 1.01 us", [1, 2, 2], [
        buckets[f'exe="generated",lock="table",kind="rwlock",le="{bound}"']
        for bound in ("1e-06", "2e-06", "+Inf")])
    tests.same("openmetrics: given up", 1, metrics["lockprof_timeouts_total"][labels])
    run = tests.run("report", "--csv", "worked.trace")
    table = {row["class"]: row for row in csv.DictReader(io.StringIO(run.stdout.decode()))}
    tests.same("csv: of one class", ["2", "5", "1850", "650", "4250", "2000"], [
        table["row[]"][key] for key in ("locks", "acquisitions", "wait_ns", "wait_max_ns", "hold_ns",
                                        "hold_max_ns")])
    table = {row["name"]: row for row in csv.DictReader(io.StringIO(exports["csv"].decode()))}
    tests.same("csv: of one lock", ["4", "2", "0.5", "8150", "3100", "2037", "4000", "1", "1", "3", "2",
                                    "250"], [table["cache_mu"][key] for key in (
        "acquisitions", "contended", "contention_ratio", "wait_ns", "wait_max_ns", "wait_avg_ns",
        "hold_max_ns", "try_failures", "timeouts", "owner_changes", "max_waiters",
        "unattributed_ns")])
    tests.same("csv: taken by late, reader, main, late twice, reader", "4",
               table["table"]["owner_changes"])


def worked(tests):
    tool = os.path.join(BUILD, "tests", "export_trace")
    tests.run("events", tests.path("worked.trace"), tool=tool)
    exports = check_all(tests, "a run worked out by hand", ["worked.trace"])
    worked_stacks(tests, exports)
    worked_timeline(tests, exports.perfetto)
    worked_tables(tests, exports)
    tests.run("folded", tests.path("folded.trace"), tool=tool)
    folded = check_all(tests, "the same as statistics", ["folded.trace"])
    # The end of the recording is known: who waits still, and for whom. And of a lock with such a
    # wait, statistics are not told apart from it.
    tests.same("statistics do not say who held it", {
        ("cache_mu", UNKNOWN): 8150 - 500, ("cache_mu", "generated+0x9000", "generated+0x1100"): 500,
        ("row[]", UNKNOWN): 1850, ("table", UNKNOWN): 1430},
        exported.folded(folded["folded", "holder"]))
    tests.same("but where they waited", {
        ("cache_mu", UNKNOWN): 8150 - 500, ("cache_mu", "generated+0x1200"): 500,
        ("row[]", "generated+0x1600"): 600, ("row[]", "generated+0x1700"): 1250,
        ("table", "generated+0x1400"): 420, ("table", "generated+0x1500"): 1010},
        exported.folded(folded["folded", "waiter"]))


def namesakes(tests):
    """Programs of one name in two folders: their locks are different classes of the same name."""
    tests.run("events", tests.path("worked.trace"), tool=os.path.join(BUILD, "tests", "export_trace"))
    tests.write("other.trace", tests.read("worked.trace").replace(b"/usr/bin/gen", b"/usr/lib/gen"))
    exports = check_all(tests, "two programs of one name", ["worked.trace", "other.trace"])
    tests.same("sqlite: classes of one name", 2, exports.one(
        "SELECT count(*) FROM classes WHERE name = 'row[]'"))
    tests.same("openmetrics: series of one name", 10, exported.openmetrics(exports["openmetrics"])[
        "lockprof_acquisitions_total"]['exe="generated",lock="row[]",kind="mutex"'])
    tests.same("folded: lines of one name", 2 * 1250, exported.folded(exports["folded"])[
        "row[]", "generated+0x1700"])


def goldens(tests):
    for name in ("folded", "calls", "tally", "loader"):
        check_all(tests, f"golden: {name}", tests.write(f"{name}.trace", golden(name)))


def recorded(tests):
    transfer = [os.path.join(BUILD, "samples", "transfer")]
    exports = check_all(tests, "contention", tests.record("trace", transfer))
    tests.check("perfetto: flows", len(exports.perfetto.flows) > 0)
    tests.check("perfetto: places", all("transfer.c:" in s.notes.get("line", "")
                                        for s in exports.perfetto.slices if s.category == "hold"))
    check_all(tests, "statistics", tests.record("profile", transfer, ":mode=profile"))
    shared = tests.record("shared", [os.path.join(BUILD, "samples", "shared_mutex")])
    tests.same("two processes", 2, len(shared))
    check_all(tests, "two processes", shared)


def programs(tests):
    """exact_all calls one function from several lines, which text does not tell apart."""
    for program in ("exact_all", "cxx_locks", "rust_locks", "rwlock_kinds"):
        path = os.path.join(BUILD, "tests", program)
        if os.path.exists(path):
            exports = check_all(tests, program, tests.record(program, [path]))
            tests.check("there are lines", exported.Pprof(exports["pprof"]).lines or not exports.waits)
    tests.run("tiny", "tiny.trace", tool=os.path.join(BUILD, "tests", "golden_trace"))
    check_all(tests, "next to nothing", ["tiny.trace"])


def totals(tests, *arguments):
    """Waits and times that each format of stacks and the tables have."""
    def export(*more):
        tests.run("export", "-o", "out", *more, *arguments)
        return tests.read("out")
    out = []
    for whom in ("waiter", "holder"):
        profile = exported.Pprof(export("--attribute", whom, "pprof"))
        out += [profile.total(1), profile.total(0) if whom == "waiter" else 0,
                sum(exported.folded(export("--attribute", whom, "folded")).values()),
                sum(exported.speedscope(export("--attribute", whom, "speedscope"))[0][1].values())]
    export("sqlite")
    db = exported.database(tests.path("out"))
    out += db.execute("SELECT count(*), total(length_ns * (kind = 'hold')), total(length_ns) FROM interval"
                      ).fetchone()
    os.unlink(tests.path("out"))
    metrics = exported.openmetrics(export("openmetrics"))
    out += [sum(metrics[f"lockprof_{name}"].values()) for name in (
        "acquisitions_total", "hold_seconds_total", "wait_seconds_sum", "wait_seconds_count")]
    out.append(sum(row["wait_ns"] for row in exported.jsonl(export("jsonl"))["blame"]))
    table = csv.DictReader(io.StringIO(export("csv").decode(), newline=""))
    return out + [sum(int(row["acquisitions"]) for row in table)]


def phases(tests):
    tests.run("phases", tests.path("phases.trace"), tool=os.path.join(BUILD, "tests", "page_traces"))
    exports = check_all(tests, "phases, worked out by hand", ["phases.trace"])
    tests.same("perfetto: units of work, as they rise", [[(13500000, 4), (22000000, 10)]],
               list(exports.perfetto.works.values()))
    profile = exported.Pprof(exports["pprof"])
    tests.same("pprof: waiting by phase", {"load": 3000000, "serve": 750000}, dict(profile.by("phase")))
    tests.same("pprof: a sample for each phase", 2, len(profile.samples))
    tests.same("sqlite: intervals by phase", [("load", 3, 7000000), ("serve", 6, 1900000)],
               exports.db.execute("SELECT phase.name, count(*), sum(length_ns) FROM interval JOIN phase"
                                  " ON phase.id = phase WHERE kind = 'hold' GROUP BY 1").fetchall())
    tests.same("sqlite: acquisitions for each unit", [("serve", "cache_mu", 10, 4, 0.4, 75000.0),
                                                      ("serve", "log_mu", 10, 2, 0.2, 0.0)],
               exports.db.execute("SELECT * FROM lock_per_unit ORDER BY lock").fetchall())
    names = [phase["name"] for phase in exports.report["phases"] if phase["name"]]
    tests.same("--phase: the phases of a run add up to it", totals(tests, "phases.trace"), [
        sum(values) for values in zip(*(totals(tests, f"--phase={n}", "phases.trace") for n in names))])
    tests.run("export", "-o", "out", "--phase=serve", "perfetto", "phases.trace")
    trace = exported.Perfetto(tests.read("out"))
    tests.same("--phase: its slices alone", ({"serve", "not recorded"}, {"cache_mu", "log_mu"}, 6),
               ({s.name for s in trace.phases}, {s.name for s in trace.slices if s.category == "hold"},
                sum(s.category == "hold" for s in trace.slices)))
    run = tests.run("export", "--phase=none", "folded", "phases.trace")
    tests.same("--phase: one that is not there", (2, b"", True), (
        run.returncode, run.stdout, b'there is no phase "none"; there are: "load", "serve", ' in run.stderr))
    check_all(tests, "phases of two processes", ["phases.trace", "phases.trace"])
    sample = [os.path.join(BUILD, "samples", "request_phases"), "2000"]
    exports = check_all(tests, "phases of a program", tests.record("requests", sample))
    tests.same("a request takes a lock of each kind once", [("serve", 2000, 1.0)] * 2,
               exports.db.execute("SELECT phase, work_units, acquired_per_unit FROM lock_per_unit").fetchall())
    tests.same("the last unit", [2000], [values[-1][1] for values in exports.perfetto.works.values()])
    profile, wanted = exported.Pprof(exports["pprof"]), Counter()
    for phase in exports.report["phases"]:
        wanted[phase["name"]] = phase["wait_ns"]
    # Ticks become ns by lock, so what one phase has of it can be 1 ns a sample off.
    tests.check("pprof: as the report has it", all(
        abs(wanted[name] - ns) <= len(profile.samples) for name, ns in profile.by("phase").items()) and
        sum(wanted.values()) == profile.total(1), f"{wanted}\n{profile.by('phase')}")
    check_all(tests, "phases as statistics", tests.record("folded_requests", sample, ":mode=profile"))


def hostile(tests):
    data = golden("small")
    for old, new in HOSTILE.items():
        assert len(old) == len(new) and old in data
        data = data.replace(old, new)
    exports = check_all(tests, "hostile names", tests.write("hostile.trace", data))
    tests.same("folded: no separator in a name", {("a:b\"\\ \\xff\\x0a,'=\\x09:1 2",)},
               {frames[:1] for frames in exported.folded(exports["folded"])})
    tests.same("sqlite: names are UTF-8", {"a;b\"\\ \ufffd\n,'=\t;1 2"}, {
        name for name, in exports.db.execute("SELECT name FROM lock WHERE kind = 'mutex'")})
    tests.same("perfetto: names are UTF-8", {"w;\"\ufffd\n\\ 1"}, {
        s.notes["held by"] for s in exports.perfetto.slices if s.category == "wait"})
    shown = [exports[form] for form in ("speedscope", "folded", "openmetrics", "jsonl", "csv")]
    shown.append(" ".join(f + str(labels) for stack, labels, _ in exported.Pprof(
        exports["pprof"]).samples for f in stack).encode())
    tests.check("no format that is read in a terminal has control characters", not any(
        re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", text) for text in shown))


def damaged(tests):
    data = golden("small")
    cut = tests.write("cut.trace", data[:-3 * BLOCK])
    exports = check_all(tests, "a trace without its end", cut, status=1)
    tests.check("says what is missing", f"cut.trace is damaged at offset {len(data) - 3 * BLOCK}: "
                in exports.stderr and "3 blocks are missing" in exports.stderr, exports.stderr)
    tests.write("small.trace", data)
    run = tests.run("export", "jsonl", "none.trace", "small.trace")
    tests.same("one of two is not there: 1", 1, run.returncode)
    tests.check("says which", b"none.trace" in run.stderr, run.stderr)
    tests.same("and exports the other", tests.run("export", "jsonl", "small.trace").stdout,
               run.stdout)
    run = tests.run("export", "-o", "never", "jsonl", "none.trace")
    tests.same("nothing to export: 1, and no file", (1, False),
               (run.returncode, os.path.exists(tests.path("never"))))


def lossy(tests):
    """What the recording itself left out is told, and is no error."""
    data = golden("small")
    tests.write("small.trace", data)
    run = tests.run("export", "jsonl", "small.trace")
    tests.same("nothing is missing: silence", (0, b""), (run.returncode, run.stderr))
    at = LOSSES + 8 * LOSS_EVENTS
    tests.write("lossy.trace", data[:at] + (17).to_bytes(8, "little") + data[at + 8:])
    run = tests.run("export", "jsonl", "lossy.trace")
    tests.same("events were dropped: 0", 0, run.returncode)
    tests.check("it says so", b"not in it: 17 events were dropped" in run.stderr, run.stderr)


# ---- the file ----

def limited():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))


def device(tests, name, minor):
    """One that may be lost: root could replace /dev/full itself, if lockprof did what it must not.
    None: there cannot be one."""
    if os.geteuid():
        return "/dev/" + name
    path = tests.path(name)
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        with open(path, "wb"):
            return path
    except OSError:
        return None


def devices(tests):
    tests.write("small.trace", golden("small"))
    null, full = device(tests, "null", 3), device(tests, "full", 7)
    if not null or not full:
        tests.skip("full devices", "none can be made here")
        return
    for form in FORMATS:
        run = tests.run("export", "-o", full, form, "small.trace")
        words = b"a database needs a file" if form == "sqlite" else b"No space left on device"
        tests.same(f"{form}: to a full device", (1, True), (run.returncode, words in run.stderr))
    run = tests.run("export", "-o", null, "folded", "small.trace")
    tests.same("a device stays one", (0, True), (run.returncode, stat.S_ISCHR(os.stat(null).st_mode)))
    with open(full, "wb") as out:
        run = subprocess.run([TOOL, "export", "jsonl", "small.trace"], cwd=tests.folder, stdout=out,
                             stderr=subprocess.PIPE, timeout=60, check=False)
    tests.same("stdout is full", (1, True), (run.returncode, b"No space left" in run.stderr))
    run = tests.run("html", "-o", full, "small.trace")
    tests.same("so with html", (1, True), (run.returncode, b"No space left" in run.stderr))


def files(tests):
    tests.write("small.trace", golden("small"))
    for form in FORMATS:
        tests.write("old", b"the old one")
        os.chmod(tests.path("old"), 0o640)
        run = tests.run("export", "-o", "old", form, "small.trace", preexec_fn=limited)
        tests.same(f"{form}: a full disk: 1", 1, run.returncode)
        tests.check(f"{form}: says so", b"cannot export to old: " in run.stderr, run.stderr)
        tests.same(f"{form}: the old file stays", b"the old one", tests.read("old"))
        tests.run("export", "-o", "old", form, "small.trace")
        tests.check(f"{form}: is replaced by a whole one", tests.read("old") != b"the old one")
        tests.same(f"{form}: its permissions stay", 0o640,
                   stat.S_IMODE(os.stat(tests.path("old")).st_mode))
        run = tests.run("export", "-o", "none/out", form, "small.trace")
        tests.same(f"{form}: into no folder", (1, True),
                   (run.returncode, b"No such file or directory" in run.stderr))
    tests.same("nothing is left behind", [],
               [name for name in os.listdir(tests.folder) if name.startswith("old.")])
    os.symlink("old", tests.path("link"))
    tests.run("export", "-o", "link", "folded", "small.trace")
    tests.same("a link stays one", (True, tests.run("export", "folded", "small.trace").stdout),
               (os.path.islink(tests.path("link")), tests.read("old")))


def queries(tests):
    """Those of docs/sqlite.md, in its order, and that it names every column."""
    print("# docs/sqlite.md")
    with open(os.path.join(HERE, "..", "..", "docs", "sqlite.md"), encoding="utf-8") as file:
        text = file.read()
    traces = tests.record("queries", [os.path.join(BUILD, "samples", "nested_locks")])
    traces += tests.record("phases", [os.path.join(BUILD, "samples", "request_phases"), "2000"])
    tests.run("export", "-o", "queries.db", "sqlite", *traces)
    db = exported.database(tests.path("queries.db"))
    sql = re.findall(r"^```sql\n(.*?)^```", text, re.M | re.S)
    tests.check("at least ten", len(sql) >= 10)
    for query in sql:
        title = text[:text.index(query)].rstrip("`sql\n").rsplit("\n\n", 1)[1].replace("\n", " ")
        try:
            rows = db.execute(query).fetchall()
        except exported.sqlite3.Error as error:
            rows, query = [], f"{query}\n{error}"
        tests.check(title, any(None not in row for row in rows), f"{query}\n{rows[:1]}")
    for table, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        columns = {row[1] for row in db.execute(f"PRAGMA table_info({table})")} - {"id"}
        described = re.search(rf"^\| `{table}` \|.*", text, re.M)
        named = set(re.findall(r"`(\w+)`", described[0])) if described else set()
        tests.same(f"the columns of {table}", set(), columns - named)


def usage(tests):
    tests.write("small.trace", golden("small"))
    for name, arguments, words in (
            ("no trace", ["folded"], b"needs a format and a trace"),
            ("no format", ["small.trace"], b"needs a format and a trace"),
            ("an unknown format", ["xml", "small.trace"], b"unknown format 'xml'"),
            ("a misspelt one", ["foldet", "small.trace"], b"did you mean 'folded'?"),
            ("a database to stdout", ["sqlite", "small.trace"], b"needs a file: -o FILE"),
            ("an unknown attribute", ["--attribute=me", "folded", "small.trace"], b"me")):
        run = tests.run("export", *arguments)
        tests.same(f"{name}: 2", (2, True), (run.returncode, words in run.stderr))


def broken(tests):
    """Golden traces, each with some bytes changed at random."""
    generator = random.Random(6)
    for name in ("small", "folded", "calls", "tally", "loader"):
        whole = golden(name)
        for at in range(8):
            data = bytearray(whole)
            for _ in range(generator.randrange(1, 30)):
                data[generator.randrange(512, len(data))] = generator.choice((0, 1, 0x7f, 0xff))
            yield tests.write(f"{name}.{at}.trace", data)[0]


def sanitized(tests):
    """Through all writers under the sanitizers; tests/fuzz/fuzz_reader.c has more."""
    traces = list(broken(tests))
    for form in FORMATS:
        for whom in ("waiter", "holder"):
            bad = []
            for at in range(0, len(traces), 8):
                run = tests.run("export", "-o", "out", "--attribute", whom, form,
                                *traces[at:at + 8], tool=ASAN)
                if run.returncode not in (0, 1) or re.search(b"Sanitizer|runtime error", run.stderr):
                    bad.append((at, run.returncode, run.stderr[-2000:]))
            tests.same(f"{form} by {whom} of damaged traces", [], bad)
            if form not in ("pprof", "speedscope", "folded"):
                break


def main():
    with tempfile.TemporaryDirectory() as folder:
        tests = Tests(folder)
        parts = [known, worked, namesakes, goldens, recorded, programs, phases, hostile, damaged, lossy, devices,
                 files, queries, usage]
        if os.path.exists(ASAN):
            parts.append(sanitized)
        names = sys.argv[1:]
        for part in parts:
            if not names or part.__name__ in names:
                part(tests)
        return tests.end()


sys.exit(main())
