/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 decoding and column counting.
 *
 * Names in a trace (threads, files, symbols, locks) are bytes that somebody else chose. The
 * terminal wants to know how wide they are, JSON wants them to be valid; both ask here. The C
 * library's mbrtowc() and wcwidth() would do, but only under a UTF-8 locale, and a report made
 * under LC_ALL=C in a build log must come out the same.
 *
 * The width ranges are the large blocks only (combining marks, CJK, emoji). A wrong guess for
 * a rare script shifts one table row by a column, which does not pay for a Unicode database.
 */
#include "utf8.h"

#include <string.h>

struct code_range {
	uint32_t first, last;
};

static const struct code_range zero_width[] = {
	{ 0x0300, 0x036f }, { 0x1ab0, 0x1aff }, { 0x200b, 0x200d },
	{ 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
};

static const struct code_range double_width[] = {
	{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },	  { 0xac00, 0xd7a3 },
	{ 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },	  { 0xffe0, 0xffe6 },
	{ 0x1f300, 0x1f64f }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
};

#define IN_RANGES(code, ranges) in_ranges(code, ranges, sizeof(ranges) / sizeof((ranges)[0]))

static int in_ranges(uint32_t code, const struct code_range *ranges, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return 1;
	return 0;
}

size_t utf8_decode(const char *text, size_t size, uint32_t *code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)text;
	size_t length;

	if (size == 0)
		return 0;
	if (s[0] < 0x80) {
		*code = s[0];
		return 1;
	}
	length = s[0] >= 0xf8 ? 0 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc0 ? 2 : 0;
	if (length == 0 || length > size)
		return 0;
	*code = s[0] & (0x7f >> length);
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < smallest[length] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return length;
}

unsigned utf8_code_columns(uint32_t code)
{
	if (IN_RANGES(code, zero_width))
		return 0;
	return IN_RANGES(code, double_width) ? 2 : 1;
}

bool utf8_is_hostile(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x2028 || code == 0x2029 ||
	       (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

size_t utf8_columns(const char *text)
{
	size_t left = strlen(text), columns = 0;

	while (left > 0) {
		uint32_t code;
		size_t length = utf8_decode(text, left, &code);

		columns += length > 0 ? utf8_code_columns(code) : 1;
		text += length > 0 ? length : 1;
		left -= length > 0 ? length : 1;
	}
	return columns;
}
