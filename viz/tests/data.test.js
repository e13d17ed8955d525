// SPDX-License-Identifier: MIT
// The page's decoders and counters, each against the plainest way to say the same.
import assert from 'node:assert/strict';
import test from 'node:test';
import { deflateSync } from 'node:zlib';
import { comparePhases, compareRuns, holdChanged, waitChanged } from '../src/data/compare.js';
import { decodeColumn, decodeVarints } from '../src/data/decode.js';
import { flatten, layOut, makeFlame, NOBODY, UNKNOWN } from '../src/data/flame.js';
import { bucketOf, Histogram } from '../src/data/hist.js';
import { averageWaiters, longestWaits, makeLockLanes, makeThreadLanes, markUnderLock, markWaitedFor, orderLanes } from '../src/data/lanes.js';
import { labelThreads, loadPage } from '../src/data/load.js';
import { makeMatrix } from '../src/data/matrix.js';
import { chooseGraph, sumEdges, tellFindings } from '../src/data/order.js';
import { bandRows, layBands, makeSpans, PhaseClock, perUnit, phaseName, phaseRows, spansOfPhase } from '../src/data/phases.js';
import { physicalFrame } from '../src/data/places.js';
import { searchRun } from '../src/data/search.js';
import { narrowRun } from '../src/data/span.js';
import { cleanText, parseClean, shorten } from '../src/data/text.js';
import { isLockWait, WAIT } from '../src/data/timeline.js';
import { clampSpan, formatTick, makeTicks, zoomSpan } from '../src/data/zoom.js';
import { formatChange, formatCount, formatFrame, formatPercent, formatRate, formatTime } from '../src/format.js';
import { makeRandomRun } from './random.js';

const plain = (text) => text.replaceAll('\u00a0', ' ');

// ---- columns ----

function varint(value) {
	const bytes = [];
	for (; value >= 128; value = Math.floor(value / 128))
		bytes.push(value % 128 + 128);
	return [...bytes, value];
}

test('varints of all lengths, up to what a number can hold', () => {
	const numbers = [0, 1, 127, 128, 300, 16383, 16384, 2 ** 28 - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 35 + 5, 2 ** 53 - 1];
	assert.deepEqual([...decodeVarints(Uint8Array.from(numbers.flatMap(varint)))], numbers);
	assert.deepEqual([...decodeVarints(new Uint8Array(0))], []);
});

test('a column: base64 of deflate of varints', async () => {
	const numbers = Array.from({ length: 5000 }, (_, i) => i * i);
	const text = deflateSync(Uint8Array.from(numbers.flatMap(varint))).toString('base64');
	assert.deepEqual([...await decodeColumn(text)], numbers);
});

test('a page of another schema, and one without data, are refused in words', async () => {
	const page = (json) => ({ getElementById: (id) => (id === 'lockprof-page' && json !== null ? { textContent: json } : null) });
	await assert.rejects(loadPage(page('{"schema":"lockprof-page/9","runs":[]}')), /lockprof-page\/9.*can only show/);
	await assert.rejects(loadPage(page(null)), /no recording in it/);
});

// ---- words and numbers ----

test('times', () => {
	const words = [[0, '0 ns'], [999, '999 ns'], [1000, '1.00 us'], [12345, '12.3 us'], [999499, '999 us'], [999500, '1.00 ms'],
		[4.1e9, '4.10 s'], [95e9, '95.0 s'], [3600e9, '3600 s'], [null, '']];
	for (const [ns, text] of words)
		assert.equal(plain(formatTime(ns)), text);
});

test('counts, parts and changes', () => {
	assert.equal(formatCount(12345678), '12,345,678');
	assert.deepEqual([0, 0.0005, 0.001, 0.973, 0.9996, 1, null, NaN].map((n) => plain(formatPercent(n))), ['0.0 %', '<0.1 %', '0.1 %', '97.3 %', '100 %', '100 %', '', '']);
	assert.deepEqual([[100, 150], [100, 50], [10, 120]].map(([a, b]) => plain(formatChange(a, b))), ['+50 %', '−50 %', 'x 12']);
	assert.equal(formatFrame(['f', '/a/b.c', 7, 'x', 0]), 'f (b.c:7)');
	assert.equal(formatFrame(['+0x12', null, null, 'lib.so', 0]), 'lib.so+0x12');
});

