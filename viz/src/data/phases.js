// SPDX-License-Identifier: MIT
// Phases of the program: when each was, and what of it can be told in a picture of some width.

const NONE = -1; /* of a phase that has no entry */
const MIN_PIXELS = 4; /* spans that are narrower stand together */

export function phaseName(run, phase) {
	return phase === NONE ? 'one of many phases' : run.phases[phase]?.name ?? '(no phase)';
}

/** [{ process, phase (index or -1), off, begin, end }], by process, in order. */
export function makeSpans(columns) {
	let begin = 0;
	return Array.from(columns.span_process, (process, i) => {
		begin = columns.span_begin[i] + (i > 0 && process === columns.span_process[i - 1] ? begin : 0);
		return { process, phase: columns.span_phase[i] - 1, off: columns.span_off[i] === 1, begin, end: begin + columns.span_length[i] };
	});
}

/** The spans of a phase, of all processes or of one. */
export function spansOfPhase(run, phase, process = null) {
	return run.spans.filter((span) => span.phase === phase && !span.off && (process === null || span.process === process))
		.sort((a, b) => a.begin - b.begin);
}

/** [{ process, spans }] of the processes that have something to show: a phase, or a time that was not recorded. */
export function bandRows(run, process = null) {
	const rows = new Map();
	for (const span of run.spans) {
		if ((span.phase === 0 && !span.off) || (process !== null && span.process !== process))
			continue;
		if (!rows.has(span.process))
			rows.set(span.process, []);
		rows.get(span.process).push(span);
	}
	return [...rows].map(([number, spans]) => ({ process: number, spans }));
}

/**
 * What of a row's spans is seen in a span of time that is `width` pixels wide: [{ x, width, span, nr }]. nr > 1: as
 * many as that, too narrow to be told apart.
 */
export function layBands(spans, { begin, end }, width) {
	const scale = width / (end - begin), bands = [];
	for (const span of spans) {
		if (span.end <= begin || span.begin >= end)
			continue;
		const x = Math.max(0, (span.begin - begin) * scale), right = Math.min(width, (span.end - begin) * scale);
		const last = bands[bands.length - 1], isNarrow = right - x < MIN_PIXELS;
		if (isNarrow && last?.isNarrow && x - last.x - last.width < MIN_PIXELS) {
			last.width = Math.max(last.width, right - last.x);
			last.nr++;
			continue;
		}
		bands.push({ x, width: Math.max(1, right - x), span, nr: 1, isNarrow });
	}
	return bands;
}

/** Of the time from begin to end, what a process was in a phase. */
function timeIn(spans, begin, end) {
	let ns = 0;
	for (const span of spans)
		ns += Math.max(0, Math.min(end, span.end) - Math.max(begin, span.begin));
	return ns;
}

/** By process: how long [begin, end) of it was spent in a phase. A process without spans is in none all the time. */
export class PhaseClock {
	constructor(run, phase) {
		this.phase = phase;
		this.spans = run.processes.map(() => []);
		this.isKnown = run.processes.map(() => false);
		for (const span of run.spans) {
			this.isKnown[span.process] = true;
			if (span.phase === phase && !span.off)
				this.spans[span.process].push(span);
		}
	}

	time(process, begin, end) {
		if (!this.isKnown[process])
			return this.phase === 0 ? Math.max(0, end - begin) : 0;
		return timeIn(this.spans[process], begin, end);
	}

	/** Whether a process was in the phase at a time. */
	isAt(process, time) {
		return this.time(process, time, time + 1) > 0;
	}
}

/** Rows of a table of phases: of the only one that counts, or of all. */
export function phaseRows(run) {
	return run.phases.map((phase, index) => ({ ...phase, index, label: phase.name ?? '(no phase)' }))
		.filter(({ index, time_ns, all }) => (run.only_phase === null ? time_ns > 0 || all.acquired > 0 || index > 0 : index === run.only_phase));
}

/** null: there are no units of work. */
export function perUnit(value, units) {
	return units > 0 ? value / units : null;
}
