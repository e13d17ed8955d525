/* SPDX-License-Identifier: MIT */
/*
 * told_odd: lockprof.h is called where nobody expects it; without the shim all of it does nothing
 *
 * errno:     each call leaves errno alone: at first, after thousands of names, in children (of
 * fork, _Fork, vfork), without descriptors, without room for files, and with nonsense. handlers:  a
 * timer's handler makes all calls while two threads make them, too. forks:     the handler forks
 * children that make all calls. cancelled: threads are cancelled at any instruction of all calls,
 * and within a wait. late:      all calls from destructors of thread-specific data, round after
 * round, at exit, and from the library's destructor; threads end within a wait. rights:    after
 * chroot and setuid, where they are permitted. sandbox:   behind a filter that kills for nearly all
 * system calls, and in strict mode.
 *
 * usage: told_odd MODE
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/lockprof.h"
#include "values.h"

enum { NAMES = 3000, THREADS = 200, ROUNDS = 2000, TICK_US = 100 };

static volatile int gates[8];
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static atomic_ulong done;

static void own_lock(volatile int *gate)
{
	lockprof_lock_wait(gate, 0, NULL);
	lockprof_lock_acquired(gate, 0, NULL);
	lockprof_lock_release(gate);
	lockprof_lock_gave_up(gate, LOCKPROF_SHARED, NULL);
}

/* Everything once. Well-behaved, but for one wait that nothing ends. */
static void all_calls(unsigned int n)
{
	char name[32] = "phase 0";

	name[6] = (char)('0' + n % 7);
	lockprof_phase(name);
	lockprof_work(n);
	lockprof_name_kind(&gates[n % 8], LOCKPROF_CUSTOM, name);
	own_lock(&gates[n % 8]);
	lockprof_stop();
	own_lock(&gates[n / 8 % 8]);
	lockprof_lock_wait(&gates[7], 0, NULL);
	lockprof_start();
	lockprof_phase(n % 3 ? name : NULL);
	atomic_fetch_add(&done, 1);
}

static void pair(void)
{
	pthread_mutex_lock(&mu);
	pthread_mutex_unlock(&mu);
}

/* ---- errno ---- */

static void check_errno(const char *where)
{
	errno = SENTINEL;
	for (unsigned int n = 0; n < 20; n++)
		all_calls(n);
	printf("%s: %s\n", where, errno == SENTINEL ? "untouched" : strerrorname_np(errno));
}

static void new_names(const char *where)
{
	char name[300];

	errno = SENTINEL;
	for (int n = 0; n < NAMES; n++) {
		snprintf(
			name, sizeof(name), "%s %d %.*s", where, n, n % 250,
			"................................................................................"
			"................................................................................"
			"................................................................................"
			"..........");
		errno = SENTINEL;
		lockprof_phase(name);
		lockprof_name_kind(name + n % 40, LOCKPROF_CUSTOM, name);
		lockprof_lock_acquired(name + n % 40, 0, name + n % 200);
		lockprof_lock_release(name + n % 40);
		lockprof_lock_destroyed(name + n % 40);
		if (errno != SENTINEL)
			printf("%s: errno\n", name);
	}
}

static void nonsense(void)
{
	lockprof_phase("");
	lockprof_phase("\xff\x80\x80 \x01\n\t\"\\<b>");
	lockprof_phase(
		"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"
		"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"
		"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"
		"\x80\x80\x80\x80\x80\x80\x80\x80");
	lockprof_work(0);
	lockprof_work(UINT64_MAX);
	lockprof_name_kind(NULL, LOCKPROF_MUTEX, "null");
	lockprof_name_kind(&mu, 0, "kind 0");
	lockprof_name_kind(&mu, UINT32_MAX, "kind");
	lockprof_name_kind(&mu, LOCKPROF_MUTEX, NULL);
	lockprof_name_kind(&mu, LOCKPROF_MUTEX, "");
	lockprof_name_kind(&mu, LOCKPROF_BARRIER, "no barrier");
	lockprof_lock_wait(NULL, 0, NULL);
	lockprof_lock_acquired(NULL, ~0u, NULL);
	lockprof_lock_release(NULL);
	lockprof_lock_gave_up(NULL, 0, NULL);
	lockprof_lock_destroyed(NULL);
	lockprof_lock_release(&gates[5]);
	for (int i = 0; i < 100; i++)
		lockprof_lock_acquired(&gates[5], ~0u, (void *)~0ul);
	for (int i = 0; i < 200; i++)
		lockprof_lock_release(&gates[5]);
	pair();
}

static void in_child(const char *how, pid_t pid)
{
	int status = 0;

	if (!pid) {
		check_errno(how);
		fflush(stdout);
		_exit(errno != SENTINEL);
	}
	waitpid(pid, &status, 0);
	printf("child of %s: %d\n", how, status);
}

