// SPDX-License-Identifier: MIT
// For tests: a run that could have been. Threads take locks, one at a time or nested, wait for who holds
// them, and wait for other things; the last lock is also read, by several at once, and readers of it wait
// to write. Everything is made by a seed.
import { makeTimeline } from '../src/data/timeline.js';

const THREADS = 5, LOCKS = 4, STEPS = 60, PHASE_TIME = 5000;

function makeRandom(seed) {
	let state = seed * 2654435761 >>> 0;
	return (below) => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return Math.floor(state / 2 ** 32 * below);
	};
}

/** { holds, waits }: [{ thread, lock, begin, length, kind }]. No two hold a lock at once, but for the last. */
function makeRows(random) {
	const free = new Array(LOCKS).fill(0), holds = [], waits = [];
	const at = Array.from({ length: THREADS }, () => random(500));
	for (let step = 0; step < THREADS * STEPS; step++) {
		const thread = at.indexOf(Math.min(...at)), lock = random(LOCKS), kind = random(12);
		at[thread] += 1 + random(300);
		if (kind >= 9) { /* a condition, a barrier, a wait in vain */
			const length = 1 + random(800);
			waits.push({ thread, lock, begin: at[thread], length, kind: [1, 3, 4][kind - 9] });
			at[thread] += length;
			continue;
		}
		if (lock === LOCKS - 1 && kind < 4) { /* reads; now and then waits to write meanwhile */
			const length = 200 + random(3000);
			holds.push({ thread, lock, begin: at[thread], length });
			if (kind === 0)
				waits.push({ thread, lock, begin: at[thread] + 50, length: length - 100, kind: 0 });
			at[thread] += length;
			continue;
		}
		const begin = Math.max(at[thread], free[lock] + (free[lock] > at[thread] ? random(40) : 0)), length = 1 + random(400);
		if (begin > at[thread])
			waits.push({ thread, lock, begin: at[thread], length: begin - at[thread], kind: 0 });
		holds.push({ thread, lock, begin, length });
		free[lock] = begin + length;
		const inner = (lock + 1) % LOCKS;
		if (kind === 0 && free[inner] < begin && length > 20) { /* nested */
			holds.push({ thread, lock: inner, begin: begin + 5, length: length - 10 });
			free[inner] = begin + length - 5;
		}
		at[thread] = begin + length;
	}
	return { holds, waits };
}

function makeColumns(rows, prefix, columns, phases) {
	rows.sort((a, b) => a.thread - b.thread || a.begin - b.begin || b.length - a.length);
	columns[`${prefix}_begin`] = Float64Array.from(rows, (row, i) => row.begin - (i && rows[i - 1].thread === row.thread ? rows[i - 1].begin : 0));
	columns[`${prefix}_length`] = Float64Array.from(rows, (row) => row.length);
	columns[`${prefix}_context`] = Float64Array.from(rows, (row) => row.lock + LOCKS * (Math.floor(row.begin / PHASE_TIME) % phases));
	return Array.from({ length: THREADS }, (_, thread) => rows.filter((row) => row.thread === thread).length);
}

/** The process goes from phase to phase, and round again. */
function makePhaseSpans(phases, end) {
	const spans = [];
	for (let begin = 0; phases > 1 && begin < end; begin += PHASE_TIME)
		spans.push({ process: 0, phase: begin / PHASE_TIME % phases, off: false, begin, end: Math.min(end, begin + PHASE_TIME) });
	return spans;
}

/** A run as data/load.js makes it: locks 0 and 1 are of class 0, the others of one each. phases: how many, with "none". */
export function makeRandomRun(seed, phases = 1) {
	const { holds, waits } = makeRows(makeRandom(seed)), columns = {}, classOf = [0, 0, 1, 2];
	const holdCounts = makeColumns(holds, 'hold', columns, phases), waitCounts = makeColumns(waits, 'wait', columns, phases);
	const contexts = LOCKS * phases;
	columns.wait_stack = Float64Array.from(waits, () => 0);
	columns.wait_kind = Float64Array.from(waits, (row) => row.kind);
	columns.context_lock = Float64Array.from({ length: contexts }, (_, i) => i % LOCKS + 1);
	columns.context_class = Float64Array.from({ length: contexts }, (_, i) => classOf[i % LOCKS] + 1);
	columns.context_stack = Float64Array.from({ length: contexts }, (_, i) => i % LOCKS + 1);
	columns.context_mode = new Float64Array(contexts);
	columns.context_phase = Float64Array.from({ length: phases > 1 ? contexts : 0 }, (_, i) => Math.floor(i / LOCKS) + 1);
	columns.bin_held = columns.bin_waited = new Float64Array(0);
	const end = Math.max(...[...holds, ...waits].map((row) => row.begin + row.length)), nr = holds.length + waits.length;
	const all = { wait_ns: 0, hold_ns: 0 };
	const run = {
		timeline: { begin_ns: 0, end_ns: end, intervals: nr, kept: nr, min_hold_ns: 0, min_wait_ns: 0, holds_folded: 0, bins: 0, holds: holdCounts, waits: waitCounts },
		frames: Array.from({ length: LOCKS }, (_, i) => [`f${i}`, null, null, 'x', 0]), stacks: [[], [0], [1], [2], [3]],
		classes: ['pair', 'third', 'fourth'].map((name) => ({ name, kind: 'mutex', contends: true, all })),
		locks: classOf.map((cls, i) => ({ name: `lock ${i}`, class: cls, process: 0, all })),
		threads: Array.from({ length: THREADS }, (_, i) => ({ name: `t${i}`, label: `t${i}`, process: 0, begin_ns: 0, lifetime_ns: end, all })),
		processes: [{ pid: 1 }], spans: makePhaseSpans(phases, end), totals: {}, work_units: 0, only_phase: null,
		phases: Array.from({ length: phases > 1 ? phases : 0 }, (_, i) => ({ name: i ? `phase ${i}` : null, classes: null, thread_ns: 0, time_ns: 0, work_units: 10 * i })),
	};
	run.intervals = makeTimeline(run, columns);
	return run;
}
