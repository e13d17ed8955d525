# SPDX-License-Identifier: MIT
"""What the files of `lockprof export` say, read by as little code as will do.

Each reader checks what its format demands and raises ValueError where that is broken.
"""
import gzip
import json
import re
import sqlite3
from collections import Counter, defaultdict


def need(good, what, *details):
    if not good:
        raise ValueError(f"{what}: {details}" if details else what)


# ---- protocol buffers ----

def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at += 1
        shift += 7
        if not byte & 0x80:
            return value, at


def fields(data):
    """Of a message: (number, value), the value being an int or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        wire = key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 1:
            value, at = int.from_bytes(data[at:at + 8], "little"), at + 8
        else:
            need(wire == 2, "an unknown wire type", wire)
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            need(len(value) == size, "a message is cut off")
        yield key >> 3, value


def message(data):
    """Number -> its values."""
    out = defaultdict(list)
    for number, value in fields(data):
        out[number].append(value)
    return out


def first(values, default=0):
    return values[0] if values else default


# ---- pprof ----

class Pprof:
    """samples: [((frame, ...) innermost first, {label: text}, [values])]"""

    def __init__(self, data):
        profile = message(gzip.decompress(data))
        strings = [text.decode() for text in profile[6]]
        need(strings[0] == "", "the string table does not begin with \"\"")
        functions = {first(f[1]): strings[first(f[2])] for f in map(message, profile[5])}
        mappings = {first(message(m)[1]) for m in profile[3]}
        files = {first(f[1]): strings[first(f[4])] for f in map(message, profile[5])}
        self.lines = set()  # (function, file, line), where that is known
        locations = {}
        for location in map(message, profile[4]):
            line = message(location[4][0])
            need(first(location[3], 1) and location[2][0] in mappings, "a mapping that is not there")
            locations[location[1][0]] = functions[line[1][0]]
            if first(line[2]):
                self.lines.add((functions[line[1][0]], files[line[1][0]], line[2][0]))
        need(0 not in locations and len(locations) == len(profile[4]), "ids are not unique")
        self.types = [strings[first(message(t)[1])] + "/" + strings[first(message(t)[2])]
                      for t in profile[1]]
        self.default = strings[first(profile[14])]
        self.begin_ns, self.duration_ns = first(profile[9]), first(profile[10])
        self.samples = []
        for sample in map(message, profile[2]):
            labels = {strings[first(l[1])]: strings[first(l[2])] for l in map(message, sample[3])}
            self.samples.append((tuple(locations[i] for i in sample[1]), labels, sample[2]))
        keys = [(s[0], tuple(sorted(s[1].items()))) for s in zip(
            [tuple(message(s)[1]) for s in profile[2]], [s[1] for s in self.samples])]
        need(len(set(keys)) == len(keys), "equal samples are not one")

    def total(self, value):
        return sum(values[value] for _, _, values in self.samples)

    def by(self, label):
        out = Counter()
        for _, labels, values in self.samples:
            out[labels.get(label)] += values[1]
        return out


# ---- Perfetto ----

USES = {1: "category", 2: "name", 3: "key", 29: "value"}


class Slice:
    def __init__(self, track, category, name, notes, begin):
        self.track, self.category, self.name, self.notes = track, category, name, notes
        self.begin, self.end = begin, None


class Perfetto:
    """tracks, slices (of threads), phases (slices of processes), counters and works (units of work):
    {track: [(ns, value)]}, flows: [(slice from, slice to)]"""

    def __init__(self, data):
        self.tracks, self.slices, self.counters = {}, [], defaultdict(list)
        self.phases = []
        self.texts, self.last, self.open = {}, {}, defaultdict(list)
        self.sources, self.ends = {}, {}
        for number, packet in fields(data):
            need(number == 1, "something that is no packet", number)
            self.take(message(packet))
        need(not any(self.open.values()), "a slice has no end")
        need(set(self.sources) == set(self.ends), "a flow has one end")
        self.works = {t: self.counters.pop(t) for t in list(self.counters)
                      if self.tracks[t]["name"] == "units of work"}
        self.flows = [(self.sources[i], self.ends[i]) for i in self.sources]
        for a, b in self.flows:
            need(a.begin < b.begin, "a flow goes back in time")

    def take(self, packet):
        sequence, flags = packet[10][0], first(packet[13])
        if flags & 1:
            need(sequence not in self.texts, "a sequence begins twice")
            self.texts[sequence] = {}
        need(sequence in self.texts, "a sequence without a beginning")
        for interned in packet[12]:
            for use, entry in fields(interned):
                entry = message(entry)
                key = (USES[use], entry[1][0])
                need(key[1] and key not in self.texts[sequence], "a number is given twice", key)
                self.texts[sequence][key] = entry[2][0].decode()
        for track in packet[60]:
            self.take_track(message(track))
        for event in packet[11]:
            ns = first(packet[8])
            need(ns >= self.last.get(sequence, 0), "time goes back in a sequence")
            self.last[sequence] = ns
            self.take_event(message(event), ns, self.texts[sequence])

    def take_track(self, track):
        uuid = track[1][0]
        need(uuid and uuid not in self.tracks, "a track is told twice", uuid)
        need(not track[5] or track[5][0] in self.tracks, "a parent is not there")
        kind = next((k for k, n in (("process", 3), ("thread", 4), ("counter", 8)) if track[n]), "")
        inner = message(first(track[{"process": 3, "thread": 4}.get(kind, 0)], b""))
        name = first(track[2], b"") or first(inner[{"process": 6, "thread": 5}.get(kind, 0)], b"")
        self.tracks[uuid] = {"kind": kind, "name": name.decode(), "parent": first(track[5]),
                             "pid": first(inner[1]), "tid": first(inner[2])}

    def take_event(self, event, ns, texts):
        track = event[11][0]
        kind = event[9][0]
        need(track in self.tracks, "an event on no track")
        if kind == 4:
            need(self.tracks[track]["kind"] == "counter", "a counter on another track")
            values = self.counters[track]
            need(not values or values[-1][0] < ns, "a counter has two values at once")
            values.append((ns, first(event[30])))
        elif kind == 1:
            self.begin(event, track, ns, texts)
        else:
            need(kind == 2 and self.open[track], "an end without a begin")
            self.open[track].pop().end = ns

    def begin(self, event, track, ns, texts):
        notes = {}
        for note in map(message, event[4]):
            notes[texts["key", note[1][0]]] = texts["value", note[17][0]]
        slice_ = Slice(track, texts["category", event[3][0]], texts["name", event[10][0]], notes, ns)
        self.open[track].append(slice_)
        is_thread = self.thread_of(slice_)["kind"] == "thread"
        (self.slices if is_thread else self.phases).append(slice_)
        for flow in event[47]:
            need(flow and flow not in self.sources, "a flow begins twice")
            self.sources[flow] = slice_
        for flow in event[48]:
            need(flow not in self.ends, "a flow ends twice")
            self.ends[flow] = slice_

    def thread_of(self, slice_):
        track = self.tracks[slice_.track]
        return track if track["kind"] == "thread" else self.tracks[track["parent"]]


# ---- texts ----

def folded(data):
    """(frame, ...) outermost first -> ns"""
    out = {}
    lines = data.decode().splitlines()
    need(lines == sorted(lines, key=lambda line: line.rpartition(" ")[0].encode()), "not sorted")
    for line in lines:
        stack, _, weight = line.rpartition(" ")
        frames = tuple(stack.split(";"))
        need(all(frames) and frames not in out, "an empty frame, or a stack twice", line)
        out[frames] = int(weight)
    return out


def speedscope(data):
    """Profile name -> {(frame, ...) outermost first: ns}; the names in their order"""
    file = json.loads(data)
    names = [frame["name"] for frame in file["shared"]["frames"]]
    out = []
    for profile in file["profiles"]:
        stacks = Counter()
        need(profile["type"] == "sampled" and profile["unit"] == "nanoseconds", "another profile")
        need(len(profile["samples"]) == len(profile["weights"]), "samples and weights differ")
        numbers = [tuple(sample) for sample in profile["samples"]]
        need(len(set(numbers)) == len(numbers), "equal stacks are not one")
        for sample, weight in zip(numbers, profile["weights"]):
            stacks[tuple(names[i] for i in sample)] += weight
        need(profile["endValue"] - profile["startValue"] == sum(stacks.values()), "a wrong end")
        out.append((profile["name"], stacks))
    return out


def jsonl(data):
    out = defaultdict(list)
    for line in data.decode().splitlines():
        row = json.loads(line)
        out[row["type"]].append(row)
    return out


SERIES = re.compile(r'([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*)\} (\S+)')


def openmetrics(data):
    """name -> {labels: exact value as an integer, ns for seconds}"""
    out = defaultdict(dict)
    lines = data.decode().split("\n")
    need(lines[-2:] == ["# EOF", ""], "no end")
    for line in lines[:-2]:
        if line.startswith("# "):
            need(line.split()[1] in ("TYPE", "UNIT", "HELP"), "another comment", line)
            continue
        match = SERIES.fullmatch(line)
        need(match and match[2] not in out[match[1]], "a bad line, or a series twice", line)
        whole, _, fraction = match[3].partition(".")
        need(len(fraction) in (0, 9), "not whole ns", line)
        out[match[1]][match[2]] = int(whole + fraction)
    return out


def database(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    need(db.execute("PRAGMA integrity_check").fetchone() == ("ok",), "a damaged database")
    return db
