# SPDX-License-Identifier: MIT
"""Perfetto's own reader: ask(trace, queries) -> a list of rows for each, as its SQL answers.

Its RPC is a stream of messages each way (protos/perfetto/trace_processor/trace_processor.proto of
Perfetto has their fields). trace_processor.js gives them to the WebAssembly that its web page uses.
"""
import os
import struct
import subprocess
import tempfile

import exported

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = os.path.join(HERE, "node_modules", ".perfetto")
APPEND, FINALIZE, QUERY = 1, 2, 3  # what is asked for
PART = 1 << 24  # of a trace: messages have a limit
NULL, VARINT, FLOAT, STRING = 1, 2, 3, 4  # types of cells


def varint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def requests(trace, queries):
    for at in range(0, len(trace), PART):
        yield field(2, APPEND) + field(101, trace[at:at + PART])
    yield field(2, FINALIZE)
    for query in queries:
        yield field(2, QUERY) + field(103, field(1, query.encode()))


def numbers(packed):
    at = 0
    while at < len(packed):
        value, at = exported.varint(packed, at)
        yield value - (1 << 64 if value >> 63 else 0)


def cells(batch):
    batch = exported.message(batch)
    integers = numbers(b"".join(batch[2]))
    floats = (value for value, in struct.iter_unpack("<d", b"".join(batch[3])))
    texts = iter(b"".join(batch[5]).decode().split("\0"))
    for kind in b"".join(batch[1]):
        exported.need(kind in (NULL, VARINT, FLOAT, STRING), "an unknown cell", kind)
        yield None if kind == NULL else next((integers, floats, texts)[kind - VARINT])


def answers(replies):
    """Of each query the rows; what went wrong with it or with the trace is an error."""
    columns, values, out = 0, [], []
    for _, reply in exported.fields(replies):
        reply = exported.message(reply)
        for result in map(exported.message, reply[201] + reply[203] + reply[212]):
            exported.need(not any(result[2]), "trace_processor refuses it", result[2])
        exported.need(not reply[5] and not reply[4], "trace_processor gives up", reply[5])
        for result in map(exported.message, reply[203]):
            columns = len(result[1]) or columns
            for batch in result[3]:
                values += cells(batch)
                if exported.message(batch)[6]:
                    rows = iter(values)
                    out.append(list(zip(*[rows] * columns)))
                    values = []
    return out


def ask(trace, queries):
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout:
        for number, request in enumerate(requests(trace, queries)):
            stdin.write(field(1, field(1, number) + request))
        stdin.seek(0)
        run = subprocess.run(["node", os.path.join(HERE, "trace_processor.js"), FILES], stdin=stdin,
                             stdout=stdout, stderr=subprocess.PIPE, timeout=300, check=False)
        exported.need(not run.returncode, "node", run.stderr.decode()[-2000:])
        stdout.seek(0)
        found = answers(stdout.read())
    exported.need(len(found) == len(queries), "queries without an answer", run.stderr[-2000:])
    return found
