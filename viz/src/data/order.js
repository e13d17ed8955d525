// SPDX-License-Identifier: MIT
// The lock order as a graph of classes or locks, small enough to look at.

const MAX_LOCKS = 40;

/** Each lock by its own name; when they are many, by its class, so that alike ones are one node. */
function chooseName(order) {
	const names = new Set(order.edges.flatMap((edge) => [edge.from.name, edge.to.name]));
	return names.size <= MAX_LOCKS ? (thing) => thing.name : (thing) => thing.class ?? thing.name;
}

/** Edges added up by the names of both ends: [{ from, to, count, inCycle, threads, edges }]. */
export function sumEdges(order) {
	const sums = new Map(), nodeName = chooseName(order);
	for (const edge of order.edges) {
		const from = nodeName(edge.from), to = nodeName(edge.to), key = JSON.stringify([from, to]);
		let sum = sums.get(key);
		if (!sum)
			sums.set(key, (sum = { from, to, count: 0, inCycle: false, threads: new Set(), edges: [] }));
		sum.count += edge.count;
		sum.inCycle ||= edge.component > 0;
		for (const thread of edge.threads)
			sum.threads.add(thread.name);
		sum.edges.push(edge);
	}
	return [...sums.values()].sort((a, b) => b.count - a.count);
}

/**
 * The part worth a picture: what lies in a cycle with its neighbours; without any, the edges with most
 * use. { nodes: [name], edges, leftOut }.
 */
export function chooseGraph(edges, maxEdges) {
	const core = new Set(edges.filter((e) => e.inCycle).flatMap((e) => [e.from, e.to]));
	const near = core.size ? edges.filter((e) => core.has(e.from) || core.has(e.to)) : edges;
	const sorted = [...near].sort((a, b) => b.inCycle - a.inCycle || b.count - a.count);
	const chosen = sorted.slice(0, maxEdges);
	return { nodes: [...new Set(chosen.flatMap((e) => [e.from, e.to]))], edges: chosen, leftOut: edges.length - chosen.length };
}

/** Findings as the summary shows them, without those that the user suppressed. */
export function tellFindings(order) {
	return (order?.findings ?? []).filter((f) => f.suppressed === null || f.suppressed === undefined)
		.map((f) => ({ id: f.id, level: f.level, text: `${f.level}: ${f.text}` }));
}
