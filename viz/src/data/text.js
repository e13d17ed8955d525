// SPDX-License-Identifier: MIT
// Names come from a recorded program and may hold anything: characters that move the cursor, turn the
// direction of writing around, or ten thousand of them. They are shown as what they are, and cut.

const MAX_NAME = 300, MAX_SENTENCE = 4000, MAX_WORD = 160;
const SENTENCES = new Set(['text', 'why', 'hint', 'no_timeline']);

/** Control characters, marks and overrides of direction, separators of lines, invisible joiners. */
const ODD = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function escapeCharacter(character) {
	const code = character.charCodeAt(0);
	return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** Without its middle, when it is longer than that. */
export function shorten(text, most) {
	return text.length > most ? `${text.slice(0, Math.ceil(most * 2 / 3) - 1)}…${text.slice(-Math.floor(most / 3))}` : text;
}

/** What can be shown of a text: odd characters as escapes, what is too long without its middle. */
export function cleanText(text, most = MAX_NAME) {
	return shorten(text.replace(/\S{160,}/g, (word) => shorten(word, MAX_WORD)), most).replace(ODD, escapeCharacter);
}

/** JSON, with every text in it clean. */
export function parseClean(json) {
	return JSON.parse(json, (key, value) => {
		if (typeof value !== 'string')
			return value;
		return cleanText(value, SENTENCES.has(key) || /^\d+$/.test(key) ? MAX_SENTENCE : MAX_NAME);
	});
}