test('names of any characters become what can be shown', () => {
	assert.equal(cleanText('a\u001b[31m\u202eb\u0007\u2066\u009b'), 'a\\x1b[31m\\u202eb\\x07\\u2066\\x9b');
	assert.equal(cleanText('Überlänge λ 锁 🔒'), 'Überlänge λ 锁 🔒');
	assert.ok(cleanText('W'.repeat(10000)).length <= 160);
	assert.ok(cleanText('word '.repeat(4000)).length <= 300);
	assert.ok(cleanText('word '.repeat(4000), 4000).length <= 4000);
	assert.equal(shorten('abcdefghij', 6), 'abc…ij');
	assert.deepEqual(parseClean('{"name":"a\\u001b","list":["b\\u202e",3,null],"n":1.5}'), { name: 'a\\x1b', list: ['b\\u202e', 3, null], n: 1.5 });
});

test('threads of one name are told apart', () => {
	const run = { processes: [{ pid: 7 }], threads: [{ name: 'a', tid: 1, process: 0 }, { name: 'b', tid: 2, process: 0 }, { name: 'a', tid: 3, process: 0 }] };
	labelThreads(run);
	assert.deepEqual(run.threads.map((t) => t.label), ['a 1', 'b', 'a 3']);
	run.processes.push({ pid: 8 });
	labelThreads(run);
	assert.deepEqual(run.threads.map((t) => t.label), ['a 1 [7]', 'b [7]', 'a 3 [7]']);
});

test('the frame that a call stands in is no inlined one', () => {
	const run = { frames: [['lock', null, null, null, 1], ['guard', null, null, null, 1], ['user', null, null, null, 0], ['main', null, null, null, 0]], stacks: [[], [0, 1, 2, 3], [3], [0]] };
	assert.deepEqual([0, 1, 2, 3].map((stack) => physicalFrame(run, stack)?.[0] ?? null), [null, 'user', 'main', 'lock']);
});

// ---- spans of time ----

test('spans stay in the run, and their ticks are round', () => {
	assert.deepEqual(clampSpan({ begin: -50, end: 50 }, 1000), { begin: 0, end: 100 });
	assert.deepEqual(clampSpan({ begin: 950, end: 1100 }, 1000), { begin: 850, end: 1000 });
	assert.deepEqual(clampSpan({ begin: 10, end: 11 }, 1000), { begin: 10, end: 30 });
	assert.deepEqual(clampSpan({ begin: 0, end: 100 }, 5), { begin: 0, end: 5 });
	assert.deepEqual(zoomSpan({ begin: 0, end: 100 }, 25, 0.5, 1000), { begin: 12.5, end: 62.5 });
	assert.deepEqual(makeTicks({ begin: 0, end: 100 }, 5), [0, 20, 40, 60, 80]);
	assert.deepEqual(makeTicks({ begin: 95, end: 125 }, 3), [100, 110, 120]);
	assert.ok(makeTicks({ begin: 1e9, end: 1e9 + 20 }, 10).every((t) => Number.isInteger(t)));
	for (let width = 20; width < 1e12; width *= 7)
		for (const begin of [0, 123456789]) {
			const span = { begin, end: begin + width }, words = makeTicks(span, 10).map((t) => formatTick(t, span, 10));
			assert.equal(new Set(words).size, words.length, `ticks of ${width} ns from ${begin} on: ${words}`);
		}
});

// ---- histograms ----

