// SPDX-License-Identifier: MIT
// The page from top to bottom, in the order in which somebody with a slow program asks.
import { effect } from '@preact/signals';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { tellFindings } from './data/order.js';
import { phaseName, spansOfPhase } from './data/phases.js';
import { searchRun } from './data/search.js';
import { narrowRun } from './data/span.js';
import { formatCount, formatPercent, formatTime } from './format.js';
import { chosenPhase, chosenProcess, goTo, page, query, range, section } from './state.js';
import { timed } from './timed.js';
import { ApartView } from './views/apart.jsx';
import { CompareView } from './views/compare.jsx';
import { FlameView } from './views/flame.jsx';
import { LocksView } from './views/locks.jsx';
import { BlockingView, HeatView } from './views/matrix.jsx';
import { OrderView } from './views/order.jsx';
import { PhasesView } from './views/phases.jsx';
import { RunView } from './views/run.jsx';
import { Summary } from './views/summary.jsx';
import { TimelineView } from './views/timeline.jsx';
import { WaitersView } from './views/waiters.jsx';

const SETTLE_MS = 150;

/** What the signals say, once they have not changed for a while; nothing is drawn anew before. */
function useSettled(read, ms) {
	const [settled, setSettled] = useState(read);
	useEffect(() => {
		let timer = 0;
		const dispose = effect(() => {
			const value = read();
			clearTimeout(timer);
			timer = setTimeout(() => setSettled(value), ms);
		});
		return () => { clearTimeout(timer); dispose(); };
	}, []);
	return settled;
}

/** The parts of a phase, which was there several times or not recorded in between, and which is shown; -1: none by itself. */
function phaseParts(run, phase) {
	const spans = phase === null ? [] : spansOfPhase(run, phase, chosenProcess.value), chosen = range.value;
	return { spans, at: spans.findIndex(({ begin, end }) => begin === chosen?.begin && end === chosen?.end) };
}

function partWords({ spans, at }) {
	if (spans.length < 2)
		return null;
	return at < 0 ? `${range.value ? 'which has' : 'all'} ${formatCount(spans.length)} parts` : `part ${formatCount(at + 1)} of ${formatCount(spans.length)}`;
}

/** From one to the next. */
function PartSteps({ spans, at }) {
	const step = (by) => {
		const { begin, end } = spans[at < 0 ? (by > 0 ? 0 : spans.length - 1) : (at + by + spans.length) % spans.length];
		range.value = { begin, end };
	};
	return spans.length > 1 && (
		<>
			<button type="button" class="link" onClick={() => step(-1)}>previous</button>
			<button type="button" class="link" onClick={() => step(1)}>next</button>
			{at >= 0 && <button type="button" class="link" onClick={() => { range.value = null; }}>all of them</button>}
		</>
	);
}

/** Says of which part of the run the tables are. */
function SpanNote({ shown }) {
	const { span, phase } = shown;
	if (!span)
		return null;
	const parts = phaseParts(shown, phase), words = [
		(phase === null || range.value) && `${formatTime(span.end - span.begin)} from ${formatTime(span.begin)} on`,
		chosenProcess.value !== null && `process ${shown.processes[chosenProcess.value].pid}`,
		phase !== null && `phase ${phaseName(shown, phase)}`,
		partWords(parts),
		!shown.isExact && 'as far as the page has the single intervals',
	];
	return (
		<p class="span-note" role="status">
			Shown: {words.filter(Boolean).join(', ')}.
			<PartSteps {...parts} />
			<button type="button" class="link" onClick={() => { range.value = chosenProcess.value = chosenPhase.value = null; }}>the whole run</button>
		</p>
	);
}

function waitingWords({ wait_ns, wait_share }) {
	return wait_ns > 0 ? `${formatTime(wait_ns)} of waiting for locks (${formatPercent(wait_share)} of the threads' time)`
		: 'no waiting for locks';
}

