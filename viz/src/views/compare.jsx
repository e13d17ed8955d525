// SPDX-License-Identifier: MIT
// What changed from one run to the other: in words, then class by class.
import { comparePhases, compareRuns, holdChanged, waitChanged } from '../data/compare.js';
import { perUnit } from '../data/phases.js';
import { formatChange, formatCount, formatPercent, formatRate, formatTime } from '../format.js';
import { Section } from '../parts/section.jsx';
import { Table } from '../parts/table.jsx';
import { chooseClass, goTo } from '../state.js';

const TOLD = 5;

function verb(before, now) {
	return now > before ? 'rose' : 'fell';
}

function moved(before, now) {
	if (formatTime(before) === formatTime(now))
		return `stayed at ${formatTime(now)}`;
	return `${verb(before, now)} from ${formatTime(before)} to ${formatTime(now)}`;
}

function tellTotals(base, run) {
	const a = base.totals, b = run.totals;
	if (!a.wait_ns && !b.wait_ns)
		return 'No thread waited for a lock, neither before nor now.';
	return `All waiting for locks ${moved(a.wait_ns, b.wait_ns)}: ${formatPercent(a.wait_share)} of the threads' time before, ` +
		`${formatPercent(b.wait_share)} now. The run took ${formatTime(a.duration_ns)} before, ${formatTime(b.duration_ns)} now.`;
}

function tellWait({ name, state, before, now }) {
	if (state === 'appeared')
		return `${name} is new: ${formatTime(now.wait_ns)} of waiting in ${formatCount(now.acquired)} acquisitions.`;
	if (state === 'vanished')
		return `${name} is gone, and with it ${formatTime(before.wait_ns)} of waiting.`;
	const ratio = before.wait_ns ? ` (${formatChange(before.wait_ns, now.wait_ns)})` : '';
	return `${name}: waiting ${moved(before.wait_ns, now.wait_ns)}${ratio}, with ${formatCount(before.acquired)} acquisitions before and ${formatCount(now.acquired)} now.`;
}

function tellHold({ name, before, now }) {
	return `${name}: half of its holds lasted up to ${formatTime(before.hold_p50_ns)}, now up to ${formatTime(now.hold_p50_ns)} ` +
		`(${formatChange(before.hold_p50_ns, now.hold_p50_ns)}).`;
}

/** Work that is done alike takes the same locks in every run: what differs is the program's doing. */
function tellUnits(base, run) {
	const rates = comparePhases(base, run).map(({ name, before, now }) => ({
		name, before: perUnit(before?.all.acquired, before?.work_units), now: perUnit(now?.all.acquired, now?.work_units),
	}));
	if (rates.length === 0)
		rates.push({ name: null, before: perUnit(base.totals.acquisitions, base.work_units), now: perUnit(run.totals.acquisitions, run.work_units) });
	return rates.filter(({ before, now }) => before && now && formatRate(before) !== formatRate(now)).slice(0, TOLD).map(({ name, before, now }) => ({
		row: { index: null }, isWorse: now > before,
		text: `A unit of work${name === null ? '' : ` in phase ${name}`} took ${formatRate(before)} locks before and takes ${formatRate(now)} now (${formatChange(before, now)}).`,
	}));
}

/** { row, text, isWorse }, the largest changes first. */
function tellChanges(rows, base, run) {
	const waits = rows.filter((row) => waitChanged(row, base, run)).slice(0, TOLD)
		.map((row) => ({ row, text: tellWait(row), isWorse: row.wait > 0 }));
	const holds = rows.filter(holdChanged).slice(0, TOLD)
		.map((row) => ({ row, text: tellHold(row), isWorse: row.now.hold_p50_ns > row.before.hold_p50_ns }));
	return [...tellUnits(base, run), ...waits, ...holds];
}

function Change({ change }) {
	const { row, text, isWorse } = change;
	const show = () => {
		chooseClass(row.index);
		goTo('locks');
	};
	return (
		<li class={isWorse ? 'bold' : 'better'}>
			<span class="shape" aria-hidden="true">{isWorse ? '▲' : '▼'}</span>
			{text}
			{row.index !== null && <button type="button" class="link" onClick={show}>show</button>}
		</li>
	);
}

