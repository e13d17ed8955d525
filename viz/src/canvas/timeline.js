// SPDX-License-Identifier: MIT
// Draws lanes of the timeline into a canvas: what is seen in a span of time, top lane first.
//
// A hold is a bar at the lane's foot, darker when somebody waited meanwhile, and lower the deeper it is
// nested. A wait is a bar over the whole height, hatched when there is room; under a held lock it
// has another colour and the hatching crosses. Waits for conditions and the like are a line in the
// middle. When rows are narrower than a pixel their share of each pixel is drawn instead, and
// waiting on top, the longest of each pixel, the shorter the less far down: so that one long wait
// among a million stays in sight, and a million short ones do not look like it.
import { isLockWait, WAIT } from '../data/timeline.js';

export const LANE_HEIGHT = 20;
const PAD = 2, BAR = LANE_HEIGHT - 2 * PAD;
const ROWS_PER_PIXEL = 1; /* more are drawn as a density */
const LEAST_WAIT = 0.25; /* of a bar's height */
const HATCH_FROM = 6; /* pixels */
const MAX_ARROWS = 200;

/** Colours from the style sheet, so that dark mode and print are decided there. */
export function readColours(element) {
	const style = getComputedStyle(element);
	const colour = (name) => style.getPropertyValue(name).trim();
	return {
		ink: colour('--ink'), faint: colour('--faint'), line: colour('--line'), shade: colour('--shade'),
		held: colour('--held'), short: colour('--short'), heldWaiters: colour('--held-waiters'), wait: colour('--wait'),
		blocked: colour('--blocked'), cond: colour('--cond'), chosen: colour('--chosen'), paper: colour('--paper'),
	};
}

function hatch(context, colour, crossed) {
	const tile = document.createElement('canvas');
	tile.width = tile.height = 6;
	const c = tile.getContext('2d');
	c.fillStyle = colour;
	c.fillRect(0, 0, 6, 6);
	c.strokeStyle = 'rgba(255,255,255,.55)';
	c.beginPath();
	c.moveTo(-1, 7);
	c.lineTo(7, -1);
	if (crossed) {
		c.moveTo(-1, -1);
		c.lineTo(7, 7);
	}
	c.stroke();
	return context.createPattern(tile, 'repeat');
}

/** For what was not recorded: thin lines, and the ground shows through. */
export function hatchLines(context, colour) {
	const tile = document.createElement('canvas');
	tile.width = tile.height = 8;
	const c = tile.getContext('2d');
	c.strokeStyle = colour;
	c.globalAlpha = 0.5;
	c.beginPath();
	for (const x of [-8, 0, 8]) {
		c.moveTo(x, 0);
		c.lineTo(x + 8, 8);
	}
	c.stroke();
	return context.createPattern(tile, 'repeat');
}

/** The average of parts [from, to) as pixels of a bar; whatever is not nothing is one at least. */
function densityHeight(parts, from, to) {
	let sum = 0, count = 0;
	for (let i = Math.floor(from); i < to && i < parts.length; i++, count++)
		sum += parts[i];
	return sum > 0 ? Math.max(1, Math.round(Math.min(1, sum / count) * BAR)) : 0;
}

export class TimelinePainter {
	constructor(canvas, timeline, marks) {
		this.canvas = canvas;
		this.context = canvas.getContext('2d');
		this.timeline = timeline;
		/** marks.waitedFor by hold, marks.underLock by wait (data/lanes.js) */
		this.marks = marks;
		this.recolour();
	}

	recolour() {
		this.colours = readColours(this.canvas);
		this.patterns = {
			wait: hatch(this.context, this.colours.wait, false),
			blocked: hatch(this.context, this.colours.blocked, true),
			off: hatchLines(this.context, this.colours.faint),
		};
	}

	/** picture: { lanes, top, span: {begin, end}, width, height, chosen(lane), arrows, offs: spans not recorded } */
	draw(picture) {
		const { context } = this, ratio = window.devicePixelRatio || 1;
		this.resize(picture, ratio);
		context.setTransform(ratio, 0, 0, ratio, 0, 0);
		context.fillStyle = this.colours.paper;
		context.fillRect(0, 0, picture.width, picture.height);
		const first = Math.floor(picture.top / LANE_HEIGHT);
		const last = Math.min(picture.lanes.length, Math.ceil((picture.top + picture.height) / LANE_HEIGHT));
		for (let i = first; i < last; i++)
			this.drawLane(picture, picture.lanes[i], i * LANE_HEIGHT - picture.top);
		if (picture.arrows)
			this.drawArrows(picture, first, last);
	}

