// SPDX-License-Identifier: MIT
// Names come from a recorded program and may hold anything: characters that move the cursor, turn the
// direction of writing around, or ten thousand of them. They are shown as what they are, and cut.

const MAX_NAME = 300, MAX_SENTENCE = 4000;
const SENTENCES = new Set(['text', 'why', 'hint', 'no_timeline']);

/** Control characters, marks and overrides of direction, separators of lines, invisible joiners. */
const ODD = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function escapeCharacter(character) {
	const code = character.charCodeAt(0);
	return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** What can be shown of a text: odd characters as escapes, the middle left out when it is long. */
export function cleanText(text, most = MAX_NAME) {
	const cut = text.length > most ? `${text.slice(0, most * 2 / 3)} … ${text.slice(-most / 3)}` : text;
	return cut.replace(ODD, escapeCharacter);
}

/** JSON, with every text in it clean. */
export function parseClean(json) {
	return JSON.parse(json, (key, value) => {
		if (typeof value !== 'string')
			return value;
		return cleanText(value, SENTENCES.has(key) || /^\d+$/.test(key) ? MAX_SENTENCE : MAX_NAME);
	});
}
