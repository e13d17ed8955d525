/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the command line: an input is the arguments of `report`-like options, one a line.
 *
 * What is accepted has values out of the tables and operands out of the arguments; a size that is
 * accepted is the number that stands there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../analyzer/options.h"
#include "fuzz.h"

#define ARGUMENTS_MAX 64

static const char *const colors[] = { "auto", "always", "never", NULL };

static void parse(int argc, char **argv, bool stops_at_operand)
{
	bool flag = false;
	int choice = 0, first;
	const char *text = NULL;
	uint64_t count = 0, bytes = 0;
	struct option_list list = { 0 };
	const struct option_row rows[] = {
		{ "json", 'j', OPTION_FLAG, &flag, NULL, "a flag", NULL },
		{ "color", 0, OPTION_CHOICE, &choice, "WHEN", "a choice", colors },
		{ "output", 'o', OPTION_TEXT, &text, "FILE", "a text", NULL },
		{ "top", 'n', OPTION_COUNT, &count, "N", "a count", NULL },
		{ "max-size", 0, OPTION_SIZE, &bytes, "SIZE", "a size", NULL },
		{ "option", 'O', OPTION_LIST, &list, "KEY=VALUE", "a list", NULL },
	};
	const struct options options = { .command = "fuzz",
					 .usage = "",
					 .about = "",
					 .rows = rows,
					 .nr_rows = sizeof(rows) / sizeof(*rows),
					 .stops_at_operand = stops_at_operand };

	first = options_parse(&options, argc, argv);
	need(first <= argc && choice >= 0 && choice < 3);
	need(first >= 0 || first == -ECANCELED || first == -EINVAL);
	for (int i = first < 0 ? argc : first; i < argc; i++)
		need(argv[i] != NULL);
	for (size_t i = 0; i < list.nr; i++)
		need(list.items[i] != NULL);
	free(list.items);
}

static void check_size(const char *text)
{
	char again[32];
	uint64_t bytes = 0;

	if (options_size(text, &bytes))
		return;
	snprintf(again, sizeof(again), "%llu", (unsigned long long)bytes);
	need(strlen(text) <= 22 || *text == '0');
	need(options_size(again, &bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *next = text;
	char *argv[ARGUMENTS_MAX + 1] = { (char *)"lockprof" };
	int argc = 1;

	while (argc < ARGUMENTS_MAX && (argv[argc] = strsep(&next, "\n")))
		check_size(argv[argc++]);
	argv[argc] = NULL;
	parse(argc, argv, size % 2);
	free(text);
	return 0;
}
