// SPDX-License-Identifier: MIT
// The whole run in one strip: how many threads waited, and which part of it is shown below. The first is
// drawn once and kept, since only the second changes.
import { readColours } from './timeline.js';

export const OVERVIEW_HEIGHT = 48;

function newCanvas(width, ratio) {
	const canvas = document.createElement('canvas');
	canvas.width = Math.round(width * ratio);
	canvas.height = Math.round(OVERVIEW_HEIGHT * ratio);
	canvas.getContext('2d').setTransform(ratio, 0, 0, ratio, 0, 0);
	return canvas;
}

/** waiters: averages of equal parts of the run. */
export function drawWaiters(canvas, waiters, width) {
	const ratio = window.devicePixelRatio || 1, picture = newCanvas(width, ratio), context = picture.getContext('2d');
	const colours = readColours(canvas), most = Math.max(1, waiters.reduce((a, b) => Math.max(a, b), 0));
	context.fillStyle = colours.shade;
	context.fillRect(0, 0, width, OVERVIEW_HEIGHT);
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
	return { picture, ratio, colours, width };
}

/** drawn: of drawWaiters(). */
export function drawOverview(canvas, { picture, ratio, colours, width }, endTime, span) {
	const context = canvas.getContext('2d');
	if (canvas.width !== picture.width)
		canvas.width = picture.width;
	if (canvas.height !== picture.height)
		canvas.height = picture.height;
	context.setTransform(1, 0, 0, 1, 0, 0);
	context.drawImage(picture, 0, 0);
	context.setTransform(ratio, 0, 0, ratio, 0, 0);

	const x1 = span.begin / endTime * width, x2 = span.end / endTime * width;
	context.fillStyle = colours.faint;
	context.globalAlpha = 0.25;
	context.fillRect(0, 0, x1, OVERVIEW_HEIGHT);
	context.fillRect(x2, 0, width - x2, OVERVIEW_HEIGHT);
	context.globalAlpha = 1;
	context.strokeStyle = colours.ink;
	context.strokeRect(x1 + 0.5, 0.5, Math.max(1, x2 - x1 - 1), OVERVIEW_HEIGHT - 1);
}
