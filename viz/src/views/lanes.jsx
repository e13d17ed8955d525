// SPDX-License-Identifier: MIT
// The lanes of the timeline: names on the left, one canvas for those in sight, and what mouse and
// keys do there.
import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { LANE_HEIGHT, TimelinePainter } from '../canvas/timeline.js';
import { describe } from '../data/describe.js';
import { longestWaits } from '../data/lanes.js';
import { WAIT } from '../data/timeline.js';
import { clampSpan, moveSpan, zoomSpan } from '../data/zoom.js';
import { formatCount } from '../format.js';
import { chooseLock, chosenLock, chosenThread, lanesBy, range } from '../state.js';
import { timed } from '../timed.js';

export const LONGEST = 50;
const ZOOM = 1.25, VISIBLE_LANES = 24;

/** { text, x, y } of what the pointer is over, or null. */
export const hovered = signal(null);
/** What the keys found, as a sentence. */
export const noted = signal('');

export function wholeRun(timeline) {
	return { begin: 0, end: timeline.endTime };
}

export function setSpan(timeline, span) {
	const next = clampSpan(span, timeline.endTime);
	range.value = next.end - next.begin >= timeline.endTime ? null : next;
}

/** Shows a wait with some of what was around it. */
export function showWait(run, timeline, row) {
	const { waits } = timeline, margin = Math.max(100, waits.length[row]);
	noted.value = describe(run, timeline, { row, isWait: true });
	setSpan(timeline, { begin: waits.begin[row] - margin, end: waits.begin[row] + waits.length[row] + margin });
}

let lastWait = -1; /* place in the list of the longest, of n and p */

function goToWait(run, timeline, step) {
	const rows = longestWaits(timeline, wholeRun(timeline), LONGEST);
	if (rows.length === 0)
		return;
	lastWait = ((lastWait < 0 && step < 0 ? 0 : lastWait) + step + rows.length) % rows.length;
	showWait(run, timeline, rows[lastWait]);
	noted.value = `Wait ${formatCount(lastWait + 1)} of the longest ${formatCount(rows.length)}: ${noted.value}.`;
}

function onKey(e, run, timeline) {
	const span = range.value ?? wholeRun(timeline), width = span.end - span.begin, middle = (span.begin + span.end) / 2;
	const zoom = (factor) => setSpan(timeline, zoomSpan(span, middle, factor, timeline.endTime));
	const actions = {
		'+': () => zoom(1 / ZOOM),
		'=': () => zoom(1 / ZOOM),
		'-': () => zoom(ZOOM),
		ArrowLeft: () => setSpan(timeline, moveSpan(span, -width / 10)),
		ArrowRight: () => setSpan(timeline, moveSpan(span, width / 10)),
		Home: () => { range.value = null; },
		n: () => goToWait(run, timeline, 1),
		p: () => goToWait(run, timeline, -1),
	};
	if (e.ctrlKey || e.metaKey || e.altKey || !actions[e.key])
		return;
	actions[e.key]();
	e.preventDefault();
}

/** Wheel over the lanes: zooms once they have the focus, so that a page can be scrolled past them. */
function onWheel(e, { timeline, width, x, hasFocus }) {
	const span = range.value ?? wholeRun(timeline), perPixel = (span.end - span.begin) / width;
	if (e.shiftKey || (!e.ctrlKey && Math.abs(e.deltaX) > Math.abs(e.deltaY)))
		setSpan(timeline, moveSpan(span, (e.deltaX || e.deltaY) * perPixel));
	else if (e.ctrlKey || e.altKey || hasFocus)
		setSpan(timeline, zoomSpan(span, span.begin + x * perPixel, e.deltaY > 0 ? ZOOM : 1 / ZOOM, timeline.endTime));
	else
		return;
	e.preventDefault();
}

/** Calls when light becomes dark or dark light: what is on a canvas keeps its colours. */
export function useDarkMode(recolour) {
	useEffect(() => {
		const media = window.matchMedia('(prefers-color-scheme: dark)');
		media.addEventListener('change', recolour);
		return () => media.removeEventListener('change', recolour);
	}, []);
}

