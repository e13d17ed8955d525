// SPDX-License-Identifier: MIT
// The intervals of a run in arrays, and who was in whose way, found by time.
//
// A row is a number; every property of the rows has an array. Rows of a thread stand together, by
// begin. Rows of a lock are found through an index that is made once.
import { LaneRows } from './rows.js';

/** Numbers of wait_kind (viz/DATA.md). */
export const WAIT = {
	GOT_IT: 0, GAVE_UP: 1, NEVER_ENDED: 2, CONDITION: 3, BARRIER: 4, ONCE: 5, FUTEX: 6, JOIN: 7, TOKEN: 8,
};
/** Whether waiting of that kind is waiting for a lock. */
export function isLockWait(kind) {
	return kind <= WAIT.NEVER_ENDED;
}

/** By thread the first row, and one more at the end. */
function firstRows(counts) {
	const first = new Uint32Array(counts.length + 1);
	for (let i = 0; i < counts.length; i++)
		first[i + 1] = first[i] + counts[i];
	return first;
}

/** From the distances within a thread to times. */
function addUp(deltas, first) {
	const begins = new Float64Array(deltas.length);
	for (let thread = 0; thread + 1 < first.length; thread++) {
		let time = 0;
		for (let row = first[thread]; row < first[thread + 1]; row++) {
			time += deltas[row];
			begins[row] = time;
		}
	}
	return begins;
}

function threadOfRows(first) {
	const thread = new Uint32Array(first[first.length - 1]);
	for (let i = 0; i + 1 < first.length; i++)
		thread.fill(i, first[i], first[i + 1]);
	return thread;
}

/** Rows grouped by a key of theirs: { first, rows }, rows of key k are rows[first[k] .. first[k+1]). */
function groupBy(keys, nrKeys, begins) {
	const first = new Uint32Array(nrKeys + 1);
	for (let i = 0; i < keys.length; i++)
		first[keys[i] + 1]++;
	for (let k = 0; k < nrKeys; k++)
		first[k + 1] += first[k];
	const next = first.slice(), rows = new Uint32Array(keys.length);
	for (let i = 0; i < keys.length; i++)
		rows[next[keys[i]]++] = i;
	for (let k = 0; k < nrKeys; k++)
		rows.subarray(first[k], first[k + 1]).sort((a, b) => begins[a] - begins[b]);
	return { first, rows };
}

class Rows {
	constructor(counts, begin, length, context) {
		this.first = firstRows(counts);
		this.begin = addUp(begin, this.first);
		this.length = length;
		this.context = Uint32Array.from(context);
		this.thread = threadOfRows(this.first);
		this.nr = this.begin.length;
	}

	/** The first row of the thread that begins at or after a time, by bisection. */
	firstFrom(thread, time) {
		let low = this.first[thread], high = this.first[thread + 1];
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (this.begin[middle] < time)
				low = middle + 1;
			else
				high = middle;
		}
		return low;
	}
}

export class Timeline {
	constructor(facts, nrLocks, columns, lastEnd) {
		Object.assign(this, facts);
		this.nrLocks = nrLocks;
		/** the last moment; never 0, so that it can divide */
		this.endTime = Math.max(1, facts.end_ns, lastEnd);
		this.holds = new Rows(facts.holds, columns.hold_begin, columns.hold_length,
			columns.hold_context);
		this.waits = new Rows(facts.waits, columns.wait_begin, columns.wait_length,
			columns.wait_context);
		this.waits.stack = Uint32Array.from(columns.wait_stack);
		this.waits.kind = Uint8Array.from(columns.wait_kind);
		/** lock and class of a context: index, or -1 when it has no entry */
		this.contextLock = Int32Array.from(columns.context_lock, (n) => n - 1);
		this.contextClass = Int32Array.from(columns.context_class, (n) => n - 1);
		this.contextStack = Uint32Array.from(columns.context_stack);
		this.contextShared = Uint8Array.from(columns.context_mode);
		/** index of its phase, or -1: of one without entry, of a join, or there are no phases */
		this.contextPhase = Int32Array.from({ length: this.contextLock.length }, (_, i) => (columns.context_phase?.[i] ?? 0) - 1);
		this.binHeld = columns.bin_held;
		this.binWaited = columns.bin_waited;
	}

