/* SPDX-License-Identifier: MIT */
/*
 * places: a program in an uncomfortable place, or that goes to one, and keeps books (ledger.h).
 *
 * halves: works, says "ready", waits for a line on stdin, works on: in between its trace may be
 * unlinked, renamed or replaced. halves_closed: it also closes all descriptors then. last_umask:
 * allows nobody anything. chrooted and dropped: gives up the file system, or root, before its first
 * lock; the _closed ones close all descriptors afterwards. fifo: two threads of real-time priority
 * on one processor. traced: a parent stops and steps it. stopped: a child stops and continues it
 * again and again. threads: N threads at the same time.
 *
 * The exit status is 0 if all was right, 77 where something is not permitted.
 *
 * usage: places MODE FILE [FOLDER | N]
 */
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ledger.h"

enum { NOBODY = 65534, NOT_PERMITTED = 77, STEPS = 300, STOPS = 30 };

static const char *argument;

static void work(uint32_t times)
{
	static atomic_int begun;

	if (!atomic_exchange(&begun, 1))
		ledger_init();
	ledger_work(ledger_new(), times);
}

static void must(int result)
{
	if (result < 0)
		exit(NOT_PERMITTED);
}

static void wait_for_line(void)
{
	char line[16];

	printf("ready\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(1);
}

static void halves(void)
{
	work(30000);
	wait_for_line();
	work(60000);
}

static void halves_closed(void)
{
	work(30000);
	wait_for_line();
	closefrom(3);
	work(60000);
}

static void last_umask(void)
{
	umask(0777);
	work(60000);
	closefrom(3);
	work(60000);
}

static void chrooted(void)
{
	must(chroot(argument));
	must(chdir("/"));
	work(60000);
}

static void chrooted_closed(void)
{
	chrooted();
	closefrom(3);
	work(60000);
}

static void dropped(void)
{
	must(setgroups(0, NULL));
	must(setgid(NOBODY));
	must(setuid(NOBODY));
	work(60000);
}

static void dropped_closed(void)
{
	dropped();
	closefrom(3);
	work(60000);
}

static void *fifo_thread(void *unused)
{
	work(20000);
	return unused;
}

static void fifo(void)
{
	struct sched_param low = { .sched_priority = 1 }, high = { .sched_priority = 2 };
	pthread_t thread;
	pthread_attr_t attr;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	must(sched_setaffinity(0, sizeof(one), &one));
	must(sched_setscheduler(0, SCHED_FIFO, &low));
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &high);
	for (int i = 0; i < 3; i++) {
		work(10000);
		if (pthread_create(&thread, &attr, fifo_thread, NULL))
			exit(NOT_PERMITTED);
		work(10000);
		pthread_join(thread, NULL);
	}
}

/* Its tracer stops it in the middle of anything, and looks at it step by step. */
static void trace_child(pid_t pid)
{
	int status;

	for (int i = 0; i < STEPS; i++) {
		must((int)ptrace(i % 3 ? PTRACE_SINGLESTEP : PTRACE_CONT, pid, 0, 0));
		if (i % 3 == 0)
			kill(pid, SIGSTOP);
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			exit(1);
	}
	must((int)ptrace(PTRACE_DETACH, pid, 0, 0));
	if (waitpid(pid, &status, 0) != pid || status)
		exit(1);
}

static void traced(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		must((int)ptrace(PTRACE_TRACEME, 0, 0, 0));
		raise(SIGSTOP);
		work(100000);
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		exit(NOT_PERMITTED);
	trace_child(pid);
}

static void stopped(void)
{
	pid_t pid;

	work(1);
	ledger_threads(2);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < STOPS; i++) {
			kill(getppid(), SIGSTOP);
			sched_yield();
			kill(getppid(), SIGCONT);
		}
		_exit(0);
	}
	while (!waitpid(pid, NULL, WNOHANG))
		work(100);
}

static pthread_barrier_t all_here;

static void *small_thread(void *unused)
{
	work(1);
	pthread_barrier_wait(&all_here);
	return unused;
}

static void threads(void)
{
	unsigned int n = (unsigned int)atoi(argument);
	pthread_t *thread = calloc(n, sizeof(*thread));
	pthread_attr_t attr;

	work(1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	pthread_barrier_init(&all_here, NULL, n + 1);
	for (unsigned int i = 0; i < n; i++)
		if (pthread_create(&thread[i], &attr, small_thread, NULL))
			exit(NOT_PERMITTED);
	pthread_barrier_wait(&all_here);
	for (unsigned int i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	free(thread);
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "halves", halves },
	{ "halves_closed", halves_closed },
	{ "last_umask", last_umask },
	{ "chrooted", chrooted },
	{ "chrooted_closed", chrooted_closed },
	{ "dropped", dropped },
	{ "dropped_closed", dropped_closed },
	{ "fifo", fifo },
	{ "traced", traced },
	{ "stopped", stopped },
	{ "threads", threads },
};

int main(int argc, char **argv)
{
	argument = argc > 3 ? argv[3] : "";
	for (size_t i = 0; argc > 2 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		ledger_map(argv[2]);
		modes[i].run();
		return 0;
	}
	fprintf(stderr, "usage: places MODE FILE [FOLDER | N]\n");
	return 2;
}
