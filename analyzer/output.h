/* SPDX-License-Identifier: MIT */
/*
 * What is written for people: colour, width, pager, escaping, and numbers with their units.
 */
#ifndef ANALYZER_OUTPUT_H
#define ANALYZER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of output_color_words, so that an option of kind OPTION_CHOICE yields it. */
enum output_color { OUTPUT_COLOR_AUTO, OUTPUT_COLOR_ALWAYS, OUTPUT_COLOR_NEVER };
extern const char *const output_color_words[];

enum output_face {
	OUTPUT_PLAIN,
	OUTPUT_BOLD,
	OUTPUT_DIM,
	OUTPUT_RED,
	OUTPUT_YELLOW,
	OUTPUT_GREEN,
	OUTPUT_CYAN,
};

/* Large enough for any text that output_time(), output_count() and the others make. */
#define OUTPUT_NUMBER 32

/* Looks at stdout once; call it before the pager starts and before anything is printed. */
void output_init(enum output_color color);

/* Columns of the terminal, 80 when stdout is not one. */
size_t output_width(void);

/* Escape sequences that begin and end a face; both are empty without colour. */
const char *output_face_begin(enum output_face face);
const char *output_face_end(enum output_face face);

/*
 * From here to output_pager_end() stdout goes through the user's pager, when stdout is a
 * terminal. Without a terminal or a pager both do nothing.
 */
void output_pager_begin(void);
void output_pager_end(void);

/* "lockprof: " and the message on stderr, as one line. */
void output_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line about one thing, to stdout: its name, dim, and what is to be said. */
void output_fact(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Copies text with control characters, invalid UTF-8 and text-direction overrides written as
 * \xNN. Like snprintf it ends the text with a NUL within size and returns the full length.
 */
size_t output_escape(char *to, size_t size, const char *text);

/* All of them write into buf and return it. */
const char *output_time(char buf[OUTPUT_NUMBER], uint64_t ns);	   /* 950 ns, 12.3 us */
const char *output_size(char buf[OUTPUT_NUMBER], uint64_t bytes);  /* 512 B, 64.0 KiB */
const char *output_si(char buf[OUTPUT_NUMBER], double value);	   /* 950, 12.3k, 4.10M */
const char *output_count(char buf[OUTPUT_NUMBER], uint64_t count); /* 12,345,678 */
const char *output_percent(char buf[OUTPUT_NUMBER], double ratio); /* 0.973 is 97.3 % */

#endif
