// SPDX-License-Identifier: MIT
// The run as it would look if only a span of it, one of its processes or one of its phases had been recorded: the same
// lists, counted anew from the intervals of the timeline, times cut at the span's ends.
//
// An acquisition counts where its hold ends, as in the analyzer; a wait where it ends. To a phase belongs what
// the analyzer says, whatever the time; who had the lock meanwhile may be in another. Blame is cut as the
// analyzer does it: along the holds of the same lock by other threads, from the latest end backwards, so
// that no moment is charged twice. A wait can overlap many holds, so blame is added up by hold and by
// pair of threads in arrays, lock by lock, and made into lists at the end.
import { Histogram } from './hist.js';
import { PhaseClock } from './phases.js';
import { physicalNumber } from './places.js';
import { isLockWait, WAIT } from './timeline.js';

class Counters {
	constructor() {
		this.acquired = this.contended = this.timeouts = 0;
		this.wait_ns = this.hold_ns = 0;
		this.waits = new Histogram();
		this.holds = new Histogram();
	}

	/** As the analyzer writes them (viz/DATA.md). */
	get counters() {
		const { waits, holds } = this;
		return {
			acquired: this.acquired, contended: this.contended, timeouts: this.timeouts, try_failures: 0, relocks: 0,
			wait_ns: this.wait_ns, wait_max_ns: waits.max,
			wait_p50_ns: waits.percentile(0.5), wait_p90_ns: waits.percentile(0.9), wait_p99_ns: waits.percentile(0.99),
			held: holds.nr, hold_ns: this.hold_ns, hold_max_ns: holds.max,
			hold_p50_ns: holds.percentile(0.5), hold_p90_ns: holds.percentile(0.9), hold_p99_ns: holds.percentile(0.99),
			wait_hist: waits.buckets, hold_hist: holds.buckets,
		};
	}
}

/** Entries by a number that stands for all that tells them apart. */
class Sums {
	constructor() {
		this.entries = new Map();
	}

	get(key, make) {
		let entry = this.entries.get(key);
		if (!entry)
			this.entries.set(key, (entry = make()));
		return entry;
	}

	get list() {
		return [...this.entries.values()];
	}
}

function overlap(begin, end, span) {
	return Math.max(0, Math.min(end, span.end) - Math.max(begin, span.begin));
}

const indexOrNull = (index) => (index < 0 ? null : index);

class SpanOfRun {
	constructor(run, timeline, span, process, phase) {
		Object.assign(this, { run, timeline, span, phase });
		this.clock = phase === null ? null : new PhaseClock(run, phase);
		/** all times, all processes */
		this.isWhole = process === null && span.begin <= 0 && span.end >= timeline.endTime;
		this.isIn = Uint8Array.from(run.threads, (thread) => (process === null || thread.process === process ? 1 : 0));
		this.classes = run.classes.map(() => new Counters());
		this.locks = run.locks.map(() => new Counters());
		this.threads = run.threads.map(() => new Counters());
		this.condTime = new Float64Array(run.threads.length);
		this.joinTime = new Float64Array(run.threads.length);
		this.waits = new Sums();
		this.waiters = new Sums();
		this.blames = new Sums();
		this.blockings = new Sums();
		this.sites = new Sums();
		this.siteOf = new Array(timeline.contextStack.length);
		this.charged = new Float64Array(run.classes.length);
		this.blamed = new Float64Array(timeline.holds.nr);
	}

	/** Whether it is of a phase that does not count. */
	isElsewhere(context) {
		return this.clock !== null && this.timeline.contextPhase[context] !== this.phase;
	}

	takeHolds() {
		const { holds, contextClass, contextLock } = this.timeline, { span } = this;
		for (let row = 0; row < holds.nr; row++) {
			const begin = holds.begin[row], end = begin + holds.length[row];
			if (end <= span.begin || begin >= span.end || !this.isIn[holds.thread[row]] || this.isElsewhere(holds.context[row]))
				continue;
			const inside = overlap(begin, end, span), context = holds.context[row];
			const ended = end <= span.end, length = holds.length[row];
			this.takeHold(this.threads[holds.thread[row]], inside, ended, length);
			if (contextClass[context] >= 0)
				this.takeHold(this.classes[contextClass[context]], inside, ended, length);
			if (contextLock[context] >= 0)
				this.takeHold(this.locks[contextLock[context]], inside, ended, length);
			const site = this.siteOfContext(context);
			if (site) {
				site.hold_ns += inside;
				site.acquired += ended ? 1 : 0;
			}
		}
	}

	takeHold(counters, inside, ended, length) {
		counters.hold_ns += inside;
		if (!ended)
			return;
		counters.acquired++;
		counters.holds.add(length);
	}

