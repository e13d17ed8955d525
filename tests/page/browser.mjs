// SPDX-License-Identifier: MIT
// A browser for the tests and pictures of the HTML page: Debian's Chromium, a profile of its own that is
// thrown away, and a watch on what a page does that it must not.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from '../../viz/node_modules/playwright-core/index.mjs';

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync'];

export class Browser {
	static async start() {
		const browser = new Browser();
		browser.folder = mkdtempSync(path.join(tmpdir(), 'lockprof-chromium-'));
		browser.context = await chromium.launchPersistentContext(browser.folder, {
			executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS, acceptDownloads: false,
		});
		return browser;
	}

	async stop() {
		await this.context.close();
		rmSync(this.folder, { recursive: true, force: true });
	}

	/**
	 * A page, ready to be looked at. page.faults collects errors, messages on the console, dialogs and
	 * requests for anything but the file itself.
	 */
	async open(file, { fragment = '', width = 1300, height = 900, dark = false, print = false } = {}) {
		const page = await this.context.newPage(), url = pathToFileURL(file).href;
		page.faults = [];
		page.on('console', (message) => page.faults.push(`console ${message.type()}: ${message.text()}`));
		page.on('pageerror', (error) => page.faults.push(`error: ${error.message}`));
		page.on('request', (request) => {
			if (request.url().split('#')[0] !== url)
				page.faults.push(`request: ${request.url()}`);
		});
		page.on('dialog', (dialog) => {
			page.faults.push(`dialog: ${dialog.message()}`);
			dialog.dismiss();
		});
		await page.setViewportSize({ width, height });
		await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light', media: print ? 'print' : 'screen' });
		await page.goto(fragment ? `${url}#${fragment}` : url);
		await page.waitForSelector('#app[data-ready]');
		return page;
	}
}
