// SPDX-License-Identifier: MIT
// Two tables of shaded cells: which thread waited for which lock, and which thread waited for which
// other. The number is in the cell, so shade is only a help.
import { makeMatrix } from '../data/matrix.js';
import { formatTime } from '../format.js';
import { Section } from '../parts/section.jsx';
import { chooseClass, isChosen } from '../state.js';

const MAX_ROWS = 24, MAX_COLUMNS = 12;

/** "mutex created in f" is "f" in a narrow head. */
function shortName(name) {
	return name.replace(/^[\w ]+ (created|first used) in (?=.)/, '');
}

function Cell({ value, most, title }) {
	if (!value)
		return <td class="cell" />;
	return <td class="cell" title={title} style={{ '--heat': (0.1 + 0.9 * value / most).toFixed(3) }}>{formatTime(value)}</td>;
}

function Matrix({ caption, matrix, rowName, columnName, onColumn, words }) {
	const { rows, columns, at, most } = matrix;
	if (rows.length === 0)
		return <p class="nothing">Nobody waited.</p>;
	return (
		<div class="table">
			<table class="matrix">
				<caption>{caption}</caption>
				<thead>
					<tr>
						<td />
						{columns.map((column) => (
							<th key={column} scope="col" title={columnName(column)}>
								{onColumn ? <button type="button" onClick={() => onColumn(column)}>{columnName(column)}</button> : <span>{columnName(column)}</span>}
							</th>
						))}
						<th scope="col"><span>all</span></th>
					</tr>
				</thead>
				<tbody>
					{rows.map((row) => (
						<tr key={row}>
							<th scope="row">{rowName(row)}</th>
							{columns.map((column) => (
								<Cell key={column} value={at(row, column)} most={most} title={words(row, column, formatTime(at(row, column)))} />
							))}
							<td>{formatTime(matrix.rowSum(row))}</td>
						</tr>
					))}
				</tbody>
			</table>
			{(matrix.rowsLeftOut > 0 || matrix.columnsLeftOut > 0) && (
				<p class="hint">The largest are shown; {matrix.rowsLeftOut} more rows and {matrix.columnsLeftOut} more columns have less.</p>
			)}
		</div>
	);
}

export function HeatView({ run }) {
	const entries = run.waiters.filter(isChosen), name = (thread) => run.threads[thread].label;
	const matrix = makeMatrix(entries, (e) => e.thread, (e) => e.class, (e) => e.wait_ns, MAX_ROWS, MAX_COLUMNS);
	return (
		<Section id="heat" title="Threads and locks">
			<Matrix caption="Who waited for what" matrix={matrix} rowName={name} columnName={(c) => shortName(run.classes[c].name)} onColumn={chooseClass}
				words={(row, column, time) => `${name(row)} waited ${time} for ${run.classes[column].name}`} />
		</Section>
	);
}

export function BlockingView({ run }) {
	const entries = run.blockings.filter(isChosen), name = (thread) => run.threads[thread].label;
	const matrix = makeMatrix(entries, (e) => e.waiter, (e) => e.holder, (e) => e.wait_ns, MAX_ROWS, MAX_COLUMNS);
	return (
		<Section id="blocking" title="Who blocked whom">
			{run.timeline || run.blockings.length > 0 ? (
				<Matrix caption="Rows waited while columns held the lock" matrix={matrix} rowName={name} columnName={name}
					words={(row, column, time) => `${name(row)} waited ${time} while ${name(column)} held the lock`} />
			) : <p class="nothing">Not known: {run.no_timeline}.</p>}
		</Section>
	);
}
