/* SPDX-License-Identifier: MIT */
/*
 * lockprof top: what the locks of a running program do just now, again and again.
 *
 * On a terminal it is a screen that is renewed, else one table after another. It looks as often as
 * it is asked to, but not so often that looking takes more than a quarter of a processor.
 */
#include "cmd.h"
#include "options.h"
#include "output.h"
#include "top.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LEAST_INTERVAL	  0.05
#define MOST_INTERVAL	  86400.0
#define DEFAULT_ROWS	  20
#define FIRST_INTERVAL_NS 200000000

struct arguments {
	int key, by, color;
	bool once, batch;
	const char *interval;
	uint64_t interval_ns, rows, count;
};

/* ---- tables one after another ---- */

static void sleep_ns(uint64_t ns)
{
	struct timespec time = { .tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time) == EINTR)
		;
}

static int print_table(struct top *top, const struct arguments *arguments)
{
	int err;

	top_sort(top, (enum top_key)arguments->key);
	err = top_print(top, (enum top_key)arguments->key, arguments->rows, 0, stdout);
	if (!err && !arguments->once)
		putchar('\n');
	if (!err && (fflush(stdout) != 0 || ferror(stdout)))
		err = -EIO;
	return err;
}

static int run_batch(struct top *top, const struct arguments *arguments)
{
	int err = top_look(top);

	for (uint64_t n = 0; !err && (!arguments->count || n < arguments->count); n++) {
		sleep_ns(top_pause_ns(arguments->interval_ns, top->cpu_ns));
		err = top_look(top);
		if (!err)
			err = print_table(top, arguments);
	}
	return err;
}

/* ---- a screen ---- */

/* Written as one piece, each line to its end, so that nothing flickers. */
static int draw(struct top *top, const struct arguments *arguments)
{
	char *text = NULL, *line, *next;
	size_t size, lines = top_screen_lines();
	FILE *out = open_memstream(&text, &size);
	int err;

	if (!out)
		return -ENOMEM;
	output_init((enum output_color)arguments->color); /* the width may be another */
	top_sort(top, (enum top_key)arguments->key);
	err = top_print(top, (enum top_key)arguments->key, arguments->rows, lines, out);
	if (fclose(out) != 0 && !err)
		err = -ENOMEM;
	fputs("\033[H", stdout);
	for (line = text, next = NULL; !err && lines > 1 && line && *line; line = next, lines--) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		printf("%s\033[K\n", line);
	}
	fputs("\033[J", stdout);
	printf("%sq quits, s sorts by the next column (%s), space looks at once%s",
	       output_face_begin(OUTPUT_DIM), top_key_words[arguments->key],
	       output_face_end(OUTPUT_DIM));
	free(text);
	return fflush(stdout) != 0 ? -EIO : err;
}

/* False: it is over. *look: it is time for the next look. */
static bool take_key(int key, struct arguments *arguments, bool *look)
{
	*look = key == 0 || key == ' ';
	if (key == 's')
		arguments->key = top_key_words[arguments->key + 1] ? arguments->key + 1 : 0;
	return key != 'q' && key != 'Q';
}

/* The first look has nothing to compare with, so the second one comes soon. */
static uint64_t next_look_ns(const struct top *top, const struct arguments *arguments,
			     bool is_first)
{
	uint64_t interval_ns = arguments->interval_ns;

	if (is_first && interval_ns > FIRST_INTERVAL_NS)
		interval_ns = FIRST_INTERVAL_NS;
	return top->monotonic_ns + top_pause_ns(interval_ns, top->cpu_ns);
}

static int run_screen(struct top *top, struct arguments *arguments)
{
	uint64_t due_ns = 0, now_ns;
	bool goes_on = true, wants_look = true;
	int err = top_screen_begin();

	for (uint64_t looks = 0; !err && goes_on;) {
		if (wants_look) {
			err = top_look(top);
			due_ns = next_look_ns(top, arguments, !looks++);
		}
		if (!err)
			err = draw(top, arguments);
		if (err)
			break;
		now_ns = ctl_clock_ns(CLOCK_MONOTONIC);
		goes_on = take_key(top_screen_wait(due_ns > now_ns ? due_ns - now_ns : 0),
				   arguments, &wants_look);
	}
	top_screen_end();
	return err;
}

/* ---- together ---- */

static int run(const char *name, struct arguments *arguments)
{
	bool on_screen = !arguments->once && !arguments->batch && isatty(STDOUT_FILENO) &&
			 isatty(STDIN_FILENO);
	struct top top;
	int err = top_open(&top, name, (enum top_by)arguments->by);

	if (err)
		return 1;
	err = on_screen ? run_screen(&top, arguments) : run_batch(&top, arguments);
	if (err == -ESRCH)
		fprintf(stderr, "lockprof: process %" PRIu32 " has ended\n", top.ctl.header->pid);
	else if (err)
		output_error("%s: %s", name, strerror(-err));
	top_close(&top);
	return err && err != -ESRCH;
}

static bool take_interval(struct arguments *arguments)
{
	char *end;
	double seconds = strtod(arguments->interval, &end);

	if (*end || end == arguments->interval || !(seconds >= LEAST_INTERVAL) ||
	    seconds > MOST_INTERVAL)
		return false;
	arguments->interval_ns = (uint64_t)(seconds * 1e9);
	return true;
}

int cmd_top(int argc, char **argv)
{
	struct arguments arguments = { .key = TOP_WAIT_TOTAL,
				       .interval = "1",
				       .rows = DEFAULT_ROWS };
	const struct option_row rows[] = {
		{ "key", 'k', OPTION_CHOICE, &arguments.key, "KEY", "sort by this (wait_total)",
		  top_key_words },
		{ "by", 0, OPTION_CHOICE, &arguments.by, "WHAT", "what a row is (class)",
		  top_by_words },
		{ "interval", 'i', OPTION_TEXT, &arguments.interval, "S",
		  "seconds between two looks (1)", NULL },
		{ "rows", 'n', OPTION_COUNT, &arguments.rows, "N", "rows of each table (20)",
		  NULL },
		{ "once", '1', OPTION_FLAG, &arguments.once, NULL, "one table", NULL },
		{ "batch", 'b', OPTION_FLAG, &arguments.batch, NULL,
		  "one table after another, also on a terminal", NULL },
		{ "count", 'c', OPTION_COUNT, &arguments.count, "N", "so many tables", NULL },
		{ "color", 0, OPTION_CHOICE, &arguments.color, "WHEN", "colours (auto)",
		  output_color_words },
	};
	const struct options options = {
		.command = "top",
		.usage = "[options] PID|TRACE",
		.about = "Shows what the locks of a running program do just now.\n",
		.rows = rows,
		.nr_rows = sizeof(rows) / sizeof(rows[0]),
	};
	int first = options_parse(&options, argc, argv);

	if (first < 0)
		return options_exit_status(first);
	if (argc - first != 1)
		return options_usage_error(&options, "top needs one process or its trace");
	if (!take_interval(&arguments))
		return options_usage_error(&options, "an interval is 0.05 to 86400 seconds");
	if (arguments.once)
		arguments.count = 1;
	if (arguments.count)
		arguments.batch = true;
	if (!arguments.rows)
		arguments.rows = SIZE_MAX;
	output_init((enum output_color)arguments.color);
	return run(argv[first], &arguments);
}
