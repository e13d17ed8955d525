// SPDX-License-Identifier: MIT
// Phases of the program as labelled bands over a picture of time, and hatched what was not recorded.
import { bandRows, layBands, phaseName } from '../data/phases.js';
import { formatCount, formatTime } from '../format.js';
import { chosenPhase, chosenProcess, range } from '../state.js';

const TONES = 6, LABEL_FROM = 28 /* pixels */, TABBED = 12, MAX_ROWS = 6;

/** A band is chosen with all that was begun in its phase, and the span is the picture's. */
function choose({ phase, off, begin, end }) {
	chosenPhase.value = off || phase < 0 ? null : phase;
	range.value = { begin, end };
}

function bandWords(run, { span, nr }) {
	if (nr > 1)
		return `${formatCount(nr)} phases or more, too short to be told apart`;
	const time = `${formatTime(span.end - span.begin)} from ${formatTime(span.begin)} on`;
	return span.off ? `not recorded: ${time}` : `phase ${phaseName(run, span.phase)}: ${time}`;
}

function Band({ run, band, tabbed }) {
	const { span, nr, x, width } = band, words = bandWords(run, band), style = { left: `${x}px`, width: `${width}px` };
	if (nr > 1)
		return <div class="band many" style={style} title={words} />;
	const tone = span.off ? 'off' : `tone-${Math.max(0, span.phase) % TONES}`, isChosen = !span.off && span.phase === chosenPhase.value;
	return (
		<button type="button" class={`band ${tone}${isChosen ? ' chosen' : ''}`} style={style} title={words} aria-label={words}
			aria-pressed={isChosen} tabIndex={tabbed ? 0 : -1} onClick={() => choose(span)}>
			{width >= LABEL_FROM && (span.off ? <span>not recorded</span> : phaseName(run, span.phase))}
		</button>
	);
}

function BandRow({ run, row, span, width, isOnly }) {
	const bands = layBands(row.spans, span, width), name = isOnly ? 'phase' : `phase [${run.processes[row.process].pid}]`;
	return (
		<div class="bands">
			<div class="band-name">{name}</div>
			<div class="band-row" style={{ width: `${width}px` }}>
				{bands.map((band) => <Band key={band.span.begin} run={run} band={band} tabbed={bands.length <= TABBED} />)}
			</div>
		</div>
	);
}

/** A row for each process that has phases, in step with a picture of `span` that is `width` wide. */
export function Bands({ run, span, width }) {
	const rows = bandRows(run, chosenProcess.value);
	return (
		<>
			{rows.slice(0, MAX_ROWS).map((row) => <BandRow key={row.process} run={run} row={row} span={span} width={width} isOnly={rows.length === 1} />)}
			{rows.length > MAX_ROWS && <p class="hint">Phases of {formatCount(rows.length - MAX_ROWS)} more processes: choose one above to see its own.</p>}
		</>
	);
}
