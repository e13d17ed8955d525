// SPDX-License-Identifier: MIT
// What a search finds: locks by their names, threads by theirs, and both by the functions in whose
// stacks they stand.

/** Indices of the elements whose text(element) contains the words. */
function find(list, words, text) {
	const found = new Set();
	list.forEach((element, i) => {
		if (text(element).toLowerCase().includes(words))
			found.add(i);
	});
	return found;
}

/** { classes, threads } as sets of indices, or null: nothing is searched for. */
export function searchRun(run, query) {
	const words = query.trim().toLowerCase();
	if (!words)
		return null;
	const classes = find(run.classes, words, (cls) => cls.name);
	const threads = find(run.threads, words, (thread) => thread.label);
	for (const i of find(run.locks, words, (lock) => lock.name))
		classes.add(run.locks[i].class);
	const frames = find(run.frames, words, ([name, file]) => `${name}\n${file ?? ''}`);
	const stacks = run.stacks.map((stack) => stack.some((frame) => frames.has(frame)));
	for (const list of [run.sites, run.waits, run.blames])
		for (const entry of list) {
			if (!stacks[entry.stack])
				continue;
			classes.add(entry.class);
			const thread = entry.thread ?? entry.holder;
			if (thread !== undefined)
				threads.add(thread);
		}
	return { classes, threads };
}