test('buckets are as wide as in the analyzer, and hold what they say', () => {
	for (const ns of [0, 1, 15, 16, 31, 32, 33, 1000, 123456, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 12345, 2 ** 52]) {
		const h = new Histogram();
		h.add(ns);
		const [[low, high, count]] = h.buckets;
		assert.ok(low <= ns && ns < high && count === 1, `${ns} in ${low}..${high}`);
		assert.ok(high - low <= Math.max(1, low / 16), `${ns}: ${high - low} wide`);
		assert.equal(h.percentile(0.5), Math.min(ns, h.percentile(0.5)));
	}
	for (let n = 0, last = -1; n < 5000; n++) {
		assert.ok(bucketOf(n) === last || bucketOf(n) === last + 1);
		last = bucketOf(n);
	}
});

test('percentiles are off by a sixteenth at most', () => {
	const h = new Histogram(), numbers = Array.from({ length: 10000 }, (_, i) => Math.floor(1.001 ** i * 10));
	numbers.forEach((n) => h.add(n));
	for (const p of [0.01, 0.5, 0.9, 0.99, 1]) {
		const exact = numbers[Math.ceil(p * numbers.length) - 1];
		assert.ok(Math.abs(h.percentile(p) / exact - 1) < 1 / 16, `${p}: ${h.percentile(p)} for ${exact}`);
	}
	assert.equal(new Histogram().percentile(0.5), null);
});

// ---- the timeline ----

const rowsOf = (rows) => Array.from({ length: rows.nr }, (_, i) => i);
const end = (rows, i) => rows.begin[i] + rows.length[i];

test('rows of a lane in a span are those that a look at each finds', () => {
	const run = makeRandomRun(1), { intervals } = run;
	for (const [lanes, isOf] of [[makeThreadLanes(run, intervals), (rows, i, lane) => rows.thread[i] === lane.index],
		[makeLockLanes(run, intervals), (rows, i, lane) => intervals.lockOf(rows, i) === lane.index && (!rows.kind || isLockWait(rows.kind[i]))]])
		for (const lane of lanes)
			for (const [begin, stop] of [[0, 1e9], [5000, 9000], ...Array.from({ length: 150 }, (_, i) => [i * 400, i * 400 + 1 + i])]) {
				const found = [];
				for (let i = lane.holds.firstReaching(begin); i < lane.holds.firstFrom(stop); i++)
					if (end(intervals.holds, lane.holds.at(i)) > begin)
						found.push(lane.holds.at(i));
				const wanted = rowsOf(intervals.holds).filter((i) => isOf(intervals.holds, i, lane) && intervals.holds.begin[i] < stop && end(intervals.holds, i) > begin);
				assert.deepEqual(found.sort((a, b) => a - b), wanted);
			}
});

test('what is held, waited for, and waited for under a lock', () => {
	const run = makeRandomRun(2), { intervals } = run, { holds, waits } = intervals;
	const waitedFor = markWaitedFor(intervals), underLock = markUnderLock(intervals, makeThreadLanes(run, intervals));
	for (const h of rowsOf(holds)) {
		const wanted = rowsOf(waits).some((w) => isLockWait(waits.kind[w]) && intervals.lockOf(waits, w) === intervals.lockOf(holds, h) &&
			waits.thread[w] !== holds.thread[h] && waits.begin[w] < end(holds, h) && end(waits, w) > holds.begin[h]);
		assert.equal(waitedFor[h] === 1, wanted, `hold ${h}`);
	}
	for (const w of rowsOf(waits)) {
		const wanted = rowsOf(holds).some((h) => holds.thread[h] === waits.thread[w] && holds.begin[h] < waits.begin[w] && end(holds, h) >= end(waits, w) - 1);
		assert.equal(underLock[w] === 1, wanted, `wait ${w}`);
	}
	assert.ok(waitedFor.includes(1) && waitedFor.includes(0));
});

test('waiters over time add up to the waiting', () => {
	const run = makeRandomRun(3), { intervals } = run, { waits } = intervals;
	const span = { begin: 3000, end: 70000 }, bins = averageWaiters(intervals, span, 64, -1);
	const sum = bins.reduce((a, b) => a + b, 0) * (span.end - span.begin) / 64;
	const wanted = rowsOf(waits).filter((i) => isLockWait(waits.kind[i]))
		.reduce((a, i) => a + Math.max(0, Math.min(end(waits, i), span.end) - Math.max(waits.begin[i], span.begin)), 0);
	assert.ok(Math.abs(sum / wanted - 1) < 1e-4, `${sum} for ${wanted}`);
});

