// SPDX-License-Identifier: MIT
// A link restores what was looked at; Back and Forward go through it; nonsense in a link does no harm.
import { count, readAll, readTable, readText, settle } from './read.mjs';

const waitFor = (page, text) => page.waitForFunction((part) => location.hash.includes(part), text);

/** Back and Forward change the address first, then the page. */
async function go(page, way, isThere) {
	await page.evaluate((step) => history.go(step), way);
	await page.waitForFunction(isThere);
	await settle(page);
}

async function restores(t, files, browser) {
	const page = await browser.open(files.page('known'), { fragment: 'class=0&by=holder&lanes=lock&order=name&range=1000000-6000000&sort=acquired&q=mu&view=timeline' });
	await page.waitForSelector('.span-note');
	t.is('a link restores the lock', (await readText(page, '#locks tr.chosen')).split('\t')[0], 'cache_mu');
	t.is('... stacks of the holder', await page.getByLabel('where the lock was held meanwhile').isChecked(), true);
	t.is('... lanes of locks, by name', await readAll(page, '.names div'), ['cache_mu', 'log_mu']);
	t.like('... the span', await readText(page, '.span-note'), /5\.00 ms from 1\.00 ms on/);
	t.is('... the search', await page.getByRole('searchbox').inputValue(), 'mu');
	t.is('... how the table is sorted', await readText(page, '#locks > .table > table > thead > tr > th[aria-sort="descending"]'), 'acquired▾');
	t.ok('... and where one was', await page.evaluate(() => Math.abs(document.getElementById('timeline').getBoundingClientRect().top) < 150));
	t.clean('a link', page);
	await page.close();
}

async function history(t, files, browser) {
	const page = await browser.open(files.page('known'));
	const lock = () => readAll(page, '#locks tr.chosen .handle');
	await page.locator('#locks .handle', { hasText: 'cache_mu' }).click();
	await waitFor(page, 'class=');
	const first = await page.evaluate(() => location.hash);
	await page.locator('#locks .handle', { hasText: 'log_mu' }).click();
	await page.waitForFunction(() => document.querySelector('#locks tr.chosen')?.innerText.includes('log_mu'));
	await page.waitForFunction((old) => location.hash !== old, first);
	await page.getByLabel('where the lock was held meanwhile').check();
	await waitFor(page, 'by=holder');
	await go(page, -1, () => !location.hash.includes('by=holder'));
	t.is('Back takes one step back', [await page.getByLabel('where threads waited').isChecked(), await lock()], [true, ['log_mu']]);
	await go(page, -1, () => document.querySelector('#locks tr.chosen')?.innerText.includes('cache_mu'));
	t.is('and one more', await lock(), ['cache_mu']);
	await go(page, 1, () => document.querySelector('#locks tr.chosen')?.innerText.includes('log_mu'));
	t.is('Forward goes on', await lock(), ['log_mu']);
	await page.locator('nav a', { hasText: 'Run' }).click();
	await waitFor(page, 'view=run');
	t.ok('the bar goes to a view', await page.evaluate(() => {
		const top = document.getElementById('run').getBoundingClientRect().top;
		return top >= 0 && top < window.innerHeight;
	}));
	t.clean('history', page);
	await page.close();
}

async function nonsense(t, files, browser) {
	const page = await browser.open(files.page('known'), { fragment: 'class=99&lock=-1&thread=x&by=%3Cb%3E&range=9-3&lanes=&sort=%22&view=..&process=7&%ff=%' });
	t.is('what makes no sense in a link is passed over', [(await readTable(page, '#locks')).length, await count(page, '.span-note'), await count(page, 'tr.chosen')], [3, 0, 0]);
	await page.goto(page.url().replace(/#.*/, '') + '#range=1-99999999999999999999');
	await page.goto(page.url().replace(/#.*/, '') + '#range=29000000-9000000000');
	await page.waitForSelector('.span-note');
	t.ok('so is a span beyond the run', (await readTable(page, '#locks')).length === 3);
	t.clean('nonsense', page);
	await page.close();
}

export async function run(t, files, browser) {
	await restores(t, files, browser);
	await history(t, files, browser);
	await nonsense(t, files, browser);
}
