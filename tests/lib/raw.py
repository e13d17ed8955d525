# SPDX-License-Identifier: MIT
"""A trace as trace/FORMAT.md tells it, read without any of lockprof's code, for what tests want to
know about phases and what programs tell: who made which records, and which acquisition belongs to
which phase."""
import collections
import struct

BLOCK, STATE = 65536, 4096
SLOT, EVENTS, RECORDS = 2, 3, 4
DEAD, THREAD, LOCK, NODE, STACK, MODULE, NAME, STAT, HIST, PHASE = range(1, 11)
PHASE_MODE, WORK_MODE, NODE_OFF = 8, 9, 2**32 - 1
NUMBERS = {1: 4, 2: 2, 3: 2, 4: 0, 5: 0, 6: 1, 7: 1, 8: 2, 9: 3, 10: 2, 11: 1, 12: 2, 13: 1, 14: 0,
           15: 3, 16: 0, 17: 1, 18: 0, 19: 1}  # of an event, behind its delta
ACQUISITION, WAIT_BEGIN, WAIT_END, TRY_FAIL, FOREIGN, COND_WAIT, CREATE, WORK = 1, 2, 3, 4, 6, 9, 14, 19
WAITED, STACK_TAKEN, LEFT = 1, 2, 32  # flags of ACQUISITION
HELD_OFF = 0x40000


def u32(data, at):
    return struct.unpack_from("<I", data, at)[0]


def u64(data, at):
    return struct.unpack_from("<Q", data, at)[0]


class Trace:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        self.nr_blocks, self.end, self.features = u32(self.data, 96), u32(self.data, 116), u64(self.data, 80)
        self.word, self.end_ticks = u64(self.data, 12808), u64(self.data, 216)
        self.phase_name = self.data[12816:12880].split(b"\0")[0].decode("utf-8", "replace")
        self.last_ticks = 0  # of blocks of events
        self.nodes, self.names, self.stats, self.phases = {}, {}, [], []
        self.locks, self.told = {}, {}  # told: bytes of the latest names, by what and number
        self.nr_names = self.nr_stacks = 0
        self.slots, self.blocks, self.ctl_blocks = {}, collections.defaultdict(list), 0
        for at in range(BLOCK, len(self.data), BLOCK):
            self.block(at)

    def block(self, at):
        if len(self.data) - at < 64 or u32(self.data, at) != 0x6b62704c:
            return
        kind, number, sequence, length = (self.data[at + 4], *struct.unpack_from("<I4xII", self.data, at + 8))
        if kind == SLOT:
            self.slots[number] = at
        elif kind == EVENTS:
            self.last_ticks = max(self.last_ticks, u64(self.data, at + 40))
            self.blocks[number].append((sequence, self.data[at + 64:at + 64 + length]))
        elif kind == RECORDS:
            self.ctl_blocks += u64(self.data, at + 48) == 1
            self.records(at + 64, at + BLOCK)

    def records(self, at, end):
        while at < end:
            size, kind = u32(self.data, at) >> 8, u32(self.data, at) & 255
            number = u32(self.data, at + 4)
            if kind == NODE:
                assert number not in self.nodes, f"node {number} twice"
                self.nodes[number] = struct.unpack_from("<IIQII", self.data, at + 8)
            elif kind == STACK:
                self.nr_stacks += 1
            elif kind == LOCK:
                self.locks[number] = struct.unpack_from("<QQII", self.data, at + 8)
            elif kind == NAME:
                what, target, length = struct.unpack_from("<III", self.data, at + 8)
                self.told[what, target] = self.data[at + 24:at + 24 + length]
                self.nr_names += 1
                if what == 3:
                    self.names[target] = self.told[what, target].decode("utf-8", "replace")
            elif kind == STAT:
                self.stats.append(struct.unpack_from("<IIQ", self.data, at + 8))
            elif kind == PHASE:
                self.phases.append((number, *struct.unpack_from("<IIQ", self.data, at + 8)))
            at += size if size else 8

    def phase_of(self, node):
        """The name of the phase that a node belongs to; None: to none."""
        while node in self.nodes:
            if self.nodes[node][3] & 15 == PHASE_MODE:
                return self.names[node]
            node = self.nodes[node][0]
        return None

    def bottoms(self):
        """What lies under the first held lock of each slot."""
        return {number: u32(self.data, at + 144 + 36) for number, at in self.slots.items()}

    def lock_of(self, node):
        """The name that was told of a node's lock, or its number."""
        lock = self.nodes[node][1]
        return self.told[1, lock].decode("utf-8", "replace") if (1, lock) in self.told else lock

    def held(self):
        """(node, mode) of all locks that are held."""
        for at in self.slots.values():
            at += 192
            while u64(self.data, at):
                yield u32(self.data, at + 32), u32(self.data, at + 40)
                at += 48

    def waits(self):
        return [u32(self.data, at + 84) for at in self.slots.values() if u32(self.data, at + 84)]

    def owned(self):
        return {number for number, at in self.slots.items() if u32(self.data, at + 64)}

    def events(self):
        """(node, type, numbers behind delta) of all events, those in rings too."""
        for slot in {*self.slots, *self.blocks}:
            chunks, following = sorted(self.blocks[slot]), 0
            if slot in self.slots:
                at = self.slots[slot]
                head, tail, following = struct.unpack_from("<3I", self.data, at + 68)
                if tail < head and following not in dict(chunks):
                    chunks.append((following, self.data[at + STATE + tail:at + STATE + head]))
            for _, chunk in chunks:
                yield from decode(chunk)

    def taken(self):
        """Acquisitions by phase, of events and of statistics."""
        count = collections.Counter()
        for (phase, _), n in self.taken_of().items():
            count[phase] += n
        return count

    def taken_of(self):
        """The same by phase and lock."""
        nodes = collections.Counter(node for node, kind, _ in self.events() if kind < 2)
        for _, node, acquired in self.stats:
            if node in self.nodes and self.nodes[node][3] & 15 <= 4:
                nodes[node] += acquired
        count = collections.Counter()
        for node, n in nodes.items():
            count[self.phase_of(node), self.lock_of(node)] += n
        return count

    def work(self):
        count = collections.Counter()
        for node, kind, numbers in self.events():
            if kind == WORK:
                count[self.phase_of(node)] += numbers[0]
        for _, node, acquired in self.stats:
            if node in self.nodes and self.nodes[node][3] & 15 == WORK_MODE:
                count[self.phase_of(node)] += acquired
        return count


def number(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 128:
            return value, at


def decode(data):
    at = 0
    while at < len(data):
        word, at = number(data, at)
        kind, arg, more = (word >> 1 & 31, word >> 6, NUMBERS[word >> 1 & 31]) if word & 1 else (0, word >> 1, 1)
        numbers = []
        for _ in range(1 + more):
            one, at = number(data, at)
            numbers.append(one)
        yield arg, kind, numbers[1:]
