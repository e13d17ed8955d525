/* SPDX-License-Identifier: MIT */
/*
 * The JSON writer.
 *
 * It owns commas, indentation, escaping and the form of numbers; that objects and arrays are
 * closed in order is the caller's part. One flag is enough state: after a value or a closing
 * bracket the enclosing container is never empty.
 *
 * Strings come from foreign processes. JSON must be valid UTF-8, so each byte that is not is
 * written as \ufffd: a reader then sees that something stood there, and still parses the rest.
 */
#include "json.h"
#include "utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

void json_init(struct json *json, FILE *out, bool pretty)
{
	*json = (struct json){ .out = out, .pretty = pretty, .empty = true };
}

static void new_line(struct json *json)
{
	if (json->pretty)
		fprintf(json->out, "\n%*s", (int)json->depth * 2, "");
}

static void write_quoted(FILE *out, const char *text)
{
	size_t left = strlen(text);

	fputc('"', out);
	while (left > 0) {
		uint32_t code;
		size_t length = utf8_decode(text, left, &code);

		if (length == 0)
			fputs("\\ufffd", out);
		else if (code == '"' || code == '\\')
			fprintf(out, "\\%c", (int)code);
		else if (utf8_is_hostile(code))
			fprintf(out, "\\u%04x", (unsigned)code);
		else
			fwrite(text, 1, length, out);
		text += length > 0 ? length : 1;
		left -= length > 0 ? length : 1;
	}
	fputc('"', out);
}

/* What stands before every value: comma, indentation, key. */
static void begin_value(struct json *json, const char *key)
{
	if (!json->empty)
		fputc(',', json->out);
	if (json->depth > 0)
		new_line(json);
	if (key) {
		write_quoted(json->out, key);
		fputs(json->pretty ? ": " : ":", json->out);
	}
	json->empty = false;
}

static void begin_container(struct json *json, const char *key, char bracket)
{
	begin_value(json, key);
	fputc(bracket, json->out);
	json->depth++;
	json->empty = true;
}

static void end_container(struct json *json, char bracket)
{
	json->depth--;
	if (!json->empty)
		new_line(json);
	fputc(bracket, json->out);
	json->empty = false;
}

void json_object_begin(struct json *json, const char *key)
{
	begin_container(json, key, '{');
}

void json_object_end(struct json *json)
{
	end_container(json, '}');
}

void json_array_begin(struct json *json, const char *key)
{
	begin_container(json, key, '[');
}

void json_array_end(struct json *json)
{
	end_container(json, ']');
}

void json_string(struct json *json, const char *key, const char *value)
{
	if (!value) {
		json_null(json, key);
		return;
	}
	begin_value(json, key);
	write_quoted(json->out, value);
}

void json_uint(struct json *json, const char *key, uint64_t value)
{
	begin_value(json, key);
	fprintf(json->out, "%" PRIu64, value);
}

void json_int(struct json *json, const char *key, int64_t value)
{
	begin_value(json, key);
	fprintf(json->out, "%" PRId64, value);
}

void json_double(struct json *json, const char *key, double value)
{
	if (!isfinite(value)) {
		json_null(json, key);
		return;
	}
	begin_value(json, key);
	fprintf(json->out, "%.6g", value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin_value(json, key);
	fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
	begin_value(json, key);
	fputs("null", json->out);
}

void json_uint_or_null(struct json *json, const char *key, uint64_t value, bool is_known)
{
	if (is_known)
		json_uint(json, key, value);
	else
		json_null(json, key);
}

int json_finish(struct json *json)
{
	fputc('\n', json->out);
	return fflush(json->out) == 0 && !ferror(json->out) ? 0 : -EIO;
}
