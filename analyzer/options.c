/* SPDX-License-Identifier: MIT */
/*
 * Table-driven options over getopt_long().
 *
 * A command gives rows; from them come the parser, its messages and `--help`, so that none of
 * the three can lag behind. getopt_long() keeps what users expect of GNU tools (-oFILE,
 * --out=FILE, unique abbreviations, --), but its messages are replaced: ours name the nearest
 * option and where to read more.
 */
#include "options.h"
#include "output.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_CODE  256 /* getopt's value of row i is ROW_CODE + i, out of the way of letters */
#define HELP_CODE (ROW_CODE - 1)
#define WORD_MAX  32

struct nearest nearest_begin(const char *word)
{
	return (struct nearest){ .word = word, .distance = 3 };
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Edits (insert, delete, replace, swap neighbours) from a to b; both shorter than WORD_MAX. */
static unsigned edit_distance(const char *a, const char *b)
{
	size_t rows = strlen(a), columns = strlen(b);
	unsigned d[WORD_MAX][WORD_MAX];

	for (size_t i = 0; i <= rows; i++) {
		for (size_t j = 0; j <= columns; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = (unsigned)(i + j);
				continue;
			}
			d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1,
				       d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = min3(d[i][j], d[i - 2][j - 2] + 1, WORD_MAX);
		}
	}
	return d[rows][columns];
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
	unsigned distance;

	if (strlen(nearest->word) >= WORD_MAX || strlen(candidate) >= WORD_MAX)
		return;
	distance = edit_distance(nearest->word, candidate);
	if (distance < nearest->distance && distance < strlen(candidate)) {
		nearest->distance = distance;
		nearest->best = candidate;
	}
}

int options_usage_error(const struct options *options, const char *format, ...)
{
	char message[512], escaped[4 * sizeof(message)];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	output_escape(escaped, sizeof(escaped), message);
	fprintf(stderr, "lockprof %s: %s\n", options->command, escaped);
	fprintf(stderr, "Try 'lockprof %s --help'.\n", options->command);
	return 2;
}

int options_exit_status(int err)
{
	return err == -ECANCELED ? 0 : err == -EINVAL ? 2 : 1;
}

static int parse_count(const char *text, uint64_t *value, const char **end)
{
	char *stop;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &stop, 10);
	*end = stop;
	return errno == ERANGE ? -ERANGE : 0;
}

int options_size(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "KMGT";
	const char *end, *suffix = NULL;
	unsigned shift;
	int err = parse_count(text, bytes, &end);

	if (err < 0)
		return err;
	if (*end >= 'a' && *end <= 'z')
		suffix = strchr(suffixes, *end - 'a' + 'A');
	else if (*end)
		suffix = strchr(suffixes, *end);
	if (*end && (!suffix || end[1]))
		return -EINVAL;
	shift = suffix ? 10 * (unsigned)(suffix - suffixes + 1) : 0;
	if (*bytes > UINT64_MAX >> shift)
		return -ERANGE;
	*bytes <<= shift;
	return 0;
}

