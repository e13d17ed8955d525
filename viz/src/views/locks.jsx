// SPDX-License-Identifier: MIT
// The ranked table: by class, and a class opens into its locks, its times and its places.
import { Histogram } from '../parts/histogram.jsx';
import { Section } from '../parts/section.jsx';
import { Table } from '../parts/table.jsx';
import { formatCount, formatFrame, formatPercent, formatRate, formatTime } from '../format.js';
import { perUnit } from '../data/phases.js';
import { physicalFrame } from '../data/places.js';
import { chooseClass, chooseLock, chosenClass, chosenLock, lockSort } from '../state.js';

const ratio = (a, b) => (b > 0 ? a / b : 0);

function counterColumns(run) {
	return [
		{ key: 'wait', title: 'wait', hint: 'all the time that threads waited for it',
			value: (r) => r.all.wait_ns, cell: (r) => formatTime(r.all.wait_ns) },
		{ key: 'share', title: 'share', hint: 'of all the threads\' time',
			value: (r) => r.all.wait_ns, cell: (r) => formatPercent(ratio(r.all.wait_ns, run.totals.thread_ns)) },
		{ key: 'waitp50', title: 'p50', hint: 'half of the waits were at most that long',
			value: (r) => r.all.wait_p50_ns, cell: (r) => formatTime(r.all.wait_p50_ns) },
		{ key: 'waitp99', title: 'p99', hint: '99 % of the waits were at most that long',
			value: (r) => r.all.wait_p99_ns, cell: (r) => formatTime(r.all.wait_p99_ns) },
		{ key: 'waitmax', title: 'max', hint: 'the longest wait',
			value: (r) => r.all.wait_max_ns, cell: (r) => (r.all.wait_ns ? formatTime(r.all.wait_max_ns) : '') },
		{ key: 'acquired', title: 'acquired', hint: 'how often it was taken',
			value: (r) => r.all.acquired, cell: (r) => formatCount(r.all.acquired) },
		...(run.work_units > 0 ? [{ key: 'perunit', title: '/ unit', hint: 'acquisitions for each unit of work of the program',
			value: (r) => perUnit(r.all.acquired, run.work_units), cell: (r) => formatRate(perUnit(r.all.acquired, run.work_units)) }] : []),
		{ key: 'contended', title: 'contended', hint: 'of these, how often somebody had to wait',
			value: (r) => ratio(r.all.contended, r.all.acquired), cell: (r) => formatPercent(ratio(r.all.contended, r.all.acquired)) },
		{ key: 'hold', title: 'hold', hint: 'all the time that it was held',
			value: (r) => r.all.hold_ns, cell: (r) => formatTime(r.all.hold_ns) },
		{ key: 'holdp50', title: 'p50', hint: 'half of the holds were at most that long',
			value: (r) => r.all.hold_p50_ns, cell: (r) => formatTime(r.all.hold_p50_ns) },
		{ key: 'holdmax', title: 'max', hint: 'the longest hold',
			value: (r) => r.all.hold_max_ns, cell: (r) => formatTime(r.all.hold_max_ns) },
		{ key: 'threads', title: 'threads', hint: 'that used it', value: (r) => r.threads, cell: (r) => formatCount(r.threads) },
	];
}

function Times({ row }) {
	const { all } = row;
	return (
		<div class="histograms">
			<Histogram title="waits" buckets={all.wait_hist ?? []} p50={all.wait_p50_ns} p99={all.wait_p99_ns} max={all.wait_max_ns} />
			<Histogram title="holds" buckets={all.hold_hist ?? []} p50={all.hold_p50_ns} p99={all.hold_p99_ns} max={all.hold_max_ns} />
		</div>
	);
}

/** Readers and writers of a reader-writer lock. */
function Sides({ run, row }) {
	if (!row.read)
		return null;
	const sides = [{ side: 'read', all: row.read, threads: null }, { side: 'write', all: row.write, threads: null }];
	const columns = [{ key: 'side', title: 'as', text: true, value: (r) => r.side }, ...counterColumns(run).slice(0, -1)];
	return <Table caption="Readers and writers" columns={columns} rows={sides} sortBy="wait" keyOf={(r) => r.side} />;
}

function siteName(run, site) {
	const frame = physicalFrame(run, site.stack);
	return frame ? formatFrame(frame) : 'an unknown place';
}

function Sites({ run, isOf }) {
	const sites = run.sites.filter(isOf);
	const columns = [
		{ key: 'site', title: 'taken in', text: true, value: (s) => siteName(run, s) },
		{ key: 'wait', title: 'wait', value: (s) => s.wait_ns, cell: (s) => formatTime(s.wait_ns) },
		{ key: 'acquired', title: 'acquired', value: (s) => s.acquired, cell: (s) => formatCount(s.acquired) },
		{ key: 'contended', title: 'contended', value: (s) => ratio(s.contended, s.acquired), cell: (s) => formatPercent(ratio(s.contended, s.acquired)) },
		{ key: 'hold', title: 'hold', value: (s) => s.hold_ns, cell: (s) => formatTime(s.hold_ns) },
	];
	return <Table caption="Places that take it" columns={columns} rows={sites} sortBy="wait" limit={8} keyOf={(s) => run.sites.indexOf(s)} />;
}

function Locks({ run, index }) {
	const locks = run.locks.map((lock, i) => ({ ...lock, index: i })).filter((lock) => lock.class === index);
	const columns = [{ key: 'name', title: 'lock', text: true, value: (r) => r.name }, ...counterColumns(run)];
	return (
		<Table caption="Locks of this class" columns={columns} rows={locks} sortBy="wait" limit={8}
			keyOf={(r) => r.index} isChosen={(r) => r.index === chosenLock.value}
			onChoose={(r) => chooseLock(r.index === chosenLock.value ? null : r.index)}
			detail={(r) => <Times row={r} />} />
	);
}

function Detail({ run, row }) {
	return (
		<>
			<Times row={row} />
			<Sides run={run} row={row} />
			<Sites run={run} isOf={(site) => site.class === row.index} />
			{row.locks > 1 && <Locks run={run} index={row.index} />}
		</>
	);
}

/** "wait" and "-wait" of the address, as what the table has. */
function readSort(text) {
	return text.startsWith('-') ? { key: text.slice(1), direction: -1 } : { key: text, direction: 1 };
}

export function LocksView({ run, found }) {
	const rows = run.classes.map((row, index) => ({ ...row, index }))
		.filter((row) => row.contends && (!found || found.classes.has(row.index)));
	const columns = [
		{ key: 'name', title: 'lock', text: true, value: (r) => r.name,
			cell: (r) => <>{r.name}{r.locks > 1 && <span class="aside"> {formatCount(r.locks)} locks</span>}</> },
		{ key: 'kind', title: 'kind', text: true, value: (r) => r.kind },
		...counterColumns(run),
	];
	return (
		<Section id="locks" title="Locks">
			<Table columns={columns} rows={rows} limit={10} keyOf={(r) => r.index} sort={readSort(lockSort.value)}
				onSort={({ key, direction }) => { lockSort.value = (direction < 0 ? '-' : '') + key; }}
				isChosen={(r) => r.index === chosenClass.value}
				onChoose={(r) => chooseClass(r.index === chosenClass.value ? null : r.index)}
				detail={(r) => <Detail run={run} row={r} />} />
			{run.locks_left_out > 0 && <p class="hint">{formatCount(run.locks_left_out)} locks with little waiting have no line of their own: they are in their class.</p>}
		</Section>
	);
}