	/** Whether every interval that was recorded is there. */
	get isComplete() {
		return this.kept === this.intervals;
	}

	get binWidth() {
		return Math.floor(this.end_ns / this.bins) + 1;
	}

	/** { parts, width }: how many threads waited for a lock in each bin, on average. */
	waitedOfAll() {
		const parts = new Float32Array(this.bins), width = this.binWidth;
		this.binWaited.forEach((ns, i) => { parts[i % this.bins] += ns / width; });
		return { parts, width };
	}

	/** Likewise: of each bin the part that a thread held something, at most 1. null: there are no bins. */
	heldOfThread(thread) {
		if (!this.bins)
			return null;
		const width = this.binWidth, held = this.binHeld.subarray(thread * this.bins, (thread + 1) * this.bins);
		return { parts: Float32Array.from(held, (ns) => Math.min(1, ns / width)), width };
	}

	/** Index of a hold's or wait's lock in run.locks, or -1. Not for joins. */
	lockOf(rows, row) {
		return this.contextLock[rows.context[row]];
	}

	/** Rows of holds, of lock waits, by lock and begin; made at the first call. */
	get holdsByLock() {
		this.holdGroups ??= this.group(this.holds, null);
		return this.holdGroups;
	}

	get waitsByLock() {
		this.waitGroups ??= this.group(this.waits, this.waits.kind);
		return this.waitGroups;
	}

	/** A lock's holds, made once. */
	holdsOfLock(lock) {
		this.lockHolds ??= new Array(this.nrLocks);
		const { first, rows } = this.holdsByLock;
		return (this.lockHolds[lock] ??= new LaneRows(this.holds, rows, first[lock], first[lock + 1]));
	}

	/** Key nrLocks collects what has no lock with an entry, or is no wait for a lock. */
	group(rows, kinds) {
		const keys = new Uint32Array(rows.nr);
		for (let row = 0; row < rows.nr; row++) {
			const lock = kinds && !isLockWait(kinds[row]) ? -1 : this.lockOf(rows, row);
			keys[row] = lock < 0 ? this.nrLocks : lock;
		}
		return groupBy(keys, this.nrLocks + 1, rows.begin);
	}

	/**
	 * The hold that a wait of kind GOT_IT led to: same thread and lock, beginning where the wait
	 * ends. -1: not there.
	 */
	holdAfter(wait) {
		const thread = this.waits.thread[wait], lock = this.lockOf(this.waits, wait);
		const end = this.waits.begin[wait] + this.waits.length[wait];
		for (let row = this.holds.firstFrom(thread, end - 2);
			row < this.holds.first[thread + 1] && this.holds.begin[row] <= end + 2; row++)
			if (this.lockOf(this.holds, row) === lock)
				return row;
		return -1;
	}

	/** Who made way: the hold of the lock by another thread that ended last before a time. -1: none. */
	holdBefore(lock, thread, time) {
		const { first, rows } = this.holdsByLock;
		let low = first[lock], high = first[lock + 1], best = -1, bestEnd = -1;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (this.holds.begin[rows[middle]] < time)
				low = middle + 1;
			else
				high = middle;
		}
		for (let i = low - 1; i >= first[lock] && i >= low - 64; i--) {
			const row = rows[i], end = this.holds.begin[row] + this.holds.length[row];
			if (this.holds.thread[row] !== thread && end <= time + 1000 && end > bestEnd) {
				best = row;
				bestEnd = end;
			}
		}
		return best;
	}
}

export function makeTimeline(run, columns) {
	const lastEnd = (run.spans ?? []).reduce((last, span) => Math.max(last, span.end), 0);
	return new Timeline(run.timeline, run.locks.length, columns, lastEnd);
}
