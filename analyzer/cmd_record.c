/* SPDX-License-Identifier: MIT */
/*
 * lockprof record: run a program with the shim preloaded, then show the short report.
 *
 * It sets an environment and waits; the recording is the shim's, in the program and in all that the
 * program starts. So the same traces come from `LD_PRELOAD=liblockprof.so ./app` alone. What record
 * adds: it refuses what cannot be recorded (preflight.c), names the file, keeps an older one as
 * FILE.old, passes the exit status through and reads the traces back.
 *
 * One run may write several files: the first process FILE, the others FILE.PID and FILE.PID.N. They
 * are found by that pattern and by having been written since the start; the shim tells nobody
 * what it wrote, since it must not talk to anything but its file.
 */
#include "cmd.h"
#include "launch.h"
#include "options.h"
#include "output.h"
#include "preflight.h"
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const mode_words[] = { "trace", "profile", NULL };

struct record {
	const char *output; /* as given, or NULL */
	int mode;	    /* index in mode_words, -1: the shim's default */
	uint64_t max_size_bytes;
	struct option_list settings;
	bool quiet;
	const char *html; /* the page; "": beside the trace, NULL: none */
	char shim[PATH_MAX];
	char file[PATH_MAX]; /* absolute; may hold %p, %e and %h, which the shim expands */
	struct timespec start;
	pid_t pid;
	struct preflight facts;
};

static const int handled[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
#define NR_HANDLED 4

static pid_t child;

/* --- before the run ----------------------------------------------------------------------- */

/* Makes the path absolute, since the program may change its directory before it records. */
static int set_file(struct record *record, const char *output)
{
	char dir[PATH_MAX];
	int n;

	if (*output == '/')
		n = snprintf(record->file, sizeof(record->file), "%s", output);
	else if (getcwd(dir, sizeof(dir)))
		n = snprintf(record->file, sizeof(record->file), "%s/%s", dir, output);
	else
		return -errno;
	if (n < 0 || (size_t)n >= sizeof(record->file))
		return -ENAMETOOLONG;
	return strchr(record->file, ':') ? -EINVAL : 0;
}

/* An error here comes before the program has run, not after an hour of it. */
static int prepare_file(const struct record *record)
{
	char dir[PATH_MAX], old[PATH_MAX + 4];

	strcpy(dir, record->file);
	*(strrchr(dir, '/') + 1) = '\0';
	if (access(dir, W_OK | X_OK) < 0) {
		output_error("cannot write the trace to %s: %s", dir, strerror(errno));
		return -errno;
	}
	snprintf(old, sizeof(old), "%s.old", record->file);
	if (rename(record->file, old) < 0 && errno != ENOENT) {
		output_error("cannot rename %s to %s: %s", record->file, old, strerror(errno));
		return -errno;
	}
	return 0;
}

/* Later settings win in the shim, so the user's environment gives way to the command line. */
static int set_environment(const struct record *record)
{
	char size[24];
	int err = launch_join_env("LD_PRELOAD", record->shim, getenv("LD_PRELOAD"));

	if (!err && record->mode >= 0)
		err = launch_add_setting("mode=%s", mode_words[record->mode]);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)record->max_size_bytes);
	if (!err && record->max_size_bytes)
		err = launch_add_setting("max_size=%s", size);
	for (size_t i = 0; !err && i < record->settings.nr; i++)
		err = launch_add_setting("%s", record->settings.items[i]);
	if (!err)
		err = launch_add_setting("output=%s", record->file);
	if (!err && record->facts.needs_asan)
		err = launch_join_env("ASAN_OPTIONS", getenv("ASAN_OPTIONS"),
				      "verify_asan_link_order=0");
	return err;
}

/* --- the run ------------------------------------------------------------------------------ */

static void forward(int sig)
{
	if (child > 0)
		kill(child, sig);
}

/*
 * The terminal sends SIGINT and SIGQUIT to both; they are the program's to act upon, and we stay
 * to read its trace. SIGTERM and SIGHUP come to us alone and are passed on.
 */
static void set_handlers(struct sigaction old[NR_HANDLED])
{
	for (int i = 0; i < NR_HANDLED; i++) {
		struct sigaction action = { .sa_handler = i < 2 ? SIG_IGN : forward,
					    .sa_flags = SA_RESTART };

		sigaction(handled[i], &action, &old[i]);
	}
}

