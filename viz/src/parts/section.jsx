// SPDX-License-Identifier: MIT
// A view: its heading is the place that links and the keyboard go to.
export function Section({ id, title, hint, children }) {
	return (
		<section id={id} aria-labelledby={`${id}-title`}>
			<h2 id={`${id}-title`}>
				<a href={`#${id}`} onClick={(e) => { e.preventDefault(); document.getElementById(id).scrollIntoView(); }}>{title}</a>
			</h2>
			{hint && <p class="hint">{hint}</p>}
			{children}
		</section>
	);
}
