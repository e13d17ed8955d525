// SPDX-License-Identifier: MIT
// What the user has chosen, in one place; every view reads it and is drawn anew when it changes.
//
// All of it is in the address's fragment (#class=3&range=12000-90000&by=holder), so a link restores
// the view, and Back goes back.
import { effect, signal } from '@preact/signals';

/** The loaded page (data/load.js); set once, before anything is drawn. */
export const page = signal(null);

/** Index in run.classes, run.locks, run.threads, run.processes, or null. */
export const chosenClass = signal(null);
export const chosenLock = signal(null);
export const chosenThread = signal(null);
export const chosenProcess = signal(null);
/** Index in run.phases, or null: every view counts only what was begun in that phase of the program. */
export const chosenPhase = signal(null);
/** 'waiter': where threads waited; 'holder': where the lock was held meanwhile. */
export const blameBy = signal('waiter');
/** 'thread' or 'lock': what a lane of the timeline is; and how lanes are ordered. */
export const lanesBy = signal('thread');
export const lanesOrder = signal('waiting');
/** How the table of locks is sorted: a column, with '-' in front the other way round. */
export const lockSort = signal('wait');
/** { begin, end } in ns of the run: every view counts only what lies in it. null: the whole run. */
export const range = signal(null);
/** Text of the search field: locks, threads and functions that contain it. */
export const query = signal('');
/** Id of the finding whose steps are shown, or null. */
export const chosenFinding = signal(null);
/** Id of the view to look at, or null. */
export const section = signal(null);

function currentRun() {
	return page.value.run;
}

/** Whether a lock (index, or null with its class) belongs to what was chosen. */
export function isChosen(entry) {
	if (chosenLock.value !== null)
		return entry.lock === chosenLock.value;
	return chosenClass.value === null || entry.class === chosenClass.value;
}

export function chooseClass(index) {
	chosenLock.value = null;
	chosenClass.value = index;
}

export function chooseLock(index) {
	if (index !== null)
		chosenClass.value = currentRun().locks[index].class;
	chosenLock.value = index;
}

/** Brings a view into sight. */
export function goTo(id) {
	section.value = id;
	document.getElementById(id)?.scrollIntoView();
}

// ---- the fragment ----

const NUMBERS = { class: chosenClass, lock: chosenLock, thread: chosenThread, process: chosenProcess, phase: chosenPhase };
const WORDS = {
	by: [blameBy, ['waiter', 'holder']],
	lanes: [lanesBy, ['thread', 'lock']],
	order: [lanesOrder, ['waiting', 'start', 'name']],
};

function limits() {
	const { classes, locks, threads, processes, phases } = currentRun();
	return { class: classes.length, lock: locks.length, thread: threads.length, process: processes.length, phase: phases.length };
}

function parseRange(text) {
	const match = /^(\d{1,16})-(\d{1,16})$/.exec(text ?? '');
	return match && Number(match[1]) < Number(match[2])
		? { begin: Number(match[1]), end: Number(match[2]) } : null;
}

/** Sets everything from a fragment; what makes no sense there is as if it were not there. */
export function readFragment(fragment) {
	const parameters = new URLSearchParams(fragment.replace(/^#/, ''));
	for (const [key, value] of Object.entries(NUMBERS)) {
		const text = parameters.get(key);
		value.value = /^\d+$/.test(text ?? '') && Number(text) < limits()[key] ? Number(text) : null;
	}
	for (const [key, [value, words]] of Object.entries(WORDS))
		value.value = words.includes(parameters.get(key)) ? parameters.get(key) : words[0];
	range.value = parseRange(parameters.get('range'));
	query.value = parameters.get('q') ?? '';
	chosenFinding.value = parameters.get('finding');
	lockSort.value = /^-?\w+$/.test(parameters.get('sort') ?? '') ? parameters.get('sort') : 'wait';
	section.value = /^[a-z]+$/.test(parameters.get('view') ?? '') ? parameters.get('view') : null;
}

export function makeFragment() {
	const parameters = new URLSearchParams();
	for (const [key, value] of Object.entries(NUMBERS))
		if (value.value !== null)
			parameters.set(key, value.value);
	for (const [key, [value, words]] of Object.entries(WORDS))
		if (value.value !== words[0])
			parameters.set(key, value.value);
	if (range.value)
		parameters.set('range', `${Math.round(range.value.begin)}-${Math.round(range.value.end)}`);
	if (lockSort.value !== 'wait')
		parameters.set('sort', lockSort.value);
	if (query.value)
		parameters.set('q', query.value);
	if (chosenFinding.value !== null)
		parameters.set('finding', chosenFinding.value);
	if (section.value !== null)
		parameters.set('view', section.value);
	return parameters.toString();
}

const WRITE_AFTER_MS = 300;

/**
 * Keeps the fragment and the state alike. Zooming and typing make many states, and only those that
 * last become an entry of the history.
 */
export function followFragment(window) {
	const current = () => window.location.hash.replace(/^#/, '');
	let timer = 0;
	readFragment(current());
	window.addEventListener('popstate', () => {
		readFragment(current());
		if (section.value)
			goTo(section.value);
	});
	effect(() => {
		const fragment = makeFragment();
		window.clearTimeout(timer);
		timer = window.setTimeout(() => {
			if (fragment !== current())
				window.history.pushState(null, '', `#${fragment}`);
		}, WRITE_AFTER_MS);
	});
}
