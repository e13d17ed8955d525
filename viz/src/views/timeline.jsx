// SPDX-License-Identifier: MIT
// The run in time, a lane for each thread or each lock. What it shows is what the other views count:
// the span is the filter.
//
//	wheel, + and -		zoom around the pointer or the middle
//	drag, arrow keys	move; in the strip above: choose a span
//	n, p			the next or previous of the longest waits
//	Home			the whole run
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { drawOverview, drawWaiters, OVERVIEW_HEIGHT } from '../canvas/overview.js';
import { describe, holderOf, lockName, placeOf } from '../data/describe.js';
import { countWaiters, longestWaits, makeLockLanes, makeThreadLanes, markUnderLock, markWaitedFor, orderLanes } from '../data/lanes.js';
import { makeTicks, formatTick } from '../data/zoom.js';
import { formatCount, formatPercent, formatTime } from '../format.js';
import { Bands } from '../parts/bands.jsx';
import { Section } from '../parts/section.jsx';
import { Table } from '../parts/table.jsx';
import { chosenProcess, lanesBy, lanesOrder, range } from '../state.js';
import { hovered, Lanes, LONGEST, noted, setSpan, showWait, useDarkMode, wholeRun } from './lanes.jsx';

const TICK_PIXELS = 110;

function useLanes(run, timeline, found) {
	const threads = useMemo(() => makeThreadLanes(run, timeline), [timeline]);
	const marks = useMemo(() => ({ waitedFor: markWaitedFor(timeline), underLock: markUnderLock(timeline, threads) }), [timeline]);
	const by = lanesBy.value, order = lanesOrder.value, process = chosenProcess.value;
	const lanes = useMemo(() => {
		const all = by === 'thread' ? threads : makeLockLanes(run, timeline);
		const isIn = (lane) => process === null || lane.process === process;
		const isFound = (lane) => !found || (by === 'thread' ? found.threads.has(lane.index) : found.classes.has(run.locks[lane.index].class));
		return orderLanes(all.filter((lane) => isIn(lane) && isFound(lane)), order);
	}, [timeline, by, order, process, found]);
	return { marks, lanes };
}

function Overview({ timeline, width }) {
	const canvas = useRef(null), drag = useRef(null);
	const waiters = useMemo(() => countWaiters(timeline), [timeline]), span = range.value ?? wholeRun(timeline);
	const [colours, setColours] = useState(0), drawn = useRef(null);
	useLayoutEffect(() => { drawn.current = drawWaiters(canvas.current, waiters, width); }, [waiters, width, colours]);
	useLayoutEffect(() => drawOverview(canvas.current, drawn.current, timeline.endTime, span));
	useDarkMode(() => setColours((n) => n + 1));
	const timeAt = (e) => Math.min(1, Math.max(0, (e.clientX - canvas.current.getBoundingClientRect().left) / width)) * timeline.endTime;
	const move = (e) => {
		if (drag.current === null)
			return;
		const at = timeAt(e);
		setSpan(timeline, { begin: Math.min(at, drag.current), end: Math.max(at, drag.current) });
	};
	return (
		<canvas ref={canvas} class="overview" style={{ width: `${width}px`, height: `${OVERVIEW_HEIGHT}px` }}
			role="img" aria-label="How many threads waited, over the whole run; drag to choose a span"
			onPointerDown={(e) => { drag.current = timeAt(e); e.currentTarget.setPointerCapture(e.pointerId); }}
			onPointerMove={move} onPointerUp={() => { drag.current = null; }}
			onDblClick={() => { range.value = null; }} />
	);
}

function Axis({ timeline, width }) {
	const span = range.value ?? wholeRun(timeline), nr = Math.max(2, Math.floor(width / TICK_PIXELS));
	return (
		<div class="axis" aria-hidden="true" style={{ width: `${width}px` }}>
			{makeTicks(span, nr).map((t) => (
				<span key={t} style={{ left: `${(t - span.begin) / (span.end - span.begin) * 100}%` }}>{formatTick(t, span, nr)}</span>
			))}
		</div>
	);
}

