// SPDX-License-Identifier: MIT
// The page from top to bottom, in the order in which somebody with a slow program asks.
import { formatPercent, formatTime } from './format.js';
import { page, query } from './state.js';
import { LocksView } from './views/locks.jsx';
import { RunView } from './views/run.jsx';
import { Summary } from './views/summary.jsx';
import { TimelineView } from './views/timeline.jsx';

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

export function App() {
	const { title, run, version } = page.value;
	return (
		<>
			<Header title={title} run={run} />
			<main>
				<Summary run={run} findings={[]} />
				<LocksView run={run} />
				<TimelineView run={run} />
				<RunView run={run} version={version} />
			</main>
		</>
	);
}
