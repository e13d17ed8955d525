// SPDX-License-Identifier: MIT
// The run in time, a lane for each thread or each lock. What it shows is what the other views count:
// the span is the filter.
//
//	wheel, + and -		zoom around the pointer or the middle
//	drag, arrow keys	move; in the strip above: choose a span
//	n, p			the next or previous of the longest waits
//	Home			the whole run
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { drawOverview, OVERVIEW_HEIGHT } from '../canvas/overview.js';
import { LANE_HEIGHT, TimelinePainter } from '../canvas/timeline.js';
import { countWaiters, longestWaits, makeLockLanes, makeThreadLanes, markUnderLock, markWaitedFor } from '../data/lanes.js';
import { isLockWait, WAIT } from '../data/timeline.js';
import { formatCount, formatFrame, formatTime } from '../format.js';
import { Section } from '../parts/section.jsx';
import { Table } from '../parts/table.jsx';
import { chooseLock, chosenClass, chosenLock, chosenThread, lanesBy, query, range } from '../state.js';

const MIN_SPAN_NS = 20, ZOOM = 1.25, LONGEST = 50, VISIBLE_LANES = 24;

const WAIT_WORDS = {
	[WAIT.GOT_IT]: 'waited for', [WAIT.GAVE_UP]: 'waited in vain for', [WAIT.NEVER_ENDED]: 'still waits for',
	[WAIT.CONDITION]: 'waited for a signal of', [WAIT.BARRIER]: 'waited at', [WAIT.ONCE]: 'waited for another to initialise',
	[WAIT.FUTEX]: 'slept on', [WAIT.JOIN]: 'waited for the end of',
};

function wholeRun(timeline) {
	return { begin: 0, end: timeline.endTime };
}

/** A span of sensible width inside the run. */
export function clampSpan(span, endTime) {
	const width = Math.min(endTime, Math.max(MIN_SPAN_NS, span.end - span.begin));
	const begin = Math.max(0, Math.min(endTime - width, span.begin));
	return { begin, end: begin + width };
}

export function zoomSpan(span, at, factor, endTime) {
	return clampSpan({ begin: at - (at - span.begin) * factor, end: at + (span.end - at) * factor }, endTime);
}

function setSpan(timeline, span) {
	const next = clampSpan(span, timeline.endTime);
	range.value = next.end - next.begin >= timeline.endTime ? null : next;
}

function lockName(run, timeline, rows, row) {
	if (rows.kind?.[row] === WAIT.JOIN) {
		const thread = timeline.contextLock[rows.context[row]];
		return thread < 0 ? 'a thread' : run.threads[thread].name;
	}
	const lock = timeline.lockOf(rows, row), cls = timeline.contextClass[rows.context[row]];
	return lock >= 0 ? run.locks[lock].name : cls >= 0 ? run.classes[cls].name : 'a lock';
}

function placeOf(run, timeline, rows, row) {
	const stack = run.stacks[rows.stack?.[row] || timeline.contextStack[rows.context[row]]];
	return stack?.length ? ` in ${formatFrame(run.frames[stack[0]])}` : '';
}

/** A row as a sentence. */
export function describe(run, timeline, found) {
	const rows = found.isWait ? timeline.waits : timeline.holds;
	const thread = run.threads[rows.thread[found.row]].name, time = formatTime(rows.length[found.row]);
	const name = lockName(run, timeline, rows, found.row), place = placeOf(run, timeline, rows, found.row);
	const verb = found.isWait ? WAIT_WORDS[rows.kind[found.row]] : timeline.contextShared[rows.context[found.row]] ? 'read' : 'held';
	return `${thread} ${verb} ${name}${found.isWait ? ' ' : ' for '}${time}${place}, at ${formatTime(rows.begin[found.row])}`;
}

function matches(lane, text) {
	return !text || lane.label.toLowerCase().includes(text.toLowerCase());
}

function useLanes(run, timeline) {
	const threads = useMemo(() => makeThreadLanes(run, timeline), [timeline]);
	const marks = useMemo(() => ({ waitedFor: markWaitedFor(timeline), underLock: markUnderLock(timeline, threads) }), [timeline]);
	const locks = useMemo(() => (lanesBy.value === 'lock' ? makeLockLanes(run, timeline) : []), [timeline, lanesBy.value]);
	const all = lanesBy.value === 'thread' ? threads : locks;
	const lanes = all.filter((lane) => matches(lane, query.value));
	return { marks, lanes: lanes.length ? lanes : all };
}

