#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tools that people open lockprof's exports with, on the exports.

    make check-consumers        installs what is missing, and runs this
    tests/run tests/consumers/consumers.t

It is no part of `make check`: it needs Go, a browser and 200 MB from Debian and npm, and guards
little that tests/t/export.t does not, which holds every number against the report. What this adds
is that the tools agree about the formats. Each part is skipped where its tool is missing.

Perfetto's trace_processor answers SQL about its export; protoc reads it by the messages that stand
in perfetto.proto. JSON lines go through jq, CSV has no other reader than export.t's.
"""
import base64
import glob
import gzip
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import exported  # noqa: E402
import tap  # noqa: E402
import trace_processor as perfetto_sql  # noqa: E402

BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build")))
MODULES = os.path.join(HERE, "node_modules")
GOPATH = "/usr/share/gocode"  # of Debian's golang-github-google-pprof-dev
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


class Skip(Exception):
    pass


class Tests(tap.Tests):
    def part(self, part):
        try:
            part(self)
        except Skip as why:
            self.skip(part.__name__, why)

    def run(self, *command, **more):
        run = subprocess.run(command, cwd=self.folder, capture_output=True, timeout=300, check=False,
                             **more)
        return run.returncode, run.stdout.decode(errors="replace"), run.stderr.decode(errors="replace")

    def lockprof(self, *arguments):
        status, out, errors = self.run(os.path.join(BUILD, "lockprof"), *arguments)
        if status not in (0, 3):
            raise RuntimeError(f"lockprof {arguments}: {errors}")
        return out

    def export(self, form, name, *more, trace="a.trace"):
        self.lockprof("export", "-o", name, *more, form, trace)
        return self.path(name)

    def record_all(self, output, *command):
        env = dict(os.environ, LD_PRELOAD=os.path.join(BUILD, "liblockprof.so"),
                   LOCKPROF_OPTIONS=f"output={self.path(output)}")
        subprocess.run(command, env=env, stdout=subprocess.DEVNULL, timeout=60, check=True)

    def record(self, name, *command):
        self.record_all(name, *command)
        return json.loads(self.lockprof("report", "--json", name))


def tool(name):
    found = shutil.which(name)
    if not found:
        raise Skip(f"there is no {name}")
    return found


# ---- pprof ----

def build_pprof(tests):
    to = os.path.join(BUILD, "consumers", "pprof")
    if os.path.exists(to):
        return to
    if not os.path.isdir(os.path.join(GOPATH, "src/github.com/google/pprof")):
        raise Skip("golang-github-google-pprof-dev is not installed")
    os.makedirs(os.path.dirname(to), exist_ok=True)
    env = dict(os.environ, GO111MODULE="off", GOPATH=GOPATH, GOFLAGS="",
               GOCACHE=os.path.join(BUILD, "consumers", "go"))
    status, _, errors = tests.run(tool("go"), "build", "-o", to, "github.com/google/pprof", env=env)
    if status:
        raise RuntimeError(errors)
    return to


def phases(tests):
    """A trace of two phases with waiting, 3 ms and 750 us, and ten units of work in the second."""
    tests.run(os.path.join(BUILD, "tests", "page_traces"), "phases", tests.path("phases.trace"))
    return "phases.trace"


def pprof_total(tests, tool_path, value, *arguments):
    status, out, errors = tests.run(tool_path, "-top", f"-sample_index={value}", "-unit=ns", *arguments)
    total = re.search(r"of (-?\d+)(?:ns)? total", out)
    return int(total[1]) if not status and total else (status, out, errors)


def waits_of(report, name):
    return sum(lock["wait_ns"] for lock in report["locks"] if lock["class"] == name)


def pprof(tests):
    path = build_pprof(tests)
    for whom in ("waiter", "holder"):
        name = tests.export("pprof", f"{whom}.pb.gz", f"--attribute={whom}")
        tests.same(f"pprof -top by {whom}: delay", tests.a["run"]["wait_ns"],
                   pprof_total(tests, path, "delay", name))
    waits = sum(lock["contended"] + lock["timeouts"] for lock in tests.a["locks"])
    tests.same("pprof -top: contentions", waits,
               pprof_total(tests, path, "contentions", "waiter.pb.gz"))
    tests.check("pprof -top: delay is what it shows by itself",
                "Type: delay" in tests.run(path, "-top", "waiter.pb.gz")[1])
    status, out, errors = tests.run(path, "-raw", "waiter.pb.gz")
    tests.check("pprof -raw: no complaint", status == 0 and not errors, errors)
    rows = re.findall(r"^ +(\d+) +(\d+): [\d ]+\n +lock:\[(.*?)\] thread:\[(.*?)\]$", out, re.M)
    tests.same("pprof -raw: the samples sum up", (waits, tests.a["run"]["wait_ns"]),
               (sum(int(r[0]) for r in rows), sum(int(r[1]) for r in rows)))
    lock = max(tests.a["locks"], key=lambda lock: lock["wait_ns"])
    of_lock = waits_of(tests.a, lock["class"])
    tests.same("pprof -tagfocus=lock", of_lock, pprof_shown(tests, path, lock["class"]))
    tests.export("pprof", "phases.pb.gz", trace=phases(tests))
    tests.same("pprof -tagfocus=phase", (3000000, 750000), tuple(
        pprof_shown(tests, path, phase, "phase", "phases.pb.gz") for phase in ("load", "serve")))
    tests.export("pprof", "b.pb.gz", trace="b.trace")
    status, out, errors = tests.run(path, "-top", "-unit=ns", "-diff_base=waiter.pb.gz", "b.pb.gz")
    gained = waits_of(tests.b, lock["class"]) - of_lock
    shown = re.search(rf"(-?\d+)(?:ns)? +\S+ +{re.escape(lock['class'])}$", out, re.M)
    tests.same("pprof -diff_base: the difference", gained, int(shown[1]) if shown else out + errors)
    status, out, _ = tests.run(path, "-traces", "-lines", "waiter.pb.gz")
    tests.check("pprof -lines: places", "samples/nested_locks.c:" in out, out)


def pprof_shown(tests, path, text, label="lock", name="waiter.pb.gz"):
    out = tests.run(path, "-top", "-unit=ns", f"-tagfocus={label}=^{re.escape(text)}$", name)[1]
    shown = re.search(r"accounting for (\d+)ns", out)
    return int(shown[1]) if shown else out


# ---- speedscope ----

def speedscope_rows(tests, name):
    """What its table says of the first profile: {function: (total, self)}, and the title."""
    release = os.path.join(MODULES, "speedscope", "dist", "release")
    with open(tests.path(name), "rb") as file:
        data = base64.b64encode(file.read()).decode()
    with open(tests.path("load.js"), "w", encoding="utf-8") as file:
        file.write(f"speedscope.loadFileFromBase64({json.dumps(name)}, {json.dumps(data)})")
    _, out, errors = tests.run(
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader", f"--user-data-dir={tests.path('chromium')}",
        "--allow-file-access-from-files", "--virtual-time-budget=30000", "--dump-dom",
        f"file://{release}/index.html#localProfilePath={tests.path('load.js')}&view=sandwich")
    text = html.unescape(re.sub(r"<[^>]*>", "\n", out))
    text = re.sub(r"\s*\n\s*", "\n", text)
    rows = {}
    for total, own, function in re.findall(
            r"^([\d.,]+\w*µ?\w*) \([^)]*%\)\n([\d.,]+\w*µ?\w*) \([^)]*%\)\n(.+)$", text, re.M):
        rows.setdefault(function, (total, own))
    return rows, re.search(r"<title>([^<]*)", out + errors + "<title>")[1]


def rounded(ns):
    """As speedscope shows a time."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.2f}{unit}"
    return f"{ns:.2f}ns"


