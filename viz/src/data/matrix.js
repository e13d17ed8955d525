// SPDX-License-Identifier: MIT
// Sums by two things at once, the largest rows and columns of them: who waits for what, who waits for whom.

/**
 * { rows: [key], columns: [key], at(row, column), most, rowsLeftOut, columnsLeftOut } of entries,
 * each counted by value(entry) at rowOf(entry), columnOf(entry). Keys are numbers.
 */
export function makeMatrix(entries, rowOf, columnOf, value, maxRows, maxColumns) {
	const cells = new Map(), rowSums = new Map(), columnSums = new Map();
	const add = (map, key, n) => map.set(key, (map.get(key) ?? 0) + n);
	for (const entry of entries) {
		const row = rowOf(entry), column = columnOf(entry), n = value(entry);
		if (n <= 0)
			continue;
		add(cells, `${row},${column}`, n);
		add(rowSums, row, n);
		add(columnSums, column, n);
	}
	const largest = (sums, nr) => [...sums].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, nr).map(([key]) => key);
	const rows = largest(rowSums, maxRows), columns = largest(columnSums, maxColumns);
	const at = (row, column) => cells.get(`${row},${column}`) ?? 0;
	let most = 0;
	for (const row of rows)
		for (const column of columns)
			most = Math.max(most, at(row, column));
	return {
		rows, columns, at, most, rowSum: (row) => rowSums.get(row) ?? 0,
		rowsLeftOut: rowSums.size - rows.length, columnsLeftOut: columnSums.size - columns.length,
	};
}
