// SPDX-License-Identifier: MIT
// Numbers for people, in the words that `lockprof report` uses.

const NBSP = '\u00a0';

function digits(value) {
	return value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}

/** 950 ns, 12.3 us, 4.10 s, 95 s */
export function formatTime(ns) {
	if (ns === null || ns === undefined)
		return '';
	if (ns < 1000)
		return `${Math.round(ns)}${NBSP}ns`;
	for (const [unit, size] of [['us', 1e3], ['ms', 1e6]])
		if (ns < 999.5 * size)
			return `${digits(ns / size)}${NBSP}${unit}`;
	return `${digits(ns / 1e9)}${NBSP}s`;
}

/** 12,345,678 */
export function formatCount(count) {
	return count === null || count === undefined ? '' : count.toLocaleString('en-US');
}

/** How many of something a unit: 3, 1.003, 0.03125 */
export function formatRate(rate) {
	if (rate === null || rate === undefined)
		return '';
	return Number.isInteger(rate) || rate >= 100 ? formatCount(Math.round(rate)) : String(Number(rate.toPrecision(4)));
}

/** 0.973 is 97.3 % */
export function formatPercent(ratio) {
	if (ratio === null || ratio === undefined || Number.isNaN(ratio))
		return '';
	const percent = ratio * 100;
	if (percent > 0 && percent < 0.1)
		return `<0.1${NBSP}%`;
	return `${percent < 99.95 ? percent.toFixed(1) : percent.toFixed(0)}${NBSP}%`;
}

/** From 100 to 150 is "+50 %"; what became many times as much is "x 12". */
export function formatChange(before, now) {
	const ratio = now / before;
	if (ratio >= 10)
		return `x${NBSP}${ratio.toFixed(0)}`;
	return `${ratio < 1 ? '−' : '+'}${(Math.abs(ratio - 1) * 100).toFixed(0)}${NBSP}%`;
}

/** A frame's place: "file.c:12", else the module's name. */
export function framePlace([, file, line, module]) {
	if (!file || !line)
		return module ?? '';
	return `${file.slice(file.lastIndexOf('/') + 1)}:${line}`;
}

/** The function; where it has no name, "libx.so+0x1234". */
export function frameName([name, , , module]) {
	return name.startsWith('+0x') && module ? module + name : name;
}

/** "f (file.c:12)" */
export function formatFrame(frame) {
	const place = framePlace(frame);
	return place && !frame[0].startsWith('+0x') ? `${frame[0]} (${place})` : frameName(frame);
}
