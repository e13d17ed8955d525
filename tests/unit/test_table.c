/* SPDX-License-Identifier: MIT */
/*
 * table.c: alignment, fitting into a width, hostile text, and character widths (utf8.c).
 */
#include "analyzer/table.h"
#include "analyzer/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct table_column columns[] = {
	{ "LOCK", TABLE_LEFT, false },
	{ "COUNT", TABLE_RIGHT, false },
	{ "SITE", TABLE_LEFT, true },
};

static struct table *new_table(void)
{
	struct table *table = table_new(columns, 3);

	assert_non_null(table);
	return table;
}

static void add_row(struct table *table, const char *lock, int count, const char *site)
{
	table_cell(table, OUTPUT_BOLD, "%s", lock);
	table_cell(table, OUTPUT_PLAIN, "%d", count);
	table_cell(table, OUTPUT_DIM, "%s", site);
}

static char *print(struct table *table, size_t width)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(table_print(table, out, width), 0);
	fclose(out);
	table_free(table);
	return text;
}

static void expect(struct table *table, size_t width, const char *wanted)
{
	char *text = print(table, width);

	assert_string_equal(text, wanted);
	free(text);
}

static void test_aligned(void **state)
{
	struct table *table = new_table();

	(void)state;
	add_row(table, "a_mu", 7, "main");
	add_row(table, "queue_lock", 123456, "");
	expect(table, 80,
	       "LOCK         COUNT  SITE\n"
	       "a_mu             7  main\n"
	       "queue_lock  123456\n");
}

static void test_cut_in_the_middle(void **state)
{
	struct table *table = new_table();

	(void)state;
	add_row(table, "a_mu", 7, "first_function;something;last_function");
	expect(table, 33,
	       "LOCK  COUNT  SITE\n"
	       "a_mu      7  first_func\u2026_function\n");
}

static void test_never_below_the_minimum(void **state)
{
	struct table *table = new_table();
	char *text;

	(void)state;
	add_row(table, "a_mu", 7, "first_function;something;last_function");
	text = print(table, 5);
	assert_non_null(strstr(text, "a_mu      7  first_fu\u2026unction\n"));
	free(text);
}

static void test_escapes_hostile_text(void **state)
{
	struct table *table = new_table();

	(void)state;
	add_row(table, "\033[2J", 1, "a\xff" "b\u202e");
	expect(table, 80,
	       "LOCK     COUNT  SITE\n"
	       "\\x1b[2J      1  a\\xffb\\xe2\\x80\\xae\n");
}

static void test_wide_characters(void **state)
{
	struct table *table = new_table();

	(void)state;
	add_row(table, "\u9396\u9396", 1, "x");
	add_row(table, "e\u0301t\u00e9", 2, "y");
	expect(table, 80,
	       "LOCK  COUNT  SITE\n"
	       "\u9396\u9396      1  x\n"
	       "e\u0301t\u00e9       2  y\n");
}

static void test_every_width_fits(void **state)
{
	(void)state;
	for (size_t width = 29; width < 90; width++) {
		struct table *table = new_table();
		char *text, *line, *rest;

		add_row(table, "a_mu", 7, "\u9396\u9396\u9396 cut at \u00e4 or \u9396 \u9396\u9396 the end of it");
		text = print(table, width);
		for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
			uint32_t code;

			assert_true(utf8_columns(line) <= width);
			for (char *at = line; *at; at += utf8_decode(at, strlen(at), &code))
				assert_true(utf8_decode(at, strlen(at), &code) > 0);
		}
		free(text);
	}
}

static void test_without_header(void **state)
{
	static const struct table_column bare[] = { { NULL, TABLE_LEFT, false },
						    { NULL, TABLE_RIGHT, false } };
	struct table *table = table_new(bare, 2);

	(void)state;
	assert_non_null(table);
	table_cell(table, OUTPUT_PLAIN, "threads");
	table_cell(table, OUTPUT_PLAIN, "8");
	expect(table, 80, "threads  8\n");
}

static void test_decode(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		{ "a", 1 },		  { "\xc3\xbc", 2 },	     { "\xe2\x82\xac", 3 },
		{ "\xf0\x9f\x94\x92", 4 }, { "\xf4\x8f\xbf\xbf", 4 }, { "\xf4\x90\x80\x80", 0 },
		{ "\xc0\xaf", 0 },	  { "\xe0\x80\xaf", 0 },     { "\xed\xa0\x80", 0 },
		{ "\x80", 0 },		  { "\xe2\x82", 0 },	     { "\xff", 0 },
		{ "", 0 },
	};
	uint32_t code;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(utf8_decode(cases[i].bytes, strlen(cases[i].bytes), &code),
				 cases[i].length);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_cut_in_the_middle),
		cmocka_unit_test(test_never_below_the_minimum),
		cmocka_unit_test(test_escapes_hostile_text),
		cmocka_unit_test(test_wide_characters),
		cmocka_unit_test(test_every_width_fits),
		cmocka_unit_test(test_without_header),
		cmocka_unit_test(test_decode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
