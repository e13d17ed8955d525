// SPDX-License-Identifier: MIT
// Rows of the timeline in words.
import { formatFrame, formatTime } from '../format.js';
import { physicalFrame } from './places.js';
import { isLockWait, WAIT } from './timeline.js';

const WAIT_WORDS = {
	[WAIT.GOT_IT]: 'waited for', [WAIT.GAVE_UP]: 'waited in vain for', [WAIT.NEVER_ENDED]: 'still waits for',
	[WAIT.CONDITION]: 'waited for a signal of', [WAIT.BARRIER]: 'waited at', [WAIT.ONCE]: 'waited for another to initialise',
	[WAIT.FUTEX]: 'slept on', [WAIT.JOIN]: 'waited for the end of',
	[WAIT.TOKEN]: 'waited for a token of',
};

/** What a row is about: a lock, or of joins a thread. */
export function lockName(run, timeline, rows, row) {
	if (rows.kind?.[row] === WAIT.JOIN) {
		const thread = timeline.contextLock[rows.context[row]];
		return thread < 0 ? 'a thread' : run.threads[thread].label;
	}
	const lock = timeline.lockOf(rows, row), cls = timeline.contextClass[rows.context[row]];
	return lock >= 0 ? run.locks[lock].name : cls >= 0 ? run.classes[cls].name : 'a lock';
}

/** " in f (file.c:12)", or nothing. */
export function placeOf(run, timeline, rows, row) {
	const frame = physicalFrame(run, rows.stack?.[row] || timeline.contextStack[rows.context[row]]);
	return frame ? ` in ${formatFrame(frame)}` : '';
}

/** Who held the lock of a wait last before it ended; or nothing. */
export function holderOf(run, timeline, row) {
	const { waits } = timeline, lock = timeline.lockOf(waits, row);
	if (lock < 0 || !isLockWait(waits.kind[row]))
		return '';
	const hold = timeline.holdBefore(lock, waits.thread[row], waits.begin[row] + waits.length[row]);
	return hold < 0 ? '' : run.threads[timeline.holds.thread[hold]].label;
}

/** A row as a sentence. found: { row, isWait } */
export function describe(run, timeline, found) {
	const rows = found.isWait ? timeline.waits : timeline.holds;
	const thread = run.threads[rows.thread[found.row]].label, time = formatTime(rows.length[found.row]);
	const name = lockName(run, timeline, rows, found.row), place = placeOf(run, timeline, rows, found.row);
	const verb = found.isWait ? WAIT_WORDS[rows.kind[found.row]] : timeline.contextShared[rows.context[found.row]] ? 'read' : 'held';
	const holder = found.isWait ? holderOf(run, timeline, found.row) : '';
	return `${thread} ${verb} ${name}${found.isWait ? ' ' : ' for '}${time}${place}, at ${formatTime(rows.begin[found.row])}` +
		`${holder && `; ${holder} held it before`}`;
}