function Overview({ timeline, span, width }) {
	const canvas = useRef(null), drag = useRef(null);
	const waiters = useMemo(() => countWaiters(timeline), [timeline]);
	useEffect(() => drawOverview(canvas.current, waiters, timeline.endTime, span, width));
	const timeAt = (e) => Math.min(1, Math.max(0, (e.clientX - canvas.current.getBoundingClientRect().left) / width)) * timeline.endTime;
	const move = (e) => {
		if (drag.current === null)
			return;
		const at = timeAt(e);
		setSpan(timeline, { begin: Math.min(at, drag.current), end: Math.max(at, drag.current) });
	};
	return (
		<canvas ref={canvas} class="overview" style={{ width: '100%', height: `${OVERVIEW_HEIGHT}px` }}
			role="img" aria-label="How many threads waited, over the whole run; drag to choose a span"
			onPointerDown={(e) => { drag.current = timeAt(e); e.currentTarget.setPointerCapture(e.pointerId); }}
			onPointerMove={move} onPointerUp={() => { drag.current = null; }}
			onDblClick={() => { range.value = null; }} />
	);
}

function Axis({ span, width }) {
	const ticks = makeTicks(span, Math.max(2, Math.floor(width / 110)));
	return (
		<div class="axis" aria-hidden="true">
			{ticks.map((t) => (
				<span key={t} style={{ left: `${(t - span.begin) / (span.end - span.begin) * 100}%` }}>{formatTick(t, span)}</span>
			))}
		</div>
	);
}

/** Round moments in a span: at most nr, 1, 2 or 5 times a power of ten apart. */
export function makeTicks(span, nr) {
	const raw = (span.end - span.begin) / nr, power = 10 ** Math.floor(Math.log10(raw));
	const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw);
	const ticks = [];
	for (let t = Math.ceil(span.begin / step) * step; t < span.end; t += step)
		ticks.push(t);
	return ticks;
}

/** A moment, with as many digits as the span needs to tell its ticks apart. */
function formatTick(t, span) {
	const width = span.end - span.begin;
	const [unit, size] = t >= 1e9 || width >= 1e9 ? ['s', 1e9] : t >= 1e6 || width >= 1e6 ? ['ms', 1e6] : ['us', 1e3];
	const digits = Math.max(0, Math.min(9, Math.ceil(Math.log10(size / width * 20))));
	return `${(t / size).toFixed(digits)} ${unit}`;
}

function Legend() {
	const kinds = [['held', 'held'], ['held-waiters', 'held, others waited'], ['wait', 'waiting for a lock'],
		['blocked', 'waiting while holding another'], ['cond', 'condition, barrier, join, futex']];
	return (
		<ul class="legend">
			{kinds.map(([kind, words]) => <li key={kind}><span class={`swatch ${kind}`} aria-hidden="true" />{words}</li>)}
		</ul>
	);
}