static void run_child(struct record *record, char **argv, const struct sigaction old[NR_HANDLED],
		      const sigset_t *mask)
{
	for (int i = 0; i < NR_HANDLED; i++)
		sigaction(handled[i], &old[i], NULL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (set_environment(record) < 0)
		_exit(1);
	execvp(argv[0], argv);
	output_error("cannot run %s: %s", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int status_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* Without -o the file is named after the program and its process, which exists only now. */
static void name_by_child(struct record *record, const char *program, pid_t pid)
{
	char name[NAME_MAX + 1];

	snprintf(name, sizeof(name), "lockprof.%.200s.%d.trace", basename(program), (int)pid);
	if (!record->output && set_file(record, name) < 0)
		record->file[0] = '\0';
}

/* 0 and the program's wait status, or -errno. */
static int run(struct record *record, char **argv, int *wait_status)
{
	struct sigaction old[NR_HANDLED];
	sigset_t all, mask;

	/* The clock that file times are made of: coarse, so never ahead of them. */
	clock_gettime(CLOCK_REALTIME_COARSE, &record->start);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	set_handlers(old);
	child = fork();
	if (child == 0) {
		name_by_child(record, argv[0], getpid());
		run_child(record, argv, old, &mask);
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (child < 0)
		return -errno;
	name_by_child(record, argv[0], child);
	record->pid = child;
	while (waitpid(child, wait_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	child = 0;
	return 0;
}

/* --- after the run ------------------------------------------------------------------------ */

/* The file's name as a glob pattern: %p and the like match anything, the rest itself. */
static int make_pattern(const char *file, char *pattern, size_t size)
{
	size_t at = 0;

	for (; *file && at + 2 < size; file++) {
		if (*file == '%' && file[1]) {
			pattern[at++] = '*';
			file++;
			continue;
		}
		if (strchr("*?[\\", *file))
			pattern[at++] = '\\';
		pattern[at++] = *file;
	}
	pattern[at] = '\0';
	return *file ? -ENAMETOOLONG : 0;
}

static bool is_of_this_run(const char *path, const struct timespec *start)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       (st.st_mtim.tv_sec > start->tv_sec ||
		(st.st_mtim.tv_sec == start->tv_sec && st.st_mtim.tv_nsec >= start->tv_nsec));
}

static int find_traces(const struct record *record, glob_t *found)
{
	char pattern[2 * PATH_MAX];
	size_t kept = 0;

	if (make_pattern(record->file, pattern, sizeof(pattern) - 2) < 0)
		return -ENAMETOOLONG;
	glob(pattern, 0, NULL, found);
	strcat(pattern, ".*");
	glob(pattern, GLOB_APPEND, NULL, found);
	for (size_t i = 0; i < found->gl_pathc; i++) {
		char *path = found->gl_pathv[i];

		if (!is_of_this_run(path, &record->start))
			continue;
		found->gl_pathv[i] = found->gl_pathv[kept]; /* globfree() frees both */
		found->gl_pathv[kept++] = path;
	}
	return (int)kept;
}

/* When the program's own trace began; 0 for another process's, or one that cannot be read. */
static uint64_t begin_of(const char *path, pid_t pid)
{
	struct reader *reader;
	char error[256];
	uint64_t begin = 0;

	if (reader_open(&reader, path, error, sizeof(error)) < 0)
		return 0;
	if (reader_header(reader)->pid == (uint32_t)pid)
		begin = reader_header(reader)->start_realtime_ns;
	reader_close(reader);
	return begin;
}

/*
 * A program that was killed could not write how it ended, so we do. After exec there are several
 * traces of one process: the last one is meant.
 */
static void write_ending(const struct record *record, char **paths, int nr, int wait_status)
{
	const char *last = NULL;
	uint64_t begin = 0;

	for (int i = 0; i < nr; i++) {
		uint64_t other = begin_of(paths[i], record->pid);

		if (other > begin) {
			begin = other;
			last = paths[i];
		}
	}
	if (last && reader_set_exit(last, wait_status) < 0)
		output_error("%s: cannot write how the program ended", last);
}

static void explain_nothing(const struct record *record, const char *program)
{
	if (record->facts.is_go)
		output_error("nothing was recorded: %s is a Go program, and Go locks without the C "
			     "library",
			     program);
	else
		output_error("nothing was recorded: %s called no lock function, or what it started "
			     "cannot be preloaded (static, setuid, or without LD_PRELOAD)",
			     program);
}

static int report_short(char **paths, int nr)
{
	char **argv = calloc((size_t)nr + 3, sizeof(*argv));
	char command[] = "report", option[] = "--short";
	int status;

	if (!argv) {
		output_error("out of memory");
		return 1;
	}
	argv[0] = command;
	argv[1] = option;
	memcpy(argv + 2, paths, (size_t)nr * sizeof(*argv));
	status = cmd_report(nr + 2, argv);
	free(argv);
	return status;
}

static int make_page(const struct record *record, char *const *paths, int nr)
{
	char *page;
	int status = html_make(*record->html ? record->html : NULL, (const char *const *)paths,
			       (size_t)nr, &page);

	if (page && !record->quiet)
		output_error("made %s", page);
	free(page);
	return status;
}

/* 0, or 1 when the traces cannot be read. */
static int tell(const struct record *record, const char *program, int wait_status)
{
	glob_t found = { 0 };
	int nr = find_traces(record, &found);
	int status = 0;

	write_ending(record, found.gl_pathv, nr, wait_status);
	if (nr <= 0)
		explain_nothing(record, program);
	else if (!record->quiet)
		status = report_short(found.gl_pathv, nr);
	if (nr > 1 && !record->quiet)
		output_error("recorded %s and %d more of its processes, %s.*", found.gl_pathv[0],
			     nr - 1, record->file);
	else if (nr == 1 && !record->quiet)
		output_error("recorded %s", found.gl_pathv[0]);
	if (nr > 0 && record->html)
		status |= make_page(record, found.gl_pathv, nr);
	globfree(&found);
	return status;
}

/* --- the command -------------------------------------------------------------------------- */

static int check_settings(const struct options *options, const struct option_list *settings)
{
	for (size_t i = 0; i < settings->nr; i++)
		if (!strchr(settings->items[i], '=') || strchr(settings->items[i], ':'))
			return options_usage_error(options, "--opt=%s: not KEY=VALUE",
						   settings->items[i]);
	return 0;
}

/* Everything that can go wrong before the program runs. 0 or an exit status. */
static int prepare(struct record *record, const struct options *options, const char *program)
{
	int err = set_file(record, record->output ? record->output : "x");

	if (err == -EINVAL)
		return options_usage_error(options, "the path of the trace may not contain a colon");
	if (err) {
		output_error("the path of the trace: %s", strerror(-err));
		return 1;
	}
	err = preflight_program(program, &record->facts);
	if (err == -ENOEXEC) {
		output_error("nothing can be recorded: %s %s", record->facts.path,
			     record->facts.message);
		return 1;
	}
	if (err) {
		output_error("cannot run %s: %s", program, strerror(-err));
		return err == -ENOENT ? 127 : 126;
	}
	if (launch_find_library(LAUNCH_SHIM, record->shim, sizeof(record->shim)) < 0)
		return 1;
	return record->output && prepare_file(record) < 0 ? 1 : 0;
}

int cmd_record(int argc, char **argv)
{
	struct record record = { .mode = -1 };
	const struct option_row rows[] = {
		{ "output", 'o', OPTION_TEXT, &record.output, "FILE",
		  "the trace; an older one becomes FILE.old", NULL },
		{ "mode", 'm', OPTION_CHOICE, &record.mode, "MODE",
		  "how much to keep", mode_words },
		{ "max-size", 0, OPTION_SIZE, &record.max_size_bytes, "SIZE",
		  "size at which trace goes on as profile", NULL },
		{ "opt", 0, OPTION_LIST, &record.settings, "KEY=VALUE",
		  "a further option of the shim (repeatable)", NULL },
		{ "html", 0, OPTION_MAYBE, &record.html, "FILE",
		  "also make the page (the trace's name with .html)", NULL },
		{ "quiet", 'q', OPTION_FLAG, &record.quiet, NULL, "no report at the end", NULL },
	};
	const struct options options = {
		.command = "record",
		.usage = "[options] [--] COMMAND [ARG...]",
		.about = "Run COMMAND and record its locks. Its exit status is passed through.\n",
		.rows = rows,
		.nr_rows = sizeof(rows) / sizeof(rows[0]),
		.stops_at_operand = true,
	};
	int first = options_parse(&options, argc, argv);
	int status, told, wait_status;

	if (first < 0)
		return options_exit_status(first);
	if (first == argc)
		return options_usage_error(&options, "which command shall be recorded?");
	status = check_settings(&options, &record.settings);
	if (!status)
		status = prepare(&record, &options, argv[first]);
	if (status)
		goto out;
	status = run(&record, argv + first, &wait_status);
	if (status < 0) {
		output_error("cannot run %s: %s", argv[first], strerror(-status));
		status = 1;
		goto out;
	}
	told = tell(&record, argv[first], wait_status);
	status = status_of(wait_status) ? status_of(wait_status) : told;
out:
	free(record.settings.items);
	return status;
}
