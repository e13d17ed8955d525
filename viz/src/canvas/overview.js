// SPDX-License-Identifier: MIT
// The whole run in one strip: how many threads waited, and which part of it is shown below.
import { readColours } from './timeline.js';

export const OVERVIEW_HEIGHT = 48;

export function drawOverview(canvas, waiters, endTime, span, width) {
	const context = canvas.getContext('2d'), ratio = window.devicePixelRatio || 1;
	const colours = readColours(canvas);
	canvas.width = Math.round(width * ratio);
	canvas.height = Math.round(OVERVIEW_HEIGHT * ratio);
	context.setTransform(ratio, 0, 0, ratio, 0, 0);
	context.fillStyle = colours.shade;
	context.fillRect(0, 0, width, OVERVIEW_HEIGHT);

	const most = Math.max(1, waiters.reduce((a, b) => Math.max(a, b), 0));
	context.fillStyle = colours.wait;
	for (let x = 0; x < width; x++) {
		const from = Math.floor(x / width * waiters.length);
		const to = Math.max(from + 1, Math.floor((x + 1) / width * waiters.length));
		let height = 0;
		for (let bin = from; bin < to; bin++)
			height = Math.max(height, waiters[bin] / most);
		if (height > 0) {
			const pixels = Math.max(1, height * (OVERVIEW_HEIGHT - 4));
			context.fillRect(x, OVERVIEW_HEIGHT - pixels, 1, pixels);
		}
	}
	const x1 = span.begin / endTime * width, x2 = span.end / endTime * width;
	context.fillStyle = colours.faint;
	context.globalAlpha = 0.25;
	context.fillRect(0, 0, x1, OVERVIEW_HEIGHT);
	context.fillRect(x2, 0, width - x2, OVERVIEW_HEIGHT);
	context.globalAlpha = 1;
	context.strokeStyle = colours.ink;
	context.strokeRect(x1 + 0.5, 0.5, Math.max(1, x2 - x1 - 1), OVERVIEW_HEIGHT - 1);
}
