// SPDX-License-Identifier: MIT
// Waiting by stack: where threads waited, or where the lock was held meanwhile. Width is time. In a
// comparison colour and sign say whether a part grew.
import { useMemo, useState } from 'preact/hooks';
import { flatten, layOut, makeFlame } from '../data/flame.js';
import { formatPercent, formatTime } from '../format.js';
import { Section } from '../parts/section.jsx';
import { Table } from '../parts/table.jsx';
import { blameBy, isChosen, page, query } from '../state.js';

const ROW = 20, LEAST = 0.001;

/** Warm colours by name, so that a function has the same one everywhere. */
function hue(name) {
	let sum = 7;
	for (let i = 0; i < name.length; i++)
		sum = (sum * 31 + name.charCodeAt(i)) % 997;
	return sum;
}

function colour(node, depth, isComparison) {
	if (isComparison)
		return node.value > node.base * 1.02 ? 'grew' : node.value < node.base * 0.98 ? 'shrank' : 'same';
	return depth === 0 ? 'root' : depth === 1 ? 'lock' : `warm-${hue(node.name) % 4}`;
}

function words(node, total, isComparison) {
	const time = `${formatTime(node.value)}, ${formatPercent(total ? node.value / total : 0)}`;
	if (!isComparison)
		return `${node.name}: ${time}`;
	const change = node.value - node.base;
	return `${node.name}: ${time}; ${change < 0 ? '-' : '+'}${formatTime(Math.abs(change))} against ${formatTime(node.base)} before`;
}

function Box({ box, total, isComparison, found, isFirst, onZoom }) {
	const { node, depth, x, width } = box;
	const text = words(node, total, isComparison), kind = colour(node, depth, isComparison);
	const sign = { grew: '+ ', shrank: '− ' }[kind] ?? '';
	return (
		<button type="button" class={`box ${kind}${found ? ' found' : ''}`} title={text} aria-label={text} tabIndex={isFirst ? 0 : -1}
			style={{ left: `${x * 100}%`, width: `${width * 100}%`, top: `${depth * ROW}px` }} onClick={() => onZoom(node)}>
			{sign}{node.name}
		</button>
	);
}

/** A node and those above it as a tree of its own, so that it can be as wide as the view. */
function zoomInto(root, path) {
	let node = root;
	for (const name of path) {
		const child = node.children.get(name);
		if (!child)
			break;
		node = child;
	}
	return node;
}

function pathTo(root, wanted) {
	const walk = (node, path) => {
		if (node === wanted)
			return path;
		for (const child of node.children.values()) {
			const found = walk(child, [...path, child.name]);
			if (found)
				return found;
		}
		return null;
	};
	return walk(root, []) ?? [];
}

/** Arrow keys go from box to box: down is who was called, left and right are its neighbours. */
function onKey(e, boxes, box) {
	const at = boxes.findIndex(({ node }) => node === box.node);
	const beside = (step) => {
		for (let i = at + step; i >= 0 && i < boxes.length; i += step)
			if (boxes[i].depth === box.depth)
				return i;
		return -1;
	};
	const below = () => boxes.findLastIndex((other, i) => i < at && other.depth === box.depth - 1);
	const to = { ArrowLeft: () => beside(-1), ArrowRight: () => beside(1), ArrowUp: below,
		ArrowDown: () => (boxes[at + 1]?.depth === box.depth + 1 ? at + 1 : -1) }[e.key]?.();
	if (to === undefined)
		return;
	e.preventDefault();
	e.currentTarget.children[to]?.focus();
}

/** What was found of a search, as a sentence. */
function Found({ boxes, isFound, total }) {
	let sum = 0, end = -1;
	for (const { node, x, width } of boxes.filter(isFound).sort((a, b) => a.x - b.x || a.depth - b.depth)) {
		if (x < end)
			continue;
		sum += node.value;
		end = x + width - 1e-9;
	}
	return <p class="hint" role="status">Found: {formatTime(sum)} of the waiting, {formatPercent(total ? sum / total : 0)}.</p>;
}

function Legend() {
	return (
		<ul class="legend">
			<li><span class="swatch grew" aria-hidden="true" />+ grew</li>
			<li><span class="swatch shrank" aria-hidden="true" />− shrank</li>
			<li><span class="swatch same" aria-hidden="true" />as before</li>
			<li>Width is waiting now; what is gone is in the table of changes.</li>
		</ul>
	);
}

function Switch() {
	return (
		<fieldset class="choice">
			<legend class="hidden">Stacks of</legend>
			{[['waiter', 'where threads waited'], ['holder', 'where the lock was held meanwhile']].map(([by, text]) => (
				<label key={by}>
					<input type="radio" name="blame" checked={blameBy.value === by} onChange={() => { blameBy.value = by; }} />
					{text}
				</label>
			))}
		</fieldset>
	);
}

function Stacks({ root, isComparison }) {
	const rows = flatten(root, 200).map((row, i) => ({ ...row, i }));
	const columns = [
		{ key: 'ns', title: 'waiting', value: (r) => r.ns, cell: (r) => formatTime(r.ns) },
		...(isComparison ? [{ key: 'base', title: 'before', value: (r) => r.base, cell: (r) => formatTime(r.base) }] : []),
		{ key: 'path', title: 'lock, then stack from the bottom up', text: true, value: (r) => r.path.join(' › ') },
	];
	return (
		<details class="data">
			<summary>The same as a table</summary>
			<Table columns={columns} rows={rows} sortBy="ns" limit={15} keyOf={(r) => r.i} />
		</details>
	);
}

export function FlameView({ run }) {
	const [path, setPath] = useState([]), { base } = page.value;
	const root = useMemo(() => makeFlame(run, blameBy.value, isChosen, base), [run, blameBy.value, isChosen({ class: 0 }), base]);
	const shown = zoomInto(root, path), boxes = layOut(shown, LEAST), text = query.value.trim().toLowerCase();
	const isFound = ({ node }) => text !== '' && node.name.toLowerCase().includes(text);
	const depth = boxes.reduce((a, b) => Math.max(a, b.depth), 0) + 1;
	return (
		<Section id="flame" title="Waiting by stack">
			<div class="tools">
				<Switch />
				{base && <Legend />}
				{path.length > 0 && <button type="button" class="link" onClick={() => setPath([])}>show all</button>}
			</div>
			{root.value === 0 && root.base === 0 ? <p class="nothing">No thread waited for a lock.</p> : (
				<div class="flame" style={{ height: `${depth * ROW}px` }} role="group" aria-label="Stacks; arrow keys go from one to the next, Enter makes one as wide as the page"
					onKeyDown={(e) => onKey(e, boxes, boxes[[...e.currentTarget.children].indexOf(document.activeElement)] ?? boxes[0])}>
					{boxes.map((box, i) => (
						<Box key={`${box.depth}-${box.x}-${box.node.name}`} box={box} total={root.value} isComparison={!!base}
							found={isFound(box)} isFirst={i === 0}
							onZoom={(node) => setPath(pathTo(root, node))} />
					))}
				</div>
			)}
			{text !== '' && <Found boxes={boxes} isFound={isFound} total={shown.value} />}
			<Stacks root={root} isComparison={!!base} />
		</Section>
	);
}
