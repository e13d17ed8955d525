/* SPDX-License-Identifier: MIT */
/*
 * confirm_run.c: one run of the program under a plan, watched from outside
 *
 * The program gets a process group of its own (and the terminal, if we had it), so that all of it
 * can be ended: a deadlocked program does not end by itself. Its traces go to a folder of their
 * own; they are in mode profile, which bounds them, and whose state pages say who waits for whom.
 *
 * Watching costs the program nothing: its trace is read through the file. A look that takes long
 * makes the next one wait, so that this never takes more than a small part of a processor.
 */
#include "confirm.h"
#include "launch.h"
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S   1000000000u
#define LOOK_NS	   100000000u  /* from one look at the traces to the next, at least */
#define LOOK_SHARE 20	       /* ... and this many times as long as a look takes */
#define SIGNAL_NS  1000000000u /* so long nobody gives a signal: nobody will */
#define GRACE_NS   2000000000u /* from SIGTERM to SIGKILL */

/* A circle as it was seen at the last look. */
struct seen {
	struct reader *reader; /* NULL: none was seen */
	struct standing circle[PLAN_MEMBERS];
	int nr;
	uint64_t since_ns;
};

struct run {
	struct confirm *confirm;
	struct confirm_result *result;
	pid_t child;
	bool has_ended;
	bool owns_terminal;
	sigset_t signals, before;
	uint64_t began_ns, next_look_ns;
	struct seen seen;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

int confirm_share(struct confirm *confirm, const struct plan *plan)
{
	int fd = memfd_create("lockprof-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *p;

	if (fd < 0 || ftruncate(fd, sizeof(*plan)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		goto fail;
	p = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		goto fail;
	confirm->plan = p;
	confirm->plan_fd = fd;
	*confirm->plan = *plan;
	return 0;
fail:
	if (fd >= 0)
		close(fd);
	return -errno;
}

/* --- the program -------------------------------------------------------------------------- */

static int set_environment(const struct confirm *confirm, pid_t parent)
{
	char libraries[2 * PATH_MAX + 1], plan[64], output[PATH_MAX];
	int err;

	snprintf(libraries, sizeof(libraries), "%s:%s", confirm->library, confirm->shim);
	snprintf(plan, sizeof(plan), "/proc/%d/fd/%d", (int)parent, confirm->plan_fd);
	snprintf(output, sizeof(output), "%s/%%p.trace", confirm->dir);
	err = launch_join_env("LD_PRELOAD", libraries, getenv("LD_PRELOAD"));
	if (!err)
		err = launch_join_env(PLAN_ENVIRONMENT, plan, NULL);
	if (!err)
		err = launch_add_setting("mode=profile:output=%s", output);
	if (!err && confirm->needs_asan)
		err = launch_join_env("ASAN_OPTIONS", getenv("ASAN_OPTIONS"),
				      "verify_asan_link_order=0");
	return err;
}

static void run_child(const struct run *run, pid_t parent)
{
	setpgid(0, 0);
	if (run->owns_terminal)
		tcsetpgrp(STDIN_FILENO, getpid());
	sigprocmask(SIG_SETMASK, &run->before, NULL);
	if (set_environment(run->confirm, parent) < 0)
		_exit(1);
	execvp(run->confirm->argv[0], run->confirm->argv);
	output_error("cannot run %s: %s", run->confirm->argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* The signals that the loop below waits for are blocked, and SIGTTOU, to take the terminal back. */
static int start(struct run *run)
{
	pid_t parent = getpid();

	fflush(NULL);
	sigemptyset(&run->signals);
	for (size_t i = 0; i < 5; i++)
		sigaddset(&run->signals,
			  (const int[]){ SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT }[i]);
	sigaddset(&run->signals, SIGTTOU);
	sigprocmask(SIG_BLOCK, &run->signals, &run->before);
	sigdelset(&run->signals, SIGTTOU);
	run->owns_terminal = isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
	run->child = fork();
	if (run->child == 0)
		run_child(run, parent);
	if (run->child < 0)
		return -errno;
	setpgid(run->child, run->child); /* whoever comes first */
	run->began_ns = now_ns();
	run->next_look_ns = run->began_ns + LOOK_NS;
	return 0;
}

static bool reap(struct run *run)
{
	if (!run->has_ended)
		run->has_ended =
			waitpid(run->child, &run->result->wait_status, WNOHANG) == run->child;
	return run->has_ended;
}

/* A signal that came within that time, or 0. */
static int wait_signal(const struct run *run, uint64_t wait_ns)
{
	struct timespec wait = { .tv_sec = (time_t)(wait_ns / NS_PER_S),
				 .tv_nsec = (long)(wait_ns % NS_PER_S) };
	int sig = sigtimedwait(&run->signals, NULL, &wait);

	return sig > 0 ? sig : 0;
}

/* Ends what is left of the program: by `sig` and, when that does not do, by SIGKILL. */
static void end_group(struct run *run, int sig)
{
	uint64_t until_ns = now_ns() + GRACE_NS;

	kill(-run->child, sig);
	kill(-run->child, SIGCONT);
	while (sig != SIGKILL && !reap(run) && now_ns() < until_ns)
		wait_signal(run, LOOK_NS);
	kill(-run->child, SIGKILL);
	while (!run->has_ended && waitpid(run->child, &run->result->wait_status, 0) < 0 &&
	       errno == EINTR)
		;
	run->has_ended = true;
}

/* --- watching ----------------------------------------------------------------------------- */

static void seen_forget(struct seen *seen)
{
	if (seen->reader)
		reader_close(seen->reader);
	seen->reader = NULL;
}

/* Is it the circle of the last look, of the same process? */
static bool seen_same(const struct seen *a, const struct seen *b)
{
	return a->reader && a->nr == b->nr &&
	       reader_header(a->reader)->pid == reader_header(b->reader)->pid &&
	       standing_same(a->circle, b->circle, b->nr);
}

/* Whether a circle stands there. When the program has ended, one look is enough. */
static bool stands(const struct run *run, const struct seen *now)
{
	uint64_t needed_ns = standing_needs_signal(now->circle, now->nr) ? SIGNAL_NS : 0;

	return run->has_ended ||
	       (now->since_ns < now_ns() - needed_ns && seen_same(&run->seen, now));
}

/* Takes the reader over. */
static bool look_at(struct run *run, struct reader *reader)
{
	struct confirm_result *result = run->result;
	struct seen now = { .reader = reader, .since_ns = now_ns() };
	bool still;

	now.nr = standing_find(reader, run->confirm->plan, now.circle, &result->is_plans);
	if (now.nr <= 0) {
		seen_forget(&now);
		return false;
	}
	snprintf(result->trace, sizeof(result->trace), "%s", reader_path(reader));
	result->pid = (pid_t)reader_header(reader)->pid;
	result->was_ended = run->has_ended;
	if (seen_same(&run->seen, &now))
		now.since_ns = run->seen.since_ns;
	still = stands(run, &now);
	seen_forget(&run->seen);
	run->seen = now;
	return still;
}

/* All traces of the run, until one shows a circle. */
static bool look(struct run *run)
{
	char pattern[PATH_MAX], error[CONFIRM_MESSAGE];
	uint64_t began_ns = now_ns();
	glob_t found = { 0 };
	bool still = false, saw = false;

	snprintf(pattern, sizeof(pattern), "%s/*.trace*", run->confirm->dir);
	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; !still && !saw && i < found.gl_pathc; i++) {
		struct reader *before = run->seen.reader, *reader;

		if (reader_open(&reader, found.gl_pathv[i], error, sizeof(error)) < 0)
			continue; /* it has just begun */
		still = look_at(run, reader);
		saw = run->seen.reader != before;
	}
	if (!saw)
		seen_forget(&run->seen);
	globfree(&found);
	run->next_look_ns = now_ns() + LOOK_NS + LOOK_SHARE * (now_ns() - began_ns);
	return still;
}

/* How the run ended. */
static enum confirm_end watch(struct run *run)
{
	for (;;) {
		uint64_t now = now_ns();
		int sig = now < run->next_look_ns ? wait_signal(run, run->next_look_ns - now) : 0;

		if (sig && sig != SIGCHLD) {
			end_group(run, sig);
			run->result->wait_status = sig;
			return CONFIRM_INTERRUPTED;
		}
		if (reap(run))
			return look(run) ? CONFIRM_STANDS : CONFIRM_ENDED;
		if (now_ns() >= run->next_look_ns && look(run))
			return CONFIRM_STANDS;
		if (now_ns() - run->began_ns < run->confirm->timeout_ns)
			continue;
		end_group(run, SIGTERM);
		return CONFIRM_TIMED_OUT;
	}
}

/* The folder is made for each run, and named by mkdtemp(), which nobody can have made before. */
static int make_dir(struct confirm *confirm)
{
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(confirm->dir, sizeof(confirm->dir), "%s/lockprof-confirm.XXXXXX",
			 tmp && *tmp == '/' ? tmp : "/tmp");

	if (n >= (int)sizeof(confirm->dir) || strchr(confirm->dir, ':') || !mkdtemp(confirm->dir)) {
		output_error("cannot make a folder for traces in %s", tmp ? tmp : "/tmp");
		confirm->dir[0] = '\0';
		return -EIO;
	}
	return 0;
}

static void take_terminal_back(const struct run *run)
{
	if (run->owns_terminal)
		tcsetpgrp(STDIN_FILENO, getpgrp());
}

int confirm_run(struct confirm *confirm, struct confirm_result *result)
{
	struct run run = { .confirm = confirm, .result = result };
	int err = make_dir(confirm);

	memset(result, 0, sizeof(*result));
	if (err)
		return err;
	err = start(&run);
	if (err) {
		output_error("cannot run %s: %s", confirm->argv[0], strerror(-err));
		goto out;
	}
	result->end = watch(&run);
	if (result->end == CONFIRM_STANDS && !confirm->keep && !run.has_ended) {
		if (reader_is_live(run.seen.reader)) /* it may have left the group */
			kill(result->pid, SIGKILL);
		end_group(&run, SIGKILL);
		result->was_ended = true;
	}
out:
	take_terminal_back(&run);
	seen_forget(&run.seen);
	sigprocmask(SIG_SETMASK, &run.before, NULL);
	return err;
}

void confirm_clean(struct confirm *confirm)
{
	char pattern[PATH_MAX];
	glob_t found = { 0 };

	snprintf(pattern, sizeof(pattern), "%s/*", confirm->dir);
	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
	rmdir(confirm->dir);
	confirm->dir[0] = '\0';
}
