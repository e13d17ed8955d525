// SPDX-License-Identifier: MIT
// Some rows of the timeline in order of their begins, and those of a span of time among them.
//
// A long row may reach over many that begin later. So the latest end up to each row is kept: the first
// row that can reach into a span is found by bisection in that.

/** Rows [from, to), or those that `index` lists there. */
export class LaneRows {
	constructor(rows, index, from, to) {
		this.rows = rows;
		this.index = index;
		this.from = from;
		this.to = to;
		this.latest = null;
	}

	get nr() {
		return this.to - this.from;
	}

	/** The row's number in the arrays of `rows`. */
	at(i) {
		return this.index ? this.index[i] : i;
	}

	/** latest[i - from]: the latest end of rows from..i. */
	latestEnds() {
		if (this.latest)
			return this.latest;
		const { begin, length } = this.rows, latest = new Float64Array(this.nr);
		let end = 0;
		for (let i = this.from; i < this.to; i++) {
			const row = this.at(i);
			end = Math.max(end, begin[row] + length[row]);
			latest[i - this.from] = end;
		}
		return (this.latest = latest);
	}

	/** The first that can end after `time`. */
	firstReaching(time) {
		const latest = this.latestEnds();
		let low = 0, high = latest.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (latest[middle] <= time)
				low = middle + 1;
			else
				high = middle;
		}
		return this.from + low;
	}

	/** The first that begins at or after `time`. */
	firstFrom(time) {
		let low = this.from, high = this.to;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (this.rows.begin[this.at(middle)] < time)
				low = middle + 1;
			else
				high = middle;
		}
		return low;
	}
}