function Header({ title, run }) {
	const { totals } = run, only = run.only_phase === null ? '' : `only phase ${phaseName(run, run.only_phase)}: `, several = run.processes.length > 1 ? `${formatCount(run.processes.length)} processes, ` : '';
	return (
		<header>
			<h1>{title}</h1>
			<p class="facts">
				{only}{formatTime(totals.duration_ns)}, {several}{formatCount(totals.threads)} thread{totals.threads === 1 ? '' : 's'}, {waitingWords(totals)}
			</p>
		</header>
	);
}

const VIEWS = [
	['compare', 'Changes'], ['phases', 'Phases'], ['locks', 'Locks'], ['timeline', 'Timeline'], ['flame', 'Stacks'], ['heat', 'Threads'],
	['blocking', 'Blocking'], ['waiters', 'Waiters'], ['order', 'Order'], ['apart', 'Other waits'], ['run', 'Run'],
];

/** Stays in sight: where one is, what is searched for, and which span is shown. */
function Bar({ shown, found, isComparison }) {
	const isThere = { compare: isComparison, order: shown.order, phases: shown.phases.length > 0 };
	return (
		<div class="bar">
			<nav aria-label="Views">
				{VIEWS.filter(([id]) => isThere[id] ?? true).map(([id, title]) => (
					<a key={id} href={`#view=${id}`} onClick={(e) => { e.preventDefault(); goTo(id); }}>{title}</a>
				))}
			</nav>
			<label class="search">
				<span class="hidden">Search</span>
				<input type="search" placeholder="search locks, threads, functions" value={query}
					onInput={(e) => { query.value = e.currentTarget.value; }} />
				{found && <span class="aside" role="status"> {formatCount(found.classes.size)} classes of locks, {formatCount(found.threads.size)} threads</span>}
			</label>
			{shown.processes.length > 1 && shown.intervals && <ProcessChooser run={shown} />}
			<SpanNote shown={shown} />
		</div>
	);
}

/** The run, or what a span, a process and a phase of it hold. Panning makes many spans, so it is counted when they rest. */
function useShownRun(run) {
	const span = useSettled(() => range.value, SETTLE_MS), process = chosenProcess.value, phase = chosenPhase.value;
	return useMemo(() => {
		if (!run.intervals || (!span && process === null && phase === null))
			return run;
		return timed('lockprof-span', () => narrowRun(run, span ?? { begin: 0, end: run.intervals.endTime }, process, phase));
	}, [run, span, process, phase]);
}

function ProcessChooser({ run }) {
	const choose = (e) => { chosenProcess.value = e.currentTarget.value === '' ? null : Number(e.currentTarget.value); };
	return (
		<label>
			process{' '}
			<select value={chosenProcess.value ?? ''} onChange={choose}>
				<option value="">all {formatCount(run.processes.length)}</option>
				{run.processes.map((process, i) => <option key={i} value={i}>{process.exe.slice(process.exe.lastIndexOf('/') + 1)} {process.pid}</option>)}
			</select>
		</label>
	);
}

export function App() {
	const { title, run, base, version } = page.value;
	const shown = useShownRun(run);
	const found = useMemo(() => searchRun(run, query.value), [run, query.value]);
	useEffect(() => { if (section.value) goTo(section.value); }, []);
	return (
		<>
			<Header title={title} run={run} />
			<Bar shown={shown} found={found} isComparison={!!base} />
			<main>
				{base && <CompareView run={run} base={base} />}
				<Summary run={run} findings={tellFindings(run.order)} />
				{run.phases.length > 0 && <PhasesView run={run} />}
				<LocksView run={shown} found={found} />
				<TimelineView run={run} shown={shown} found={found} />
				<FlameView run={shown} />
				<HeatView run={shown} />
				<BlockingView run={shown} />
				<WaitersView run={run} span={shown.span ?? null} />
				<OrderView run={run} />
				<ApartView run={run} />
				<RunView run={run} shown={shown} base={base} version={version} found={found} />
			</main>
		</>
	);
}
