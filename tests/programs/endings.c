/* SPDX-License-Identifier: MIT */
/*
 * endings: all the ways to end, to begin again and to multiply, with books (ledger.h) of what was
 * done before. While the process ends, three threads of it go on working.
 *
 * Ends: segv, bus, abort, terminated, killed, _exit, quick_exit, exit_group, return, exit_elsewhere
 * (by another thread), main_first (pthread_exit from main; the others end later), chain (a
 * thread executes the program again, the next life does so by fexecve, the third one ends).
 *
 * Children, which all work: forked (from main, in which others hold locks), many_forked (from many
 * threads), raw (clone and clone3 as system calls), vforked (works as its parent, then _exit or
 * exec), spawned, daemon (double fork, everything closed, all numbers used again; what was
 * written into the reused ones is looked at).
 *
 * usage: endings MODE FILE [LIFE]
 */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ledger.h"

extern char **environ;

enum { WORKERS = 3, CHILDREN = 6, HIGHEST = 1023 };

static char *book;

static void work(uint32_t times)
{
	ledger_work(ledger_new(), times);
}

/* ---- ends ---- */

static void segv(void)
{
	*(volatile int *)mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = 1;
}

static void bus(void)
{
	FILE *empty = tmpfile();

	*(volatile int *)mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fileno(empty), 0) = 1;
}

static void terminated(void)
{
	raise(SIGTERM);
}

static void killed(void)
{
	raise(SIGKILL);
}

static void underscore_exit(void)
{
	_exit(3);
}

static void lock_once(void)
{
	pthread_mutex_lock(&ledger_mutex[1]);
	pthread_mutex_unlock(&ledger_mutex[1]);
}

static void quickly(void)
{
	struct ledger_line *line = ledger_new();

	line->started[LEDGER_MUTEX] = line->completed[LEDGER_MUTEX] = 1;
	at_quick_exit(lock_once);
	quick_exit(4);
}

static void exit_group(void)
{
	syscall(SYS_exit_group, 5);
}

static void returned(void)
{
	exit(6);
}

static void *exit_here(void *unused)
{
	work(100);
	exit(7);
	return unused;
}

static void elsewhere(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exit_here, NULL);
	for (;;)
		pause();
}

static void *work_on(void *unused)
{
	ledger_work(ledger_new(), 20000);
	return unused;
}

static void main_first(void)
{
	pthread_t thread;

	for (int i = 0; i < WORKERS; i++)
		pthread_create(&thread, NULL, work_on, NULL);
	work(100);
	pthread_exit(NULL);
}

static char **self_again(const char *mode, int life)
{
	static char number[16];
	static char *args[] = { "endings", NULL, NULL, number, NULL };

	snprintf(number, sizeof(number), "%d", life);
	args[1] = (char *)mode;
	args[2] = book;
	return args;
}

static void *execute(void *unused)
{
	work(100);
	if (ledger_life == 0)
		execv("/proc/self/exe", self_again("chain", 1));
	fexecve(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), self_again("chain", 2), environ);
	_exit(1);
	return unused;
}

static void chain(void)
{
	pthread_t thread;

	if (ledger_life == 2)
		exit(8);
	pthread_create(&thread, NULL, execute, NULL);
	for (;;)
		pause();
}

/* ---- children ---- */

static int failed;

static void wait_for(pid_t pid, int wanted)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != wanted)
		__atomic_store_n(&failed, 1, __ATOMIC_RELAXED);
}

static void child(int i)
{
	ledger_set = 1;
	work(200);
	if (i % 2)
		_exit(i);
	exit(i);
}

static void *fork_some(void *unused)
{
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		if (!pid)
			child(i);
		wait_for(pid, i);
	}
	return unused;
}