test('the longest waits of a span', () => {
	const { intervals } = makeRandomRun(4), { waits } = intervals, span = { begin: 1000, end: 60000 };
	const wanted = rowsOf(waits).filter((i) => isLockWait(waits.kind[i]) && waits.begin[i] < span.end && end(waits, i) > span.begin)
		.map((i) => waits.length[i]).sort((a, b) => b - a).slice(0, 3);
	assert.deepEqual(longestWaits(intervals, span, 3).map((i) => waits.length[i]), wanted);
});

test('lanes in the order that is wanted', () => {
	const lane = (label, wait_ns, begin) => ({ label, wait_ns, hold_ns: 0, begin });
	const lanes = [lane('t10', 1, 5), lane('t2', 3, 9), lane('t1', 2, Infinity), lane('t3', 0, Infinity)];
	const order = (by) => orderLanes(lanes, by).map((l) => l.label);
	assert.deepEqual([order('waiting'), order('start'), order('name')], [['t2', 't1', 't10', 't3'], ['t10', 't2', 't1', 't3'], ['t1', 't2', 't3', 't10']]);
});

test('who held the lock before a wait ended', () => {
	const { intervals } = makeRandomRun(5), { waits, holds } = intervals;
	for (const w of rowsOf(waits).filter((i) => waits.kind[i] === WAIT.GOT_IT)) {
		const lock = intervals.lockOf(waits, w), hold = intervals.holdBefore(lock, waits.thread[w], end(waits, w));
		const others = rowsOf(holds).filter((h) => intervals.lockOf(holds, h) === lock && holds.thread[h] !== waits.thread[w] && holds.begin[h] < end(waits, w))
			.map((h) => end(holds, h)).filter((ends) => ends <= end(waits, w) + 1000); /* clocks of two threads differ a little */
		assert.equal(hold < 0 ? -1 : end(holds, hold), Math.max(-1, ...others));
	}
});

// ---- a span of the run, counted another way ----

/** The same numbers, moment by moment: the span is cut at every begin and end, and each piece is looked at. */
function countByPieces(run, span) {
	const { holds, waits, contextClass } = run.intervals;
	const cuts = new Set([span.begin, span.end]);
	for (const rows of [holds, waits])
		for (const i of rowsOf(rows))
			for (const at of [rows.begin[i], end(rows, i)])
				if (at > span.begin && at < span.end)
					cuts.add(at);
	const times = [...cuts].sort((a, b) => a - b), sums = { wait: {}, hold: {}, blame: {}, pair: {} };
	const add = (map, key, ns) => { map[key] = (map[key] ?? 0) + ns; };
	for (let k = 0; k + 1 < times.length; k++) {
		const at = times[k], ns = times[k + 1] - at, now = (rows) => rowsOf(rows).filter((i) => rows.begin[i] <= at && end(rows, i) > at);
		const held = now(holds);
		for (const h of held)
			add(sums.hold, contextClass[holds.context[h]], ns);
		for (const w of now(waits).filter((i) => isLockWait(waits.kind[i]))) {
			const lock = run.intervals.lockOf(waits, w);
			add(sums.wait, contextClass[waits.context[w]], ns);
			/* of several readers the one that goes last is in the way */
			const holder = held.filter((h) => run.intervals.lockOf(holds, h) === lock && holds.thread[h] !== waits.thread[w])
				.reduce((a, b) => (a < 0 || end(holds, b) > end(holds, a) ? b : a), -1);
			if (holder >= 0) {
				add(sums.blame, contextClass[waits.context[w]], ns);
				add(sums.pair, `${lock} ${waits.thread[w]} ${holds.thread[holder]}`, ns);
			}
		}
	}
	return sums;
}

