/* SPDX-License-Identifier: MIT */
/*
 * sandbox: gives up system calls, and keeps books (ledger.h) of the locks that it takes afterwards.
 *
 * strict:      a thread enters SECCOMP_MODE_STRICT and takes locks, also new ones.
 * strict_call: the same by syscall(SYS_seccomp).
 * kill_all:    of all threads, everything but waiting and leaving kills, also system calls that
 *              the C library makes in between.
 * kill_some:   opening, mapping and writing kill; threads and a child come afterwards.
 * trap_some:   the same with a handler for SIGSYS, which counts; there must be nothing to count.
 * refuse:      the same system calls fail instead: nothing else changes.
 * probe:       asks what there is, with calls that fail. Nothing else changes.
 *
 * The exit status is 0 if all was right, 77 where something is not permitted.
 *
 * usage: sandbox MODE FILE
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "ledger.h"

enum { NOT_PERMITTED = 77, MANY = 60000, LATE = 4, STACK_BYTES = 1 << 17 };

static pthread_barrier_t everybody;
static atomic_int over;
static volatile sig_atomic_t trapped;

static void work(uint32_t times)
{
	ledger_work(ledger_new(), times);
}

static void leave(int status)
{
	syscall(SYS_exit_group, status);
}

/* ---- strict mode ---- */

static void *in_strict_mode(void *by_call)
{
	struct ledger_line *line = ledger_new(), *late = ledger_new();

	ledger_work(line, 10);
	if (by_call ? syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL)
		    : prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		leave(NOT_PERMITTED);
	ledger_work(line, MANY);
	ledger_set = 1;
	ledger_work(late, MANY);
	atomic_store(&over, 1);
	syscall(SYS_exit, 0);
	return NULL;
}

static void strict_by(void *by_call)
{
	pthread_t thread;

	pthread_create(&thread, NULL, in_strict_mode, by_call);
	while (!atomic_load(&over))
		sched_yield();
	work(100);
}

static void strict(void)
{
	strict_by(NULL);
}

static void strict_call(void)
{
	strict_by(&over);
}

/* ---- filters ---- */

#define NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define IF(call, action) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, action)
#define ELSE(action) BPF_STMT(BPF_RET | BPF_K, action)

#define SOME(action)                                                                         \
	NUMBER, IF(openat, action), IF(mmap, action), IF(write, action), IF(writev, action), \
		IF(pwrite64, action), IF(pwritev, action), IF(fallocate, action),            \
		IF(ftruncate, action), ELSE(SECCOMP_RET_ALLOW)

static struct sock_filter few[] = {
	NUMBER,
	IF(futex, SECCOMP_RET_ALLOW),
	IF(sched_yield, SECCOMP_RET_ALLOW),
	IF(exit, SECCOMP_RET_ALLOW),
	IF(exit_group, SECCOMP_RET_ALLOW),
	IF(getpid, SECCOMP_RET_ALLOW), /* for the books */
	ELSE(SECCOMP_RET_KILL_PROCESS),
};
static struct sock_filter some_killed[] = { SOME(SECCOMP_RET_KILL_PROCESS) };
static struct sock_filter some_trapped[] = { SOME(SECCOMP_RET_TRAP) };
static struct sock_filter some_refused[] = { SOME(SECCOMP_RET_ERRNO | EPERM) };

static void set_filter(struct sock_filter *filter, size_t n)
{
	struct sock_fprog program = { (unsigned short)n, filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program))
		leave(NOT_PERMITTED);
}

#define SET_FILTER(filter) set_filter(filter, sizeof(filter) / sizeof(*(filter)))

static void *wait_and_work(void *unused)
{
	work(10);
	pthread_barrier_wait(&everybody);
	pthread_barrier_wait(&everybody);
	work(MANY);
	pthread_barrier_wait(&everybody);
	for (;;)
		sched_yield();
	return unused;
}

static void kill_all(void)
{
	pthread_t thread;

	pthread_barrier_init(&everybody, NULL, 3);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread, NULL, wait_and_work, NULL);
	pthread_barrier_wait(&everybody);
	SET_FILTER(few);
	pthread_barrier_wait(&everybody);
	work(MANY);
	pthread_barrier_wait(&everybody);
	leave(0);
}

static void *late_work(void *unused)
{
	work(MANY / LATE);
	return unused;
}

/* On stacks that are there: the C library would map new ones. */
static void late_threads(void)
{
	static char stack[LATE][STACK_BYTES] __attribute__((aligned(4096)));
	pthread_t thread[LATE];
	pthread_attr_t attr;

	for (int i = 0; i < LATE; i++) {
		pthread_attr_init(&attr);
		pthread_attr_setstack(&attr, stack[i], STACK_BYTES);
		if (pthread_create(&thread[i], &attr, late_work, NULL))
			leave(1);
	}
	for (int i = 0; i < LATE; i++)
		pthread_join(thread[i], NULL);
}

static void after_the_filter(void)
{
	int status;
	pid_t pid;

	work(MANY);
	late_threads();
	pid = fork();
	if (!pid) {
		pthread_mutex_lock(&ledger_mutex[1]);
		pthread_mutex_unlock(&ledger_mutex[1]);
		_exit(9);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 9)
		leave(1);
}

static void kill_some(void)
{
	SET_FILTER(some_killed);
	after_the_filter();
}

static void count_trap(int unused)
{
	(void)unused;
	trapped++;
}

static void trap_some(void)
{
	signal(SIGSYS, count_trap);
	SET_FILTER(some_trapped);
	after_the_filter();
	leave(trapped != 0);
}

static void refuse(void)
{
	SET_FILTER(some_refused);
	after_the_filter();
}

static void probe(void)
{
	errno = 0;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) != -1 || errno != EFAULT)
		exit(1);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0xffff, NULL) != -1 || errno != EINVAL)
		exit(1);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) != -1 || errno != EINVAL)
		exit(1);
	if (prctl(PR_GET_SECCOMP) || prctl(PR_SET_SECCOMP, 77) != -1 || errno != EINVAL)
		exit(1);
	work(MANY);
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "strict", strict },	    { "strict_call", strict_call }, { "kill_all", kill_all },
	{ "kill_some", kill_some }, { "trap_some", trap_some },	    { "refuse", refuse },
	{ "probe", probe },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		ledger_open(argv[2]);
		work(10);
		modes[i].run();
		exit(0);
	}
	fprintf(stderr, "usage: sandbox MODE FILE\n");
	return 2;
}