	resize({ width, height }, ratio) {
		const w = Math.round(width * ratio), h = Math.round(height * ratio);
		if (this.canvas.width !== w || this.canvas.height !== h) {
			this.canvas.width = w;
			this.canvas.height = h;
		}
	}

	drawLane(picture, lane, y) {
		const { context, colours } = this, { span, width } = picture;
		const holds = lane.holds, from = holds.firstReaching(span.begin), to = holds.firstFrom(span.end);
		if (picture.chosen(lane)) {
			context.fillStyle = colours.chosen;
			context.fillRect(0, y, width, LANE_HEIGHT);
		}
		this.drawOffs(picture, lane, y);
		context.fillStyle = colours.line;
		context.fillRect(0, y + LANE_HEIGHT - 1, width, 1);
		const isDense = to - from > width * ROWS_PER_PIXEL && this.partsSuffice(lane, picture);
		if (lane.counted)
			this.drawDensity(picture, lane.counted, y, colours.short);
		if (isDense)
			this.drawDensity(picture, lane.held, y, colours.held);
		else
			this.drawHolds(picture, lane, y, from, to);
		this.drawWaits(picture, lane, y);
	}

	/** When nothing was recorded. */
	drawOffs({ offs, span, width }, lane, y) {
		const { context, patterns } = this, scale = width / (span.end - span.begin);
		context.fillStyle = patterns.off;
		for (const { process, begin, end } of offs) {
			if (process !== lane.process || end <= span.begin || begin >= span.end)
				continue;
			const x = Math.max(0, (begin - span.begin) * scale);
			context.fillRect(x, y, Math.max(1, Math.min(width, (end - span.begin) * scale) - x), LANE_HEIGHT - 1);
		}
	}

	/** Whether a part of the whole run that has a number of its own is at most a pixel of this picture. */
	partsSuffice(lane, { span, width }) {
		return lane.held.width <= (span.end - span.begin) / width;
	}

	drawDensity({ span, width }, { parts, width: partWidth }, y, colour) {
		const { context } = this;
		const perPixel = (span.end - span.begin) / width / partWidth, first = span.begin / partWidth;
		let from = 0, height = 0;
		context.fillStyle = colour;
		for (let x = 0; x <= width; x++) {
			const next = x < width ? densityHeight(parts, first + x * perPixel, first + (x + 1) * perPixel) : 0;
			if (next === height)
				continue;
			if (height > 0) /* neighbours that are alike are one */
				context.fillRect(from, y + LANE_HEIGHT - PAD - height, x - from, height);
			from = x;
			height = next;
		}
	}

	drawHolds({ span, width }, lane, y, from, to) {
		const { context, colours, marks } = this, { begin, length } = this.timeline.holds;
		const scale = width / (span.end - span.begin), ends = [];
		let lastX = -1, lastDark = false;
		for (let i = from; i < to; i++) {
			const row = lane.holds.at(i), end = begin[row] + length[row];
			if (end <= span.begin)
				continue;
			while (ends.length && ends[ends.length - 1] <= begin[row])
				ends.pop();
			const depth = Math.min(3, ends.length);
			ends.push(end);
			const x = Math.max(0, (begin[row] - span.begin) * scale);
			const w = Math.max(1, Math.min(width, (end - span.begin) * scale) - x);
			const dark = marks.waitedFor[row] === 1, pixel = Math.floor(x);
			if (w <= 1 && pixel === lastX && (lastDark || !dark))
				continue;
			lastX = w <= 1 ? pixel : -1;
			lastDark = dark;
			const height = BAR * (0.7 - 0.15 * depth);
			context.fillStyle = dark ? colours.heldWaiters : colours.held;
			context.fillRect(x, y + LANE_HEIGHT - PAD - height, w, height);
			if (depth > 0 && w > 3) {
				context.strokeStyle = colours.paper;
				context.strokeRect(x + 0.5, y + LANE_HEIGHT - PAD - height + 0.5, w - 1, height - 1);
			}
		}
	}

