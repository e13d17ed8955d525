#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Broken trace files and the real command line.

A file that cannot be read is an error: exit status 1, one line with file, offset and reason, and
nothing on stdout. A file that is damaged in places is read: status 0, the damage is told with its
offset, and the good rest is there. Never a crash, whatever the bytes are.
"""
import gzip
import os
import random
import re
import resource
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import tap  # noqa: E402

BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build")))
BLOCK = 65536
HEADER, SLOT, EVENTS, RECORDS = 1, 2, 3, 4
MAGIC, ENDIAN, VERSION, FEATURES = 64, 72, 76, 80  # offsets of header fields

with gzip.open(os.path.join(HERE, "..", "golden", "small.trace.gz")) as packed:
    GOOD = packed.read()


def patched(offset, data):
    return GOOD[:offset] + data + GOOD[offset + len(data):]


def block_of(kind):
    for at in range(BLOCK, len(GOOD), BLOCK):
        if struct.unpack_from("<IH", GOOD, at)[1] == kind:
            return at
    raise ValueError(kind)


class Tests(tap.Tests):
    def run(self, data, *arguments, tool="lockprof"):
        path = os.path.join(self.folder, "x.trace")
        with open(path, "wb") as file:
            file.write(data)
        run = subprocess.run([os.path.join(BUILD, tool), *arguments, "x.trace"], cwd=self.folder,
                             capture_output=True, timeout=60, check=False)
        return run.returncode, run.stdout.decode(), run.stderr.decode()

    def refused(self, name, data, words):
        for command in ("info", "dump", "report", "order"):
            status, out, err = self.run(data, command)
            good = (status == 1 and not out and words in err and err.count("\n") == 1
                    and re.match(r"lockprof: x\.trace: byte \d+: ", err))
            self.check(f"{command} refuses {name}", good, (status, out, err))

    def damaged(self, name, data, offset, words):
        status, out, err = self.run(data, "info")
        told = re.search(rf"^damage +byte {offset}: .*{re.escape(words)}", out, re.M)
        self.check(f"info tells: {name}", status == 0 and told, (status, out, err))
        status, out, err = self.run(data, "dump")
        told = f"lockprof: x.trace: byte {offset}: " in err and words in err
        self.check(f"dump tells: {name}", status == 0 and told and out, (status, out, err))
        status, out, err = self.run(data, "report")
        self.check(f"report goes on: {name}", status == 0 and out, (status, out, err))


def refusals(tests):
    tests.refused("an empty file", b"", "it is empty")
    tests.refused("a text", b"hello, world\n", "ends inside its header")
    tests.refused("a large foreign file", b"\177ELF" + bytes(100000), "not a lockprof trace")
    tests.refused("a file of zeros", bytes(3 * BLOCK), "not a lockprof trace")
    tests.refused("a cut header", GOOD[:5000], "ends inside its header")
    tests.refused("a newer version", patched(VERSION, struct.pack("<HH", 7, 5)),
                  "format version 7 needs a reader of version 5 or newer, this one is 3")
    tests.refused("unknown features", patched(FEATURES, b"\x10"), "features 0x10")
    tests.refused("the other byte order", patched(ENDIAN, b"\x01\x02\x03\x04"), "byte order")
    tests.refused("a damaged magic", patched(MAGIC, b"X"), "not a lockprof trace")


def damages(tests):
    events, records, slot = block_of(EVENTS), block_of(RECORDS), block_of(SLOT)
    tests.damaged("a flipped event", patched(events + 80, b"\xff"), events, "wrong checksum")
    tests.damaged("the gap that it leaves", patched(events + 80, b"\xff"), block_of_slot(3),
                  "events missing: slot 3 lacks its blocks 1 to 1")
    tests.damaged("a block without magic", patched(records, b"????"), records,
                  "no block begins here")
    tests.damaged("a wild record", patched(records + 64, b"\x04\xff\xff\xff"), records + 64,
                  "rest of block skipped")
    tests.damaged("an impossible ring", patched(slot + 68, b"\xff\xff\xff\x7f"), slot, "impossible")
    tests.damaged("a cut file", GOOD[:-3 * BLOCK], len(GOOD) - 3 * BLOCK, "3 blocks are missing")


def block_of_slot(number):
    for at in range(BLOCK, len(GOOD), BLOCK):
        kind, _, slot = struct.unpack_from("<HHI", GOOD, at + 4)
        if kind == SLOT and slot == number:
            return at
    raise ValueError(number)


def survivals(tests):
    """The sanitized tool where it is built: any finding of the sanitizers is another status."""
    rng = random.Random(1)
    tool = "asan/lockprof" if os.path.exists(os.path.join(BUILD, "asan", "lockprof")) else "lockprof"
    bad = []
    for i in range(40):
        data = bytearray(GOOD[:rng.randrange(13000, len(GOOD) + 1)] if i % 2 else GOOD)
        for _ in range(rng.choice([1, 10, 300])):
            block = rng.randrange(0, len(data), BLOCK)
            at = block + (rng.randrange(84, 13000) if block == 0 else rng.randrange(0, 5000))
            if at < len(data):
                data[at] = rng.randrange(256)
        for command in (["info"], ["dump", "--sort"], ["dump", "--records"], ["report"], ["order"]):
            status, _, err = tests.run(bytes(data), *command, tool=tool)
            if status not in (0, 1, 3) or "Sanitizer" in err or "runtime error" in err:
                bad.append((i, command, status, err[-2000:]))
    tests.check("40 files of random damage", not bad, "\n".join(map(str, bad[:3])))


def flips(tests):
    """In one process, down to the reports: tests/fuzz/flip.c. LOCKPROF_STRIDE=1: all of them."""
    tool = os.path.join(BUILD, "asan", "fuzz", "flip")
    stride = os.environ.get("LOCKPROF_STRIDE", "499")
    for name in ("small", "folded", "phases", "waits"):
        path = os.path.join(tests.folder, f"{name}.trace")
        with gzip.open(os.path.join(HERE, "..", "golden", f"{name}.trace.gz")) as packed:
            with open(path, "wb") as file:
                file.write(packed.read())
        with open(os.path.join(tests.folder, "errors"), "w+", encoding="utf-8") as errors:
            run = subprocess.run([tool, stride, path], stdout=subprocess.PIPE, stderr=errors,
                                 check=False)
            errors.seek(0)
            tests.check(f"flipped bits and cuts of {name}: {run.stdout.decode().strip()}",
                        run.returncode == 0 and int(run.stdout) > 500, errors.read()[-3000:])


def limited():
    """In the child: whoever wants more than this is wrong about these files."""
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))


def special(tests):
    """What is no file of bytes at rest. The real tool, and it must be quick."""
    folder = tests.folder
    os.mkfifo(os.path.join(folder, "fifo"))
    os.mkdir(os.path.join(folder, "directory"))
    with open(os.path.join(folder, "sparse"), "wb") as file:
        file.truncate(1 << 40)
    with open(os.path.join(folder, "grown"), "wb") as file:
        file.write(GOOD)
        file.truncate(1 << 40)
    with open(os.path.join(folder, "wild"), "wb") as file:
        file.write(wild_ids())
    expected = (("fifo", 1, "not a regular file"), ("directory", 1, "Is a directory"),
                ("/dev/zero", 1, "not a regular file"), ("/dev/null", 1, "not a regular file"),
                ("/proc/self/status", 1, "it is empty"), ("sparse", 1, "not a lockprof trace"),
                ("absent", 1, "No such file"), ("grown", 0, ""), ("wild", 0, ""))
    for name, wanted, words in expected:
        for command in (["info"], ["dump"], ["report"], ["report", "--json"], ["order", "--json"]):
            argv = [os.path.join(BUILD, "lockprof"), *command, name]
            run = subprocess.run(argv, cwd=folder, capture_output=True, timeout=60, check=False,
                                 preexec_fn=limited)
            err = run.stderr.decode()
            good = run.returncode == wanted and words in err and (not wanted or not run.stdout)
            tests.check(f"{' '.join(command)}: {name}", good, (run.returncode, err[-500:]))


def wild_ids():
    """One record of each table with the highest number that a reader may have to believe."""
    data = bytearray(GOOD)
    for kind in range(2, 7):
        at = record_of(data, kind)
        struct.pack_into("<I", data, at + 4, 0x7fffffff)
    return bytes(data)


def record_of(data, kind):
    block = block_of(RECORDS)
    at = block + 64
    while at < block + BLOCK:
        size_type = struct.unpack_from("<I", data, at)[0]
        if size_type & 255 == kind:
            return at
        at += (size_type >> 8) or 8
    raise ValueError(kind)


def memory(tests):
    """A hundred blocks of records whose ids are as high as they can be: no more than ten times."""
    data = bytearray(GOOD)
    for number in range(1, 101):
        block = bytearray(BLOCK)
        struct.pack_into("<IH", block, 0, 0x6b62704c, RECORDS)
        for at, kind, size in ((64, 2, 72), (136, 3, 56), (192, 4, 40), (232, 5, 24), (256, 6, 88)):
            struct.pack_into("<II", block, at, size << 8 | kind, number * 100003 >> 3)
        data += block
    path = os.path.join(tests.folder, "large.trace")
    with open(path, "wb") as file:
        file.write(data)
    for command in ("report", "info"):
        script = ("import resource, subprocess, sys; status = subprocess.call(sys.argv[1:], "
                  "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); print(status, "
                  "resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        run = subprocess.run([sys.executable, "-c", script, os.path.join(BUILD, "lockprof"),
                              command, path], capture_output=True, timeout=60, check=False)
        status, peak_kib = map(int, run.stdout.split())
        tests.check(f"{command} of {len(data) >> 20} MiB with wild numbers: {peak_kib >> 10} MiB",
                    status == 0 and peak_kib * 1024 < 10 * len(data) + (16 << 20), run)


def many_phases(tests):
    """Two traces of 150,000 phases each are no more work than twice one."""
    for number in (1, 2):
        data, block = bytearray(GOOD), None
        struct.pack_into("<Q", data, FEATURES, 1)
        for i in range(150000):
            name = b"%d of %d" % (i, number)
            text = name.ljust(len(name) + 8 & ~7, b"\0")
            record = struct.pack("<IIIIQII", 32 << 8 | 4, 1000 + i, 0, 0, 0, 8, 0) + struct.pack(
                "<IIIIII", 24 + len(text) << 8 | 7, i + 1, 3, 1000 + i, len(name), 0) + text
            if block is None or len(block) + len(record) > BLOCK:
                data += (block or b"").ljust(BLOCK if block else 0, b"\0")
                block = bytearray(struct.pack("<IH", 0x6b62704c, RECORDS).ljust(64, b"\0"))
            block += record
        with open(os.path.join(tests.folder, f"phases{number}.trace"), "wb") as file:
            file.write(data + block.ljust(BLOCK, b"\0"))
    run = subprocess.run([os.path.join(BUILD, "lockprof"), "report", "--csv", "phases1.trace", "phases2.trace"],
                         cwd=tests.folder, capture_output=True, timeout=60, check=False, preexec_fn=limited)
    tests.check("two traces of many phases", run.returncode == 0 and run.stdout,
                (run.returncode, run.stderr[-300:]))


def cut_meanwhile(tests):
    """Its owner cuts the file again and again while it is read."""
    path = os.path.join(tests.folder, "shrinking.trace")
    bad = []
    for _ in range(8):
        with open(path, "wb") as file:
            file.write(GOOD)
        run = subprocess.Popen([os.path.join(BUILD, "lockprof"), "report", "--json", path],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while run.poll() is None:
            with open(path, "r+b") as file:
                file.truncate(BLOCK)
                file.truncate(len(GOOD))
        out, err = run.communicate()
        if run.returncode not in (0, 1) or (run.returncode == 0 and not out):
            bad.append((run.returncode, err))
    tests.check("a file that is cut while it is read", not bad, bad[:3])


with tempfile.TemporaryDirectory() as directory:
    suite = Tests(directory)
    refusals(suite)
    damages(suite)
    survivals(suite)
    flips(suite)
    special(suite)
    memory(suite)
    many_phases(suite)
    cut_meanwhile(suite)
    sys.exit(suite.end())
