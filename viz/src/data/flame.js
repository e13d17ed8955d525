// SPDX-License-Identifier: MIT
// Waiting as a tree of stacks: root is everything, then the lock, then who called whom from the bottom of the
// stack up. A node's value is the waiting of all that lies above it.

import { frameName } from '../format.js';

/** node: { name, value, children: Map by name, self } */
function makeNode(name) {
	return { name, value: 0, base: 0, self: 0, children: new Map() };
}

function childOf(node, name) {
	let child = node.children.get(name);
	if (!child)
		node.children.set(name, (child = makeNode(name)));
	return child;
}

/** Where threads and programs begin: the same below every stack, so it says nothing. */
const BOTTOMS = /^(start_thread|clone3?|__clone3?|_start|__libc_start_(main|main_impl|call_main)|execute_native_thread_routine|std::__invoke.*|std::thread::_.*|__invoke.*)$/;

/** The names of a stack's frames, outermost first. */
export function stackNames(run, stack) {
	const frames = run.stacks[stack] ?? [], names = [];
	for (let i = frames.length - 1; i >= 0; i--) {
		const frame = run.frames[frames[i]];
		if (names.length > 0 || !BOTTOMS.test(frame[0]))
			names.push(frameName(frame));
	}
	return names;
}

/** What a lock is called here: its class, so that many alike are one. */
function className(run, entry) {
	return run.classes[entry.class].name;
}

function add(root, names, value, side) {
	let node = root;
	root[side] += value;
	for (const name of names) {
		node = childOf(node, name);
		node[side] += value;
	}
	if (side === 'value')
		node.self += value;
}

export const NOBODY = '(nobody held it: hand-off, wake-up)', UNKNOWN = '(recorded as statistics: not known)';

/**
 * The tree of where threads waited ('waiter') or where the locks were held meanwhile ('holder').
 * `takes` says which entries count; base: a run to compare with, whose values become node.base.
 */
export function makeFlame(run, by, takes = () => true, base = null) {
	const root = makeNode('all waiting');
	addRun(root, run, by, takes, 'value');
	if (base)
		addRun(root, base, by, () => true, 'base');
	return root;
}

function addRun(root, run, by, takes, side) {
	const entries = by === 'waiter' ? run.waits : run.blames;
	const explained = new Map();
	for (const entry of entries) {
		explained.set(entry.class, (explained.get(entry.class) ?? 0) + entry.wait_ns);
		if (takes(entry))
			add(root, [className(run, entry), ...stackNames(run, entry.stack)], entry.wait_ns, side);
	}
	run.classes.forEach((cls, index) => {
		const rest = cls.all.wait_ns - (explained.get(index) ?? 0);
		if (!cls.contends || rest <= 0 || !takes({ class: index, lock: null }))
			return;
		const unknown = by === 'waiter' ? rest : Math.min(rest, cls.folded_wait_ns);
		if (unknown > 0)
			add(root, [cls.name, UNKNOWN], unknown, side);
		if (rest > unknown)
			add(root, [cls.name, NOBODY], rest - unknown, side);
	});
}

/**
 * Boxes of a tree: { node, depth, x, width } with x and width in 0..1 of the root; those narrower than
 * `least` are left out. Widest first within a node.
 */
export function layOut(root, least, size = (node) => node.value) {
	const boxes = [], total = size(root) || 1;
	const walk = (node, depth, x) => {
		const width = size(node) / total;
		if (width < least)
			return;
		boxes.push({ node, depth, x, width });
		let at = x;
		for (const child of [...node.children.values()].sort((a, b) => size(b) - size(a) || a.name.localeCompare(b.name))) {
			walk(child, depth + 1, at);
			at += size(child) / total;
		}
	};
	walk(root, 0, 0);
	return boxes;
}

/** The rows of the data table: each path with waiting of its own, most first. */
export function flatten(root, nr) {
	const rows = [];
	const walk = (node, path) => {
		if (node.self > 0)
			rows.push({ path, ns: node.self, base: node.base });
		for (const child of node.children.values())
			walk(child, [...path, child.name]);
	};
	walk(root, []);
	return rows.sort((a, b) => b.ns - a.ns).slice(0, nr);
}