test('a span counts what an independent count finds, to the nanosecond', () => {
	for (let seed = 10; seed < 16; seed++) {
		const run = makeRandomRun(seed);
		for (const span of [{ begin: 0, end: run.intervals.endTime }, { begin: 4321, end: 33333 }, { begin: 50000, end: 50100 }]) {
			const narrow = narrowRun(run, span), wanted = countByPieces(run, span), { holds, waits } = run.intervals;
			const ended = (rows, i) => end(rows, i) > span.begin && rows.begin[i] < span.end && end(rows, i) <= span.end;
			narrow.classes.forEach((cls, c) => {
				const of = (rows, i) => run.intervals.contextClass[rows.context[i]] === c;
				assert.equal(cls.all.wait_ns, wanted.wait[c] ?? 0, 'wait');
				assert.equal(cls.all.hold_ns, wanted.hold[c] ?? 0, 'hold');
				assert.equal(cls.all.acquired, rowsOf(holds).filter((i) => of(holds, i) && ended(holds, i)).length, 'acquired');
				assert.equal(cls.all.contended, rowsOf(waits).filter((i) => of(waits, i) && waits.kind[i] === WAIT.GOT_IT && ended(waits, i)).length, 'contended');
				const sum = (list) => list.filter((e) => e.class === c).reduce((a, e) => a + e.wait_ns, 0);
				assert.equal(sum(narrow.waits), cls.all.wait_ns, 'waits add up');
				assert.equal(sum(narrow.waiters), cls.all.wait_ns, 'waiters add up');
				assert.equal(sum(narrow.sites), cls.all.wait_ns, 'sites add up');
				for (const key of ['acquired', 'contended', 'hold_ns'])
					assert.equal(narrow.sites.filter((e) => e.class === c).reduce((a, e) => a + e[key], 0), cls.all[key], `sites: ${key}`);
				assert.equal(sum(narrow.blames), wanted.blame[c] ?? 0, 'blames');
				assert.equal(sum(narrow.blames) + cls.unattributed_ns, cls.all.wait_ns, 'blames and what nobody held add up');
			});
			assert.deepEqual(Object.fromEntries(narrow.blockings.map((b) => [`${b.lock} ${b.waiter} ${b.holder}`, b.wait_ns])), wanted.pair);
			assert.equal(narrow.totals.wait_ns, narrow.classes.reduce((a, c) => a + c.all.wait_ns, 0));
		}
	}
});

test('parts of a run add up to it', () => {
	const run = makeRandomRun(20), cuts = [0, 1000, 20000, 33333, run.intervals.endTime];
	const sum = { wait_ns: 0, hold_ns: 0 };
	for (let i = 0; i + 1 < cuts.length; i++) {
		const { totals } = narrowRun(run, { begin: cuts[i], end: cuts[i + 1] });
		sum.wait_ns += totals.wait_ns;
		sum.hold_ns += totals.hold_ns;
	}
	const { totals } = narrowRun(run, { begin: 0, end: run.intervals.endTime });
	assert.deepEqual(sum, { wait_ns: totals.wait_ns, hold_ns: totals.hold_ns });
});

test('a process of the run counts only its threads', () => {
	const run = makeRandomRun(21), span = { begin: 0, end: run.intervals.endTime };
	run.threads.forEach((thread, i) => { thread.process = i % 2; });
	const parts = [0, 1].map((process) => narrowRun(run, span, process).totals), all = narrowRun(run, span).totals;
	for (const key of ['wait_ns', 'hold_ns', 'acquisitions', 'contended', 'thread_ns'])
		assert.equal(parts[0][key] + parts[1][key], all[key], key);
	assert.ok(parts[0].acquisitions > 0 && parts[1].acquisitions > 0);
});

// ---- phases ----

test('spans of phases from their columns, process by process', () => {
	const spans = makeSpans({ span_process: [0, 0, 1], span_phase: [1, 3, 0], span_off: [0, 1, 0], span_begin: [5, 10, 7], span_length: [10, 20, 30] });
	assert.deepEqual(spans, [{ process: 0, phase: 0, off: false, begin: 5, end: 15 }, { process: 0, phase: 2, off: true, begin: 15, end: 35 },
		{ process: 1, phase: -1, off: false, begin: 7, end: 37 }]);
});

