/* SPDX-License-Identifier: MIT */
/*
 * json.c: the text is exactly what is expected, for nesting, escaping and numbers.
 */
#include "analyzer/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* What json_finish() wrote is compared and freed. */
static void expect(struct json *json, char **text, const char *wanted)
{
	assert_int_equal(json_finish(json), 0);
	fclose(json->out);
	assert_string_equal(*text, wanted);
	free(*text);
}

static void begin(struct json *json, char **text, bool pretty)
{
	static size_t size;
	FILE *out = open_memstream(text, &size);

	assert_non_null(out);
	json_init(json, out, pretty);
}

static void test_nesting(void **state)
{
	struct json json;
	char *text;

	(void)state;
	begin(&json, &text, false);
	json_object_begin(&json, NULL);
	json_uint(&json, "a", 1);
	json_array_begin(&json, "b");
	json_uint(&json, NULL, 2);
	json_object_begin(&json, NULL);
	json_object_end(&json);
	json_array_begin(&json, NULL);
	json_array_end(&json);
	json_array_end(&json);
	json_bool(&json, "c", true);
	json_null(&json, "d");
	json_object_end(&json);
	expect(&json, &text, "{\"a\":1,\"b\":[2,{},[]],\"c\":true,\"d\":null}\n");
}

static void test_pretty(void **state)
{
	struct json json;
	char *text;

	(void)state;
	begin(&json, &text, true);
	json_object_begin(&json, NULL);
	json_array_begin(&json, "a");
	json_uint(&json, NULL, 1);
	json_uint(&json, NULL, 2);
	json_array_end(&json);
	json_array_begin(&json, "b");
	json_array_end(&json);
	json_object_end(&json);
	expect(&json, &text, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": []\n}\n");
}

static void test_strings(void **state)
{
	struct json json;
	char *text;

	(void)state;
	begin(&json, &text, false);
	json_array_begin(&json, NULL);
	json_string(&json, NULL, "plain \"quoted\" back\\slash");
	json_string(&json, NULL, "\x1b[1m\n\t\x7f");
	json_string(&json, NULL, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x94\x92");
	json_string(&json, NULL, "\xff|\xc0\x80|\xed\xa0\x80|\xe2\x82");
	json_string(&json, NULL, NULL);
	json_string(&json, NULL, "");
	json_array_end(&json);
	expect(&json, &text,
	       "[\"plain \\\"quoted\\\" back\\\\slash\","
	       "\"\\u001b[1m\\u000a\\u0009\\u007f\","
	       "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x94\x92\","
	       "\"\\ufffd|\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd|\\ufffd\\ufffd\","
	       "null,\"\"]\n");
}

static void test_numbers(void **state)
{
	struct json json;
	char *text;

	(void)state;
	begin(&json, &text, false);
	json_array_begin(&json, NULL);
	json_uint(&json, NULL, UINT64_MAX);
	json_int(&json, NULL, INT64_MIN);
	json_double(&json, NULL, 0.5);
	json_double(&json, NULL, 1.0 / 3);
	json_double(&json, NULL, NAN);
	json_double(&json, NULL, INFINITY);
	json_array_end(&json);
	expect(&json, &text,
	       "[18446744073709551615,-9223372036854775808,0.5,0.333333,null,null]\n");
}

static void test_write_error(void **state)
{
	struct json json;
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	json_init(&json, full, false);
	json_string(&json, NULL, "lost");
	assert_true(json_finish(&json) < 0);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nesting),	    cmocka_unit_test(test_pretty),
		cmocka_unit_test(test_strings),	    cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_write_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
