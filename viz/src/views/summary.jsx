// SPDX-License-Identifier: MIT
// What the recording has to say, in the report's own sentences; each leads to its evidence.
import { chooseClass, chooseLock, chosenFinding, goTo } from '../state.js';

function Sentence({ line }) {
	const show = () => {
		(line.view === 'class' ? chooseClass : chooseLock)(line.index);
		goTo('locks');
	};
	return (
		<li class={line.level}>
			<span class="shape" aria-hidden="true">{line.level === 'red' ? '▲' : line.level === 'bold' ? '●' : ''}</span>
			{line.text}
			{line.view && <button type="button" class="link" onClick={show}>show</button>}
		</li>
	);
}

function Finding({ finding }) {
	const show = () => {
		chosenFinding.value = finding.id;
		goTo('order');
	};
	return (
		<li class="red">
			<span class="shape" aria-hidden="true">◆</span>
			{finding.text}
			<button type="button" class="link" onClick={show}>show the steps</button>
		</li>
	);
}

/** findings: [{ id, text }] of the lock order and of whatever else the analyzer finds. */
export function Summary({ run, findings }) {
	return (
		<ul class="summary">
			{findings.map((finding) => <Finding key={finding.id} finding={finding} />)}
			{run.summary.map((line, i) => <Sentence key={i} line={line} />)}
			{!run.complete && <li class="bold"><span class="shape" aria-hidden="true">!</span>Something was lost or damaged: see <button type="button" class="link" onClick={() => goTo('run')}>the run</button></li>}
		</ul>
	);
}