def speedscope(tests):
    if not os.path.isdir(os.path.join(MODULES, "speedscope")):
        raise Skip("it is not installed")
    if not os.access(CHROMIUM, os.X_OK):
        raise Skip(f"there is no {CHROMIUM}")
    stacks = exported.folded(open(tests.export("folded", "a.txt"), "rb").read())
    tests.export("speedscope", "a.speedscope.json")
    tests.export("pprof", "a.pb.gz")
    locks = {}
    for stack, ns in stacks.items():
        locks[stack[0]] = locks.get(stack[0], 0) + ns
    for name, number in (("a.speedscope.json", rounded), ("a.pb.gz", rounded), ("a.txt", "{:,}".format)):
        rows, title = speedscope_rows(tests, name)
        tests.check(f"speedscope opens {name}", title.endswith("speedscope") and title != "speedscope",
                    title)
        tests.same(f"speedscope: the locks of {name}", {l: number(ns) for l, ns in locks.items()},
                   {l: rows[l][0] for l in locks if l in rows})


# ---- the others ----

def perfetto(tests):
    tool("protoc")
    with open(tests.export("perfetto", "a.perfetto"), "rb") as file:
        data = file.read()
    run = subprocess.run(["protoc", f"--proto_path={HERE}", "--decode=perfetto.Trace",
                          "perfetto.proto"], input=data, capture_output=True, timeout=300, check=False)
    text = run.stdout.decode()
    tests.same("protoc reads it", (0, b""), (run.returncode, run.stderr))
    tests.same("protoc knows every field", None, re.search(r"^ *\d+[:{ ].*", text, re.M))
    trace = exported.Perfetto(data)
    for what, pattern, wanted in (
            ("slices", "type: TYPE_SLICE_BEGIN", len(trace.slices)),
            ("their ends", "type: TYPE_SLICE_END", len(trace.slices)),
            ("tracks", "track_descriptor {", len(trace.tracks)),
            ("counts", "type: TYPE_COUNTER", sum(map(len, trace.counters.values()))),
            ("flows", " flow_ids: ", len(trace.flows)),
            ("their ends", "terminating_flow_ids: ", len(trace.flows))):
        tests.same(f"perfetto: {what}", wanted, text.count(pattern))