function Legend({ run, timeline }) {
	const kinds = [['held', 'held'], ['held-waiters', 'held, others waited'], ['wait', 'waiting for a lock'],
		['blocked', 'waiting while holding another'], ['cond', 'condition, signal, barrier, join, futex'],
		...(timeline.isComplete ? [] : [['short', 'held in pieces too short to draw']])];
	return (
		<ul class="legend">
			{kinds.map(([kind, words]) => <li key={kind}><span class={`swatch ${kind}`} aria-hidden="true" />{words}</li>)}
			{run.spans.some(({ off }) => off) && <li><span class="swatch off" aria-hidden="true" />not recorded</li>}
			<li><span class="swatch arrows" aria-hidden="true">↕</span>who released to whom</li>
		</ul>
	);
}

function Longest({ run, timeline, span }) {
	const [open, setOpen] = useState(false), { waits } = timeline;
	const rows = useMemo(() => (open ? longestWaits(timeline, span, LONGEST).map((row) => ({ row })) : []), [timeline, span, open]);
	const columns = [
		{ key: 'wait', title: 'wait', value: (r) => waits.length[r.row], cell: (r) => formatTime(waits.length[r.row]) },
		{ key: 'at', title: 'at', value: (r) => waits.begin[r.row], cell: (r) => formatTime(waits.begin[r.row]) },
		{ key: 'thread', title: 'thread', text: true, value: (r) => run.threads[waits.thread[r.row]].label },
		{ key: 'lock', title: 'lock', text: true, value: (r) => lockName(run, timeline, waits, r.row) },
		{ key: 'where', title: 'where', text: true, value: (r) => placeOf(run, timeline, waits, r.row).replace(/^ in /, '') },
		{ key: 'holder', title: 'held before by', text: true, value: (r) => holderOf(run, timeline, r.row) },
	];
	return (
		<details class="data" open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
			<summary>The longest waits here, as a table</summary>
			{open && <Table columns={columns} rows={rows} sortBy="wait" limit={15} keyOf={(r) => r.row} onChoose={(r) => showWait(run, timeline, r.row)} />}
		</details>
	);
}

/** What the lanes say, as a table: of the whole run, or of the span. */
function LaneNumbers({ shown }) {
	const [open, setOpen] = useState(false), by = lanesBy.value;
	const rows = (by === 'thread' ? shown.threads : shown.locks).map((row, i) => ({ ...row, i }));
	const columns = [
		{ key: 'name', title: by, text: true, value: (r) => r.label ?? r.name },
		{ key: 'wait', title: 'waiting', value: (r) => r.all.wait_ns, cell: (r) => formatTime(r.all.wait_ns) },
		{ key: 'hold', title: 'holding', value: (r) => r.all.hold_ns, cell: (r) => formatTime(r.all.hold_ns) },
		{ key: 'acquired', title: by === 'thread' ? 'acquisitions' : 'acquired', value: (r) => r.all.acquired, cell: (r) => formatCount(r.all.acquired) },
		{ key: 'contended', title: 'contended', value: (r) => r.all.contended, cell: (r) => formatCount(r.all.contended) },
		...(by === 'thread' ? [{ key: 'share', title: 'waiting, of its life', value: (r) => (r.lifetime_ns ? r.all.wait_ns / r.lifetime_ns : 0),
			cell: (r) => formatPercent(r.lifetime_ns ? r.all.wait_ns / r.lifetime_ns : 0) }] : []),
	];
	return (
		<details class="data" open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
			<summary>The lanes as a table</summary>
			{open && <Table columns={columns} rows={rows} sortBy="wait" limit={20} keyOf={(r) => r.i} />}
		</details>
	);
}

function useWidth(box, names) {
	const [width, setWidth] = useState(800);
	useLayoutEffect(() => {
		const measure = () => setWidth(Math.max(150, Math.floor(box.current.clientWidth - names)));
		const observer = new ResizeObserver(measure);
		observer.observe(box.current);
		measure();
		return () => observer.disconnect();
	}, []);
	return width;
}

