// SPDX-License-Identifier: MIT
// A table that can be sorted by its heads, by mouse and by keyboard, and copied as text.
import { useState } from 'preact/hooks';

/**
 * columns: [{ key, title, hint, value(row), cell(row), text }]. `value` sorts (numbers descending first),
 * `cell` is what is shown (value when absent); text: aligned left.
 * rows may have children(row), shown when opened.
 */
function compare(column, direction) {
	return (a, b) => {
		const x = column.value(a), y = column.value(b);
		if (typeof x === 'string')
			return direction * -x.localeCompare(y);
		return direction * ((y ?? -1) - (x ?? -1));
	};
}

function Head({ column, sort, onSort }) {
	const isSorted = sort.key === column.key;
	const order = isSorted ? (sort.direction > 0 ? 'descending' : 'ascending') : 'none';
	return (
		<th scope="col" class={column.text ? 'text' : 'number'} aria-sort={order}>
			<button type="button" title={column.hint} onClick={() => onSort(column)}>
				{column.title}
				<span class="arrow" aria-hidden="true">{isSorted ? (sort.direction > 0 ? '▾' : '▴') : ''}</span>
			</button>
		</th>
	);
}

function Row({ row, columns, isChosen, onChoose }) {
	return (
		<tr class={isChosen ? 'chosen' : undefined} aria-selected={isChosen}
			onClick={onChoose && (() => onChoose(row))}>
			{columns.map((column) => (
				<td key={column.key} class={column.text ? 'text' : 'number'}>
					{column.cell ? column.cell(row) : column.value(row)}
				</td>
			))}
		</tr>
	);
}

export function Table({ caption, columns, rows, sortBy, limit = 20, keyOf, isChosen, onChoose, detail }) {
	const [sort, setSort] = useState({ key: sortBy, direction: 1 });
	const [shown, setShown] = useState(limit);
	const column = columns.find((c) => c.key === sort.key) ?? columns[0];
	const sorted = [...rows].sort(compare(column, sort.direction));

	const onSort = (c) => setSort((s) => ({ key: c.key, direction: s.key === c.key ? -s.direction : 1 }));
	return (
		<div class="table">
			<table>
				<caption class={caption ? undefined : 'hidden'}>{caption}</caption>
				<thead>
					<tr>{columns.map((c) => <Head key={c.key} column={c} sort={sort} onSort={onSort} />)}</tr>
				</thead>
				<tbody>
					{sorted.slice(0, shown).map((row) => {
						const chosen = isChosen?.(row) ?? false;
						return [
							<Row key={keyOf(row)} row={row} columns={columns} isChosen={chosen} onChoose={onChoose} />,
							chosen && detail && (
								<tr key={`${keyOf(row)}-detail`} class="detail">
									<td colspan={columns.length}>{detail(row)}</td>
								</tr>
							),
						];
					})}
				</tbody>
			</table>
			{rows.length === 0 && <p class="nothing">Nothing here.</p>}
			{sorted.length > shown && (
				<button type="button" class="more" onClick={() => setShown(shown * 5)}>
					{sorted.length - shown} more
				</button>
			)}
		</div>
	);
}