/* Shares our memory until it execs. */
static void in_vfork(char *self)
{
	pid_t pid = vfork();
	int status = 0;

	if (!pid) {
		lockprof_work(1);
		execl(self, self, "nonsense", NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	printf("child of vfork: %d\n", status);
}

static void errnos(char *self)
{
	const struct rlimit none = { 0, 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	check_errno("at first");
	in_child("fork", fork());
	in_child("_Fork", _Fork());
	in_vfork(self);
	nonsense();
	check_errno("after nonsense");
	new_names("names");
	check_errno("after names");
	setrlimit(RLIMIT_FSIZE, &none);
	new_names("no room");
	for (int fd = 3; fd < 2000; fd++)
		close(fd);
	new_names("no descriptors");
	check_errno("in the end");
}

/* ---- handlers ---- */

static atomic_ulong ticks, forked, failed;

static void tick(int number)
{
	int saved = errno;

	(void)number;
	all_calls((unsigned int)atomic_fetch_add(&ticks, 1));
	if (errno != saved)
		atomic_fetch_add(&failed, 1);
}

static void tick_and_fork(int number)
{
	pid_t pid;
	int status;

	tick(number);
	if (atomic_load(&ticks) % 8)
		return;
	pid = fork();
	if (!pid) {
		setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
		all_calls(1);
		_exit(0);
	}
	atomic_fetch_add(&forked, 1);
	if (waitpid(pid, &status, 0) != pid || status)
		atomic_fetch_add(&failed, 1);
}

static void timer(void (*handler)(int), unsigned long us)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	const struct itimerval every = { { 0, (long)us }, { 0, (long)us } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

static void *call_often(void *until)
{
	unsigned long enough = (unsigned long)until;

	for (unsigned int n = 0; atomic_load(&ticks) < enough; n++) {
		all_calls(n);
		pair();
	}
	return NULL;
}

static void handlers(void (*handler)(int), unsigned long enough)
{
	pthread_t thread;

	timer(handler, handler == tick ? TICK_US : 10 * TICK_US);
	pthread_create(&thread, NULL, call_often, (void *)enough);
	call_often((void *)enough);
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	pthread_join(thread, NULL);
	printf("ticked, %s, %lu failed\n", atomic_load(&forked) ? "forked" : "",
	       atomic_load(&failed));
}

/* ---- cancelled ---- */

static void *for_ever(void *unused)
{
	int type;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
	for (unsigned int n = 0;; n++)
		all_calls(n);
	return unused;
}

static void *wait_for_ever(void *unused)
{
	lockprof_lock_wait(&gates[0], 0, NULL);
	atomic_fetch_add(&done, 1);
	for (;;)
		pthread_testcancel();
	return unused;
}

static void cancel_one(void *(*run)(void *), int number)
{
	unsigned long before = atomic_load(&done);
	pthread_t thread;
	void *result;

	pthread_create(&thread, NULL, run, NULL);
	while (atomic_load(&done) == before)
		sched_yield();
	for (volatile int spin = number * 37 % 1000; spin; spin--)
		;
	pthread_cancel(thread);
	pthread_join(thread, &result);
	if (result != PTHREAD_CANCELED)
		atomic_fetch_add(&failed, 1);
}

static void cancelled(void)
{
	for (int i = 0; i < THREADS; i++)
		cancel_one(i % 4 ? for_ever : wait_for_ever, i);
	lockprof_start();
	lockprof_phase("last");
	lockprof_lock_acquired(&gates[0], 0, NULL);
	lockprof_lock_release(&gates[0]);
	printf("cancelled, %lu failed\n", atomic_load(&failed));
}

/* ---- late ---- */

static pthread_key_t key;

static void again(void *round)
{
	all_calls((unsigned int)(uintptr_t)round);
	lockprof_lock_acquired(&gates[1], 0, NULL);
	lockprof_lock_release(&gates[7]);
	if ((uintptr_t)round < 8)
		pthread_setspecific(key, (char *)round + 1);
}

static void *end_waiting(void *unused)
{
	pthread_setspecific(key, (void *)1);
	lockprof_lock_wait(&gates[1], 0, NULL);
	return unused;
}

static void at_exit(void)
{
	all_calls(1);
}

static __attribute__((constructor)) void first(void)
{
	lockprof_phase("constructor");
	lockprof_work(1);
}

static __attribute__((destructor)) void last(void)
{
	all_calls(2);
	pair();
}

static void late(void)
{
	pthread_t thread[4];

	pthread_key_create(&key, again);
	atexit(at_exit);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 4; i++)
			pthread_create(&thread[i], NULL, end_waiting, NULL);
		for (int i = 0; i < 4; i++)
			pthread_join(thread[i], NULL);
	}
	printf("calls %lu\n", atomic_load(&done));
	pthread_setspecific(key, (void *)1);
	pthread_exit(NULL);
}

/* ---- rights and sandboxes ---- */

static void rights(void)
{
	if (!geteuid() && (chroot("/proc") || setuid(65534)))
		puts("not permitted");
	new_names("rights");
	check_errno("without rights");
}

static void *in_strict_mode(void *over)
{
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		_exit(77);
	for (unsigned int n = 0; n < ROUNDS; n++)
		all_calls(n);
	atomic_store((atomic_bool *)over, true);
	syscall(SYS_exit, 0);
	return NULL;
}

static void forbid(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(rules) / sizeof(*rules), rules };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(77);
}

static void sandbox(void)
{
	static atomic_bool over;
	static char buffer[4096];
	pthread_t thread;

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	all_calls(0);
	pthread_create(&thread, NULL, in_strict_mode, &over);
	while (!atomic_load(&over))
		;
	puts("strict");
	forbid();
	new_names("sandbox");
	check_errno("in a sandbox");
	fflush(stdout);
	syscall(SYS_exit_group, 0);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (!strcmp(mode, "errno"))
		errnos(argv[0]);
	else if (!strcmp(mode, "nonsense"))
		nonsense();
	else if (!strcmp(mode, "handlers"))
		handlers(tick, ROUNDS);
	else if (!strcmp(mode, "forks"))
		handlers(tick_and_fork, ROUNDS / 4);
	else if (!strcmp(mode, "cancelled"))
		cancelled();
	else if (!strcmp(mode, "late"))
		late();
	else if (!strcmp(mode, "rights"))
		rights();
	else if (!strcmp(mode, "sandbox"))
		sandbox();
	else
		return 2;
	return 0;
}