	/** Contexts that ask at one place for one class are one site. */
	siteOfContext(context) {
		if (this.siteOf[context] === undefined) {
			const { contextClass, contextLock, contextStack } = this.timeline, cls = contextClass[context];
			const stack = contextStack[context], frame = physicalNumber(this.run, stack) ?? -1;
			this.siteOf[context] = cls < 0 ? null : this.sites.get((frame + 1) * this.classes.length + cls, () => ({
				class: cls, lock: indexOrNull(contextLock[context]), stack, acquired: 0, contended: 0, wait_ns: 0, hold_ns: 0,
			}));
		}
		return this.siteOf[context];
	}

	takeWaits() {
		const { waits } = this.timeline, { span } = this;
		for (let row = 0; row < waits.nr; row++) {
			const begin = waits.begin[row], end = begin + waits.length[row], thread = waits.thread[row];
			if (end <= span.begin || begin >= span.end || !this.isIn[thread] || this.isWaitElsewhere(row))
				continue;
			const inside = overlap(begin, end, span);
			if (isLockWait(waits.kind[row]))
				this.takeLockWait(row, inside, end <= span.end);
			else if (waits.kind[row] === WAIT.CONDITION)
				this.condTime[thread] += inside;
			else if (waits.kind[row] === WAIT.JOIN)
				this.joinTime[thread] += inside;
		}
	}

	/** Joins have no context of their own: they are of the phase that it was when they began. */
	isWaitElsewhere(row) {
		const { waits } = this.timeline;
		if (this.clock === null || waits.kind[row] !== WAIT.JOIN)
			return this.isElsewhere(waits.context[row]);
		return !this.clock.isAt(this.run.threads[waits.thread[row]].process, waits.begin[row]);
	}

	takeLockWait(row, inside, ended) {
		const { waits, contextClass, contextLock, contextStack } = this.timeline;
		const context = waits.context[row], cls = contextClass[context], lock = contextLock[context], thread = waits.thread[row];
		this.takeWait(this.threads[thread], row, inside, ended);
		if (cls >= 0)
			this.takeWait(this.classes[cls], row, inside, ended);
		if (lock >= 0)
			this.takeWait(this.locks[lock], row, inside, ended);
		if (cls < 0 || !this.run.classes[cls].contends)
			return;
		const ref = { lock: indexOrNull(lock), class: cls }, stack = waits.stack[row] || contextStack[context];
		const where = (cls * (this.locks.length + 1) + lock + 1) * this.threads.length + thread;
		const place = this.waits.get(where * this.run.stacks.length + stack, () => ({ ...ref, thread, stack, waits: 0, wait_ns: 0, wait_max_ns: 0 }));
		place.wait_ns += inside;
		place.waits++;
		place.wait_max_ns = Math.max(place.wait_max_ns, waits.length[row]);
		this.waiters.get(where, () => ({ ...ref, thread, wait_ns: 0 })).wait_ns += inside;
		const site = this.siteOfContext(context);
		site.wait_ns += inside;
		site.contended += ended && waits.kind[row] === WAIT.GOT_IT ? 1 : 0;
	}

	takeWait(counters, row, inside, ended) {
		const { kind, length } = this.timeline.waits;
		counters.wait_ns += inside;
		if (!ended)
			return;
		counters.contended += kind[row] === WAIT.GOT_IT ? 1 : 0;
		counters.timeouts += kind[row] === WAIT.GAVE_UP ? 1 : 0;
		counters.waits.add(length[row]);
	}

	// ---- blame ----

	takeBlame() {
		const { waitsByLock, nrLocks } = this.timeline, nr = this.threads.length;
		const pairs = new Float64Array(nr * nr), touched = [];
		for (let lock = 0; lock < nrLocks; lock++) {
			for (let i = waitsByLock.first[lock]; i < waitsByLock.first[lock + 1]; i++)
				this.blame(waitsByLock.rows[i], lock, pairs, touched);
			for (const pair of touched.splice(0)) {
				this.addBlocking(lock, Math.floor(pair / nr), pair % nr, pairs[pair]);
				pairs[pair] = 0;
			}
		}
		this.gatherBlames();
	}

	/** Charges a wait's time in the span to the holds that it overlapped. */
	blame(row, lock, pairs, touched) {
		const { waits, holds } = this.timeline, { span } = this, nr = this.threads.length;
		const thread = waits.thread[row], cls = this.run.locks[lock].class;
		const begin = Math.max(waits.begin[row], span.begin);
		let until = Math.min(waits.begin[row] + waits.length[row], span.end);
		if (until <= begin || !this.isIn[thread] || !this.run.classes[cls].contends || this.isElsewhere(waits.context[row]))
			return;
		for (const hold of this.holdsOver(lock, begin, until)) {
			const from = Math.max(begin, holds.begin[hold]), to = Math.min(until, holds.begin[hold] + holds.length[hold]);
			const holder = holds.thread[hold];
			if (to <= from || holder === thread)
				continue;
			until = from;
			this.charged[cls] += to - from;
			this.blamed[hold] += to - from;
			const pair = thread * nr + holder;
			if (pairs[pair] === 0)
				touched.push(pair);
			pairs[pair] += to - from;
		}
	}

