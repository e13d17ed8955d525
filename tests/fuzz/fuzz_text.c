/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes what makes foreign text harmless: escapes for a terminal, JSON strings, tables.
 *
 * Whatever bytes go in, valid UTF-8 comes out in which nothing is a control sequence or turns the
 * direction of writing, and JSON has as many quotes as it must.
 */
#include <stdio.h>
#include <string.h>

#include "../../analyzer/json.h"
#include "../../analyzer/output.h"
#include "../../analyzer/table.h"
#include "../../analyzer/utf8.h"
#include "fuzz.h"

static void check_escape(const char *text)
{
	size_t length = output_escape(NULL, 0, text);
	char *whole = malloc(length + 1), *half = malloc(length / 2 + 1);

	need(whole && half);
	need(output_escape(whole, length + 1, text) == length && strlen(whole) == length);
	need(output_escape(half, length / 2 + 1, text) == length);
	need(strlen(half) == length / 2 && !memcmp(half, whole, length / 2));
	fuzz_need_harmless(whole, length);
	need(utf8_columns(whole) <= 2 * length);
	free(whole);
	free(half);
}

static void check_json(const char *text, bool pretty)
{
	char *out = NULL;
	size_t size = 0, quotes = 0;
	FILE *file = open_memstream(&out, &size);
	struct json json;

	need(file != NULL);
	json_init(&json, file, pretty);
	json_object_begin(&json, NULL);
	json_string(&json, text, text);
	json_object_end(&json);
	need(json_finish(&json) == 0);
	fclose(file);
	fuzz_need_harmless(out, size);
	for (const char *p = out; *p; p++) {
		quotes += *p == '"';
		if (*p == '\\')
			p++;
	}
	need(quotes == 4);
	free(out);
}

static void check_table(const char *text, size_t width)
{
	static const struct table_column columns[] = { { .title = "name", .flexible = true },
						       { .title = "n", .align = TABLE_RIGHT } };
	struct table *table = table_new(columns, 2);
	char *out = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&out, &size);

	need(table && file);
	table_cell(table, OUTPUT_PLAIN, "%s", text);
	table_cell(table, OUTPUT_BOLD, "%zu", width);
	need(table_print(table, file, width) == 0);
	table_free(table);
	fclose(file);
	fuzz_need_harmless(out, size);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	check_escape(text);
	check_json(text, size % 2);
	check_table(text, 40 + size % 80);
	free(text);
	return 0;
}
