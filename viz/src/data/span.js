// SPDX-License-Identifier: MIT
// The run as it would look if only a span of it had been recorded: the same lists, counted anew from the
// intervals of the timeline, times cut at the span's ends.
//
// An acquisition counts where its hold ends, as in the analyzer; a wait where it ends. Blame is cut as the
// analyzer does it: along the holds of the same lock by other threads, from the latest end backwards, so
// that no moment is charged twice.
import { isLockWait, WAIT } from './timeline.js';

function emptyCounters() {
	return {
		acquired: 0, contended: 0, wait_ns: 0, wait_max_ns: 0, held: 0, hold_ns: 0, hold_max_ns: 0,
		wait_p50_ns: null, wait_p90_ns: null, wait_p99_ns: null, hold_p50_ns: null, hold_p90_ns: null, hold_p99_ns: null,
		timeouts: 0, try_failures: 0, relocks: 0, waits: [], holds: [],
	};
}

function percentile(sorted, p) {
	return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] : null;
}

/** Percentiles, from the lengths that were gathered. */
function finish(counters) {
	for (const [what, key] of [['waits', 'wait'], ['holds', 'hold']]) {
		const sorted = Float64Array.from(counters[what]).sort();
		counters[`${key}_p50_ns`] = percentile(sorted, 0.5);
		counters[`${key}_p90_ns`] = percentile(sorted, 0.9);
		counters[`${key}_p99_ns`] = percentile(sorted, 0.99);
		delete counters[what];
	}
	return counters;
}

/** Sums by a key of several parts; each entry keeps its parts. */
class Sums {
	constructor() {
		this.entries = new Map();
	}

	get(parts) {
		const key = Object.values(parts).join();
		let entry = this.entries.get(key);
		if (!entry)
			this.entries.set(key, (entry = { ...parts, wait_ns: 0, waits: 0, wait_max_ns: 0 }));
		return entry;
	}

	get list() {
		return [...this.entries.values()];
	}
}

function overlap(begin, end, span) {
	return Math.max(0, Math.min(end, span.end) - Math.max(begin, span.begin));
}

class SpanOfRun {
	constructor(run, timeline, span) {
		Object.assign(this, { run, timeline, span });
		this.classes = run.classes.map(() => emptyCounters());
		this.locks = run.locks.map(() => emptyCounters());
		this.threads = run.threads.map(() => ({ all: emptyCounters(), cond: 0, join: 0 }));
		this.waits = new Sums();
		this.blames = new Sums();
		this.blockings = new Sums();
		this.sites = new Map();
		this.unattributed = new Float64Array(run.classes.length);
	}

	/** The counters that a row counts in. */
	countersOf(rows, row) {
		const context = rows.context[row], { timeline } = this;
		const cls = timeline.contextClass[context], lock = timeline.contextLock[context];
		const counters = [this.threads[rows.thread[row]].all];
		if (cls >= 0)
			counters.push(this.classes[cls]);
		if (lock >= 0)
			counters.push(this.locks[lock]);
		return counters;
	}

	takeHolds() {
		const { holds } = this.timeline, { span } = this;
		for (let row = 0; row < holds.nr; row++) {
			const end = holds.begin[row] + holds.length[row];
			if (end <= span.begin || holds.begin[row] >= span.end)
				continue;
			const inside = overlap(holds.begin[row], end, span);
			for (const c of this.countersOf(holds, row)) {
				c.hold_ns += inside;
				if (end > span.end)
					continue;
				c.acquired++;
				c.held++;
				c.holds.push(holds.length[row]);
				c.hold_max_ns = Math.max(c.hold_max_ns, holds.length[row]);
			}
			this.takeSite(holds, row, inside, 0);
		}
	}

	takeSite(rows, row, hold, wait) {
		const { timeline } = this, context = rows.context[row];
		const cls = timeline.contextClass[context];
		if (cls < 0)
			return;
		const frames = this.run.stacks[timeline.contextStack[context]];
		const key = `${cls},${frames[0] ?? -1}`;
		let site = this.sites.get(key);
		if (!site)
			this.sites.set(key, (site = { class: cls, lock: timeline.contextLock[context], stack: timeline.contextStack[context],
				acquired: 0, contended: 0, wait_ns: 0, hold_ns: 0 }));
		site.acquired += wait ? 0 : 1;
		site.contended += wait ? 1 : 0;
		site.hold_ns += hold;
		site.wait_ns += wait;
	}

	takeWaits() {
		const { waits } = this.timeline, { span } = this;
		for (let row = 0; row < waits.nr; row++) {
			const end = waits.begin[row] + waits.length[row];
			if (end <= span.begin || waits.begin[row] >= span.end)
				continue;
			const inside = overlap(waits.begin[row], end, span);
			if (isLockWait(waits.kind[row]))
				this.takeLockWait(row, inside, end);
			else if (waits.kind[row] === WAIT.CONDITION)
				this.threads[waits.thread[row]].cond += inside;
			else if (waits.kind[row] === WAIT.JOIN)
				this.threads[waits.thread[row]].join += inside;
		}
	}

