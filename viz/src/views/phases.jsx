// SPDX-License-Identifier: MIT
// What the program did in each of its phases. Choosing one narrows all views to it.
import { phaseRows, perUnit, spansOfPhase } from '../data/phases.js';
import { formatCount, formatPercent, formatRate, formatTime } from '../format.js';
import { Section } from '../parts/section.jsx';
import { Table } from '../parts/table.jsx';
import { chosenPhase, chosenProcess, goTo, range } from '../state.js';

const ratio = (a, b) => (b > 0 ? a / b : 0);

const COLUMNS = [
	{ key: 'name', title: 'phase', text: true, value: (r) => r.label },
	{ key: 'time', title: 'time', hint: 'that the program was in it, and was recorded', value: (r) => r.time_ns, cell: (r) => formatTime(r.time_ns) },
	{ key: 'begins', title: 'times', hint: 'that it began', value: (r) => r.begins, cell: (r) => formatCount(r.begins) },
	{ key: 'acquired', title: 'acquired', hint: 'locks taken in it', value: (r) => r.all.acquired, cell: (r) => formatCount(r.all.acquired) },
	{ key: 'contended', title: 'contended', hint: 'of these, how often somebody had to wait',
		value: (r) => ratio(r.all.contended, r.all.acquired), cell: (r) => formatPercent(ratio(r.all.contended, r.all.acquired)) },
	{ key: 'wait', title: 'wait', hint: 'all the time that threads waited for locks', value: (r) => r.all.wait_ns, cell: (r) => formatTime(r.all.wait_ns) },
	{ key: 'share', title: 'share', hint: 'of the threads\' time in this phase',
		value: (r) => ratio(r.all.wait_ns, r.thread_ns), cell: (r) => formatPercent(ratio(r.all.wait_ns, r.thread_ns)) },
	{ key: 'units', title: 'units', hint: 'units of work done in it', value: (r) => r.work_units, cell: (r) => formatCount(r.work_units) },
	{ key: 'perunit', title: 'acquired / unit', hint: 'acquisitions for each unit of work',
		value: (r) => perUnit(r.all.acquired, r.work_units), cell: (r) => formatRate(perUnit(r.all.acquired, r.work_units)) },
	{ key: 'waitunit', title: 'wait / unit', hint: 'waiting for each unit of work',
		value: (r) => perUnit(r.all.wait_ns, r.work_units), cell: (r) => formatTime(perUnit(r.all.wait_ns, r.work_units)) },
];

/** Exact in both modes of recording, and also where the page has no single intervals. */
function PhaseLocks({ run, phase }) {
	const units = phase.work_units;
	if (phase.classes === null)
		return <p class="nothing">There was no room for its locks.</p>;
	const columns = [
		{ key: 'name', title: 'lock', text: true, value: (r) => run.classes[r.class].name },
		{ key: 'wait', title: 'wait', value: (r) => r.wait_ns, cell: (r) => formatTime(r.wait_ns) },
		{ key: 'acquired', title: 'acquired', value: (r) => r.acquired, cell: (r) => formatCount(r.acquired) },
		{ key: 'perunit', title: 'acquired / unit', value: (r) => perUnit(r.acquired, units), cell: (r) => formatRate(perUnit(r.acquired, units)) },
		{ key: 'contended', title: 'contended', value: (r) => ratio(r.contended, r.acquired), cell: (r) => formatPercent(ratio(r.contended, r.acquired)) },
		{ key: 'hold', title: 'hold', value: (r) => r.hold_ns, cell: (r) => formatTime(r.hold_ns) },
		{ key: 'holdp50', title: 'hold p50', hint: 'half of the holds were at most that long', value: (r) => r.hold_p50_ns, cell: (r) => formatTime(r.hold_p50_ns) },
		{ key: 'demand', title: 'demand / unit', hint: 'acquisitions for a unit times the median hold: so long one unit keeps all others from the lock',
			value: (r) => perUnit(r.acquired * r.hold_p50_ns, units), cell: (r) => formatTime(perUnit(r.acquired * r.hold_p50_ns, units)) },
	];
	return <Table caption="Locks taken in it" columns={columns} rows={phase.classes} sortBy="wait" limit={8} keyOf={(r) => r.class} />;
}

/** Shows one of them in the timeline. */
function PhaseSpans({ run, phase }) {
	const spans = spansOfPhase(run, phase, chosenProcess.value);
	if (!run.intervals || spans.length === 0)
		return null;
	const columns = [
		{ key: 'at', title: 'began at', text: true, value: (r) => String(r.begin).padStart(20, '0'), cell: (r) => formatTime(r.begin) },
		{ key: 'length', title: 'lasted', value: (r) => r.end - r.begin, cell: (r) => formatTime(r.end - r.begin) },
		...(run.processes.length > 1 ? [{ key: 'process', title: 'process', text: true, value: (r) => String(run.processes[r.process].pid) }] : []),
	];
	const show = ({ begin, end }) => {
		range.value = { begin, end };
		goTo('timeline');
	};
	return <Table caption="When it was" columns={columns} rows={spans} sortBy="at" limit={5} keyOf={(r) => `${r.process} ${r.begin}`} onChoose={show} />;
}

export function PhasesView({ run }) {
	const rows = phaseRows(run);
	const choose = (row) => {
		chosenPhase.value = row.index === chosenPhase.value ? null : row.index;
		range.value = null;
	};
	return (
		<Section id="phases" title="Phases">
			<Table columns={COLUMNS} rows={rows} sortBy="time" limit={10} keyOf={(r) => r.index}
				isChosen={(r) => r.index === chosenPhase.value} onChoose={choose}
				detail={(r) => <><PhaseLocks run={run} phase={r} /><PhaseSpans run={run} phase={r.index} /></>} />
			{run.phases_left_out > 0 && <p class="hint">{formatCount(run.phases_left_out)} more phases have no line of their own.</p>}
		</Section>
	);
}
