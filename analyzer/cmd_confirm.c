/* SPDX-License-Identifier: MIT */
/*
 * lockprof confirm: make a deadlock happen that was predicted, or show how near the program came
 *
 * A prediction says which threads would have to stand where at one moment. This runs the program
 * again and delays its threads at those places, so that they do. Every delay is bounded, and what
 * the program computes is not touched: a deadlock that comes out of this can come out of any run.
 * That it did not come proves nothing, so then it is said how far each thread got.
 *
 * The runs differ. First all threads wait in front of the request that would block; then only one
 * at a time and who could close a circle with it, since the others may be on their way to it; then
 * also right behind the lock they hold, since waiting later can keep a partner away by other locks;
 * then one of them after the other comes last, since a lock held early can keep a partner from its
 * own. After such a round the delays are four times as long.
 */
#include "cmd.h"
#include "confirm.h"
#include "launch.h"
#include "options.h"
#include "output.h"
#include "preflight.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_PER_S      1000000000u
#define NS_PER_MS     1000000u
#define BUDGET_DELAYS 20 /* delays of one member in one run, at most */
#define LONGER	      4	 /* from one round to the next */
#define LARGEST_PLAN  65536

struct arguments {
	uint64_t runs, timeout_s, delay_ms;
	struct option_list traces;
	const char *plan, *id;
	bool print_plan, keep;
};

/* --- the plan ----------------------------------------------------------------------------- */

static int read_plan(const char *path, struct plan *plan)
{
	char *text = calloc(1, LARGEST_PLAN + 1), error[CONFIRM_MESSAGE];
	FILE *file = fopen(path, "re");
	int err = 0;

	if (!text || !file) {
		err = text ? -errno : -ENOMEM;
		output_error("%s: %s", path, strerror(-err));
		goto out;
	}
	if (fread(text, 1, LARGEST_PLAN, file) == LARGEST_PLAN || ferror(file)) {
		err = -EINVAL;
		output_error("%s: too long for a plan, or not readable", path);
		goto out;
	}
	err = plan_parse(plan, text, error);
	if (err)
		output_error("%s: %s", path, error);
out:
	if (file)
		fclose(file);
	free(text);
	return err;
}

static int find_plan(const struct arguments *arguments, const char *program, struct plan *plan)
{
	const char *newest;
	char *found;
	int err;

	if (arguments->plan)
		return read_plan(arguments->plan, plan);
	if (arguments->traces.nr)
		return plan_from_traces(plan, arguments->id, arguments->traces.items,
					arguments->traces.nr);
	newest = found = confirm_newest_trace(program);
	if (!found) {
		output_error("no trace of %s here: name it with --trace", program);
		return -ENOENT;
	}
	output_error("finding %s of %s", arguments->id, newest);
	err = plan_from_traces(plan, arguments->id, &newest, 1);
	free(found);
	return err;
}

/* --- the runs ----------------------------------------------------------------------------- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Where the recording says how far the threads were apart, twice as long, if that is more. */
static uint64_t first_delay_ns(const struct plan *plan, const struct arguments *arguments)
{
	uint64_t delay_ns = arguments->delay_ms * NS_PER_MS;

	return plan->gap_ns <= delay_ns / 2 ? delay_ns : smaller(plan->gap_ns, UINT64_MAX / 2) * 2;
}

/* How the run with that number, from 0, delays. Counts from 0 again. */
static void set_run(struct plan *plan, const struct arguments *arguments, uint64_t run)
{
	uint64_t kinds = plan->nr_members > 1 ? PLAN_DELAY_FIRST + plan->nr_members : 1;
	uint64_t part = arguments->timeout_s * NS_PER_S / 4;
	uint64_t kind = run % kinds;

	plan->delay_ns = first_delay_ns(plan, arguments);
	for (uint64_t round = run / kinds; round > 0 && plan->delay_ns < part; round--)
		plan->delay_ns *= LONGER;
	plan->delay_ns = smaller(plan->delay_ns, part);
	plan->budget_ns = smaller(plan->delay_ns * BUDGET_DELAYS, part);
	plan->delay = (uint32_t)smaller(kind, PLAN_DELAY_FIRST);
	plan->late = plan->delay == PLAN_DELAY_FIRST ? (uint32_t)(kind - PLAN_DELAY_FIRST) : 0;
	/* With one at a time, more of them; who comes while it stands comes soon. */
	if (plan->delay == PLAN_DELAY_FEW)
		plan->delay_ns /= 2;
	plan->processes = 0;
	for (uint32_t i = 0; i < plan->nr_members; i++) {
		struct plan_member *member = &plan->members[i];

		member->reached = member->with_held = member->delayed = 0;
		member->delayed_ns = member->met = 0;
	}
}

