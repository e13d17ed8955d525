// SPDX-License-Identifier: MIT
// A table that can be sorted by its heads, by mouse and by keyboard, and copied as text.
import { useState } from 'preact/hooks';
import { formatCount } from '../format.js';

const STEP = 5;

/** Rows by a column: most first, or texts by the alphabet. direction: 1, or -1 the other way round. */
export function sortRows(rows, column, direction) {
	return [...rows].sort((a, b) => {
		const x = column.value(a), y = column.value(b);
		if (typeof x === 'string')
			return direction * x.localeCompare(y);
		return direction * ((y ?? -1) - (x ?? -1));
	});
}

/** Columns that say something: a number that is 0 or unknown in every row is none. */
export function usefulColumns(columns, rows, sortKey) {
	return columns.filter((column) => column.text || column.key === sortKey || rows.length === 0 ||
		rows.some((row) => column.value(row)));
}

function Head({ column, sort, onSort }) {
	const isSorted = sort.key === column.key;
	const order = !isSorted ? 'none' : (sort.direction > 0) === !column.text ? 'descending' : 'ascending';
	return (
		<th scope="col" class={column.text ? 'text' : 'number'} aria-sort={order}>
			<button type="button" title={column.hint} onClick={() => onSort(column)}>
				{column.title}
				<span class="arrow" aria-hidden="true">{isSorted ? (sort.direction > 0 ? '▾' : '▴') : ''}</span>
			</button>
		</th>
	);
}

/** The first text of a row that opens something is a button, for the keyboard; a click anywhere does it, too. */
function Row({ row, columns, isChosen, onChoose, opens }) {
	const handle = onChoose && columns.find((column) => column.text);
	const content = (column) => (column.cell ? column.cell(row) : column.value(row));
	return (
		<tr class={isChosen ? 'chosen' : undefined} onClick={onChoose && (() => onChoose(row))}>
			{columns.map((column) => (
				<td key={column.key} class={column.text ? 'text' : 'number'}>
					{column === handle
						? <button type="button" class="handle" aria-expanded={opens ? isChosen : undefined}>{content(column)}</button>
						: content(column)}
				</td>
			))}
		</tr>
	);
}

/**
 * columns: [{ key, title, hint, value(row), cell(row), text }]. `value` sorts (numbers descending first),
 * `cell` is what is shown (value when absent); text: aligned left. detail(row) is shown under a row that is
 * chosen. sort, onSort: kept by the caller; otherwise the table keeps it.
 */
export function Table({ caption, columns, rows, sortBy, sort, onSort, limit = 20, keyOf, isChosen, onChoose, detail }) {
	const own = useState({ key: sortBy, direction: 1 });
	const [shown, setShown] = useState(limit);
	const by = sort ?? own[0], setBy = onSort ?? own[1];
	const useful = usefulColumns(columns, rows, by.key);
	const column = useful.find((c) => c.key === by.key) ?? useful[0];
	const sorted = sortRows(rows, column, by.direction);
	const change = (c) => setBy({ key: c.key, direction: by.key === c.key ? -by.direction : 1 });
	return (
		<div class="table">
			<table>
				{caption && <caption>{caption}</caption>}
				<thead>
					<tr>{useful.map((c) => <Head key={c.key} column={c} sort={by} onSort={change} />)}</tr>
				</thead>
				<tbody>
					{sorted.map((row, i) => {
						const chosen = isChosen?.(row) ?? false;
						if (i >= shown && !chosen)
							return null;
						return [
							<Row key={keyOf(row)} row={row} columns={useful} isChosen={chosen} onChoose={onChoose} opens={!!detail} />,
							chosen && detail && (
								<tr key={`${keyOf(row)}-detail`} class="detail">
									<td colspan={useful.length}>{detail(row)}</td>
								</tr>
							),
						];
					})}
				</tbody>
			</table>
			{rows.length === 0 && <p class="nothing">Nothing here.</p>}
			{sorted.length > shown && (
				<button type="button" class="more" onClick={() => setShown(shown * STEP)}>
					{formatCount(sorted.length - shown)} more
				</button>
			)}
		</div>
	);
}