/** The lanes' canvas lies still in a box that scrolls; `top` is how far. */
function Lanes({ run, timeline, lanes, marks, span, width, onHover }) {
	const canvas = useRef(null), painter = useRef(null), box = useRef(null), drag = useRef(null);
	const [top, setTop] = useState(0);
	const height = Math.min(lanes.length, VISIBLE_LANES) * LANE_HEIGHT;
	const laneOfThread = useMemo(() => new Map(lanesBy.value === 'thread' ? lanes.map((lane, i) => [lane.index, i]) : []), [lanes]);
	const picture = {
		lanes, laneOfThread, top, span, width, height, arrows: lanesBy.value === 'thread',
		chosen: (lane) => lane.index === (lanesBy.value === 'thread' ? chosenThread : chosenLock).value,
	};

	useEffect(() => { painter.current = new TimelinePainter(canvas.current, timeline, marks); }, [timeline]);
	useEffect(() => painter.current.draw(picture));
	useEffect(() => {
		const media = window.matchMedia('(prefers-color-scheme: dark)');
		const redraw = () => { painter.current.recolour(); setTop((t) => t); };
		media.addEventListener('change', redraw);
		return () => media.removeEventListener('change', redraw);
	}, []);

	const point = (e) => {
		const area = canvas.current.getBoundingClientRect();
		return { x: e.clientX - area.left, y: e.clientY - area.top };
	};
	const timeAt = (x) => span.begin + x / width * (span.end - span.begin);
	const wheel = (e) => {
		if (e.shiftKey || (!e.ctrlKey && Math.abs(e.deltaX) > Math.abs(e.deltaY)))
			setSpan(timeline, moveSpan(span, ((e.deltaX || e.deltaY) / width) * (span.end - span.begin)));
		else if (e.ctrlKey || e.altKey || document.activeElement === box.current)
			setSpan(timeline, zoomSpan(span, timeAt(point(e).x), e.deltaY > 0 ? ZOOM : 1 / ZOOM, timeline.endTime));
		else
			return;
		e.preventDefault();
	};
	/* Not as a property: such listeners are passive and could not keep the page from scrolling. */
	const onWheel = useRef(wheel);
	onWheel.current = wheel;
	useEffect(() => {
		const listener = (e) => onWheel.current(e);
		box.current.addEventListener('wheel', listener, { passive: false });
		return () => box.current?.removeEventListener('wheel', listener);
	}, []);

	const move = (e) => {
		const at = point(e);
		if (drag.current) {
			const shift = (drag.current.x - at.x) / width * (span.end - span.begin);
			drag.current = { x: at.x, moved: drag.current.moved || Math.abs(shift) > 0 };
			setSpan(timeline, moveSpan(span, shift));
			return;
		}
		onHover(painter.current.find(picture, at.x, at.y), e);
	};
	const click = (e) => {
		const found = painter.current.find(picture, point(e).x, point(e).y);
		if (drag.current?.moved || !found)
			return;
		if (found.row >= 0) {
			const rows = found.isWait ? timeline.waits : timeline.holds;
			const lock = timeline.lockOf(rows, found.row);
			if (lock >= 0 && rows.kind?.[found.row] !== WAIT.JOIN)
				chooseLock(lock);
		} else if (lanesBy.value === 'thread') {
			chosenThread.value = found.lane.index;
		}
	};
	return (
		<div class="lanes" ref={box} tabIndex={0} role="application" style={{ maxHeight: `${height}px` }}
			aria-label="Timeline. Plus and minus zoom, arrows move, n and p go to the longest waits, Home shows all."
			onScroll={(e) => setTop(e.currentTarget.scrollTop)}
			onKeyDown={(e) => onKey(e, run, timeline, span)}>
			<div class="names" style={{ height: `${lanes.length * LANE_HEIGHT}px` }}>
				{lanes.map((lane) => <div key={lane.index} title={lane.label}>{lane.label}</div>)}
			</div>
			<canvas ref={canvas} style={{ width: `${width}px`, height: `${height}px` }}
				onPointerDown={(e) => { drag.current = { x: point(e).x, moved: false }; box.current.focus({ preventScroll: true }); }}
				onPointerMove={move} onPointerUp={(e) => { click(e); drag.current = null; }}
				onPointerLeave={() => { drag.current = null; onHover(null); }} />
		</div>
	);
}

function moveSpan(span, by) {
	return { begin: span.begin + by, end: span.end + by };
}

/** Shows a wait with some of what was around it. */
function showWait(timeline, row) {
	const { waits } = timeline, margin = Math.max(100, waits.length[row]);
	setSpan(timeline, { begin: waits.begin[row] - margin, end: waits.begin[row] + waits.length[row] + margin });
}

let lastWait = -1; /* place in the list of the longest, of n and p */

function goToWait(timeline, step) {
	const rows = longestWaits(timeline, wholeRun(timeline), LONGEST);
	if (rows.length === 0)
		return;
	lastWait = (lastWait + step + rows.length) % rows.length;
	showWait(timeline, rows[lastWait]);
}

function onKey(e, run, timeline, span) {
	const width = span.end - span.begin, middle = (span.begin + span.end) / 2;
	const actions = {
		'+': () => setSpan(timeline, zoomSpan(span, middle, 1 / ZOOM, timeline.endTime)),
		'=': () => setSpan(timeline, zoomSpan(span, middle, 1 / ZOOM, timeline.endTime)),
		'-': () => setSpan(timeline, zoomSpan(span, middle, ZOOM, timeline.endTime)),
		ArrowLeft: () => setSpan(timeline, moveSpan(span, -width / 10)),
		ArrowRight: () => setSpan(timeline, moveSpan(span, width / 10)),
		Home: () => { range.value = null; },
		n: () => goToWait(timeline, 1),
		p: () => goToWait(timeline, lastWait < 0 ? 0 : -1),
	};
	if (e.ctrlKey || e.metaKey || !actions[e.key])
		return;
	actions[e.key]();
	e.preventDefault();
}