/* What this run saw goes to the sum, and the next one expects as much. */
static void add_counts(struct plan *sum, struct plan *plan)
{
	for (uint32_t i = 0; i < plan->nr_members; i++) {
		struct plan_member *to = &sum->members[i], *from = &plan->members[i];

		to->reached += from->reached;
		to->with_held += from->with_held;
		to->delayed += from->delayed;
		to->delayed_ns += from->delayed_ns;
		to->met += from->met;
		from->expected = from->with_held;
	}
}

/* Anything that makes further runs useless. 0, or an exit status with a message. */
static int check_run(const struct confirm *confirm, const struct confirm_result *result)
{
	int status = result->wait_status;

	if (result->end == CONFIRM_INTERRUPTED) {
		output_error("interrupted");
		return 128 + status;
	}
	for (uint32_t i = 0; i < confirm->plan->nr_modules; i++) {
		if (!confirm->plan->modules[i].differs)
			continue;
		output_error("%s is not the file that was recorded: record it again",
			     confirm->plan->modules[i].path);
		return 1;
	}
	if (!confirm->plan->processes) {
		output_error("%s did not load %s", confirm->argv[0], LAUNCH_CONFIRM);
		return 1;
	}
	if (result->end == CONFIRM_ENDED && WIFSIGNALED(status) &&
	    (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGQUIT)) {
		output_error("interrupted");
		return 128 + WTERMSIG(status);
	}
	return 0;
}

static void say_run(const struct confirm_result *result, uint64_t run, uint64_t runs)
{
	int status = result->wait_status;

	if (!isatty(STDERR_FILENO) && result->end == CONFIRM_ENDED && !WIFSIGNALED(status))
		return;
	fprintf(stderr, "lockprof: run %llu of %llu: ", (unsigned long long)run,
		(unsigned long long)runs);
	if (result->end == CONFIRM_TIMED_OUT)
		fputs("ended after its time\n", stderr);
	else if (WIFSIGNALED(status))
		fprintf(stderr, "ended by signal %d\n", WTERMSIG(status));
	else
		fprintf(stderr, "exit %d\n", WEXITSTATUS(status));
}

static int tell_found(const struct confirm *confirm, const struct confirm_result *result,
		      uint64_t run, uint64_t runs)
{
	int err;

	printf("%s%s%s in run %llu of %llu: %s\n", output_face_begin(OUTPUT_RED),
	       result->is_plans ? "CONFIRMED" : "ANOTHER deadlock", output_face_end(OUTPUT_RED),
	       (unsigned long long)run, (unsigned long long)runs,
	       result->is_plans ? "these threads stand still, each waiting for the next."
				: "not the one that was asked for, but as real.");
	err = confirm_tell_standing(confirm, result, stdout);
	putchar('\n');
	if (!result->was_ended)
		printf("Process %d is left as it stands: gdb -p %d. Its trace: %s\n",
		       (int)result->pid, (int)result->pid, result->trace);
	else
		printf("Process %d was ended.\n", (int)result->pid);
	return err ? 1 : 3;
}

static int tell_nothing(const struct plan *sum, uint64_t runs)
{
	printf("not reproduced in %llu run%s. Which of the places were reached:\n",
	       (unsigned long long)runs, runs == 1 ? "" : "s");
	return confirm_tell_members(sum, stdout) < 0;
}

/* An exit status. */
static int run_all(struct confirm *confirm, const struct arguments *arguments, struct plan *sum)
{
	struct confirm_result result;
	int status = 0;

	for (uint64_t run = 1; !status && run <= arguments->runs; run++) {
		set_run(confirm->plan, arguments, run - 1);
		if (confirm_run(confirm, &result) < 0)
			return 1;
		add_counts(sum, confirm->plan);
		if (result.end == CONFIRM_STANDS)
			status = tell_found(confirm, &result, run, arguments->runs);
		else
			say_run(&result, run, arguments->runs);
		if (result.end != CONFIRM_STANDS)
			status = check_run(confirm, &result);
		if (result.end != CONFIRM_STANDS || result.was_ended)
			confirm_clean(confirm);
	}
	return status ? status : tell_nothing(sum, arguments->runs);
}

