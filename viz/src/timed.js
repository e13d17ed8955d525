// SPDX-License-Identifier: MIT
// How long something took, for whoever measures the page: performance.getEntriesByName(name), the last time only.

export function timed(name, work) {
	const start = performance.now(), result = work();
	performance.clearMeasures(name);
	performance.measure(name, { start });
	return result;
}
