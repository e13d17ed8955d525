// SPDX-License-Identifier: MIT
// What was run, what was seen of it, and what is missing: said plainly.
import { Section } from '../parts/section.jsx';
import { Table } from '../parts/table.jsx';
import { formatCount, formatPercent, formatTime } from '../format.js';

function Processes({ run, caption }) {
	const columns = [
		{ key: 'exe', title: 'program', text: true, value: (p) => p.argv.length ? p.argv.join(' ') : p.exe },
		{ key: 'pid', title: 'pid', value: (p) => p.pid },
		{ key: 'exit', title: 'end', text: true, value: (p) => p.exit },
		{ key: 'duration', title: 'duration', value: (p) => p.duration_ns, cell: (p) => formatTime(p.duration_ns) },
		{ key: 'mode', title: 'mode', text: true, value: (p) => p.mode },
		{ key: 'start', title: 'began', text: true, value: (p) => new Date(p.start_unix_ns / 1e6).toISOString() },
		{ key: 'host', title: 'host', text: true, value: (p) => p.host },
	];
	return <Table caption={caption} columns={columns} rows={run.processes} sortBy="duration" keyOf={(p) => run.processes.indexOf(p)} />;
}

function Threads({ run, found }) {
	const rows = run.threads.filter((_, i) => !found || found.threads.has(i));
	const columns = [
		{ key: 'name', title: 'thread', text: true, value: (t) => t.label },
		{ key: 'tid', title: 'tid', value: (t) => t.tid },
		{ key: 'life', title: 'lifetime', value: (t) => t.lifetime_ns, cell: (t) => formatTime(t.lifetime_ns) },
		{ key: 'wait', title: 'wait', value: (t) => t.all.wait_ns, cell: (t) => formatTime(t.all.wait_ns) },
		{ key: 'share', title: 'share', value: (t) => t.lifetime_ns ? t.all.wait_ns / t.lifetime_ns : 0,
			cell: (t) => formatPercent(t.lifetime_ns ? t.all.wait_ns / t.lifetime_ns : 0) },
		{ key: 'hold', title: 'hold', value: (t) => t.all.hold_ns, cell: (t) => formatTime(t.all.hold_ns) },
		{ key: 'acquired', title: 'acquired', value: (t) => t.all.acquired, cell: (t) => formatCount(t.all.acquired) },
		{ key: 'cond', title: 'condition waits', value: (t) => t.cond_wait_ns, cell: (t) => formatTime(t.cond_wait_ns) },
		{ key: 'join', title: 'join waits', value: (t) => t.join_wait_ns, cell: (t) => formatTime(t.join_wait_ns) },
	];
	return <Table caption="Threads" columns={columns} rows={rows} sortBy="wait" limit={10} keyOf={(t) => run.threads.indexOf(t)} />;
}

export function RunView({ run, shown, base, version, found }) {
	return (
		<Section id="run" title="The run">
			<ul class="coverage">{run.coverage.map((line, i) => <li key={i}>{line}</li>)}</ul>
			<Processes run={run} caption={run.processes.length > 1 ? 'Processes' : 'The process'} />
			{base && <Processes run={base} caption="Compared with" />}
			<Threads run={shown} found={found} />
			<p class="hint">Made by lockprof {version}. This page loads nothing and sends nothing.</p>
		</Section>
	);
}