function Chooser({ name, legend, value, words }) {
	return (
		<fieldset class="choice">
			<legend>{legend}</legend>
			{words.map(([word, text]) => (
				<label key={word}>
					<input type="radio" name={name} checked={value.value === word} onChange={() => { value.value = word; }} />
					{text}
				</label>
			))}
		</fieldset>
	);
}

function SpanWords({ timeline }) {
	const span = range.value;
	if (!span)
		return <p class="hint keys">The whole run, {formatTime(timeline.endTime)}. Click into it, then: wheel or + and − to zoom, drag or arrows to move, n and p for the longest waits, Home for all. Drag in the strip to choose a span.</p>;
	return (
		<p class="hint">
			{formatTime(span.end - span.begin)} from {formatTime(span.begin)} on; the other views count only these.
			<button type="button" class="link" onClick={() => { range.value = null; }}>show the whole run</button>
		</p>
	);
}

/** What the pointer is over, beside it; what the keys n and p found, below. */
function Tip() {
	const tip = hovered.value;
	return tip && <div class="tip" style={{ left: `${Math.max(4, Math.min(tip.x + 12, window.innerWidth - 320))}px`, top: `${tip.y + 16}px` }}>{tip.text}</div>;
}

function Noted() {
	return <p class="noted" role="status">{noted.value}</p>;
}

function Missing({ timeline }) {
	return (
		<>
			{!timeline.isComplete && (
				<p class="hint">
					Of {formatCount(timeline.intervals)} intervals the longest {formatCount(timeline.kept)} are drawn
					{timeline.min_hold_ns > 0 && <> (holds from {formatTime(timeline.min_hold_ns)}</>}
					{timeline.min_wait_ns > 0 && <>, waits from {formatTime(timeline.min_wait_ns)}</>}
					{timeline.min_hold_ns > 0 && ')'}; the shorter ones as a share of time. Tables of the whole run count all.
				</p>
			)}
			{timeline.holds_folded > 0 && (
				<p class="hint">{formatCount(timeline.holds_folded)} acquisitions were recorded as statistics, when the trace had reached its size: they are in the tables, and not here.</p>
			)}
		</>
	);
}

export function TimelineView({ run, shown, found }) {
	const timeline = run.intervals;
	if (!timeline)
		return <Section id="timeline" title="Timeline"><p class="nothing">There is none: {run.no_timeline}.</p></Section>;
	return <Drawn run={run} shown={shown} timeline={timeline} found={found} />;
}

function Drawn({ run, shown, timeline, found }) {
	const box = useRef(null), names = window.innerWidth < 600 ? 90 : 170;
	const width = useWidth(box, names + 16);
	const { lanes, marks } = useLanes(run, timeline, found);
	useEffect(() => () => { hovered.value = null; }, []);
	return (
		<Section id="timeline" title="Timeline">
			<div class="tools">
				<Chooser name="lanes" legend="a lane for each" value={lanesBy} words={[['thread', 'thread'], ['lock', 'lock']]} />
				<Chooser name="order" legend="ordered by" value={lanesOrder} words={[['waiting', 'waiting'], ['start', 'start'], ['name', 'name']]} />
			</div>
			<Legend run={run} timeline={timeline} />
			<SpanWords timeline={timeline} />
			<Missing timeline={timeline} />
			<div class="timeline" ref={box} style={{ '--names': `${names}px` }}>
				<div class="strip"><Overview timeline={timeline} width={width} /></div>
				<div class="strip"><Axis timeline={timeline} width={width} /></div>
				<Bands run={run} span={range.value ?? wholeRun(timeline)} width={width} />
				<Lanes run={run} timeline={timeline} lanes={lanes} marks={marks} width={width} />
			</div>
			<Tip />
			<Noted />
			<Longest run={run} timeline={timeline} span={shown.span ?? wholeRun(timeline)} />
			<LaneNumbers shown={shown} />
		</Section>
	);
}