/** "before", "now" and, where both are known, by how much. */
function pair(key, title, hint, value, format) {
	return [
		{ key: `${key}-before`, title, hint: `${hint}, before`, value: (r) => value(r.before), cell: (r) => format(value(r.before)) },
		{ key, title: 'now', hint: `${hint}, now`, value: (r) => value(r.now), cell: (r) => format(value(r.now)) },
	];
}

const COLUMNS = [
	{ key: 'name', title: 'lock', text: true, value: (r) => r.name,
		cell: (r) => <>{r.name}{r.state && <span class="aside"> {r.state}</span>}</> },
	{ key: 'wait', title: 'change', hint: 'of its waiting', value: (r) => Math.abs(r.wait),
		cell: (r) => `${r.wait > 0 ? '+' : r.wait < 0 ? '−' : ''}${formatTime(Math.abs(r.wait))}` },
	...pair('waiting', 'wait', 'all the time that threads waited for it', (c) => c.wait_ns, formatTime),
	...pair('waitp99', 'wait p99', '99 % of the waits were at most that long', (c) => c.wait_p99_ns, formatTime),
	...pair('holdp50', 'hold p50', 'half of the holds were at most that long', (c) => c.hold_p50_ns, formatTime),
	...pair('holdp99', 'hold p99', '99 % of the holds were at most that long', (c) => c.hold_p99_ns, formatTime),
	...pair('contended', 'contended', 'how often somebody had to wait, of all acquisitions',
		(c) => (c.acquired ? c.contended / c.acquired : null), formatPercent),
	...pair('acquired', 'acquired', 'how often it was taken', (c) => c.acquired, formatCount),
];

/** Units that are done alike make acquisitions comparable without any tolerance. */
const PHASE_COLUMNS = [
	{ key: 'name', title: 'phase', text: true, value: (r) => r.name,
		cell: (r) => <>{r.name}{r.state && <span class="aside"> {r.state}</span>}</> },
	...pair('time', 'time', 'that the program was in it', (p) => p?.time_ns ?? null, formatTime),
	...pair('acquired', 'acquired', 'locks taken in it', (p) => p?.all.acquired ?? null, formatCount),
	...pair('wait', 'wait', 'all the time that threads waited for locks', (p) => p?.all.wait_ns ?? null, formatTime),
	...pair('share', 'share', 'of the threads\' time in this phase', (p) => (p?.thread_ns ? p.all.wait_ns / p.thread_ns : null), formatPercent),
	...pair('units', 'units', 'units of work', (p) => p?.work_units ?? null, formatCount),
	...pair('perunit', 'acquired / unit', 'acquisitions for each unit of work', (p) => perUnit(p?.all.acquired, p?.work_units), formatRate),
	...pair('waitunit', 'wait / unit', 'waiting for each unit of work', (p) => perUnit(p?.all.wait_ns, p?.work_units), formatTime),
];

function PhaseChanges({ run, base }) {
	const rows = comparePhases(base, run);
	return rows.length > 0 && <Table caption="Phases, before and now" columns={PHASE_COLUMNS} rows={rows} sortBy="time" limit={10} keyOf={(r) => r.name} />;
}

export function CompareView({ run, base }) {
	const rows = compareRuns(base, run), changes = tellChanges(rows, base, run);
	return (
		<Section id="compare" title="What changed">
			<ul class="summary">
				<li class="plain">{tellTotals(base, run)}</li>
				{changes.map((change, i) => <Change key={i} change={change} />)}
				{changes.length === 0 && <li class="better"><span class="shape" aria-hidden="true">=</span>No lock changed much.</li>}
			</ul>
			<p class="hint">One run against one. Waiting differs between runs of the same program, often by a third; hold times hardly do.</p>
			<Table caption="Classes of locks, before and now" columns={COLUMNS} rows={rows} sortBy="wait" limit={10} keyOf={(r) => `${r.kind} ${r.name}`} />
			<PhaseChanges run={run} base={base} />
		</Section>
	);
}
