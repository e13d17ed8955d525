/* SPDX-License-Identifier: MIT */
/*
 * A streaming JSON writer: nothing is kept, what is called is what is written.
 */
#ifndef ANALYZER_JSON_H
#define ANALYZER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool pretty; /* two spaces a level, else one line */
	bool empty;  /* the innermost object or array has no member yet */
	unsigned depth;
};

void json_init(struct json *json, FILE *out, bool pretty);

/*
 * Each call writes one value. In an object key is its name; in an array, and for the outermost
 * value, key is NULL.
 */
void json_object_begin(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array_begin(struct json *json, const char *key);
void json_array_end(struct json *json);

void json_string(struct json *json, const char *key, const char *value); /* NULL writes null */
void json_uint(struct json *json, const char *key, uint64_t value);
void json_int(struct json *json, const char *key, int64_t value);
void json_double(struct json *json, const char *key, double value); /* inf and nan: null */
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
void json_uint_or_null(struct json *json, const char *key, uint64_t value, bool is_known);

/* Ends the text with a newline and flushes it. 0 or -EIO. */
int json_finish(struct json *json);

#endif
