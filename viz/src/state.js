// SPDX-License-Identifier: MIT
// What the user has chosen, in one place; every view reads it and is drawn anew when it changes.
//
// All of it is in the address's fragment (#class=3&range=12000-90000&by=holder), so a link restores
// the view, and Back goes back.
import { computed, effect, signal } from '@preact/signals';

/** The loaded page (data/load.js); set once, before anything is drawn. */
export const page = signal(null);

/** Index in run.classes or run.locks, or null: of what the other views show details. */
export const chosenClass = signal(null);
export const chosenLock = signal(null);
export const chosenThread = signal(null);
/** 'waiter': where threads waited; 'holder': where the lock was held meanwhile. */
export const blameBy = signal('waiter');
/** 'thread' or 'lock': what a lane of the timeline is. */
export const lanesBy = signal('thread');
/** { begin, end } in ns of the run: every view counts only what lies in it. null: the whole run. */
export const range = signal(null);
/** Text of the search field: classes, locks, threads and functions that contain it. */
export const query = signal('');
/** Id of the finding whose steps are shown, or null. */
export const chosenFinding = signal(null);

export const run = computed(() => page.value?.run ?? null);

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
	chosenClass.value = index === null ? null : run.value.locks[index].class;
	chosenLock.value = index;
}

// ---- the fragment ----

const NUMBERS = { class: chosenClass, lock: chosenLock, thread: chosenThread };
const WORDS = { by: [blameBy, ['waiter', 'holder']], lanes: [lanesBy, ['thread', 'lock']] };

function limits() {
	return { class: run.value.classes.length, lock: run.value.locks.length, thread: run.value.threads.length };
}

function parseRange(text) {
	const match = /^(\d+)-(\d+)$/.exec(text ?? '');
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
	if (query.value)
		parameters.set('q', query.value);
	if (chosenFinding.value !== null)
		parameters.set('finding', chosenFinding.value);
	return parameters.toString();
}

const WRITE_AFTER_MS = 200;

/** Keeps the fragment and the state alike. Zooming makes many states, so they are written late. */
export function followFragment(window) {
	let timer = 0;
	readFragment(window.location.hash);
	window.addEventListener('hashchange', () => readFragment(window.location.hash));
	effect(() => {
		const fragment = makeFragment();
		window.clearTimeout(timer);
		timer = window.setTimeout(() => {
			if (fragment !== window.location.hash.replace(/^#/, ''))
				window.history.replaceState(null, '', fragment ? '#' + fragment : window.location.pathname);
		}, WRITE_AFTER_MS);
	});
}
