// SPDX-License-Identifier: MIT
// Log-linear histograms, with the analyzer's buckets and percentiles (trace/hist.h): 16 to an octave.

const PARTS = 16, OCTAVES = 61, TWO32 = 2 ** 32;

/** The number of the bucket that a whole number of ns falls into. */
export function bucketOf(ns) {
	if (ns < PARTS)
		return ns;
	const octave = ns < TWO32 ? 28 - Math.clz32(ns) : 60 - Math.clz32(ns / TWO32);
	return octave * PARTS + (octave < 18 ? (ns >>> (octave - 1)) & (PARTS - 1) : Math.floor(ns / 2 ** (octave - 1)) % PARTS);
}

function lowOf(bucket) {
	const octave = Math.floor(bucket / PARTS), part = bucket % PARTS;
	return octave ? (PARTS + part) * 2 ** (octave - 1) : part;
}

function widthOf(bucket) {
	return bucket < PARTS ? 1 : 2 ** (Math.floor(bucket / PARTS) - 1);
}

export class Histogram {
	constructor() {
		this.counts = null;
		this.nr = 0;
		this.max = 0;
	}

	add(ns) {
		this.counts ??= new Uint32Array(PARTS * OCTAVES);
		this.counts[bucketOf(ns)]++;
		this.nr++;
		if (ns > this.max)
			this.max = ns;
	}

	/** p in 0..1; null: nothing was added. */
	percentile(p) {
		if (!this.nr)
			return null;
		const rank = p * this.nr;
		for (let bucket = 0, before = 0; bucket < this.counts.length; bucket++) {
			const count = this.counts[bucket];
			if (count && before + count >= rank)
				return Math.min(this.max, Math.floor(lowOf(bucket) + (widthOf(bucket) - 1) * (rank - before) / count + 0.5));
			before += count;
		}
		return this.max;
	}

	/** [[low_ns, high_ns, count], ...] of those with a count. */
	get buckets() {
		const buckets = [];
		this.counts?.forEach((count, bucket) => {
			if (count)
				buckets.push([lowOf(bucket), lowOf(bucket) + widthOf(bucket), count]);
		});
		return buckets;
	}
}
