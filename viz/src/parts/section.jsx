// SPDX-License-Identifier: MIT
// A view: its heading is the place that links and the keyboard go to.
import { goTo } from '../state.js';

export function Section({ id, title, hint, children }) {
	return (
		<section id={id} aria-labelledby={`${id}-title`}>
			<h2 id={`${id}-title`}>
				<a href={`#view=${id}`} onClick={(e) => { e.preventDefault(); goTo(id); }}>{title}</a>
			</h2>
			{hint && <p class="hint">{hint}</p>}
			{children}
		</section>
	);
}