PERFETTO_QUERIES = {
    "complaints": "SELECT name, value FROM stats WHERE value AND severity IN ('error', 'data_loss')",
    "threads": "SELECT tid, thread.name, pid, process.name FROM thread JOIN process USING (upid)"
               " WHERE tid",
    "slices": "SELECT slice.id, category, slice.name, tid, ts, dur FROM slice"
              " JOIN thread_track t ON t.id = track_id JOIN thread USING (utid)",
    "notes": "SELECT slice.id, substr(key, 7), string_value FROM slice JOIN args USING (arg_set_id)"
             " WHERE key GLOB 'debug.*'",
    "flows": "SELECT slice_out, slice_in FROM flow",
    "counters": "SELECT name, upid, ts, cast(value AS INT) FROM counter"
                " JOIN process_counter_track t ON t.id = track_id",
    "astray": "SELECT count(*) FROM slice s JOIN slice p ON p.id = s.parent_id"
              " WHERE s.ts < p.ts OR s.ts + s.dur > p.ts + p.dur",
    "waiting": "SELECT ifnull(sum(ns), 0) FROM (SELECT cast(value AS INT) *"
               " (lead(ts, 1, ts) OVER (PARTITION BY track_id ORDER BY ts) - ts) ns FROM counter"
               " JOIN process_counter_track t ON t.id = track_id WHERE name GLOB 'waiting for *')",
    "phases": "SELECT category, slice.name, pid, ts, dur FROM slice"
              " JOIN process_track t ON t.id = track_id JOIN process USING (upid)",
}


def perfetto_slice(trace, number):
    """As PERFETTO_QUERIES tells it, with its notes."""
    found = trace.slices[number]
    return (found.category, found.name, trace.thread_of(found)["tid"], found.begin,
            found.end - found.begin, tuple(sorted(found.notes.items())))


def perfetto_facts(tests, name, traces, slack=1):
    """What trace_processor says of the export against the bytes and against the report.

    slack: begins and ends are rounded to ns, so a length may be this much off the report's."""
    tests.lockprof("export", "-o", "a.perfetto", "perfetto", *traces)
    with open(tests.path("a.perfetto"), "rb") as file:
        data = file.read()
    trace, report = exported.Perfetto(data), json.loads(tests.lockprof("report", "--json", *traces))
    said = dict(zip(PERFETTO_QUERIES, perfetto_sql.ask(data, list(PERFETTO_QUERIES.values()))))
    tests.same(f"trace_processor: no complaint about {name}", ([], [(0,)]),
               (said["complaints"], said["astray"]))
    tests.same("trace_processor: threads and processes", sorted(
        (t["tid"], t["name"], p["pid"], os.path.basename(p["exe"])[:15]) for t in report["threads"]
        for p in [report.get("processes", [report["process"]])[t["process"]]]),
        sorted((tid, thread, pid, process[:15]) for tid, thread, pid, process in said["threads"]))
    notes = {}
    for number, key, value in said["notes"]:
        notes.setdefault(number, []).append((key, value))
    slices = {number: (*row, tuple(sorted(notes.get(number, ())))) for number, *row in said["slices"]}
    ours = {id(s): perfetto_slice(trace, i) for i, s in enumerate(trace.slices)}
    tests.check("trace_processor: slices and their notes",
                Counter(slices.values()) == Counter(ours.values()) and len(slices) > 0,
                list((Counter(slices.values()) - Counter(ours.values())).items())[:3])
    tests.same("trace_processor: flows", sorted((ours[id(a)], ours[id(b)]) for a, b in trace.flows),
               sorted((slices[a], slices[b]) for a, b in said["flows"]))
    tests.same("trace_processor: counters",
               sorted((trace.tracks[track]["name"], ns, value)
                      for track, values in [*trace.counters.items(), *trace.works.items()]
                      for ns, value in values),
               sorted((counter, ns, value) for counter, _, ns, value in said["counters"]))
    tests.same("trace_processor: phases", sorted((s.category, s.name, trace.thread_of(s)["pid"], s.begin,
                                                   s.end - s.begin) for s in trace.phases),
               sorted(said["phases"]))
    perfetto_totals(tests, report, told_waits(tests, traces), slices.values(), said["waiting"][0][0],
                    slack)
    return trace


