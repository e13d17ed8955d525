/* SPDX-License-Identifier: MIT */
/*
 * lockprof ctl: tells a running program's recording what to do, by its trace; see ctl.h.
 *
 * Several programs are told one after the other. One that cannot be told does not keep the others
 * from it: its message goes to stderr, and the exit status is 1.
 */
#include "cmd.h"
#include "ctl.h"
#include "options.h"
#include "output.h"
#include "utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
	int color;
	bool end, json;
	const char *output;
	const char *name; /* of the phase */
	uint64_t units;
};

static int start(struct ctl *ctl, const struct arguments *arguments)
{
	(void)arguments;
	return ctl_switch(ctl, true);
}

static int stop(struct ctl *ctl, const struct arguments *arguments)
{
	(void)arguments;
	return ctl_switch(ctl, false);
}

static int phase(struct ctl *ctl, const struct arguments *arguments)
{
	return ctl_phase(ctl, arguments->name);
}

static int work(struct ctl *ctl, const struct arguments *arguments)
{
	return ctl_work(ctl, arguments->units);
}

static int snapshot(struct ctl *ctl, const struct arguments *arguments)
{
	char *path;
	int err = ctl_snapshot(ctl, arguments->output, &path);

	if (!err)
		printf("%s\n", path);
	free(path);
	return err;
}

static int status(struct ctl *ctl, const struct arguments *arguments)
{
	return ctl_status(ctl, arguments->json);
}

static const struct verb {
	const char *name;
	int (*run)(struct ctl *ctl, const struct arguments *arguments);
	bool writes, wants_operand;
} verbs[] = {
	{ "start", start, true, false },	{ "stop", stop, true, false },
	{ "phase", phase, true, true },		{ "work", work, true, true },
	{ "snapshot", snapshot, false, false }, { "status", status, false, false },
};
#define NR_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *find_verb(const char *word)
{
	for (size_t i = 0; i < NR_VERBS; i++)
		if (strcmp(verbs[i].name, word) == 0)
			return &verbs[i];
	return NULL;
}

/* Why it is no name of a phase; NULL: it is one. */
static const char *bad_name(const char *name)
{
	size_t size = strlen(name), n;
	uint32_t code;

	if (!size)
		return "a phase needs a name; --end ends it";
	if (size >= TRACE_PHASE_NAME)
		return "a phase's name has at most 63 bytes";
	for (; size; name += n, size -= n) {
		n = utf8_decode(name, size, &code);
		if (!n)
			return "a phase's name must be UTF-8";
		if (utf8_is_hostile(code))
			return "a phase's name must not have control characters";
	}
	return NULL;
}

static const char *bad_units(const char *text, uint64_t *units)
{
	char *end;

	errno = 0;
	*units = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno)
		return "work needs a number of units";
	return *units ? NULL : "no units of work are nothing to count";
}

/* What follows the verb. NULL, or what is wrong. */
static const char *take_operands(const struct verb *verb, char **operands, int nr,
				 struct arguments *arguments)
{
	bool ends = verb->run == phase && arguments->end;

	if (arguments->end && !ends)
		return "--end belongs to phase";
	if (arguments->output && verb->run != snapshot)
		return "--output belongs to snapshot";
	if (arguments->json && verb->run != status)
		return "--json belongs to status";
	if (nr > (verb->wants_operand && !ends))
		return "there is a word too many";
	if (!verb->wants_operand || ends)
		return NULL;
	if (!nr)
		return verb->run == phase ? "phase needs a name, or --end"
					  : "work needs a number of units";
	if (verb->run == work)
		return bad_units(operands[0], &arguments->units);
	arguments->name = operands[0];
	return bad_name(operands[0]);
}

static int run_all(const struct verb *verb, char **targets, int nr,
		   const struct arguments *arguments)
{
	int failed = 0;

	for (int i = 0; i < nr; i++) {
		struct ctl ctl;

		if (ctl_open(&ctl, targets[i], verb->writes) < 0) {
			failed = 1;
			continue;
		}
		if (i && verb->run == status && !arguments->json)
			putchar('\n');
		failed |= verb->run(&ctl, arguments) != 0;
		ctl_close(&ctl);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		output_error("%s", strerror(EIO));
		failed = 1;
	}
	return failed;
}

int cmd_ctl(int argc, char **argv)
{
	struct arguments arguments = { .color = OUTPUT_COLOR_AUTO };
	const struct option_row rows[] = {
		{ "end", 'e', OPTION_FLAG, &arguments.end, NULL, "phase: no phase from now on",
		  NULL },
		{ "output", 'o', OPTION_TEXT, &arguments.output, "FILE",
		  "snapshot: the copy (TRACE.snapshot-1.trace)", NULL },
		{ "json", 0, OPTION_FLAG, &arguments.json, NULL,
		  "status: as JSON, schema lockprof-ctl/1", NULL },
		{ "color", 0, OPTION_CHOICE, &arguments.color, "WHEN", "colours (auto)",
		  output_color_words },
	};
	const struct options options = {
		.command = "ctl",
		.usage = "PID|TRACE... start|stop|phase NAME|phase --end|work N|snapshot|status",
		.about =
			"Tells the recording of a running program what to do, by the trace that it writes.\n",
		.rows = rows,
		.nr_rows = sizeof(rows) / sizeof(rows[0]),
	};
	int first = options_parse(&options, argc, argv), at;
	const struct verb *verb = NULL;
	const char *bad;

	if (first < 0)
		return options_exit_status(first);
	for (at = first + 1; at < argc && !(verb = find_verb(argv[at]));)
		at++;
	if (first == argc)
		return options_usage_error(&options, "ctl needs a process or its trace");
	if (!verb)
		return options_usage_error(
			&options, "ctl needs start, stop, phase, work, snapshot or status");
	bad = take_operands(verb, argv + at + 1, argc - at - 1, &arguments);
	if (bad)
		return options_usage_error(&options, "%s", bad);
	if (arguments.output && at - first > 1)
		return options_usage_error(&options, "one file cannot take several snapshots");
	output_init((enum output_color)arguments.color);
	return run_all(verb, argv + first, at - first, &arguments);
}