test('phases of a run add up to it, also within a span', () => {
	for (const seed of [1, 2, 3]) {
		const whole = makeRandomRun(seed, 3), end = whole.intervals.endTime;
		for (const span of [{ begin: 0, end }, { begin: 1234, end: end - 4321 }]) {
			const parts = [0, 1, 2].map((phase) => narrowRun(whole, span, null, phase)), all = narrowRun(whole, span);
			const sum = (read) => parts.reduce((a, part) => a + read(part), 0);
			for (const key of ['wait_ns', 'hold_ns', 'acquisitions', 'contended'])
				assert.equal(sum((part) => part.totals[key]), all.totals[key], key);
			for (const list of ['waits', 'waiters', 'blames', 'blockings', 'sites'])
				assert.equal(sum((part) => part[list].reduce((a, e) => a + e.wait_ns, 0)), all[list].reduce((a, e) => a + e.wait_ns, 0), list);
			whole.threads.forEach((_, i) => assert.equal(sum((part) => part.threads[i].lifetime_ns), all.threads[i].lifetime_ns, 'lifetime'));
			assert.ok(parts.every((part) => part.totals.acquisitions > 0));
		}
	}
});

test('of a whole phase the numbers of the analyzer count, and its units of work', () => {
	const whole = makeRandomRun(4, 2), all = { begin: 0, end: whole.intervals.endTime };
	Object.assign(whole.phases[1], { classes: [{ class: 1, acquired: 777, wait_ns: 5 }], thread_ns: 9999, time_ns: 1234 });
	const narrow = narrowRun(whole, all, null, 1);
	assert.deepEqual([narrow.classes[1].all.acquired, narrow.classes[1].all.wait_ns, narrow.totals.thread_ns, narrow.totals.duration_ns, narrow.work_units], [777, 5, 9999, 1234, 10]);
	const part = narrowRun(whole, { begin: 1, end: all.end }, null, 1);
	assert.ok(part.classes[1].all.acquired < 777);
	assert.equal(part.work_units, 0);
});

test('bands: the narrow ones stand together, and nothing lies outside', () => {
	const spans = [[0, 100], [100, 101], [101, 102], [102, 103], [103, 500], [500, 900], [950, 1000]].map(([begin, end], i) => ({ process: 0, phase: 1 + i % 2, off: false, begin, end }));
	assert.deepEqual(layBands(spans, { begin: 0, end: 1000 }, 1000).map(({ x, width, nr }) => [x, width, nr]),
		[[0, 100, 1], [100, 3, 3], [103, 397, 1], [500, 400, 1], [950, 50, 1]]);
	assert.deepEqual(layBands(spans, { begin: 90, end: 110 }, 1000).map(({ x, width, nr }) => [x, width, nr]),
		[[0, 500, 1], [500, 50, 1], [550, 50, 1], [600, 50, 1], [650, 350, 1]]);
	assert.deepEqual(layBands(spans, { begin: 901, end: 949 }, 1000), []);
});

test('what was in no phase has no band, unless it was not recorded', () => {
	const spans = [{ process: 0, phase: 0, off: false }, { process: 0, phase: 0, off: true }, { process: 1, phase: 2, off: false }, { process: 2, phase: 0, off: false }];
	assert.deepEqual(bandRows({ spans }).map(({ process, spans: of }) => [process, of.length]), [[0, 1], [1, 1]]);
	assert.deepEqual(bandRows({ spans }, 1).map(({ process }) => process), [1]);
	const other = { phases: [{ name: null }, { name: 'load' }] };
	assert.deepEqual([-1, 0, 1].map((phase) => phaseName(other, phase)), ['one of many phases', '(no phase)', 'load']);
});

