// SPDX-License-Identifier: MIT
// How often which time: the analyzer's log-linear buckets drawn on a logarithmic axis, with the
// percentiles as lines. The table under it says the same in numbers.
import { formatCount, formatTime } from '../format.js';

const WIDTH = 320, HEIGHT = 56, FOOT = 14;

/** The buckets added up to at most `most` bars of equal width on a logarithmic axis. */
export function makeBars(buckets, most) {
	if (buckets.length === 0)
		return { low: 0, high: 0, bars: [] };
	const low = Math.log(Math.max(1, buckets[0][0]));
	const high = Math.log(Math.max(2, buckets[buckets.length - 1][1]));
	const bars = new Array(most).fill(0);
	for (const [from, to, count] of buckets) {
		const middle = Math.log(Math.max(1, (from + to) / 2));
		const at = high > low ? Math.floor((middle - low) / (high - low) * most) : 0;
		bars[Math.min(most - 1, Math.max(0, at))] += count;
	}
	return { low, high, bars };
}

function Mark({ at, low, high, label, ns }) {
	if (ns === null || high <= low)
		return null;
	const x = Math.min(1, Math.max(0, (Math.log(Math.max(1, ns)) - low) / (high - low))) * WIDTH;
	return (
		<g class={`mark mark-${at}`}>
			<line x1={x} x2={x} y1="0" y2={HEIGHT} />
			<title>{`${label} ${formatTime(ns)}`}</title>
		</g>
	);
}

export function Histogram({ title, buckets, p50, p99, max }) {
	const { low, high, bars } = makeBars(buckets, 80);
	const total = bars.reduce((a, b) => a + b, 0);
	if (total === 0)
		return null;
	const tallest = Math.max(...bars), width = WIDTH / bars.length;
	const words = `${title}: ${formatCount(total)} times, half up to ${formatTime(p50)}, 99 % up to ${formatTime(p99)}, at most ${formatTime(max)}`;
	return (
		<figure class="histogram">
			<figcaption>{words}</figcaption>
			<svg viewBox={`0 0 ${WIDTH} ${HEIGHT + FOOT}`} role="img" aria-label={words}>
				{bars.map((count, i) => count > 0 && (
					<rect key={i} x={i * width} width={Math.max(1, width - 0.5)}
						y={HEIGHT - Math.max(2, count / tallest * HEIGHT)}
						height={Math.max(2, count / tallest * HEIGHT)} />
				))}
				<Mark at="p50" low={low} high={high} label="half" ns={p50} />
				<Mark at="p99" low={low} high={high} label="99 %" ns={p99} />
				<text x="0" y={HEIGHT + FOOT - 2}>{formatTime(Math.exp(low))}</text>
				<text x={WIDTH} y={HEIGHT + FOOT - 2} text-anchor="end">{formatTime(Math.exp(high))}</text>
			</svg>
		</figure>
	);
}
