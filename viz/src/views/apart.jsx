// SPDX-License-Identifier: MIT
// Waits that are no contention: conditions, barriers, joins, and what wakes by itself.
import { formatCount, formatFrame, formatTime } from '../format.js';
import { Section } from '../parts/section.jsx';
import { Table } from '../parts/table.jsx';

const name = { key: 'name', title: 'name', text: true, value: (r) => r.name };
const waits = { key: 'waits', title: 'waits', value: (r) => r.waits, cell: (r) => formatCount(r.waits) };
const time = (key, title, hint) => ({ key, title, hint, value: (r) => r[key], cell: (r) => formatTime(r[key]) });
const count = (key, title, hint) => ({ key, title, hint, value: (r) => r[key], cell: (r) => formatCount(r[key]) });

function List({ caption, rows, columns }) {
	if (rows.length === 0)
		return null;
	const numbered = rows.map((row, i) => ({ ...row, i }));
	return <Table caption={caption} columns={columns} rows={numbered} sortBy="wait_ns" limit={10} keyOf={(r) => r.i} />;
}

export function ApartView({ run }) {
	const threadName = (i) => (i === null ? 'unknown' : run.threads[i].label);
	const lists = [
		{ caption: 'Conditions', rows: run.conds, columns: [name, waits, time('wait_ns', 'waiting'), time('wait_max_ns', 'longest'),
			count('signals', 'signals'), count('broadcasts', 'broadcasts'), count('signals_unheard', 'unheard', 'signals while nobody waited'),
			time('tail_ns', 'wake-up', 'from the signal to the return of the wait')] },
		{ caption: 'Barriers', rows: run.barriers, columns: [name, count('rounds', 'rounds'), waits, time('wait_ns', 'waiting'),
			time('wait_max_ns', 'longest'), time('late_ns', 'because of the last', 'waiting that would not have been, had the last come with the last but one'),
			{ key: 'last', title: 'most often last', text: true, value: (r) => (r.last_times ? `${threadName(r.last_thread)}, ${formatCount(r.last_times)} times` : '') }] },
		{ caption: 'Joins', rows: run.joins, columns: [
			{ key: 'waiter', title: 'thread', text: true, value: (r) => threadName(r.waiter) },
			{ key: 'target', title: 'waited for the end of', text: true, value: (r) => threadName(r.target) },
			count('joins', 'joins'), time('wait_ns', 'waiting'),
			{ key: 'where', title: 'in', text: true, value: (r) => (run.stacks[r.stack]?.length ? formatFrame(run.frames[run.stacks[r.stack][0]]) : '') }] },
		{ caption: 'Semaphores that signal, futex words, once', rows: run.apart, columns: [name, { key: 'kind', title: 'kind', text: true, value: (r) => r.kind },
			waits, time('wait_ns', 'waiting'), time('wait_max_ns', 'longest'), count('wakes', 'wakes')] },
	];
	const filled = lists.filter((list) => list.rows.length > 0);
	return (
		<Section id="apart" title="Waits that are no contention" hint="Of the whole run. A thread that waits here has nothing to do, or waits for another to finish.">
			{filled.length === 0 ? <p class="nothing">None were recorded.</p> : filled.map((list) => <List key={list.caption} {...list} />)}
		</Section>
	);
}