test('a process that tells no phase is in none all the time', () => {
	const clock = (phase) => new PhaseClock({ processes: [{}, {}], spans: [{ process: 1, phase: 1, off: false, begin: 10, end: 20 }, { process: 1, phase: 1, off: true, begin: 20, end: 30 }] }, phase);
	assert.deepEqual([clock(0).time(0, 5, 25), clock(1).time(0, 5, 25), clock(0).time(1, 5, 25), clock(1).time(1, 5, 25)], [20, 0, 0, 10]);
	assert.deepEqual([clock(1).isAt(1, 19), clock(1).isAt(1, 20)], [true, false]);
});

test('parts of a phase in the order of time; a phase by itself', () => {
	const other = { spans: [{ process: 0, phase: 1, off: false, begin: 50, end: 60 }, { process: 0, phase: 1, off: true, begin: 60, end: 70 }, { process: 1, phase: 1, off: false, begin: 5, end: 9 }] };
	assert.deepEqual(spansOfPhase(other, 1).map(({ begin }) => begin), [5, 50]);
	assert.deepEqual(spansOfPhase(other, 1, 0).map(({ begin }) => begin), [50]);
	const phases = [null, 'load', 'serve'].map((name) => ({ name, time_ns: name ? 5 : 0, all: { acquired: 0 } }));
	assert.deepEqual(phaseRows({ phases, only_phase: null }).map(({ label }) => label), ['load', 'serve']);
	assert.deepEqual(phaseRows({ phases, only_phase: 2 }).map(({ label }) => label), ['serve']);
	assert.deepEqual([perUnit(6, 4), perUnit(6, 0), formatRate(perUnit(6, 4)), formatRate(3), formatRate(1 / 3), formatRate(1234.5), formatRate(null)], [1.5, null, '1.5', '3', '0.3333', '1,235', '']);
});

test('phases of two runs, by name', () => {
	const phases = (...names) => ({ phases: names.map((name) => ({ name })) });
	assert.deepEqual(comparePhases(phases(null, 'load', 'old'), phases(null, 'new', 'load')).map(({ name, state }) => [name, state]),
		[['(no phase)', ''], ['new', 'appeared'], ['load', ''], ['old', 'vanished']]);
});

// ---- lists ----

const run = {
	frames: [['leaf', 'a.c', 1, 'x', 0], ['middle', 'a.c', 2, 'x', 0], ['start_thread', null, null, 'libc', 0]],
	stacks: [[], [0, 1, 2], [1, 2]],
	classes: [{ name: 'A', kind: 'mutex', contends: true, folded_wait_ns: 5, all: { wait_ns: 100 } }, { name: 'c', kind: 'cond', contends: false, folded_wait_ns: 0, all: { wait_ns: 999 } }],
	waits: [{ class: 0, stack: 1, wait_ns: 60 }, { class: 0, stack: 2, wait_ns: 30 }],
	blames: [{ class: 0, stack: 1, wait_ns: 70 }],
};

test('a flame graph is as wide as all waiting, by waiter and by holder', () => {
	const waiter = makeFlame(run, 'waiter'), holder = makeFlame(run, 'holder');
	assert.deepEqual([waiter.value, holder.value], [100, 100]);
	assert.deepEqual(flatten(waiter, 9).map(({ path, ns }) => [path.join('>'), ns]), [['A>middle>leaf', 60], ['A>middle', 30], [`A>${UNKNOWN}`, 10]]);
	assert.deepEqual(flatten(holder, 9).map(({ path, ns }) => [path.join('>'), ns]), [['A>middle>leaf', 70], [`A>${NOBODY}`, 25], [`A>${UNKNOWN}`, 5]]);
	assert.equal(makeFlame(run, 'waiter', (entry) => entry.class === 1).value, 0);
});