static int parse_choice(const struct option_row *row, const char *text)
{
	for (int i = 0; row->choices[i]; i++) {
		if (strcmp(row->choices[i], text) == 0) {
			*(int *)row->value = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int append(struct option_list *list, const char *text)
{
	const char **items = reallocarray(list->items, list->nr + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	items[list->nr++] = text;
	list->items = items;
	return 0;
}

static int store(const struct option_row *row, const char *text)
{
	const char *end = "";
	int err;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)row->value = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)row->value = text;
		return 0;
	case OPTION_MAYBE:
		*(const char **)row->value = text ? text : "";
		return 0;
	case OPTION_CHOICE:
		return parse_choice(row, text);
	case OPTION_COUNT:
		err = parse_count(text, row->value, &end);
		return err ? err : *end ? -EINVAL : 0;
	case OPTION_SIZE:
		return options_size(text, row->value);
	case OPTION_LIST:
		return append(row->value, text);
	}
	return -EINVAL;
}

static void print_choices(const struct option_row *row, FILE *out, const char *separator)
{
	for (int i = 0; row->choices[i]; i++)
		fprintf(out, "%s%s", i ? separator : "", row->choices[i]);
}

static void print_row_help(const struct option_row *row)
{
	char names[64];

	bool maybe = row->kind == OPTION_MAYBE;

	snprintf(names, sizeof(names), "%c%c%s --%s%s%s%s%s", row->letter ? '-' : ' ',
		 row->letter ? row->letter : ' ', row->letter ? "," : " ", row->name,
		 maybe ? "[" : "", row->argument ? "=" : "", row->argument ? row->argument : "",
		 maybe ? "]" : "");
	printf("  %-26s  %s", names, row->help);
	if (row->kind == OPTION_CHOICE) {
		fputs(": ", stdout);
		print_choices(row, stdout, ", ");
	}
	putchar('\n');
}

static void print_help(const struct options *options)
{
	static const struct option_row help = { .name = "help", .help = "show this and exit" };

	printf("usage: lockprof %s %s\n\n%s\noptions:\n", options->command, options->usage,
	       options->about);
	for (size_t i = 0; i < options->nr_rows; i++)
		print_row_help(&options->rows[i]);
	print_row_help(&help);
}

static int reject_unknown(const struct options *options, char *const *argv, int code)
{
	const char *word = argv[optind - 1] + strspn(argv[optind - 1], "-");
	char name[WORD_MAX] = "";
	struct nearest nearest = nearest_begin(name);

	if (code >= ROW_CODE)
		return options_usage_error(options, "option --%s takes no value",
					   options->rows[code - ROW_CODE].name);
	if (code)
		return options_usage_error(options, "unknown option -%c", code);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	for (size_t i = 0; i < options->nr_rows; i++)
		nearest_offer(&nearest, options->rows[i].name);
	if (nearest.best)
		return options_usage_error(options, "unknown option --%s; did you mean --%s?", name,
					   nearest.best);
	return options_usage_error(options, "unknown or ambiguous option --%s", name);
}

static int reject_value(const struct options *options, const struct option_row *row,
			const char *text, int err)
{
	if (err == -ENOMEM)
		output_error("out of memory");
	else if (row->kind == OPTION_CHOICE)
		options_usage_error(options, "--%s=%s: not a known %s", row->name, text,
				    row->argument);
	else
		options_usage_error(options, "--%s=%s: %s", row->name, text,
				    err == -ERANGE ? "too large"
				    : row->kind == OPTION_SIZE
					    ? "not a size such as 512, 64K, 10M or 1G"
					    : "not a number");
	return err == -ENOMEM ? err : -EINVAL;
}

static const struct option_row *row_of(const struct options *options, int code)
{
	if (code >= ROW_CODE)
		return &options->rows[code - ROW_CODE];
	for (size_t i = 0; i < options->nr_rows; i++)
		if (options->rows[i].letter == code)
			return &options->rows[i];
	return NULL;
}

/* getopt's two forms of the same table; letters needs 2 * nr_rows + 3 bytes. */
static void translate(const struct options *options, struct option *longs, char *letters)
{
	if (options->stops_at_operand)
		*letters++ = '+';
	*letters++ = ':';
	for (size_t i = 0; i < options->nr_rows; i++) {
		const struct option_row *row = &options->rows[i];

		longs[i] =
			(struct option){ row->name,
					 row->kind == OPTION_MAYBE ? optional_argument
					 : row->argument	   ? required_argument
								   : no_argument,
					 NULL, ROW_CODE + (int)i };
		if (row->letter) {
			*letters++ = row->letter;
			if (row->argument)
				*letters++ = ':';
		}
	}
	longs[options->nr_rows] = (struct option){ "help", no_argument, NULL, HELP_CODE };
	*letters = '\0';
}

static int parse_all(const struct options *options, int argc, char **argv,
		     const struct option *longs, const char *letters)
{
	int code;

	optind = 0; /* glibc: start anew, another command line may have been parsed before */
	opterr = 0;
	while ((code = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct option_row *row = row_of(options, code);
		int err;

		if (code == HELP_CODE) {
			print_help(options);
			return -ECANCELED;
		}
		if (code == ':') {
			options_usage_error(options, "option %s needs a value", argv[optind - 1]);
			return -EINVAL;
		}
		if (!row) {
			reject_unknown(options, argv, optopt);
			return -EINVAL;
		}
		err = store(row, optarg);
		if (err)
			return reject_value(options, row, optarg, err);
	}
	return optind;
}

int options_parse(const struct options *options, int argc, char **argv)
{
	struct option *longs = calloc(options->nr_rows + 2, sizeof(*longs));
	char *letters = malloc(2 * options->nr_rows + 3);
	int first = -ENOMEM;

	if (longs && letters) {
		translate(options, longs, letters);
		first = parse_all(options, argc, argv, longs, letters);
	} else {
		output_error("out of memory");
	}
	free(letters);
	free(longs);
	return first;
}
