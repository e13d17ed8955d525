/* SPDX-License-Identifier: MIT */
/*
 * options.c: each kind of option, operands, wrong usage, sizes and the nearest word.
 */
#include "analyzer/options.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const colors[] = { "red", "green", NULL };

struct values {
	bool verbose;
	const char *output;
	int color;
	uint64_t count, size;
	struct option_list list;
	const char *maybe;
};

/* The words are split at blanks; what options_parse() returned comes back. */
static int parse(struct values *values, bool stops, const char *line, char **operand)
{
	const struct option_row rows[] = {
		{ "verbose", 'v', OPTION_FLAG, &values->verbose, NULL, "say more", NULL },
		{ "output", 'o', OPTION_TEXT, &values->output, "FILE", "where to", NULL },
		{ "color", 0, OPTION_CHOICE, &values->color, "COLOR", "which", colors },
		{ "count", 'n', OPTION_COUNT, &values->count, "N", "how many", NULL },
		{ "size", 0, OPTION_SIZE, &values->size, "SIZE", "how much", NULL },
		{ "define", 'D', OPTION_LIST, &values->list, "X", "one more", NULL },
		{ "maybe", 0, OPTION_MAYBE, &values->maybe, "FILE", "perhaps a file", NULL },
	};
	const struct options options = { "test", "[options]", "A test.\n", rows, 7, stops };
	static char words[256];
	char *argv[32] = { "test" }, *rest = words;
	int argc = 1, first;

	memset(values, 0, sizeof(*values));
	strcpy(words, line);
	while ((argv[argc] = strtok_r(rest, " ", &rest)))
		argc++;
	first = options_parse(&options, argc, argv);
	if (operand)
		*operand = first >= 0 ? argv[first] : NULL;
	return first;
}

static void test_a_value_that_may_lack(void **state)
{
	struct values v;
	char *operand;

	(void)state;
	assert_true(parse(&v, false, "in", &operand) > 0);
	assert_null(v.maybe);
	assert_true(parse(&v, false, "--maybe in", &operand) > 0);
	assert_string_equal(v.maybe, "");
	assert_string_equal(operand, "in");
	assert_true(parse(&v, false, "--maybe=out in", &operand) > 0);
	assert_string_equal(v.maybe, "out");
}

static void test_kinds(void **state)
{
	struct values v;
	char *operand;

	(void)state;
	assert_true(parse(&v, false, "-v -oout --color=green -n 12 --size 3M -Da -D b in", &operand) > 0);
	assert_true(v.verbose);
	assert_string_equal(v.output, "out");
	assert_int_equal(v.color, 1);
	assert_int_equal(v.count, 12);
	assert_int_equal(v.size, 3 << 20);
	assert_int_equal(v.list.nr, 2);
	assert_string_equal(v.list.items[0], "a");
	assert_string_equal(v.list.items[1], "b");
	assert_string_equal(operand, "in");
	free(v.list.items);
}

static void test_operands(void **state)
{
	struct values v;
	char *operand;

	(void)state;
	parse(&v, false, "in -v", &operand);
	assert_true(v.verbose);
	assert_string_equal(operand, "in");
	parse(&v, true, "cmd -v", &operand);
	assert_false(v.verbose);
	assert_string_equal(operand, "cmd");
	parse(&v, true, "-v -- -x", &operand);
	assert_true(v.verbose);
	assert_string_equal(operand, "-x");
	parse(&v, false, "--verb", &operand);
	assert_true(v.verbose);
	assert_null(operand);
}

static void test_wrong_usage(void **state)
{
	static const char *const lines[] = {
		"--verbos3", "-z", "--verbose=1", "--output", "-o", "--color=blue", "--co=1",
		"-n x", "-n 3x", "-n -1", "-n 99999999999999999999999", "--size=1Q", "--size=",
	};
	struct values v;
	int shown = dup(STDERR_FILENO), hidden = open("/dev/null", O_WRONLY);

	(void)state;
	dup2(hidden, STDERR_FILENO);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(parse(&v, false, lines[i], NULL), -EINVAL);
	dup2(shown, STDERR_FILENO);
	close(shown);
	close(hidden);
	assert_int_equal(options_exit_status(-EINVAL), 2);
	assert_int_equal(options_exit_status(-ENOMEM), 1);
	assert_int_equal(options_exit_status(-ECANCELED), 0);
}

static void test_size(void **state)
{
	uint64_t bytes;

	(void)state;
	assert_int_equal(options_size("0", &bytes), 0);
	assert_int_equal(bytes, 0);
	assert_int_equal(options_size("64k", &bytes), 0);
	assert_int_equal(bytes, 65536);
	assert_int_equal(options_size("2T", &bytes), 0);
	assert_int_equal(bytes, 2ull << 40);
	assert_int_equal(options_size("18446744073709551615", &bytes), 0);
	assert_int_equal(options_size("18446744073709551616", &bytes), -ERANGE);
	assert_int_equal(options_size("16777216T", &bytes), -ERANGE);
	assert_int_equal(options_size("1KB", &bytes), -EINVAL);
	assert_int_equal(options_size("", &bytes), -EINVAL);
	assert_int_equal(options_size(" 1", &bytes), -EINVAL);
}

static const char *nearest_of(const char *word)
{
	struct nearest nearest = nearest_begin(word);

	nearest_offer(&nearest, "record");
	nearest_offer(&nearest, "report");
	nearest_offer(&nearest, "info");
	return nearest.best;
}

static void test_nearest(void **state)
{
	(void)state;
	assert_string_equal(nearest_of("recrod"), "record");
	assert_string_equal(nearest_of("reports"), "report");
	assert_string_equal(nearest_of("inof"), "info");
	assert_null(nearest_of("frobnicate"));
	assert_null(nearest_of("a-word-that-is-far-longer-than-any-command-could-be"));
	assert_null(nearest_of(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_a_value_that_may_lack),	    cmocka_unit_test(test_operands),
		cmocka_unit_test(test_wrong_usage), cmocka_unit_test(test_size),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
