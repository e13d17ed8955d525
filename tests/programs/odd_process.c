/* SPDX-License-Identifier: MIT */
/*
 * odd_process: what a process may do to a profiler inside itself: fork at any moment, close what it
 * did not open, run into its limits, load and unload code, lock before main and after it.
 *
 * One mode per story. Each prints only what is the same in every run, so that a test can compare
 * the output, and the exit status, with and without something preloaded. PLUGIN is a shared object
 * built from plugin.c; FILE is made anew.
 *
 * usage: odd_process MODE [PLUGIN | FILE]
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t own_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t others_mu = PTHREAD_MUTEX_INITIALIZER; /* a child may find it locked */
static const char *argument;
static atomic_int over;

static void take(pthread_mutex_t *m, long times)
{
	for (long i = 0; i < times; i++) {
		pthread_mutex_lock(m);
		pthread_mutex_unlock(m);
	}
}

static void *take_until_over(void *m)
{
	while (!atomic_load(&over))
		take(m, 100);
	return NULL;
}

static int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* ---- fork: from many threads while others lock; children lock, fork and end as they like ---- */

static void *fork_child_run(void *unused)
{
	take(&own_mu, 1000);
	return unused;
}

static int fork_child(int number)
{
	pthread_t thread;
	pid_t pid;

	take(&own_mu, 1000);
	if (pthread_create(&thread, NULL, fork_child_run, NULL))
		return 99;
	pthread_join(thread, NULL);
	pid = fork();
	if (!pid) {
		take(&own_mu, 1000);
		_exit(number);
	}
	return status_of(pid);
}

static void *fork_some(void *sum)
{
	for (int i = 1; i <= 8; i++) {
		pid_t pid = fork();

		if (!pid && i % 2)
			_exit(fork_child(i));
		if (!pid)
			exit(fork_child(i));
		atomic_fetch_add((atomic_int *)sum, status_of(pid));
	}
	return NULL;
}

static void fork_many(void)
{
	pthread_t forker[3], locker[2];
	atomic_int sum = 0;

	for (int i = 0; i < 2; i++)
		pthread_create(&locker[i], NULL, take_until_over, &others_mu);
	for (int i = 0; i < 3; i++)
		pthread_create(&forker[i], NULL, fork_some, &sum);
	for (int i = 0; i < 3; i++)
		pthread_join(forker[i], NULL);
	atomic_store(&over, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(locker[i], NULL);
	printf("statuses %d\n", atomic_load(&sum));
}

/* ---- inside: children that return into the call in which they were forked ---- */

static pid_t inside_pid = -1;

static void inside_once(void)
{
	inside_pid = fork();
	take(&own_mu, 10);
}

static void inside_handler(int unused)
{
	(void)unused;
	inside_pid = fork();
}

static void inside(void)
{
	struct sigaction action = { .sa_handler = inside_handler };
	pthread_once_t once = PTHREAD_ONCE_INIT;
	sem_t sem;
	int result;

	take(&mu, 10);
	pthread_once(&once, inside_once);
	take(&mu, 10);
	if (!inside_pid)
		exit(3);
	printf("forked in once: %d\n", status_of(inside_pid));
	sem_init(&sem, 0, 0);
	sigaction(SIGALRM, &action, NULL);
	ualarm(50000, 0);
	result = sem_wait(&sem);
	take(&mu, 10);
	if (!inside_pid)
		exit(result < 0 && errno == EINTR ? 4 : 5);
	printf("forked in sem_wait: %d\n", status_of(inside_pid));
}

/* ---- interrupted: children of a handler, which return into whatever it interrupted ---- */

enum { INTERRUPTIONS = 200 };
static volatile sig_atomic_t interruptions, is_interrupted_child;

static void interrupted_handler(int unused)
{
	pid_t pid;

	(void)unused;
	if (is_interrupted_child || interruptions == INTERRUPTIONS)
		return;
	pid = fork();
	if (!pid)
		is_interrupted_child = 1;
	else if (pid > 0)
		interruptions++;
}

/* First sights and lives of locks: the longest ways that a call can go. */
static void interrupted_work(unsigned int n)
{
	static pthread_mutex_t all[512];
	static pthread_cond_t nobody = PTHREAD_COND_INITIALIZER;
	pthread_mutex_t *m = &all[n % 512];

	pthread_mutex_init(m, NULL);
	pthread_mutex_lock(m);
	pthread_cond_signal(&nobody);
	take(&mu, 1);
	pthread_mutex_unlock(m);
	pthread_mutex_destroy(m);
}

static void interrupted(void)
{
	struct sigaction action = { .sa_handler = interrupted_handler, .sa_flags = SA_RESTART };
	const struct itimerval often = { { 0, 300 }, { 0, 300 } };
	int well = 0, status;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (unsigned int n = 0; interruptions < INTERRUPTIONS && !is_interrupted_child; n++)
		interrupted_work(n);
	for (unsigned int n = 0; is_interrupted_child && n < 100; n++)
		interrupted_work(n);
	if (is_interrupted_child)
		_exit(0);
	signal(SIGALRM, SIG_IGN);
	while (wait(&status) > 0)
		well += !status;
	printf("%d children ended well\n", well);
}

/* ---- atfork: the usual handlers, which lock before and unlock after, on both sides ---- */

static void atfork_lock(void)
{
	pthread_mutex_lock(&mu);
}

static void atfork_unlock(void)
{
	pthread_mutex_unlock(&mu);
}

static void atfork(void)
{
	pthread_atfork(atfork_lock, atfork_unlock, atfork_unlock);
	for (int i = 0; i < 5; i++) {
		pid_t pid;

		take(&mu, 100);
		pid = fork();
		take(&mu, 100);
		if (!pid)
			exit(20 + i);
		printf("child %d\n", status_of(pid));
	}
}

/* ---- spawn: all other ways to start a program ---- */

static void spawn(void)
{
	char *const args[] = { "odd_process", "seven", NULL };
	pthread_t thread;
	FILE *pipe;
	pid_t pid;

	pthread_create(&thread, NULL, take_until_over, &others_mu);
	for (int i = 0; i < 5; i++) {
		take(&own_mu, 100);
		pid = vfork();
		if (!pid) {
			execv("/proc/self/exe", args);
			_exit(1);
		}
		printf("vfork %d\n", status_of(pid));
		if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, args, environ))
			exit(1);
		printf("posix_spawn %d\n", status_of(pid));
	}
	printf("system %d\n", WEXITSTATUS(system("exit 6")));
	pipe = popen("cat >/dev/null; exit 8", "w");
	printf("pclose %d\n", WEXITSTATUS(pclose(pipe)));
	atomic_store(&over, 1);
	pthread_join(thread, NULL);
}

