// SPDX-License-Identifier: MIT
// Stacks as people name them.

/**
 * The function that a call stands in: of a stack's innermost frames the first that was not inlined into
 * the next, so that std::lock_guard and its like are passed over. Index in run.frames, or null.
 */
export function physicalNumber(run, stack) {
	const frames = run.stacks[stack] ?? [];
	return frames.find((frame) => !run.frames[frame][4]) ?? frames.at(-1) ?? null;
}

/** The frame itself, or null. */
export function physicalFrame(run, stack) {
	const frame = physicalNumber(run, stack);
	return frame === null ? null : run.frames[frame];
}
