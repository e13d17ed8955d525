// SPDX-License-Identifier: MIT
// From the text of a script element back to numbers: base64, deflate, LEB128 (viz/DATA.md).

function fromBase64(text) {
	const binary = atob(text);
	const bytes = new Uint8Array(binary.length);
	for (let i = 0; i < bytes.length; i++)
		bytes[i] = binary.charCodeAt(i);
	return bytes;
}

async function inflate(bytes) {
	const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
	return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** How many varints the bytes hold. */
function countVarints(bytes) {
	let count = 0;
	for (let i = 0; i < bytes.length; i++)
		if (bytes[i] < 0x80)
			count++;
	return count;
}

/**
 * All varints, as a Float64Array: times in ns need more than 32 bits, and are exact up to 2^53,
 * which is a hundred days.
 */
export function decodeVarints(bytes) {
	const numbers = new Float64Array(countVarints(bytes));
	let at = 0;
	for (let i = 0; at < numbers.length; at++) {
		let byte = bytes[i++], value = byte & 0x7f, scale = 128;
		while (byte >= 0x80) {
			byte = bytes[i++];
			value += (byte & 0x7f) * scale;
			scale *= 128;
		}
		numbers[at] = value;
	}
	return numbers;
}

/** The numbers of a column's text. */
export async function decodeColumn(text) {
	return decodeVarints(await inflate(fromBase64(text)));
}