test('boxes lie in their parents, beside each other', () => {
	const boxes = layOut(makeFlame(run, 'waiter'), 0);
	assert.equal(boxes[0].width, 1);
	for (const depth of [1, 2, 3]) {
		const row = boxes.filter((b) => b.depth === depth).sort((a, b) => a.x - b.x);
		row.forEach((b, i) => assert.ok(i === 0 || b.x >= row[i - 1].x + row[i - 1].width - 1e-9));
		for (const b of row)
			assert.ok(boxes.some((p) => p.depth === depth - 1 && p.x <= b.x + 1e-9 && p.x + p.width >= b.x + b.width - 1e-9));
	}
	assert.equal(layOut(makeFlame(run, 'waiter'), 0.5).every((b) => b.width >= 0.5), true);
});

test('a matrix shows the largest, and says how many it leaves out', () => {
	const entries = [[1, 1, 5], [1, 2, 7], [2, 1, 1], [3, 3, 100], [3, 3, 20], [4, 4, 0]].map(([r, c, n]) => ({ r, c, n }));
	const m = makeMatrix(entries, (e) => e.r, (e) => e.c, (e) => e.n, 2, 2);
	assert.deepEqual([m.rows, m.columns, m.at(3, 3), m.at(1, 2), m.most, m.rowSum(1), m.rowsLeftOut, m.columnsLeftOut], [[3, 1], [3, 2], 120, 7, 120, 12, 1, 1]);
});

test('orders between the same two locks are one', () => {
	const lock = (name) => ({ what: 'lock', name, class: name });
	const edge = (from, to, count, component) => ({ from: lock(from), to: lock(to), count, component, threads: [{ name: 't' }] });
	const order = { edges: [edge('a', 'b', 3, 1), edge('a', 'b', 4, 1), edge('b', 'a', 1, 1), edge('x', 'y', 50, 0)],
		findings: [{ id: '1', level: 'PREDICTED', text: 'x', suppressed: null }, { id: '2', level: 'PREDICTED', text: 'y', suppressed: 'known' }] };
	const edges = sumEdges(order);
	assert.deepEqual(edges.map((e) => [e.from, e.to, e.count, e.inCycle]), [['x', 'y', 50, false], ['a', 'b', 7, true], ['b', 'a', 1, true]]);
	const graph = chooseGraph(edges, 80);
	assert.deepEqual([graph.nodes.sort(), graph.leftOut], [['a', 'b'], 1]);
	assert.deepEqual(tellFindings(order).map((f) => f.id), ['1']);
});

test('a search finds locks, threads and functions', () => {
	const where = { ...run, threads: [{ label: 'worker' }, { label: 'main' }], locks: [{ name: 'A[3]', class: 0 }], sites: [],
		waits: [{ class: 0, stack: 1, wait_ns: 60, thread: 1 }], blames: [] };
	assert.equal(searchRun(where, '  '), null);
	assert.deepEqual(searchRun(where, 'LEAF'), { classes: new Set([0]), threads: new Set([1]) });
	assert.deepEqual(searchRun(where, 'work'), { classes: new Set(), threads: new Set([0]) });
	assert.deepEqual(searchRun(where, '[3]').classes, new Set([0]));
});

test('two runs: what changed, came and went', () => {
	const cls = (name, wait_ns, hold_p50_ns, acquired = 1000) => ({ name, kind: 'mutex', contends: true, all: { wait_ns, hold_p50_ns, acquired } });
	const base = { totals: { thread_ns: 1e6 }, classes: [cls('a', 100000, 100), cls('b', 5000, 50), cls('gone', 10, 1), cls('large', 300000, 7, 10)] };
	const now = { totals: { thread_ns: 1e6 }, classes: [cls('b', 5100, 90), cls('a', 250000, 101), cls('new', 20, 1), cls('large', 309000, 14, 10)] };
	const rows = compareRuns(base, now);
	assert.deepEqual(rows.map((r) => [r.name, r.state, r.wait, r.index]), [['a', '', 150000, 1], ['large', '', 9000, 3], ['b', '', 100, 0], ['new', 'appeared', 20, 2], ['gone', 'vanished', -10, null]]);
	assert.deepEqual(rows.filter((r) => waitChanged(r, base, now)).map((r) => r.name), ['a']);
	assert.deepEqual(rows.filter(holdChanged).map((r) => r.name), ['b']);
});