	takeLockWait(row, inside, end) {
		const { waits, contextClass, contextLock, contextStack } = this.timeline;
		const context = waits.context[row], cls = contextClass[context], lock = contextLock[context];
		const ends = end <= this.span.end;
		for (const c of this.countersOf(waits, row)) {
			c.wait_ns += inside;
			if (!ends)
				continue;
			c.contended += waits.kind[row] === WAIT.GOT_IT ? 1 : 0;
			c.timeouts += waits.kind[row] === WAIT.GAVE_UP ? 1 : 0;
			c.waits.push(waits.length[row]);
			c.wait_max_ns = Math.max(c.wait_max_ns, waits.length[row]);
		}
		if (cls < 0 || !this.run.classes[cls].contends)
			return;
		const place = this.waits.get({ lock, class: cls, thread: waits.thread[row], stack: waits.stack[row] || contextStack[context] });
		place.wait_ns += inside;
		place.waits++;
		place.wait_max_ns = Math.max(place.wait_max_ns, waits.length[row]);
		this.takeSite(waits, row, 0, inside);
		this.blame(row, lock, cls, inside);
	}

	/** Charges a wait's time in the span to the holds that it overlapped. */
	blame(row, lock, cls, inside) {
		const { waits, holds, contextStack } = this.timeline;
		const begin = Math.max(waits.begin[row], this.span.begin);
		let until = Math.min(waits.begin[row] + waits.length[row], this.span.end), charged = 0;
		const over = lock >= 0 ? this.holdsOver(lock, begin, until, waits.thread[row]) : [];
		for (const hold of over) {
			const from = Math.max(begin, holds.begin[hold]), to = Math.min(until, holds.begin[hold] + holds.length[hold]);
			if (to <= from)
				continue;
			until = from;
			charged += to - from;
			const holder = holds.thread[hold];
			const blame = this.blames.get({ lock, class: cls, holder, stack: contextStack[holds.context[hold]], end: null });
			blame.wait_ns += to - from;
			blame.waits++;
			this.blockings.get({ lock, class: cls, waiter: waits.thread[row], holder }).wait_ns += to - from;
		}
		this.unattributed[cls] += inside - charged;
	}

	/** Holds of a lock by others that overlap a time, the one that ends last first. */
	holdsOver(lock, begin, end, thread) {
		const { holds, holdsByLock } = this.timeline, { first, rows } = holdsByLock, over = [];
		let low = first[lock], high = first[lock + 1];
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (holds.begin[rows[middle]] < end)
				low = middle + 1;
			else
				high = middle;
		}
		for (let i = low - 1; i >= first[lock]; i--) {
			const hold = rows[i], ends = holds.begin[hold] + holds.length[hold];
			if (ends > begin && holds.thread[hold] !== thread)
				over.push(hold);
			else if (ends <= begin && over.length > 0 && low - i > 256)
				break;
			if (low - i > 65536)
				break;
		}
		return over.sort((a, b) => holds.begin[b] + holds.length[b] - holds.begin[a] - holds.length[a]);
	}

	/** A run, with what the span says in place of the whole's. */
	make() {
		const { run, span, timeline } = this, width = span.end - span.begin;
		const dress = (entry, counters, rest) => ({ ...entry, all: { ...finish(counters) }, read: undefined, write: undefined, ...rest });
		const threads = run.threads.map((thread, i) => ({
			...dress(thread, this.threads[i].all),
			lifetime_ns: overlap(thread.begin_ns, thread.begin_ns + thread.lifetime_ns, span),
			cond_wait_ns: this.threads[i].cond, join_wait_ns: this.threads[i].join,
		}));
		const classes = run.classes.map((cls, i) => dress(cls, this.classes[i], { unattributed_ns: this.unattributed[i], folded_wait_ns: 0 }));
		const sum = (key) => classes.reduce((a, c) => a + (c.contends ? c.all[key] : 0), 0);
		const threadTime = threads.reduce((a, t) => a + t.lifetime_ns, 0);
		return {
			...run, threads, classes,
			locks: run.locks.map((lock, i) => dress(lock, this.locks[i])),
			sites: [...this.sites.values()], waits: this.waits.list, blames: this.blames.list, blockings: this.blockings.list,
			totals: { ...run.totals, duration_ns: width, thread_ns: threadTime, acquisitions: sum('acquired'),
				contended: sum('contended'), wait_ns: sum('wait_ns'), hold_ns: sum('hold_ns'),
				wait_share: threadTime ? sum('wait_ns') / threadTime : 0 },
			span, isExact: timeline.isComplete,
		};
	}
}

/** `run` narrowed to a span, { begin, end } in ns. */
export function narrowRun(run, span) {
	const narrowed = new SpanOfRun(run, run.intervals, span);
	narrowed.takeHolds();
	narrowed.takeWaits();
	return narrowed.make();
}
