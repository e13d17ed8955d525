/* SPDX-License-Identifier: MIT */
/*
 * Options of a command as a table: it parses them, and writes the help from the same rows.
 */
#ifndef ANALYZER_OPTIONS_H
#define ANALYZER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_FLAG,   /* value: bool, set to true */
	OPTION_TEXT,   /* value: const char *, points into argv */
	OPTION_MAYBE,  /* value: const char *, "" for the option alone; long form only */
	OPTION_CHOICE, /* value: int, the index in choices */
	OPTION_COUNT,  /* value: uint64_t, a decimal number */
	OPTION_SIZE,   /* value: uint64_t, bytes; 64K, 10M, 1G, 2T are powers of 1024 */
	OPTION_LIST,   /* value: struct option_list, one more item each time */
};

/* Initialise to zero; the items point into argv, free() the array. */
struct option_list {
	const char **items;
	size_t nr;
};

struct option_row {
	const char *name; /* long form, without the dashes */
	char letter;	  /* short form, or 0 */
	enum option_kind kind;
	void *value;
	const char *argument;	    /* what the help calls it; NULL for a flag */
	const char *help;	    /* one line */
	const char *const *choices; /* of OPTION_CHOICE, NULL at the end */
};

struct options {
	const char *command; /* "record" */
	const char *usage;   /* "[options] [--] COMMAND [ARG...]" */
	const char *about;   /* one or more lines, each ending in \n */
	const struct option_row *rows;
	size_t nr_rows;
	bool stops_at_operand; /* what follows the first operand is not ours to parse */
};

/*
 * Index of the first operand in argv (which is permuted unless stops_at_operand), or
 * -ECANCELED: --help was asked for and has been printed, or
 * -EINVAL: a message and a hint are on stderr, or -ENOMEM.
 */
int options_parse(const struct options *options, int argc, char **argv);

/* Exit status of the command for a negative result of options_parse(). */
int options_exit_status(int err);

/* One message and a pointer to --help on stderr; returns the exit status for wrong usage. */
int options_usage_error(const struct options *options, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* 0, -EINVAL, or -ERANGE when it does not fit. */
int options_size(const char *text, uint64_t *bytes);

/* The candidate closest to a mistyped word, for "did you mean". */
struct nearest {
	const char *word;
	const char *best; /* NULL: none is close enough */
	unsigned distance;
};

struct nearest nearest_begin(const char *word);
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
