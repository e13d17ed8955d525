// SPDX-License-Identifier: MIT
// How many threads waited at a time: all together, and for each of the worst locks.
import { useEffect, useMemo, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { hatchLines, readColours } from '../canvas/timeline.js';
import { averageWaiters } from '../data/lanes.js';
import { bandRows, layBands, phaseName } from '../data/phases.js';
import { shorten } from '../data/text.js';
import { formatTime } from '../format.js';
import { Section } from '../parts/section.jsx';
import { Table } from '../parts/table.jsx';
import { chosenPhase, chosenProcess, range } from '../state.js';

const POINTS = 400, WORST = 4, HEIGHT = 180;

/** series: [{ name, values }], of equal parts of the span. */
function makeSeries(run, timeline, span) {
	const worst = run.classes.map((cls, index) => ({ cls, index }))
		.filter(({ cls }) => cls.contends && cls.all.wait_ns > 0)
		.sort((a, b) => b.cls.all.wait_ns - a.cls.all.wait_ns).slice(0, WORST);
	return [
		{ name: 'all', values: averageWaiters(timeline, span, POINTS, -1) },
		...(worst.length > 1 ? worst : []).map(({ cls, index }) => ({ name: shorten(cls.name, 40), values: averageWaiters(timeline, span, POINTS, index) })),
	];
}

/** Phases behind the curves: some shaded, a line where one begins, its name at the top; hatched what was not recorded. */
function drawPhases(plot, run, rows, colours) {
	const { ctx: context, bbox, scales } = plot, ratio = window.devicePixelRatio || 1;
	if (rows.length !== 1) /* of several processes at once nobody could tell whose it is */
		return;
	context.save();
	context.beginPath();
	context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
	context.clip();
	context.font = `${11 * ratio}px system-ui, sans-serif`;
	context.textBaseline = 'top';
	layBands(rows[0].spans, { begin: scales.x.min, end: scales.x.max }, bbox.width).forEach(({ x, width, span, nr }) => {
		const isChosen = !span.off && span.phase === chosenPhase.value;
		context.fillStyle = span.off ? hatchLines(context, colours.faint) : isChosen ? colours.chosen : span.phase % 2 ? colours.shade : colours.paper;
		context.fillRect(bbox.left + x, bbox.top, width, bbox.height);
		context.fillStyle = colours.line;
		context.fillRect(bbox.left + x, bbox.top, ratio, bbox.height);
		const words = nr > 1 ? '' : span.off ? 'not recorded' : phaseName(run, span.phase);
		const wide = context.measureText(words).width + 6 * ratio;
		if (!words || wide + 4 * ratio > width)
			return;
		if (span.off) { /* not on the hatching */
			context.fillStyle = colours.paper;
			context.fillRect(bbox.left + x + ratio, bbox.top, wide, 14 * ratio);
		}
		context.fillStyle = colours.faint;
		context.fillText(words, bbox.left + x + 4 * ratio, bbox.top + 2 * ratio);
	});
	context.restore();
}

function draw(element, series, times, colours, phases) {
	const strokes = [colours.ink, colours.wait, colours.heldWaiters, colours.blocked, colours.cond];
	const dashes = [[], [6, 3], [2, 2], [8, 2, 2, 2], [1, 3]];
	const axis = { stroke: colours.faint, grid: { stroke: colours.line, width: 1 }, ticks: { show: false } };
	return new uPlot({
		width: Math.max(280, element.clientWidth), height: HEIGHT,
		legend: { markers: { width: 3, dash: (_, i) => ['', 'solid', 'dashed', 'dotted', 'dashed', 'dotted'][i] } },
		cursor: { drag: { x: true, y: false, setScale: false } },
		select: { show: true },
		scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
		axes: [{ ...axis, space: 80, values: (_, ticks) => ticks.map((t) => formatTime(t)) }, { ...axis, size: 40 }],
		series: [{ label: 'at', value: (_, t) => (t === null ? '' : formatTime(t)) },
			...series.map(({ name }, i) => ({ label: name, stroke: strokes[i], dash: dashes[i], width: i === 0 ? 1.5 : 1.2,
				value: (_, n) => (n === null ? '' : n.toFixed(2)) }))],
		hooks: { drawClear: [(plot) => phases(plot, colours)], setSelect: [(plot) => {
			const { left, width } = plot.select;
			if (width > 2)
				range.value = { begin: plot.posToVal(left, 'x'), end: plot.posToVal(left + width, 'x') };
		}] },
	}, [times, ...series.map(({ values }) => values)], element);
}

function Numbers({ series, times }) {
	const rows = [], step = Math.ceil(times.length / 40);
	for (let i = 0; i < times.length; i += step)
		rows.push({ i, at: times[i], values: series.map(({ values }) => Math.max(...values.subarray(i, i + step))) });
	const columns = [{ key: 'at', title: 'at', value: (r) => r.at, cell: (r) => formatTime(r.at) },
		...series.map(({ name }, i) => ({ key: String(i), title: name, value: (r) => r.values[i], cell: (r) => r.values[i].toFixed(2) }))];
	return (
		<details class="data">
			<summary>The same as a table: the most in each of 40 parts</summary>
			<Table columns={columns} rows={rows} sortBy="0" limit={40} keyOf={(r) => r.i} />
		</details>
	);
}

export function WaitersView({ run, span: chosen }) {
	const element = useRef(null), timeline = run.intervals;
	const span = chosen ?? { begin: 0, end: timeline?.endTime ?? 1 };
	const times = useMemo(() => Float64Array.from({ length: POINTS }, (_, i) => span.begin + (i + 0.5) / POINTS * (span.end - span.begin)), [span.begin, span.end]);
	const series = useMemo(() => (timeline ? makeSeries(run, timeline, span) : []), [run, span.begin, span.end]);
	const rows = useMemo(() => bandRows(run, chosenProcess.value), [run, chosenProcess.value]);
	useEffect(() => {
		if (!timeline)
			return undefined;
		const phases = (drawn, colours) => drawPhases(drawn, run, rows, colours);
		let plot = draw(element.current, series, times, readColours(element.current), phases);
		const media = window.matchMedia('(prefers-color-scheme: dark)');
		const again = () => {
			plot.destroy();
			plot = draw(element.current, series, times, readColours(element.current), phases);
		};
		const resize = new ResizeObserver(() => plot.setSize({ width: Math.max(280, element.current.clientWidth), height: HEIGHT }));
		media.addEventListener('change', again);
		resize.observe(element.current);
		return () => {
			media.removeEventListener('change', again);
			resize.disconnect();
			plot.destroy();
		};
	}, [series, rows, chosenPhase.value]);
	return (
		<Section id="waiters" title="Waiters over time" hint={timeline && 'Threads that waited for a lock, on average over each of 400 parts. Drag to look closer.'}>
			{timeline ? <><div ref={element} class="plot" /><Numbers series={series} times={times} /></> : <p class="nothing">Not known: {run.no_timeline}.</p>}
		</Section>
	);
}
