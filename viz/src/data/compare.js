// SPDX-License-Identifier: MIT
// Two runs side by side: classes of locks by their names, what they were and what they are.

/** Waiting that changed less than this part of itself is as it was. */
const SAME = 0.05;
/** ... and so is what is no part of the threads' time worth a word. */
const LITTLE = 0.0005;
/** Hold times vary little from run to run. */
const SAME_HOLD = 0.1, MIN_HOLDS = 100;

const NOTHING = {
	acquired: 0, contended: 0, wait_ns: 0, hold_ns: 0,
	wait_p50_ns: null, wait_p99_ns: null, hold_p50_ns: null, hold_p99_ns: null,
};

function keyOf(cls) {
	return `${cls.kind} ${cls.name}`;
}

/**
 * [{ name, kind, index, state, before, now, wait }]: index in run.classes or null, state 'appeared', 'vanished' or
 * '', before and now are COUNTERS, wait is the change; most change first.
 */
export function compareRuns(base, run) {
	const rows = new Map();
	const used = (cls) => cls.contends && (cls.all.acquired > 0 || cls.all.wait_ns > 0);
	run.classes.forEach((cls, index) => {
		if (used(cls))
			rows.set(keyOf(cls), { name: cls.name, kind: cls.kind, index, state: 'appeared', before: NOTHING, now: cls.all });
	});
	for (const cls of base.classes.filter(used)) {
		const row = rows.get(keyOf(cls));
		if (row)
			Object.assign(row, { before: cls.all, state: '' });
		else
			rows.set(keyOf(cls), { name: cls.name, kind: cls.kind, index: null, state: 'vanished', before: cls.all, now: NOTHING });
	}
	return [...rows.values()].map((row) => ({ ...row, wait: row.now.wait_ns - row.before.wait_ns }))
		.sort((a, b) => Math.abs(b.wait) - Math.abs(a.wait) || a.name.localeCompare(b.name));
}

/** Whether a row's waiting changed by an amount that somebody wants to hear of. */
export function waitChanged(row, base, run) {
	const most = Math.max(row.now.wait_ns, row.before.wait_ns);
	return Math.abs(row.wait) > SAME * most &&
		Math.abs(row.wait) > LITTLE * Math.max(base.totals.thread_ns, run.totals.thread_ns);
}

/** The same of its typical hold. */
export function holdChanged({ before, now }) {
	if (before.acquired < MIN_HOLDS || now.acquired < MIN_HOLDS || !before.hold_p50_ns || !now.hold_p50_ns)
		return false;
	return Math.abs(now.hold_p50_ns / before.hold_p50_ns - 1) > SAME_HOLD && Math.abs(now.hold_p50_ns - before.hold_p50_ns) > 10;
}

/** [{ name, state, before, now }] of the phases, by name; before and now: of viz/DATA.md's, or null. */
export function comparePhases(base, run) {
	const rows = new Map();
	const add = (side) => (phase) => {
		if (!rows.has(phase.name))
			rows.set(phase.name, { name: phase.name ?? '(no phase)', before: null, now: null });
		rows.get(phase.name)[side] = phase;
	};
	run.phases.forEach(add('now'));
	base.phases.forEach(add('before'));
	return [...rows.values()].map((row) => ({ ...row, state: row.before === null ? 'appeared' : row.now === null ? 'vanished' : '' }));
}