def near(wanted, got, slack):
    """Sums by lock: as many, and as long but for that slack an interval."""
    return wanted.keys() == got.keys() and all(
        nr == got[lock][0] and abs(ns - got[lock][1]) <= nr * slack for lock, (nr, ns) in wanted.items())


def told_waits(tests, traces):
    """As JSON lines tell them."""
    waits = {}
    for row in exported.jsonl(tests.lockprof("export", "jsonl", *traces).encode())["wait"]:
        count, total = waits.get(row["lock"], (0, 0))
        waits[row["lock"]] = count + row["waits"], total + row["wait_ns"]
    return waits


def perfetto_totals(tests, report, told, slices, waiting, slack):
    """By lock: waits and holds, how many and how long. Of no length, they are 1 ns there."""
    waits, holds = {}, {}
    for category, name, _, _, ns, _ in slices:
        if category.startswith("wait") or category == "hold":
            lock = re.sub("^(waits for|gives up waiting for|still waits for) ", "", name)
            count, total = (holds if category == "hold" else waits).get(lock, (0, 0))
            (holds if category == "hold" else waits)[lock] = count + 1, total + (ns if ns > 1 else 0)
    for what, got, wanted in (
            ("waits", waits, told),
            ("holds", holds, {lock["name"]: (lock["acquisitions"], lock["hold_ns"])
                              for lock in report["locks"] if lock["acquisitions"]}),
            ("the counters' area", {"": (sum(nr for nr, _ in waits.values()), waiting)},
             {"": (sum(nr for nr, _ in waits.values()), report["run"]["wait_ns"])})):
        tests.check(f"trace_processor: {what}", near(wanted, got, slack), f"{wanted}\n{got}")


def trace_processor(tests):
    tool("node")
    if not os.path.isdir(perfetto_sql.FILES):
        raise Skip("it is not installed")
    trace = perfetto_facts(tests, "nested locks", ["a.trace"])
    tests.check("there are flows and counters", trace.flows and trace.counters)
    with gzip.open(os.path.join(HERE, "..", "golden", "small.trace.gz")) as packed:
        with open(tests.path("small.trace"), "wb") as file:
            file.write(packed.read())
    perfetto_facts(tests, "names with control characters", ["small.trace"], slack=0)
    tests.run(os.path.join(BUILD, "tests", "export_trace"), "events", tests.path("worked.trace"))
    perfetto_facts(tests, "a run worked out by hand", ["worked.trace"], slack=0)
    trace = perfetto_facts(tests, "phases and units of work", [phases(tests)], slack=0)
    tests.same("there are phases", (5, 1), (len(trace.phases), len(trace.works)))
    tests.record_all("shared.%p.trace", os.path.join(BUILD, "samples", "shared_mutex"))
    shared = [os.path.basename(p) for p in sorted(glob.glob(tests.path("shared.*.trace")))]
    tests.same("two processes", 2, len(shared))
    perfetto_facts(tests, "two processes", shared)


def promtool_sums(tests, trace):
    """What it has of each family, added up; and whether it takes the file at all."""
    name = tests.export("openmetrics", "a.txt", trace=trace)
    with open(name, encoding="utf-8") as file:
        text = file.read()
    with open(tests.path("timed.txt"), "w", encoding="utf-8") as file:
        file.write(re.sub(r"^([^#\n].*)$", r"\1 1700000000", text, flags=re.M))
    status, out, errors = tests.run("promtool", "tsdb", "create-blocks-from", "openmetrics",
                                    "timed.txt", "tsdb")
    tests.check(f"promtool takes {trace} as OpenMetrics", status == 0, out + errors)
    os.makedirs(tests.path("tsdb/wal"), exist_ok=True)
    status, out, errors = tests.run("promtool", "tsdb", "dump", "tsdb")
    sums = {}
    for series, value in re.findall(r"^(\{.*\}) (\S+) \d+$", out, re.M):
        family = re.search(r'__name__="(\w+)"', series)[1]
        sums[family] = sums.get(family, 0) + float(value)
    status, out, errors = tests.run("promtool", "check", "metrics", input=text.encode())
    complaints = [line for line in (out + errors).splitlines() if "no help text" not in line]
    tests.same("promtool check metrics: nothing but that help is told by family", [], complaints)
    shutil.rmtree(tests.path("tsdb"))
    return sums


