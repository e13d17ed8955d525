/* SPDX-License-Identifier: MIT */
/*
 * quiet: what a process can see of itself, before and after many locks in several threads, a fork
 * and an exec; to be compared with what it sees when nothing is preloaded.
 *
 * Threads, signal handlers and masks, descriptors below 1000, timers, the alternate stack, limits,
 * attributes of the process, its environment and that of a program that it executes (without what a
 * preload needs), and how often anybody in it has called the allocator, from before main on.
 *
 * usage: quiet
 */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, PAIRS = 50000, OURS = 1000 };

extern char **environ;

/* ---- the allocator, counted ---- */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void __libc_free(void *p);

static atomic_int allocations;

void *malloc(size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_realloc(p, size);
}

void free(void *p)
{
	__libc_free(p);
}

/* ---- what there is to see ---- */

static void show_threads(void)
{
	DIR *folder = opendir("/proc/self/task");
	int n = 0;

	while (folder && readdir(folder))
		n++;
	if (folder)
		closedir(folder);
	printf("threads %d\n", n - 2);
}

static void show_signals(void)
{
	struct sigaction action;
	sigset_t mask;
	stack_t stack;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int n = 1; n < NSIG; n++) {
		if (sigaction(n, NULL, &action))
			continue;
		if (action.sa_handler != SIG_DFL || sigismember(&mask, n))
			printf("signal %d: %s, flags %x, blocked %d\n", n,
			       action.sa_handler == SIG_IGN ? "ignored" : "handled",
			       action.sa_flags, sigismember(&mask, n));
	}
	sigaltstack(NULL, &stack);
	printf("alternate stack %d\n", stack.ss_flags);
}

static void show_timers(void)
{
	struct itimerval timer;

	for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++) {
		getitimer(which, &timer);
		printf("timer %ld.%06ld\n", (long)timer.it_value.tv_sec,
		       (long)timer.it_value.tv_usec);
	}
}

static void show_descriptors(void)
{
	for (int fd = 0; fd < OURS; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("descriptor %d: %x\n", fd, fcntl(fd, F_GETFL));
}

static void show_process(void)
{
	char name[16] = "", path[4096] = "";
	struct rlimit limit;
	mode_t mask = umask(0);

	umask(mask);
	prctl(PR_GET_NAME, name);
	printf("umask %o, name %s, folder %s\n", mask, name, getcwd(path, sizeof(path)));
	printf("dumpable %d, privileges %d, seccomp %d, slack %d, reaper %d, nice %d\n",
	       prctl(PR_GET_DUMPABLE), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
	       prctl(PR_GET_SECCOMP), prctl(PR_GET_TIMERSLACK), prctl(PR_GET_CHILD_SUBREAPER, path),
	       getpriority(PRIO_PROCESS, 0));
	for (int which = 0; which < RLIMIT_NLIMITS; which++)
		if (!getrlimit(which, &limit))
			printf("limit %d: %lx %lx\n", which, (long)limit.rlim_cur,
			       (long)limit.rlim_max);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void show_environment(void)
{
	size_t n = 0;

	while (environ[n])
		n++;
	qsort(environ, n, sizeof(*environ), by_text);
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "LD_PRELOAD=", 11) &&
		    strncmp(environ[i], "LOCKPROF_OPTIONS=", 17))
			printf("%s\n", environ[i]);
}

static void show_all(const char *when)
{
	printf("%s: allocations %d, errno %d\n", when, atomic_load(&allocations), errno);
	show_threads();
	show_signals();
	show_timers();
	show_descriptors();
	show_process();
	fflush(stdout);
	errno = 0;
}

/* ---- what is done meanwhile ---- */

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t sem;

static void nothing(void)
{
}

static void *use_everything(void *unused)
{
	static const struct timespec long_ago = { 1, 0 };

	for (int i = 0; i < PAIRS; i++) {
		pthread_mutex_lock(&mu);
		if (i % 1000 == 0)
			pthread_cond_timedwait(&cond, &mu, &long_ago);
		pthread_mutex_unlock(&mu);
		pthread_rwlock_rdlock(&lock);
		pthread_rwlock_unlock(&lock);
		sem_wait(&sem);
		sem_post(&sem);
		pthread_once(&once, nothing);
	}
	return unused;
}

static void use_threads(void)
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, use_everything, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

int main(int argc, char **argv)
{
	pid_t pid;

	if (argc > 1) {
		show_all("executed");
		show_environment();
		return 0;
	}
	show_all("at first");
	sem_init(&sem, 0, 1);
	use_everything(NULL);
	show_all("after locks");
	use_threads();
	show_all("after threads");
	pid = fork();
	if (!pid) {
		use_everything(NULL);
		show_all("forked");
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	show_environment();
	fflush(stdout);
	execl("/proc/self/exe", argv[0], "again", NULL);
	return 1;
}