function Longest({ run, timeline, span }) {
	const rows = longestWaits(timeline, span, LONGEST).map((row) => ({ row }));
	const { waits } = timeline;
	const columns = [
		{ key: 'wait', title: 'wait', value: (r) => waits.length[r.row], cell: (r) => formatTime(waits.length[r.row]) },
		{ key: 'at', title: 'at', value: (r) => waits.begin[r.row], cell: (r) => formatTime(waits.begin[r.row]) },
		{ key: 'thread', title: 'thread', text: true, value: (r) => run.threads[waits.thread[r.row]].name },
		{ key: 'lock', title: 'lock', text: true, value: (r) => lockName(run, timeline, waits, r.row) },
		{ key: 'where', title: 'where', text: true, value: (r) => placeOf(run, timeline, waits, r.row).replace(/^ in /, '') },
		{ key: 'holder', title: 'held before by', text: true, value: (r) => holderOf(run, timeline, r.row) },
	];
	return (
		<details class="data">
			<summary>The longest waits here, as a table</summary>
			<Table columns={columns} rows={rows} sortBy="wait" limit={15} keyOf={(r) => r.row} onChoose={(r) => showWait(timeline, r.row)} />
		</details>
	);
}

function holderOf(run, timeline, row) {
	const { waits } = timeline, lock = timeline.lockOf(waits, row);
	if (lock < 0 || !isLockWait(waits.kind[row]))
		return '';
	const hold = timeline.holdBefore(lock, waits.thread[row], waits.begin[row] + waits.length[row]);
	return hold < 0 ? '' : run.threads[timeline.holds.thread[hold]].name;
}

function useWidth(box, names) {
	const [width, setWidth] = useState(800);
	useEffect(() => {
		const measure = () => setWidth(Math.max(200, box.current.clientWidth - names));
		const observer = new ResizeObserver(measure);
		observer.observe(box.current);
		measure();
		return () => observer.disconnect();
	}, []);
	return width;
}

function Chooser() {
	return (
		<fieldset class="choice">
			<legend class="hidden">A lane for each</legend>
			{['thread', 'lock'].map((word) => (
				<label key={word}>
					<input type="radio" name="lanes" checked={lanesBy.value === word} onChange={() => { lanesBy.value = word; }} />
					by {word}
				</label>
			))}
		</fieldset>
	);
}

function SpanWords({ timeline, span }) {
	if (!range.value)
		return <p class="hint">The whole run, {formatTime(timeline.endTime)}. Click into it, then: wheel or + and - to zoom, drag or arrows to move, n for the next long wait.</p>;
	return (
		<p class="hint">
			{formatTime(span.end - span.begin)} from {formatTime(span.begin)} on; the other views count only these.
			<button type="button" class="link" onClick={() => { range.value = null; }}>show the whole run</button>
		</p>
	);
}

export function TimelineView({ run }) {
	const timeline = run.intervals;
	if (!timeline)
		return <Section id="timeline" title="Timeline"><p class="nothing">There is none: {run.no_timeline}.</p></Section>;
	return <Drawn run={run} timeline={timeline} />;
}

function Drawn({ run, timeline }) {
	const box = useRef(null), [hover, setHover] = useState(null);
	const names = window.innerWidth < 600 ? 90 : 170;
	const width = useWidth(box, names + 16);
	const { lanes, marks } = useLanes(run, timeline);
	const span = range.value ?? wholeRun(timeline);
	const onHover = (found, e) => setHover(found?.row >= 0 ? { text: describe(run, timeline, found), x: e.clientX, y: e.clientY } : null);
	return (
		<Section id="timeline" title="Timeline">
			<div class="tools"><Chooser /><Legend /></div>
			<SpanWords timeline={timeline} span={span} />
			{!timeline.isComplete && (
				<p class="hint">
					Of {formatCount(timeline.intervals)} intervals the longest {formatCount(timeline.kept)} are drawn
					{timeline.min_hold_ns > 0 && <> (holds from {formatTime(timeline.min_hold_ns)})</>}; tables count all of them.
				</p>
			)}
			<div class="timeline" ref={box} style={{ '--names': `${names}px` }}>
				<div class="strip"><Overview timeline={timeline} span={span} width={width} /></div>
				<div class="strip"><Axis span={span} width={width} /></div>
				<Lanes run={run} timeline={timeline} lanes={lanes} marks={marks} span={span} width={width} onHover={onHover} />
			</div>
			{hover && <div class="tip" role="status" style={{ left: `${Math.min(hover.x + 12, window.innerWidth - 320)}px`, top: `${hover.y + 16}px` }}>{hover.text}</div>}
			<Longest run={run} timeline={timeline} span={span} />
		</Section>
	);
}
