/* SPDX-License-Identifier: MIT */
/*
 * UTF-8, as much of it as a terminal and a JSON writer need.
 */
#ifndef ANALYZER_UTF8_H
#define ANALYZER_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Length in bytes (1 to 4) of the valid sequence at the start of text, 0 when there is none.
 * Overlong forms, surrogates and values past U+10FFFF are not valid.
 */
size_t utf8_decode(const char *text, size_t size, uint32_t *code);

/* Columns that a terminal gives to one printable character: 0, 1 or 2. */
unsigned utf8_code_columns(uint32_t code);

/*
 * Whether a terminal would act on it and not show it: C0, DEL, C1, and the marks that reorder or
 * hide the text around them.
 */
bool utf8_is_hostile(uint32_t code);

/* Columns of a whole string; a byte that is not UTF-8 counts as one. */
size_t utf8_columns(const char *text);

#endif