	drawWaits({ span, width }, lane, y) {
		const { waits } = this.timeline, { begin, length, kind } = waits;
		const scale = width / (span.end - span.begin), to = lane.waits.firstFrom(span.end);
		let lastX = -1, lastKind = -1, lastPart = 0;
		for (let i = lane.waits.firstReaching(span.begin); i < to; i++) {
			const row = lane.waits.at(i), end = begin[row] + length[row];
			if (end <= span.begin)
				continue;
			const x = Math.max(0, (begin[row] - span.begin) * scale);
			const w = Math.max(1, Math.min(width, (end - span.begin) * scale) - x);
			const pixel = Math.floor(x), isLock = isLockWait(kind[row]) ? 1 : 0;
			const part = Math.min(1, (end - Math.max(begin[row], span.begin)) * scale);
			if (w <= 1 && pixel === lastX && (isLock < lastKind || (isLock === lastKind && part <= lastPart)))
				continue;
			lastX = w <= 1 ? pixel : -1;
			lastKind = isLock;
			lastPart = part;
			this.drawWait(row, x, y, w, isLock, part);
		}
	}

	/** part: of its pixel that it fills. A wait hangs from the top, the shorter the less far down. */
	drawWait(row, x, y, w, isLock, part) {
		const { context, colours, patterns, marks } = this;
		const isUnder = marks.underLock[row] === 1, middle = y + LANE_HEIGHT / 2;
		if (!isLock) {
			context.fillStyle = colours.cond;
			context.fillRect(x, middle - 1.5, w, 3);
			return;
		}
		const name = isUnder ? 'blocked' : 'wait';
		context.fillStyle = w >= HATCH_FROM ? patterns[name] : colours[name];
		context.fillRect(x, y + PAD, w, BAR * Math.max(LEAST_WAIT, Math.sqrt(part)));
		if (this.timeline.waits.kind[row] === WAIT.NEVER_ENDED) {
			context.strokeStyle = colours.ink;
			context.strokeRect(x + 0.5, y + PAD + 0.5, w - 1, BAR - 1);
		}
	}

	/** From who released to who acquired, where the wait is wide enough to see and they are few. */
	drawArrows({ lanes, laneOfThread, top, span, width }, first, last) {
		const { context, colours, timeline } = this, { waits, holds } = timeline;
		const scale = width / (span.end - span.begin);
		let nr = 0;
		context.strokeStyle = context.fillStyle = colours.ink;
		for (let i = first; i < last; i++) {
			const lane = lanes[i], to = lane.waits.firstFrom(span.end);
			for (let k = lane.waits.firstReaching(span.begin); k < to && nr < MAX_ARROWS; k++) {
				const row = lane.waits.at(k), end = waits.begin[row] + waits.length[row];
				const lock = timeline.lockOf(waits, row);
				if (waits.kind[row] !== WAIT.GOT_IT || waits.length[row] * scale < 8 || end > span.end || lock < 0)
					continue;
				const hold = timeline.holdBefore(lock, waits.thread[row], end);
				const lane2 = hold < 0 ? undefined : laneOfThread.get(holds.thread[hold]);
				if (lane2 === undefined)
					continue;
				nr++;
				this.drawArrow((end - span.begin) * scale, lane2 * LANE_HEIGHT - top, i * LANE_HEIGHT - top);
			}
		}
	}

	drawArrow(x, fromY, toY) {
		const { context } = this, down = toY > fromY;
		const y1 = fromY + (down ? LANE_HEIGHT - PAD : PAD), y2 = toY + (down ? PAD : LANE_HEIGHT - PAD);
		context.beginPath();
		context.moveTo(x, y1);
		context.lineTo(x, y2);
		context.stroke();
		context.beginPath();
		context.moveTo(x, y2);
		context.lineTo(x - 3, y2 - (down ? 5 : -5));
		context.lineTo(x + 3, y2 - (down ? 5 : -5));
		context.fill();
	}

	/** The topmost thing at a point: { row, isWait, lane }, or null. */
	find(picture, x, y) {
		const lane = picture.lanes[Math.floor((y + picture.top) / LANE_HEIGHT)];
		if (!lane)
			return null;
		const { span, width } = picture, perPixel = (span.end - span.begin) / width;
		const time = span.begin + x * perPixel;
		const wait = this.findIn(lane.waits, time, perPixel);
		if (wait >= 0)
			return { row: wait, isWait: true, lane, time };
		const hold = this.findIn(lane.holds, time, perPixel);
		return hold < 0 ? { row: -1, isWait: false, lane, time } : { row: hold, isWait: false, lane, time };
	}

	/** Of the rows at a time, give or take a pixel, the innermost: the one that began last. */
	findIn(laneRows, time, slack) {
		const { begin, length } = laneRows.rows;
		for (let i = laneRows.firstFrom(time + slack) - 1, tries = 0; i >= laneRows.from && tries < 1000; i--, tries++) {
			const row = laneRows.at(i);
			if (begin[row] + length[row] >= time - slack)
				return row;
		}
		return -1;
	}
}