	/** Holds of a lock that overlap a time, the one that ends last first. */
	holdsOver(lock, begin, end) {
		const { holds } = this.timeline, group = this.timeline.holdsOfLock(lock), over = [];
		let last = Infinity, isSorted = true;
		for (let i = group.firstFrom(end) - 1, first = group.firstReaching(begin); i >= first; i--) {
			const hold = group.at(i), ends = holds.begin[hold] + holds.length[hold];
			if (ends <= begin)
				continue;
			over.push(hold);
			isSorted &&= ends <= last;
			last = ends;
		}
		return isSorted ? over : over.sort((a, b) => holds.begin[b] + holds.length[b] - holds.begin[a] - holds.length[a]);
	}

	addBlocking(lock, waiter, holder, wait_ns) {
		this.blockings.get((lock * this.threads.length + waiter) * this.threads.length + holder,
			() => ({ lock, class: this.run.locks[lock].class, waiter, holder, wait_ns: 0 })).wait_ns += wait_ns;
	}

	gatherBlames() {
		const { holds, contextLock, contextClass, contextStack } = this.timeline;
		for (let hold = 0; hold < holds.nr; hold++) {
			if (this.blamed[hold] === 0)
				continue;
			const context = holds.context[hold], lock = contextLock[context], holder = holds.thread[hold], stack = contextStack[context];
			this.blames.get((lock * this.threads.length + holder) * this.run.stacks.length + stack,
				() => ({ lock, class: contextClass[context], holder, stack, end: null, wait_ns: 0 })).wait_ns += this.blamed[hold];
		}
	}

	// ---- the run ----

	/** How long a thread lived in what counts. */
	lifetime({ process, begin_ns, lifetime_ns }) {
		const begin = Math.max(begin_ns, this.span.begin), end = Math.min(begin_ns + lifetime_ns, this.span.end);
		return this.clock ? this.clock.time(process, begin, end) : Math.max(0, end - begin);
	}

	/** Of a whole phase the analyzer has counted everything, also what is no interval here: class -> its counters. */
	exactClasses() {
		const classes = this.clock && this.isWhole ? this.run.phases[this.phase].classes : null;
		return new Map((classes ?? []).map((entry) => [entry.class, entry]));
	}

	makeTotals(threads, classes) {
		const { run, span, clock, phase, isWhole } = this, exact = clock && isWhole ? run.phases[phase] : null;
		const sum = (key) => classes.reduce((a, c) => a + (c.contends ? c.all[key] : 0), 0);
		const thread_ns = exact ? exact.thread_ns : threads.reduce((a, t) => a + t.lifetime_ns, 0);
		return { ...run.totals, duration_ns: exact ? exact.time_ns : span.end - span.begin, thread_ns, acquisitions: sum('acquired'),
			contended: sum('contended'), wait_ns: sum('wait_ns'), hold_ns: sum('hold_ns'),
			wait_share: thread_ns ? sum('wait_ns') / thread_ns : 0 };
	}

	/** When the units of work were done is not known: only of all the time, or of a whole phase. */
	get workUnits() {
		if (!this.isWhole)
			return 0;
		return this.clock ? this.run.phases[this.phase].work_units : this.run.work_units;
	}

	makeThreads() {
		return this.run.threads.map((thread, i) => ({
			...thread, all: this.threads[i].counters,
			lifetime_ns: this.isIn[i] ? this.lifetime(thread) : 0,
			cond_wait_ns: this.condTime[i], join_wait_ns: this.joinTime[i],
		}));
	}

	/** A run, with what the span says in place of the whole's. */
	make() {
		const { run, span, timeline, phase } = this, threads = this.makeThreads(), exact = this.exactClasses();
		const dress = (entry, counters) => ({ ...entry, all: counters.counters, read: undefined, write: undefined });
		const classes = run.classes.map((cls, i) => {
			const dressed = dress(cls, this.classes[i]);
			Object.assign(dressed.all, exact.get(i));
			return { ...dressed, folded_wait_ns: 0, unattributed_ns: dressed.all.wait_ns - this.charged[i] };
		});
		return {
			...run, threads, classes,
			locks: run.locks.map((lock, i) => dress(lock, this.locks[i])),
			sites: this.sites.list, waits: this.waits.list, waiters: this.waiters.list,
			blames: this.blames.list, blockings: this.blockings.list,
			totals: this.makeTotals(threads, classes), work_units: this.workUnits,
			span, phase, isExact: timeline.isComplete && !timeline.holds_folded,
		};
	}
}

/** `run` narrowed to a span, { begin, end } in ns, to a process and to a phase (index, or null: all). */
export function narrowRun(run, span, process = null, phase = null) {
	const narrowed = new SpanOfRun(run, run.intervals, span, process, phase);
	narrowed.takeHolds();
	narrowed.takeWaits();
	narrowed.takeBlame();
	return narrowed.make();
}