function chooseAt(found, timeline) {
	const rows = found.isWait ? timeline.waits : timeline.holds;
	const lock = found.row < 0 || rows.kind?.[found.row] === WAIT.JOIN ? -1 : timeline.lockOf(rows, found.row);
	if (lock >= 0)
		chooseLock(lock);
	else if (found.row < 0 && lanesBy.value === 'thread')
		chosenThread.value = chosenThread.value === found.lane.index ? null : found.lane.index;
}

/** The canvas lies still in a box that scrolls; `top` is how far. */
export function Lanes({ run, timeline, lanes, marks, width }) {
	const canvas = useRef(null), painter = useRef(null), box = useRef(null), drag = useRef(null);
	const [top, setTop] = useState(0), [, setColours] = useState(0);
	const height = Math.max(1, Math.min(lanes.length, VISIBLE_LANES)) * LANE_HEIGHT;
	const byThread = lanesBy.value === 'thread', span = range.value ?? wholeRun(timeline);
	const laneOfThread = useMemo(() => new Map(byThread ? lanes.map((lane, i) => [lane.index, i]) : []), [lanes]);
	const names = useMemo(() => lanes.map((lane) => <div key={lane.index} title={lane.label}>{lane.label}</div>), [lanes]);
	const offs = useMemo(() => run.spans.filter((s) => s.off), [run]);
	const picture = {
		offs,
		lanes, laneOfThread, top, span, width, height, arrows: byThread,
		chosen: (lane) => lane.index === (byThread ? chosenThread : chosenLock).value,
	};

	useLayoutEffect(() => {
		if (!painter.current)
			painter.current = new TimelinePainter(canvas.current, timeline, marks);
		timed('lockprof-draw', () => painter.current.draw(picture));
	});
	useDarkMode(() => {
		painter.current.recolour();
		setColours((n) => n + 1);
	});

	const point = (e) => {
		const area = canvas.current.getBoundingClientRect();
		return { x: e.clientX - area.left, y: e.clientY - area.top };
	};
	/* Not as a property: such listeners are passive and could not keep the page from scrolling. */
	const wheel = useRef(null);
	wheel.current = (e) => onWheel(e, { timeline, width, x: point(e).x, hasFocus: document.activeElement === box.current });
	useEffect(() => {
		const listener = (e) => wheel.current(e);
		box.current.addEventListener('wheel', listener, { passive: false });
	}, []);

	const move = (e) => {
		const at = point(e);
		if (drag.current) {
			const shift = (drag.current.x - at.x) / width * (span.end - span.begin);
			drag.current = { x: at.x, moved: drag.current.moved || shift !== 0 };
			setSpan(timeline, moveSpan(span, shift));
			return;
		}
		const found = painter.current.find(picture, at.x, at.y);
		hovered.value = found?.row >= 0 ? { text: describe(run, timeline, found), x: e.clientX, y: e.clientY } : null;
	};
	const click = (e) => {
		const { x, y } = point(e), found = painter.current.find(picture, x, y);
		if (!drag.current?.moved && found)
			chooseAt(found, timeline);
		drag.current = null;
	};
	return (
		<div class="lanes" ref={box} tabIndex={0} role="application" style={{ height: `${height}px` }}
			aria-label="Timeline. Plus and minus zoom, arrows move, n and p go to the longest waits, Home shows all."
			onScroll={(e) => setTop(e.currentTarget.scrollTop)} onKeyDown={(e) => onKey(e, run, timeline)}>
			<div class="names" style={{ height: `${lanes.length * LANE_HEIGHT}px` }}>{names}</div>
			<canvas ref={canvas} style={{ width: `${width}px`, height: `${height}px` }}
				onPointerDown={(e) => { drag.current = { x: point(e).x, moved: false }; box.current.focus({ preventScroll: true }); }}
				onPointerMove={move} onPointerUp={click}
				onPointerLeave={() => { drag.current = null; hovered.value = null; }} />
			{lanes.length === 0 && <p class="nothing">No lane is left.</p>}
		</div>
	);
}
