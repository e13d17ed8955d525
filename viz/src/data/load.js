// SPDX-License-Identifier: MIT
// What lockprof put into this document, as one object: the JSON with its columns decoded.
//
// The elements are emptied once they are read: a page with a million intervals must not keep them
// twice.
import { decodeColumn } from './decode.js';
import { makeSpans } from './phases.js';
import { parseClean } from './text.js';
import { makeTimeline } from './timeline.js';

const SCHEMA = 'lockprof-page/1';

function takeText(document, id) {
	const element = document.getElementById(id);
	if (!element)
		return null;
	const text = element.textContent;
	element.textContent = '';
	return text;
}

async function takeColumn(document, id) {
	const text = takeText(document, id);
	return text === null ? new Float64Array(0) : decodeColumn(text);
}

/** stacks: for each its frames, innermost first, as indices of run.frames. */
async function takeStacks(document, prefix) {
	const [depths, frames] = await Promise.all([
		takeColumn(document, prefix + 'stack_depth'),
		takeColumn(document, prefix + 'stack_frame'),
	]);
	const stacks = new Array(depths.length);
	let at = 0;
	for (let i = 0; i < depths.length; i++) {
		stacks[i] = frames.subarray(at, at + depths[i]);
		at += depths[i];
	}
	return stacks;
}

const COLUMNS = [
	'hold_begin', 'hold_length', 'hold_context',
	'wait_begin', 'wait_length', 'wait_context', 'wait_stack', 'wait_kind',
	'context_lock', 'context_class', 'context_stack', 'context_mode',
	'context_phase', 'bin_held', 'bin_waited',
];
const SPAN_COLUMNS = ['span_process', 'span_phase', 'span_off', 'span_begin', 'span_length'];

async function takeColumns(document, ids) {
	const decoded = await Promise.all(ids.map((id) => takeColumn(document, id)));
	return Object.fromEntries(ids.map((id, i) => [id, decoded[i]]));
}

async function takeTimeline(document, run) {
	if (!run.timeline)
		return null;
	return makeTimeline(run, await takeColumns(document, COLUMNS));
}

/** thread.label: its name, with what tells it from others of that name. */
export function labelThreads(run) {
	const times = new Map();
	for (const { name } of run.threads)
		times.set(name, (times.get(name) ?? 0) + 1);
	for (const thread of run.threads) {
		const tid = times.get(thread.name) > 1 ? ` ${thread.tid}` : '';
		const pid = run.processes.length > 1 ? ` [${run.processes[thread.process].pid}]` : '';
		thread.label = thread.name + tid + pid;
	}
}

/**
 * The whole page: { title, version, runs, run, base }. `run` is what the page is about, `base` what
 * it is compared with, or null. Rejects with a sentence for people.
 */
export async function loadPage(document) {
	const text = takeText(document, 'lockprof-page');
	if (text === null || text === '')
		throw new Error('This page has no recording in it. "lockprof html TRACE" makes one that has.');
	const page = parseClean(text);
	if (page.schema !== SCHEMA)
		throw new Error(`This page's data are "${page.schema}", but it can only show "${SCHEMA}".`);
	const last = page.runs.length - 1;
	await Promise.all(page.runs.map(async (run, i) => {
		run.stacks = await takeStacks(document, i === last ? '' : 'base_');
		labelThreads(run);
	}));
	const run = page.runs[last];
	const order = takeText(document, 'lockprof-order');
	run.order = order ? parseClean(order) : null;
	run.spans = makeSpans(await takeColumns(document, SPAN_COLUMNS));
	run.intervals = await takeTimeline(document, run);
	return { ...page, run, base: last > 0 ? page.runs[0] : null };
}