def openmetrics(tests):
    """Prometheus reads OpenMetrics with times only, so each line gets one; then it tells them."""
    tool("promtool")
    sums = promtool_sums(tests, "a.trace")
    run = tests.a["run"]
    tests.same("promtool tsdb dump: what it has of it",
               (run["acquisitions"], run["contended"], round(run["wait_ns"] / 1e9, 6),
                round(run["hold_ns"] / 1e9, 6)),
               tuple(round(sums.get("lockprof_" + name, -1), 6) for name in (
                   "acquisitions_total", "contended_total", "wait_seconds_sum", "hold_seconds_total")))
    sums = promtool_sums(tests, phases(tests))
    tests.same("promtool: phases", (10, 10, 0.00375, 0.026), tuple(
        round(sums.get(f"lockprof_{name}_total", -1), 6) for name in (
            "work_units", "phase_work_units", "phase_wait_seconds", "phase_seconds")))


def sqlite(tests):
    tool("sqlite3")
    tests.export("sqlite", "a.db")
    status, out, errors = tests.run("sqlite3", "a.db", "PRAGMA integrity_check",
                                    "SELECT sum(wait_ns) FROM classes")
    tests.same("sqlite3", (0, f"ok\n{tests.a['run']['wait_ns']}\n", ""), (status, out, errors))


def jq(tests):
    tool("jq")
    tests.export("jsonl", "a.jsonl")
    status, out, _ = tests.run("jq", "-s", 'map(select(.type == "wait") | .wait_ns) | add', "a.jsonl")
    tests.same("jq", (0, tests.a["run"]["wait_ns"]), (status, int(out)))


def dot(tests):
    tool("dot")
    with open(tests.path("a.dot"), "w", encoding="utf-8") as file:
        file.write(tests.lockprof("order", "--dot", "--all", "order.trace"))
    status, out, errors = tests.run("dot", "-Tsvg", "a.dot")
    tests.same("dot", (0, "", True), (status, errors, '<g id="edge1"' in out))


def sarif(tests):
    found = glob.glob(os.path.join(MODULES, "@microsoft", "sarif-multitool-linux", "Sarif.Multitool"))
    if not found:
        raise Skip("sarif-multitool is not installed")
    os.chmod(found[0], 0o755)
    env = dict(os.environ, DOTNET_SYSTEM_GLOBALIZATION_INVARIANT="1")
    with open(tests.path("a.sarif"), "w", encoding="utf-8") as file:
        file.write(tests.lockprof("order", "--sarif", "--fail-on=never", "order.trace"))
    tests.lockprof("check", "--sarif=check.sarif", "order.trace")
    with open(tests.path("bad.sarif"), "w", encoding="utf-8") as file:
        file.write('{"version": "2.1.0", "runs": [{"results": [{}]}]}')
    for name, is_good in (("a.sarif", True), ("check.sarif", True), ("bad.sarif", False)):
        tests.run(found[0], "validate", name, "--output", "log.sarif", "--log", "ForceOverwrite",
                  env=env)
        with open(tests.path("log.sarif"), encoding="utf-8-sig") as file:
            log = json.load(file)
        errors = [r for run in log["runs"] for r in run["results"] if r.get("level") == "error"]
        tests.check(f"sarif-multitool {'takes' if is_good else 'would refuse'} {name}",
                    bool(errors) != is_good, errors)
    for name in ("a.sarif", "check.sarif"):
        with open(tests.path(name), encoding="utf-8") as file:
            tests.check(f"there is a finding in {name}", json.load(file)["runs"][0]["results"])


def main():
    with tempfile.TemporaryDirectory() as folder:
        tests = Tests(folder)
        sample = os.path.join(BUILD, "samples", "nested_locks")
        tests.a = tests.record("a.trace", sample)
        tests.b = tests.record("b.trace", sample)
        tests.record("order.trace", os.path.join(BUILD, "samples", "lock_order"))
        for part in (pprof, perfetto, trace_processor, speedscope, openmetrics, sqlite, jq, dot, sarif):
            tests.part(part)
        return tests.end()


sys.exit(main())