/* --- the command -------------------------------------------------------------------------- */

/* 0 or an exit status. */
static int prepare(struct confirm *confirm, const struct plan *plan)
{
	struct preflight facts;
	int err = preflight_program(confirm->argv[0], &facts);

	if (err == -ENOEXEC) {
		output_error("%s %s", facts.path, facts.message);
		return 1;
	}
	if (err) {
		output_error("cannot run %s: %s", confirm->argv[0], strerror(-err));
		return 1;
	}
	confirm->needs_asan = facts.needs_asan;
	if (launch_find_library(LAUNCH_SHIM, confirm->shim, sizeof(confirm->shim)) < 0 ||
	    launch_find_library(LAUNCH_CONFIRM, confirm->library, sizeof(confirm->library)) < 0)
		return 1;
	err = confirm_share(confirm, plan);
	if (err)
		output_error("cannot share memory with the program: %s", strerror(-err));
	return err ? 1 : 0;
}

static int confirm(const struct arguments *arguments, char **argv)
{
	struct confirm confirm = { .argv = argv,
				   .keep = arguments->keep,
				   .timeout_ns = arguments->timeout_s * NS_PER_S };
	struct plan plan;
	int status;

	if (find_plan(arguments, argv[0], &plan) < 0)
		return 1;
	if (arguments->print_plan) {
		plan_print(&plan, stdout);
		return 0;
	}
	status = prepare(&confirm, &plan);
	return status ? status : run_all(&confirm, arguments, &plan);
}

/* What the options mean together, and where the command begins. 0 or an exit status. */
static int check(const struct options *options, struct arguments *arguments, char ***argv)
{
	if (!arguments->plan) {
		if (!**argv)
			return options_usage_error(options, "which finding?");
		arguments->id = *(*argv)++;
		if (**argv && strcmp(**argv, "--") == 0)
			++*argv;
	}
	if (!**argv)
		return options_usage_error(options, "which command shall be run?");
	if (arguments->plan && arguments->traces.nr)
		return options_usage_error(options, "either a plan or a finding of a trace");
	if (!arguments->runs || !arguments->timeout_s || !arguments->delay_ms ||
	    arguments->timeout_s > 1000000 || arguments->delay_ms > 1000000)
		return options_usage_error(options,
					   "runs, timeout and delay are numbers from 1 to 1000000");
	return 0;
}

int cmd_confirm(int argc, char **argv)
{
	struct arguments arguments = { .runs = 8, .timeout_s = 60, .delay_ms = 100 };
	const struct option_row rows[] = {
		{ "trace", 0, OPTION_LIST, &arguments.traces, "FILE",
		  "where the finding is (repeatable; else the newest of COMMAND)", NULL },
		{ "runs", 'n', OPTION_COUNT, &arguments.runs, "N", "runs, at most (8)", NULL },
		{ "timeout", 't', OPTION_COUNT, &arguments.timeout_s, "SECONDS",
		  "ends a run that takes longer (60)", NULL },
		{ "delay", 'd', OPTION_COUNT, &arguments.delay_ms, "MS",
		  "of one wait for the others, in the first runs (100)", NULL },
		{ "keep", 'k', OPTION_FLAG, &arguments.keep, NULL,
		  "leave the deadlocked program as it stands", NULL },
		{ "plan", 'p', OPTION_TEXT, &arguments.plan, "FILE",
		  "places from a file instead of a finding", NULL },
		{ "print-plan", 0, OPTION_FLAG, &arguments.print_plan, NULL,
		  "print the places, and run nothing", NULL },
	};
	const struct options options = {
		.command = "confirm",
		.usage = "[options] ID [--] COMMAND [ARG...]",
		.about = "Runs COMMAND and delays its threads so that the deadlock with that ID "
			 "happens, if it can.\n",
		.rows = rows,
		.nr_rows = sizeof(rows) / sizeof(rows[0]),
		.stops_at_operand = true,
	};
	int first = options_parse(&options, argc, argv), status;

	if (first < 0)
		return options_exit_status(first);
	argv += first;
	status = check(&options, &arguments, &argv);
	if (!status) {
		output_init(OUTPUT_COLOR_AUTO);
		status = confirm(&arguments, argv);
	}
	free(arguments.traces.items);
	return status;
}
