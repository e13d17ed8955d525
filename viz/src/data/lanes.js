// SPDX-License-Identifier: MIT
// A lane of the timeline is a thread or a lock; this says which rows it has, and finds those of a
// span of time quickly (rows.js).
import { LaneRows } from './rows.js';
import { isLockWait } from './timeline.js';

const BINS = 16384;

/** Parts of the run's time that a lane's rows cover: BINS numbers of 0..1. */
function cover(laneRows, end) {
	const bins = new Float32Array(BINS), width = end / BINS;
	const { begin, length } = laneRows.rows;
	for (let i = laneRows.from; i < laneRows.to; i++) {
		const row = laneRows.at(i);
		const first = begin[row] / width, last = (begin[row] + length[row]) / width;
		for (let bin = Math.floor(first); bin <= last && bin < BINS; bin++)
			bins[bin] += Math.min(last, bin + 1) - Math.max(first, bin);
	}
	return bins;
}

export class Lane {
	/** thing: of run.threads or run.locks; index: which one */
	constructor(timeline, thing, index, holds, waits) {
		this.timeline = timeline;
		this.label = thing.label ?? thing.name;
		this.process = thing.process;
		this.wait_ns = thing.all.wait_ns;
		this.hold_ns = thing.all.hold_ns;
		this.index = index;
		this.holds = holds;
		this.waits = waits;
		/** what the analyzer counted of all holds, with those that have no row; or null */
		this.counted = null;
	}

	/** When it has its first row. */
	get begin() {
		const first = (rows) => (rows.nr ? rows.rows.begin[rows.at(rows.from)] : Infinity);
		return Math.min(first(this.holds), first(this.waits));
	}

	/** { parts, width }: of parts of the run that last `width` ns, how much of each it was held. */
	get held() {
		this.cover ??= { parts: cover(this.holds, this.timeline.endTime), width: this.timeline.endTime / BINS };
		return this.cover;
	}
}

/** Lanes of a kind in the order that somebody wants; of equal ones the first stays first. */
export function orderLanes(lanes, order) {
	const compare = {
		waiting: (a, b) => b.wait_ns - a.wait_ns || b.hold_ns - a.hold_ns,
		start: (a, b) => (a.begin === b.begin ? 0 : a.begin - b.begin),
		name: (a, b) => a.label.localeCompare(b.label, 'en', { numeric: true }),
	};
	return [...lanes].sort(compare[order]);
}

export function makeThreadLanes(run, timeline) {
	return run.threads.map((thread, i) => {
		const lane = new Lane(timeline, thread, i,
			new LaneRows(timeline.holds, null, timeline.holds.first[i], timeline.holds.first[i + 1]),
			new LaneRows(timeline.waits, null, timeline.waits.first[i], timeline.waits.first[i + 1]));
		lane.counted = timeline.heldOfThread(i);
		return lane;
	});
}

/** Of the locks that have rows, most waiting first (as run.locks is). */
export function makeLockLanes(run, timeline) {
	const holds = timeline.holdsByLock, waits = timeline.waitsByLock;
	return run.locks.map((lock, i) => new Lane(timeline, lock, i,
		new LaneRows(timeline.holds, holds.rows, holds.first[i], holds.first[i + 1]),
		new LaneRows(timeline.waits, waits.rows, waits.first[i], waits.first[i + 1])))
		.filter((lane) => lane.holds.nr > 0 || lane.waits.nr > 0);
}

/**
 * By hold: 1 when somebody waited for the lock while it was held. Holds and waits of a lock are
 * both ordered by begin; a wait reaches over the holds that overlap it.
 */
export function markWaitedFor(timeline) {
	const { holds, waits, waitsByLock, nrLocks } = timeline;
	const marks = new Uint8Array(holds.nr);
	for (let lock = 0; lock < nrLocks; lock++) {
		const group = timeline.holdsOfLock(lock);
		for (let i = waitsByLock.first[lock]; i < waitsByLock.first[lock + 1]; i++) {
			const wait = waitsByLock.rows[i], end = waits.begin[wait] + waits.length[wait];
			for (let k = group.firstReaching(waits.begin[wait]); k < group.to; k++) {
				const hold = group.at(k);
				if (holds.begin[hold] >= end)
					break;
				if (holds.thread[hold] !== waits.thread[wait] && holds.begin[hold] + holds.length[hold] > waits.begin[wait])
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

/** The waiting that the analyzer counted, with that which has no row: the average of each bin. */
function addCounted(bins, timeline, span, width) {
	const { parts, width: counted } = timeline.waitedOfAll();
	for (let bin = 0; bin < bins.length; bin++) {
		const from = Math.floor((span.begin + bin * width) / counted), to = Math.max(from + 1, Math.ceil((span.begin + (bin + 1) * width) / counted));
		let sum = 0;
		for (let i = from; i < to; i++)
			sum += parts[i] ?? 0;
		bins[bin] = sum / (to - from);
	}
}

/**
 * How many threads waited for a lock: averages over nr equal parts of a span, of all locks or of one
 * class (index, else -1).
 */
export function averageWaiters(timeline, span, nr, cls) {
	const bins = new Float64Array(nr), width = (span.end - span.begin) / nr, { waits } = timeline;
	if (cls < 0 && timeline.min_wait_ns > 0) {
		addCounted(bins, timeline, span, width);
		return bins;
	}
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
