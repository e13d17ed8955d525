// SPDX-License-Identifier: MIT
// Spans of time: kept inside the run, zoomed around a moment, and the round moments in them.

const MIN_SPAN_NS = 20;

/** A span of sensible width inside the run. */
export function clampSpan(span, endTime) {
	const width = Math.min(endTime, Math.max(MIN_SPAN_NS, span.end - span.begin));
	const begin = Math.max(0, Math.min(endTime - width, span.begin));
	return { begin, end: begin + width };
}

/** factor < 1: closer. The moment `at` stays where it is. */
export function zoomSpan(span, at, factor, endTime) {
	return clampSpan({ begin: at - (at - span.begin) * factor, end: at + (span.end - at) * factor }, endTime);
}

export function moveSpan(span, by) {
	return { begin: span.begin + by, end: span.end + by };
}

/** Round moments in a span: at most nr, 1, 2 or 5 times a power of ten apart, and whole ns. */
export function makeTicks(span, nr) {
	const raw = Math.max(1, (span.end - span.begin) / nr), power = 10 ** Math.floor(Math.log10(raw));
	const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw * (1 - 1e-9));
	const ticks = [];
	for (let i = Math.ceil(span.begin / step); i * step < span.end; i++)
		ticks.push(i * step);
	return ticks;
}

const UNITS = [['s', 1e9], ['ms', 1e6], ['us', 1e3], ['ns', 1]];

/** A moment, in the unit that fits, with as many digits as tell ticks of a span apart. */
export function formatTick(t, span, nr) {
	const width = span.end - span.begin;
	const [unit, size] = UNITS.find(([, ns]) => span.end >= ns) ?? UNITS[3];
	const digits = Math.max(0, Math.min(9, Math.ceil(Math.log10(size * nr / width))));
	return `${(t / size).toFixed(digits)} ${unit}`;
}
