// SPDX-License-Identifier: MIT
// In which order locks were taken: the findings as steps that can be followed, and the graph around them.
import dagre from '@dagrejs/dagre';
import { useMemo, useState } from 'preact/hooks';
import { chooseGraph, sumEdges } from '../data/order.js';
import { shorten } from '../data/text.js';
import { formatCount, formatTime } from '../format.js';
import { Section } from '../parts/section.jsx';
import { Table } from '../parts/table.jsx';
import { chosenFinding } from '../state.js';

const MAX_EDGES = 80, NODE_HEIGHT = 26, NODE_CHARS = 34, CHAR = 7, LOOP = 14;

function place(frame) {
	return frame.file && frame.line ? ` (${frame.file.slice(frame.file.lastIndexOf('/') + 1)}:${frame.line})` : '';
}

function threadName(edge) {
	return edge.thread ? edge.thread.name : 'a thread';
}

function Frames({ frames }) {
	if (!frames?.length)
		return null;
	return (
		<details class="stack">
			<summary>in {frames[0].function ?? frames[0].module}{place(frames[0])}</summary>
			<ol>{frames.map((f, i) => <li key={i}>{f.function ?? f.module}{place(f)}</li>)}</ol>
		</details>
	);
}

/** The n-th step: a thread takes what it holds, or asks for what the next one of the circle has. */
function Step({ edge, isAsking, occurred, holder }) {
	const thing = isAsking ? edge.to : edge.from, at = isAsking ? edge.to_ns : edge.from_ns;
	const verb = isAsking ? (occurred ? 'waits for' : 'asks for') : occurred ? 'holds' : 'takes';
	return (
		<li>
			<b>{threadName(edge)}</b> {verb} <b>{thing.name}</b>
			{isAsking && holder && <>, which <b>{threadName(holder)}</b> has</>}
			{!isAsking && edge.number > 1 && <span class="aside">, at its take number {formatCount(edge.number)}</span>}
			{!isAsking && at !== null && <span class="aside">, at {formatTime(at)}</span>}
			<Frames frames={isAsking ? edge.stacks.to : edge.stacks.from} />
		</li>
	);
}

/** First each takes what it holds, then each asks for what the next one has: nobody can go on. */
function Steps({ finding, occurred }) {
	const { edges } = finding;
	return (
		<ol class="steps">
			{edges.filter((edge) => edge.from && edge.from.what !== 'thread').map((edge, i) => <Step key={`t${i}`} edge={edge} occurred={occurred} />)}
			{edges.map((edge, i) => edge.to && (
				<Step key={`a${i}`} edge={edge} isAsking occurred={occurred}
					holder={edges.length > 1 && edges[(i + 1) % edges.length].from?.what === 'lock' ? edges[(i + 1) % edges.length] : null} />
			))}
		</ol>
	);
}

/** How far each thread must run for it, where that is known. */
function Witness({ witness }) {
	const steps = witness.filter((step) => step.operations > 0);
	if (steps.length === 0)
		return null;
	return (
		<>
			<h4>A schedule that leads there</h4>
			<ol>
				{steps.map((step, i) => (
					<li key={i}>{step.thread?.name ?? 'a thread'} runs {formatCount(step.operations)} operations{step.until_ns !== null && `, as it had by ${formatTime(step.until_ns)}`}</li>
				))}
			</ol>
		</>
	);
}

function Finding({ finding, isFirst }) {
	const isOpen = chosenFinding.value === null ? isFirst : chosenFinding.value === finding.id, occurred = finding.level === 'OCCURRED';
	return (
		<details class="finding" open={isOpen} id={`finding-${finding.id}`}
>
			<summary onClick={(e) => { e.preventDefault(); chosenFinding.value = isOpen ? '' : finding.id; }}><span class="level">{finding.level}</span> {finding.text} <span class="aside">{finding.id}</span></summary>
			<Steps finding={finding} occurred={occurred} />
			<Witness witness={finding.witness} />
			{finding.gap_ns !== null && <p>The two sides came as close as {formatTime(finding.gap_ns)}{finding.overlaps > 0 && `, and overlapped ${formatCount(finding.overlaps)} times`}.</p>}
			{finding.why && <p>{finding.why}</p>}
			{finding.assumptions.length > 0 && <><h4>This assumes</h4><ul>{finding.assumptions.map((a, i) => <li key={i}>{a}</li>)}</ul></>}
			{finding.hint && <p>Fix: {finding.hint}.</p>}
			{finding.behind.length > 0 && <p>Behind it: {finding.behind.map(threadName).join(', ')}.</p>}
		</details>
	);
}

function layOutGraph({ nodes, edges }) {
	const graph = new dagre.graphlib.Graph();
	graph.setGraph({ rankdir: 'LR', nodesep: 20, ranksep: 50, marginx: 4, marginy: 12 });
	graph.setDefaultEdgeLabel(() => ({}));
	for (const name of nodes)
		graph.setNode(name, { width: shorten(name, NODE_CHARS).length * CHAR + 20, height: NODE_HEIGHT });
	for (const edge of edges.filter((e) => e.from !== e.to))
		graph.setEdge(edge.from, edge.to, {});
	dagre.layout(graph);
	return graph;
}

/** Around all nodes and edges; dagre's own size leaves out edges that bend outside the nodes. */
function boundsOf(laid) {
	const points = laid.edges().flatMap((e) => laid.edge(e).points);
	for (const name of laid.nodes()) {
		const { x, y, width, height } = laid.node(name);
		points.push({ x: x - width / 2, y: y - height / 2 - LOOP }, { x: x + width / 2, y: y + height / 2 });
	}
	const xs = points.map((p) => p.x), ys = points.map((p) => p.y), margin = 6;
	const left = Math.min(...xs) - margin, top = Math.min(...ys) - margin;
	return { left, top, width: Math.max(...xs) + margin - left, height: Math.max(...ys) + margin - top };
}

