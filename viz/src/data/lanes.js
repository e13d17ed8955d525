// SPDX-License-Identifier: MIT
// A lane of the timeline is a thread or a lock; this says which rows it has, and finds those of a
// span of time quickly.
//
// Rows of a lane are ordered by begin, but a long one may reach over many that begin later. So each
// lane keeps the latest end up to each row: the first row that can reach into a span is found by
// bisection in that.
import { isLockWait } from './timeline.js';

const BINS = 4096;

/** Rows [from, to) of a lane, or those that `index` lists there. */
class LaneRows {
	constructor(rows, index, from, to) {
		this.rows = rows;
		this.index = index;
		this.from = from;
		this.to = to;
		this.latest = null;
	}

	get nr() {
		return this.to - this.from;
	}

	/** The row's number in the arrays of `rows`. */
	at(i) {
		return this.index ? this.index[i] : i;
	}

	/** latest[i - from]: the latest end of rows from..i. */
	latestEnds() {
		if (this.latest)
			return this.latest;
		const { begin, length } = this.rows, latest = new Float64Array(this.nr);
		let end = 0;
		for (let i = this.from; i < this.to; i++) {
			const row = this.at(i);
			end = Math.max(end, begin[row] + length[row]);
			latest[i - this.from] = end;
		}
		return (this.latest = latest);
	}

	/** The first that can end after `time`. */
	firstReaching(time) {
		const latest = this.latestEnds();
		let low = 0, high = latest.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (latest[middle] <= time)
				low = middle + 1;
			else
				high = middle;
		}
		return this.from + low;
	}

	/** The first that begins at or after `time`. */
	firstFrom(time) {
		let low = this.from, high = this.to;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (this.rows.begin[this.at(middle)] < time)
				low = middle + 1;
			else
				high = middle;
		}
		return low;
	}
}

/** Parts of the run's time that a lane's rows cover: BINS numbers of 0..1. */
function cover(laneRows, end, takes) {
	const bins = new Float32Array(BINS), width = end / BINS;
	const { begin, length } = laneRows.rows;
	for (let i = laneRows.from; i < laneRows.to; i++) {
		const row = laneRows.at(i);
		if (!takes(row))
			continue;
		const first = begin[row] / width, last = (begin[row] + length[row]) / width;
		for (let bin = Math.floor(first); bin <= last && bin < BINS; bin++)
			bins[bin] += Math.min(last, bin + 1) - Math.max(first, bin);
	}
	return bins;
}

export class Lane {
	constructor(timeline, label, index, holds, waits) {
		this.timeline = timeline;
		this.label = label;
		/** index in run.threads or run.locks */
		this.index = index;
		this.holds = holds;
		this.waits = waits;
	}

	/** { held, waited } of the whole run, for pictures in which single rows are too narrow. */
	get bins() {
		if (!this.cover) {
			const { waits, endTime } = this.timeline;
			this.cover = {
				nr: BINS,
				held: cover(this.holds, endTime, () => true),
				waited: cover(this.waits, endTime, (row) => isLockWait(waits.kind[row])),
			};
		}
		return this.cover;
	}
}

export function makeThreadLanes(run, timeline) {
	return run.threads.map((thread, i) => new Lane(timeline, thread.name, i,
		new LaneRows(timeline.holds, null, timeline.holds.first[i], timeline.holds.first[i + 1]),
		new LaneRows(timeline.waits, null, timeline.waits.first[i], timeline.waits.first[i + 1])));
}

/** Of the locks that have rows, most waiting first (as run.locks is). */
export function makeLockLanes(run, timeline) {
	const holds = timeline.holdsByLock, waits = timeline.waitsByLock;
	return run.locks.map((lock, i) => new Lane(timeline, lock.name, i,
		new LaneRows(timeline.holds, holds.rows, holds.first[i], holds.first[i + 1]),
		new LaneRows(timeline.waits, waits.rows, waits.first[i], waits.first[i + 1])))
		.filter((lane) => lane.holds.nr > 0 || lane.waits.nr > 0);
}

/**
 * By hold: 1 when somebody waited for the lock while it was held. Holds and waits of a lock are
 * both ordered by begin; a wait reaches over the holds that overlap it.
 */
export function markWaitedFor(timeline) {
	const { holds, waits, holdsByLock, waitsByLock, nrLocks } = timeline;
	const marks = new Uint8Array(holds.nr);
	for (let lock = 0; lock < nrLocks; lock++) {
		const group = new LaneRows(holds, holdsByLock.rows, holdsByLock.first[lock], holdsByLock.first[lock + 1]);
		for (let i = waitsByLock.first[lock]; i < waitsByLock.first[lock + 1]; i++) {
			const wait = waitsByLock.rows[i], end = waits.begin[wait] + waits.length[wait];
			for (let k = group.firstReaching(waits.begin[wait]); k < group.to; k++) {
				const hold = group.at(k);
				if (holds.begin[hold] >= end)
					break;
				if (holds.thread[hold] !== waits.thread[wait])
					marks[hold] = 1;
			}
		}
	}
	return marks;
}

/** By wait: 1 when the thread held something all the while. */
export function markUnderLock(timeline, threadLanes) {
	const { waits } = timeline;
	const marks = new Uint8Array(waits.nr);
	for (const lane of threadLanes) {
		if (lane.holds.nr === 0)
			continue;
		const latest = lane.holds.latestEnds();
		for (let i = lane.waits.from; i < lane.waits.to; i++) {
			const before = lane.holds.firstFrom(waits.begin[i]) - 1;
			marks[i] = before >= lane.holds.from &&
				latest[before - lane.holds.from] >= waits.begin[i] + waits.length[i] - 1 ? 1 : 0;
		}
	}
	return marks;
}

/**
 * How many threads waited for a lock: averages over nr equal parts of a span, of all locks or of one
 * class (index, else -1).
 */
export function averageWaiters(timeline, span, nr, cls) {
	const bins = new Float64Array(nr), width = (span.end - span.begin) / nr, { waits } = timeline;
	for (let row = 0; row < waits.nr; row++) {
		if (!isLockWait(waits.kind[row]) || (cls >= 0 && timeline.contextClass[waits.context[row]] !== cls))
			continue;
		const first = Math.max(0, (waits.begin[row] - span.begin) / width);
		const last = Math.min(nr, (waits.begin[row] + waits.length[row] - span.begin) / width);
		for (let bin = Math.floor(first); bin < last; bin++)
			bins[bin] += Math.min(last, bin + 1) - Math.max(first, bin);
	}
	return bins;
}

/** The same for the overview of the whole run. */
export function countWaiters(timeline) {
	return averageWaiters(timeline, { begin: 0, end: timeline.endTime }, BINS, -1);
}

/** Rows of the longest lock waits that touch a span, longest first. */
export function longestWaits(timeline, span, nr) {
	const { waits } = timeline, rows = [];
	for (let row = 0; row < waits.nr; row++) {
		if (!isLockWait(waits.kind[row]) || waits.begin[row] >= span.end ||
			waits.begin[row] + waits.length[row] <= span.begin)
			continue;
		rows.push(row);
		if (rows.length >= nr * 20) {
			rows.sort((a, b) => waits.length[b] - waits.length[a]);
			rows.length = nr;
		}
	}
	return rows.sort((a, b) => waits.length[b] - waits.length[a]).slice(0, nr);
}