static void seven(void)
{
	take(&mu, 10);
	exit(7);
}

/* ---- descriptors: all are closed, and every number is used again for a file of ours ---- */

static void descriptors(void)
{
	static char page[65536], seen[65536];
	int fd, last = -1, wrong = 0;
	long bytes = 0;

	memset(page, 'x', sizeof(page));
	take(&mu, 100000);
	closefrom(3);
	fd = open(argument, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, page, sizeof(page)) != sizeof(page))
		exit(1);
	for (int n = fd + 1; n < 1020; n++)
		last = dup2(fd, n);
	take(&mu, 300000);
	for (int n = fd; n <= last; n++)
		wrong += lseek(n, 0, SEEK_CUR) != sizeof(page);
	lseek(fd, 0, SEEK_SET);
	for (long n; (n = read(fd, seen, sizeof(seen))) > 0; bytes += n)
		wrong += memcmp(seen, page, (size_t)n) != 0;
	printf("first %d, last %d, %ld bytes, wrong %d\n", fd, last, bytes, wrong);
	closefrom(3);
	take(&mu, 300000);
	printf("next %d\n", open("/dev/null", O_RDONLY));
}

/* ---- limits ---- */

static void file_size(void)
{
	struct rlimit limit = { 150000, 150000 };

	setrlimit(RLIMIT_FSIZE, &limit);
	take(&mu, 300000);
	printf("still here\n");
}

static void file_count(void)
{
	struct rlimit limit = { 4, 4 };
	int first;

	setrlimit(RLIMIT_NOFILE, &limit);
	closefrom(3);
	take(&mu, 300000);
	first = open("/dev/null", O_RDONLY);
	printf("first %d", first);
	printf(" second %d\n", open("/dev/null", O_RDONLY));
	take(&mu, 300000);
}

/* ---- plugins: code comes and goes while others lock; before main and after it ---- */

static void plugins(void)
{
	pthread_t thread[2];
	long sum = 0;

	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, take_until_over, &others_mu);
	for (int i = 0; i < 300; i++) {
		void *plugin = dlopen(argument, RTLD_NOW);
		int (*call)(void) = plugin ? (int (*)(void))dlsym(plugin, "plugin_call") : NULL;

		if (!call) {
			fprintf(stderr, "%s\n", dlerror());
			exit(1);
		}
		sum += call();
		dlclose(plugin);
	}
	atomic_store(&over, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	printf("calls %ld\n", sum);
}

/* ---- namespaces: the plugin with a libc of its own, over and over, while others lock ---- */

static void namespaces(void)
{
	pthread_t thread;
	long sum = 0;

	pthread_create(&thread, NULL, take_until_over, &others_mu);
	for (int i = 0; i < 30; i++) {
		void *plugin = dlmopen(LM_ID_NEWLM, argument, RTLD_NOW);
		int (*call)(void) = plugin ? (int (*)(void))dlsym(plugin, "plugin_call") : NULL;

		if (!call) {
			fprintf(stderr, "%s\n", dlerror());
			exit(1);
		}
		sum += call();
		take(&mu, 10);
		dlclose(plugin);
	}
	atomic_store(&over, 1);
	pthread_join(thread, NULL);
	printf("calls %ld\n", sum);
}

static __attribute__((constructor)) void before_main(void)
{
	take(&mu, 3);
}

static __attribute__((destructor)) void after_main(void)
{
	take(&mu, 3);
}

static void at_exit(void)
{
	take(&mu, 3);
	printf("leaving\n");
}

static void around_main(void)
{
	atexit(at_exit);
	take(&mu, 3);
	exit(9);
}

static void at_quick_exit_run(void)
{
	take(&mu, 3);
	printf("leaving quickly\n");
}

static void leave_quickly(void)
{
	pthread_t thread;

	at_quick_exit(at_quick_exit_run);
	atexit(at_exit);
	pthread_create(&thread, NULL, take_until_over, &others_mu);
	take(&mu, 3);
	quick_exit(11);
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "fork", fork_many },
	{ "inside", inside },
	{ "interrupted", interrupted },
	{ "atfork", atfork },
	{ "spawn", spawn },
	{ "seven", seven },
	{ "descriptors", descriptors },
	{ "file_size", file_size },
	{ "file_count", file_count },
	{ "plugins", plugins },
	{ "around_main", around_main },
	{ "namespaces", namespaces },
	{ "quick_exit", leave_quickly },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	argument = argc > 2 ? argv[2] : "";
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		modes[i].run();
		return 0;
	}
	fprintf(stderr, "usage: odd_process MODE [PLUGIN | FILE]\n");
	return 2;
}