/** From a class to itself: one of its locks taken under another. */
function loop({ x, y, width, height }) {
	const right = x + width / 2, edge = y - height / 2;
	return `M${right - 30} ${edge}C${right - 30} ${edge - LOOP} ${right - 8} ${edge - LOOP} ${right - 8} ${edge}`;
}

function path(points) {
	return points.map(({ x, y }, i) => `${i ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
}

function Graph({ graph }) {
	const laid = useMemo(() => layOutGraph(graph), [graph]), { left, top, width, height } = useMemo(() => boundsOf(laid), [laid]);
	const inCycle = new Set(graph.edges.filter((e) => e.inCycle).flatMap((e) => [e.from, e.to]));
	return (
		<div class="graph">
			<svg viewBox={`${left} ${top} ${width} ${height}`} width={width} height={height} role="img"
				aria-label={`Lock order of ${graph.nodes.length} locks; the table below says the same`}>
				<defs>
					{['plain', 'cycle'].map((kind) => (
						<marker key={kind} id={`arrow-${kind}`} viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">
							<path d="M0 0L8 4L0 8z" class={`head ${kind}`} />
						</marker>
					))}
				</defs>
				{graph.edges.map((e) => (
					<path key={`${e.from} ${e.to}`} class={`edge ${e.inCycle ? 'cycle' : 'plain'}`} d={e.from === e.to ? loop(laid.node(e.from)) : path(laid.edge(e.from, e.to).points)}
						marker-end={`url(#arrow-${e.inCycle ? 'cycle' : 'plain'})`}>
						<title>{`${e.to} taken while ${e.from} was held: ${formatCount(e.count)} times`}</title>
					</path>
				))}
				{graph.nodes.map((name) => {
					const node = laid.node(name);
					return (
						<g key={name} class={inCycle.has(name) ? 'node cycle' : 'node'} transform={`translate(${node.x} ${node.y})`}>
							<rect x={-node.width / 2} y={-NODE_HEIGHT / 2} width={node.width} height={NODE_HEIGHT} rx="4" />
							<text text-anchor="middle" dy="4">{shorten(name, NODE_CHARS)}</text>
							<title>{name}</title>
						</g>
					);
				})}
			</svg>
		</div>
	);
}

/** Without any circle there is little to see in it, and it may be large. */
function Picture({ graph }) {
	const isCalm = graph.nodes.length > 12 && !graph.edges.some((e) => e.inCycle), [open, setOpen] = useState(!isCalm);
	return (
		<details class="data" open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
			<summary>The orders as a picture</summary>
			{open && <Graph graph={graph} />}
		</details>
	);
}

function Edges({ edges }) {
	const columns = [
		{ key: 'count', title: 'times', value: (e) => e.count, cell: (e) => formatCount(e.count) },
		{ key: 'from', title: 'held', text: true, value: (e) => e.from },
		{ key: 'to', title: 'then taken', text: true, value: (e) => e.to },
		{ key: 'threads', title: 'threads', value: (e) => e.threads.size },
		{ key: 'cycle', title: 'in a cycle', text: true, value: (e) => (e.inCycle ? 'yes' : '') },
	];
	return (
		<details class="data">
			<summary>All {formatCount(edges.length)} orders as a table</summary>
			<Table columns={columns} rows={edges} sortBy="count" limit={20} keyOf={(e) => `${e.from} ${e.to}`} />
		</details>
	);
}

const HIDDEN = {
	gate: 'by a lock that both sides hold', one_thread: 'because one thread does both', readers: 'because readers let each other pass',
	try: 'because a side only tries', start_join: 'ordered by thread start or join', sem: 'ordered by a semaphore',
	cond: 'ordered by a condition', barrier: 'ordered by a barrier', ordered: 'ordered by several of these', refuted: 'refuted',
	suppressed: 'suppressed',
};

function hiddenWords(hidden) {
	const parts = Object.entries(hidden).filter(([, n]) => n > 0).map(([key, n]) => `${formatCount(n)} ${HIDDEN[key] ?? key}`);
	return parts.length ? `Cycles that cannot close: ${parts.join(', ')}.` : '';
}

export function OrderView({ run }) {
	const { order } = run, edges = useMemo(() => (order ? sumEdges(order) : []), [order]);
	const graph = useMemo(() => chooseGraph(edges, MAX_EDGES), [edges]);
	if (!order)
		return null;
	return (
		<Section id="order" title="Lock order">
			{order.findings.length === 0 && (
				<p class="good">{edges.some((e) => e.inCycle) ? 'Locks are taken in circles, but none of these can close.' : edges.length ? 'No two locks are taken in both orders: no deadlock of locks is possible in what was recorded.' : 'No lock was taken while another was held.'}</p>
			)}
			{order.findings.map((finding, i) => <Finding key={finding.id} finding={finding} isFirst={i === 0} />)}
			{hiddenWords(order.hidden) && <p class="hint">{hiddenWords(order.hidden)}</p>}
			{graph.edges.length > 0 && <Picture graph={graph} />}
			{graph.edges.length > 0 && graph.leftOut > 0 && <p class="hint">{formatCount(graph.leftOut)} orders that no cycle touches are left out of the picture.</p>}
			{edges.length > 0 && <Edges edges={edges} />}
		</Section>
	);
}