static void many_forked(void)
{
	pthread_t thread[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, fork_some, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
}

static void forked(void)
{
	fork_some(NULL);
}

static void raw(void)
{
	struct ledger_line *line = ledger_new();

	for (int i = 0; i < CHILDREN; i++) {
		struct clone_args args = { .exit_signal = SIGCHLD };
		long pid = i < CHILDREN / 2 ? syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL)
					    : syscall(SYS_clone3, &args, sizeof(args));

		if (!pid) {
			ledger_set = 1;
			work(200);
			_exit(i);
		}
		ledger_work(line, 10);
		wait_for((pid_t)pid, i);
	}
}

/* What a child between vfork and exec does, its parent does: same memory, same thread. */
static void vforked(void)
{
	struct ledger_line *volatile line = ledger_new();

	for (volatile int i = 0; i < CHILDREN; i++) {
		pid_t pid;

		ledger_work(line, 10);
		pid = vfork();
		if (!pid) {
			ledger_work(line, 10);
			if (i % 2)
				_exit(7);
			execv("/proc/self/exe", self_again("exit_elsewhere", 0));
			_exit(1);
		}
		wait_for(pid, 7);
	}
}

static void spawned(void)
{
	pid_t pid;

	for (int i = 0; i < CHILDREN / 2; i++) {
		work(10);
		posix_spawn(&pid, "/proc/self/exe", NULL, NULL,
			    self_again(i % 2 ? "_exit" : "return", 0), environ);
		wait_for(pid, i % 2 ? 3 : 6);
	}
}

/* Every number leads to one file of ours, and its content stays what we wrote. */
static int reuse_all(void)
{
	static char page[65536], seen[65536];
	FILE *file = tmpfile();
	int fd = fileno(file), wrong = 0;
	struct stat st;

	memset(page, 'x', sizeof(page));
	wrong += write(fd, page, sizeof(page)) != sizeof(page);
	for (int n = 0; n <= HIGHEST; n++)
		if (n != fd)
			dup2(fd, n);
	work(40000);
	wrong += pread(fd, seen, sizeof(seen), 0) != sizeof(seen);
	wrong += memcmp(page, seen, sizeof(seen)) != 0;
	for (int n = 0; n <= HIGHEST; n++)
		wrong += fstat(n, &st) || st.st_size != sizeof(page);
	return wrong;
}

static void daemon_child(void)
{
	setsid();
	if (fork())
		_exit(0);
	umask(0);
	if (chdir("/"))
		_exit(1);
	ledger_set = 1;
	work(100);
	for (int fd = 0; fd <= HIGHEST; fd++)
		close(fd);
	work(100);
	atomic_store(&ledger->done, reuse_all() ? 2 : 1);
	_exit(0);
}

static void daemonised(void)
{
	pid_t pid = fork();

	if (!pid)
		daemon_child();
	wait_for(pid, 0);
	while (!atomic_load(&ledger->done))
		sched_yield();
	failed |= atomic_load(&ledger->done) != 1;
}

static const struct {
	const char *name;
	void (*run)(void);
	int workers;
} modes[] = {
	{ "segv", segv, WORKERS },
	{ "bus", bus, WORKERS },
	{ "abort", abort, WORKERS },
	{ "terminated", terminated, WORKERS },
	{ "killed", killed, WORKERS },
	{ "_exit", underscore_exit, WORKERS },
	{ "quick_exit", quickly, WORKERS },
	{ "exit_group", exit_group, WORKERS },
	{ "return", returned, WORKERS },
	{ "exit_elsewhere", elsewhere, WORKERS },
	{ "main_first", main_first, 0 },
	{ "chain", chain, WORKERS },
	{ "forked", forked, WORKERS },
	{ "many_forked", many_forked, WORKERS },
	{ "raw", raw, WORKERS },
	{ "vforked", vforked, WORKERS },
	{ "spawned", spawned, WORKERS },
	{ "daemon", daemonised, WORKERS },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		book = argv[2];
		ledger_life = argc > 3 ? (uint32_t)atoi(argv[3]) : 0;
		ledger_open(book);
		ledger_threads(modes[i].workers);
		work(100);
		modes[i].run();
		return failed;
	}
	fprintf(stderr, "usage: endings MODE FILE [LIFE]\n");
	return 2;
}
