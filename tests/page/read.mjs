// SPDX-License-Identifier: MIT
// What a view shows, as data: tables by their heads.

/** What was asked for is drawn in the next frame. */
export function settle(page) {
	return page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => setTimeout(resolve)); }));
}

/** The cells of the first table in a place, as [{ head: text }]; details of opened rows are left out. */
export async function readTable(page, place) {
	await settle(page);
	return page.evaluate((selector) => {
		const table = document.querySelector(selector).querySelector('table');
		const text = (cell) => cell.innerText.replace(/[\u00a0\n]/g, ' ').replace(/^[▸▾] /, '').replace(/ ?[▾▴]$/, '').trim();
		const heads = [];
		for (const cell of table.tHead.rows[0].cells)
			heads.push(heads.includes(text(cell)) ? `${text(cell)} ${cell.cellIndex}` : text(cell));
		return [...table.tBodies[0].rows].filter((row) => !row.classList.contains('detail'))
			.map((row) => Object.fromEntries([...row.cells].map((cell, i) => [heads[i], text(cell)])));
	}, place);
}

export async function readText(page, place) {
	await settle(page);
	return page.evaluate((selector) => document.querySelector(selector)?.innerText.replace(/\u00a0/g, ' ') ?? null, place);
}

/** The text of each element. */
export async function readAll(page, place) {
	await settle(page);
	return page.evaluate((selector) => [...document.querySelectorAll(selector)].map((e) => e.innerText.replace(/\u00a0/g, ' ')), place);
}

/** How many elements there are. */
export async function count(page, place) {
	await settle(page);
	return page.locator(place).count();
}

/** Colours of the pixels of a canvas as a set of "r,g,b" with how many have them. */
export async function readColours(page, place) {
	await settle(page);
	return page.evaluate((selector) => {
		const canvas = document.querySelector(selector), counts = {};
		const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
		for (let i = 0; i < data.length; i += 4) {
			const key = `${data[i]},${data[i + 1]},${data[i + 2]}`;
			counts[key] = (counts[key] ?? 0) + 1;
		}
		return counts;
	}, place);
}

/** The page's own colour of a name like --wait, as "r,g,b". */
export function colourOf(page, name) {
	return page.evaluate((property) => {
		const probe = document.createElement('span');
		probe.style.color = `var(${property})`;
		document.body.append(probe);
		const colour = getComputedStyle(probe).color.match(/\d+/g).slice(0, 3).join();
		probe.remove();
		return colour;
	}, name);
}
