// SPDX-License-Identifier: MIT
// The page from top to bottom, in the order in which somebody with a slow program asks.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { tellFindings } from './data/order.js';
import { narrowRun } from './data/span.js';
import { formatPercent, formatTime } from './format.js';
import { page, query, range } from './state.js';
import { ApartView } from './views/apart.jsx';
import { FlameView } from './views/flame.jsx';
import { LocksView } from './views/locks.jsx';
import { BlockingView, HeatView } from './views/matrix.jsx';
import { OrderView } from './views/order.jsx';
import { RunView } from './views/run.jsx';
import { Summary } from './views/summary.jsx';
import { TimelineView } from './views/timeline.jsx';
import { WaitersView } from './views/waiters.jsx';

const SETTLE_MS = 150;

/** A value, once it has not changed for a while. */
function useSettled(value, ms) {
	const [settled, setSettled] = useState(value);
	useEffect(() => {
		const timer = setTimeout(() => setSettled(value), ms);
		return () => clearTimeout(timer);
	}, [value]);
	return settled;
}

/** Says of which part of the run the tables are. */
function SpanNote({ shown }) {
	if (!shown.span)
		return null;
	return (
		<p class="span-note" role="status">
			Shown: {formatTime(shown.span.end - shown.span.begin)} from {formatTime(shown.span.begin)} on
			{!shown.isExact && ', as far as the page has the single intervals'}.
			<button type="button" class="link" onClick={() => { range.value = null; }}>the whole run</button>
		</p>
	);
}

function Header({ title, run }) {
	const { totals } = run;
	return (
		<header>
			<h1>{title}</h1>
			<p class="facts">
				{formatTime(totals.duration_ns)}, {totals.threads} threads,{' '}
				{formatTime(totals.wait_ns)} of waiting for locks ({formatPercent(totals.wait_share)} of the threads' time)
			</p>
			<label class="search">
				<span class="hidden">Search</span>
				<input type="search" placeholder="search locks, threads, functions" value={query}
					onInput={(e) => { query.value = e.currentTarget.value; }} />
			</label>
		</header>
	);
}

/** The run, or what a span of it holds. Panning makes many spans, so it is counted when they rest. */
function useShownRun(run) {
	const span = useSettled(range.value, SETTLE_MS);
	return useMemo(() => (span && run.intervals ? narrowRun(run, span) : run), [run, span]);
}

export function App() {
	const { title, run, version } = page.value;
	const shown = useShownRun(run);
	return (
		<>
			<Header title={title} run={run} />
			<main>
				<Summary run={run} findings={tellFindings(run.order)} />
				<SpanNote shown={shown} />
				<LocksView run={shown} />
				<TimelineView run={run} />
				<FlameView run={shown} />
				<HeatView run={shown} />
				<BlockingView run={shown} />
				<WaitersView run={run} />
				<OrderView run={run} />
				<ApartView run={run} />
				<RunView run={run} version={version} />
			</main>
		</>
	);
}
