/* SPDX-License-Identifier: MIT */
/*
 * told_own: locks of the program's own, told rightly and wrongly, and what else lockprof.h takes
 *
 * own:      what each lock's trace must have is printed: "own NAME EVENTS", where an event is
 *           a (acquisition) w (after a wait) l (left) b (wait begins) t (timed out) c (cancelled)
 *           f (failed try) r (foreign release), in the order of the alphabet.
 * races N:  four threads contend for one lock N times each, readers for another one.
 * names:    phases and locks with long and odd names, printed in hex: "name HEX".
 * changes N: N changes, N times the phase that it is, N names of one lock. Prints nothing.
 * forks:    children go on in the phase in which they were forked, and their children. Each prints
 *           "child PID PHASE n" for the pairs that it had recorded.
 * abba:     two of them in either order, by two threads that meet.
 *
 * usage: told_own MODE [N]
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/lockprof.h"

enum { THREADS = 4, LONG = 10000 };

static volatile int word[32];
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static unsigned long times;
static int next;

static volatile int *expect(const char *name, const char *events)
{
	lockprof_name_kind(&word[next], LOCKPROF_CUSTOM, name);
	printf("own %s %s\n", name, events);
	return &word[next++];
}

static void pair(volatile int *lock)
{
	lockprof_lock_acquired(lock, 0, NULL);
	lockprof_lock_release(lock);
}

static void waited_pair(volatile int *lock)
{
	lockprof_lock_wait(lock, 0, NULL);
	pair(lock);
}

static void *wait_and_end(void *lock)
{
	lockprof_lock_wait(lock, 0, NULL);
	return NULL;
}

static void *take_and_end(void *lock)
{
	lockprof_lock_acquired(lock, 0, NULL);
	return NULL;
}

static void in_thread(void *(*run)(void *), volatile int *lock)
{
	pthread_t thread;

	pthread_create(&thread, NULL, run, (void *)lock);
	pthread_join(thread, NULL);
}

static volatile int *of_handler;

static void handler(int number)
{
	(void)number;
	waited_pair(of_handler);
}

static void misuse(void)
{
	volatile int *lock = expect("again", "bbcw");

	lockprof_lock_wait(lock, 0, NULL);
	waited_pair(lock);
	lock = expect("forgotten", "abc");
	lockprof_lock_wait(lock, 0, NULL);
	waited_pair(expect("another", "bw"));
	pair(lock);
	lock = expect("on_the_way", "bw");
	lockprof_lock_wait(lock, 0, NULL);
	pair(expect("met", "a"));
	pair(lock);
	lock = expect("thread_ended", "abc");
	in_thread(wait_and_end, lock);
	pair(lock); /* by its flags: nobody waits */
	in_thread(take_and_end, expect("left", "l"));
	lockprof_lock_release(expect("never_taken", "r"));
	lock = expect("twice", "aa");
	lockprof_lock_acquired(lock, 0, NULL);
	pair(lock);
	lockprof_lock_release(lock);
	lock = expect("interrupted", "abc");
	of_handler = expect("handler", "bw");
	lockprof_lock_wait(lock, 0, NULL);
	raise(SIGUSR1);
	pair(lock);
}

static void own(void)
{
	volatile int *lock = expect("plain", "aa");

	signal(SIGUSR1, handler);
	pair(lock);
	pthread_mutex_lock(&mu);
	lockprof_lock_acquired(lock, 0, NULL);
	pthread_mutex_unlock(&mu);
	lockprof_lock_release(lock);
	lock = expect("guessed", "a"); /* an int is a spin lock until it is used */
	lockprof_name_kind(&word[next], LOCKPROF_SPIN, "typed");
	puts("own typed a");
	pair(lock);
	pair(&word[next++]);
	pthread_mutex_lock(&mu);
	lockprof_phase("late");
	lockprof_work(5); /* in the phase of now, the mutex is not */
	lockprof_phase(NULL);
	pthread_mutex_unlock(&mu);
	lock = expect("gave_up", "bft");
	lockprof_lock_gave_up(lock, 0, NULL);
	lockprof_lock_wait(lock, LOCKPROF_SHARED, NULL);
	lockprof_lock_gave_up(lock, LOCKPROF_SHARED, NULL);
	misuse();
	lock = expect("dies", "a");
	pair(lock);
	lockprof_lock_destroyed(lock);
	lockprof_name_kind(lock, LOCKPROF_CUSTOM, "born");
	puts("own born aa");
	pair(lock);
	pair(lock);
}

/* ---- races ---- */

static atomic_uint gate;

static void gate_lock(unsigned int want)
{
	unsigned int how = want == 1 ? LOCKPROF_SHARED : 0, seen = 0;

	if (!atomic_compare_exchange_strong(&gate, &seen, want)) {
		lockprof_lock_wait(&gate, how, NULL);
		do {
			sched_yield();
			seen = want == 1 ? atomic_load(&gate) & 0xffff : 0;
		} while (!atomic_compare_exchange_weak(&gate, &seen, seen + want));
	}
	lockprof_lock_acquired(&gate, how, NULL);
}

static void *race(void *unused)
{
	for (unsigned long i = 0; i < times; i++) {
		unsigned int want = i % 2 ? 1 : 0x10000;

		gate_lock(want);
		if (i % 16 == 0)
			sched_yield();
		lockprof_lock_release(&gate);
		atomic_fetch_sub(&gate, want);
	}
	return unused;
}

static void races(void)
{
	pthread_t thread[THREADS];

	lockprof_name(&gate, "gate");
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, race, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

/* ---- names ---- */

static void name(const char *text, size_t phase_bytes, size_t lock_bytes)
{
	lockprof_phase(text);
	pair(&word[next]);
	lockprof_name_kind(&word[next++], LOCKPROF_CUSTOM, text);
	fputs("name phase=", stdout);
	for (size_t i = 0; i < phase_bytes; i++)
		printf("%02x", (unsigned char)text[i]);
	fputs(" lock=", stdout);
	for (size_t i = 0; i < lock_bytes; i++)
		printf("%02x", (unsigned char)text[i]);
	puts("");
}

static void names(void)
{
	static char text[LONG + 1];
	static const size_t lengths[] = { 1, 62, 63, 64, 65, 254, 255, 256, LONG };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		memset(text, 'x', lengths[i]);
		name(text, lengths[i] < 63 ? lengths[i] : 63, lengths[i] < 255 ? lengths[i] : 255);
	}
	for (size_t i = 0; i < LONG; i += 4)
		memcpy(text + i, "\xf0\x9f\x94\x92", 4);
	name(text, 60, 252); /* whole characters */
	memset(text, 0x80, LONG);
	name(text, 60, 252); /* none: cut anywhere */
	name("\x01\n\t\"\\\x7f\xff<b>", 10, 10);
}

/* ---- changes ---- */

static void changes(void)
{
	for (unsigned long i = 0; i < times; i++)
		lockprof_phase(i & 1 ? "one" : "other");
	for (unsigned long i = 0; i < times; i++) {
		lockprof_phase("other");
		lockprof_start();
		lockprof_name(&mu, "mu");
	}
	pthread_mutex_lock(&mu);
	pthread_mutex_unlock(&mu);
}

/* ---- forks ---- */

static void mutex_pairs(int n)
{
	while (n--) {
		pthread_mutex_lock(&mu);
		pthread_mutex_unlock(&mu);
	}
}

/* Forks a child that does nothing recorded until its parent is in another phase. */
static void child_of(const char *phase, int recorded, void (*then)(void))
{
	int gates[2];
	pid_t pid;
	char c;

	if (pipe(gates))
		_exit(1);
	fflush(stdout);
	pid = fork();
	if (pid) {
		lockprof_phase("later");
		lockprof_start();
		close(gates[1]);
		waitpid(pid, NULL, 0);
		close(gates[0]);
		return;
	}
	close(gates[1]);
	if (read(gates[0], &c, 1) < 0)
		_exit(1);
	if (then)
		then();
	mutex_pairs(3);
	printf("child %d %s %d\n", (int)getpid(), phase, recorded);
	fflush(stdout);
	_exit(0);
}

/* A child that never recorded forks a child. */
static void grandchild(void)
{
	pid_t pid = fork();

	if (pid)
		waitpid(pid, NULL, 0);
	else
		printf("child %d %s %d\n", (int)getpid(), "second", 3);
}

static void forks(void)
{
	mutex_pairs(1);
	lockprof_phase("first");
	child_of("first", 3, NULL);
	lockprof_phase("second");
	child_of("second", 3, grandchild);
	lockprof_phase("third");
	lockprof_stop();
	child_of("third", 0, NULL);
	lockprof_phase(NULL);
	child_of("-", 3, NULL);
}

/* ---- abba ---- */

static pthread_barrier_t both;

static void *take_both(void *first)
{
	static atomic_flag a = ATOMIC_FLAG_INIT;
	volatile int *one = first, *two = first == (void *)&word[0] ? &word[1] : &word[0];

	pthread_barrier_wait(&both);
	while (atomic_flag_test_and_set(&a)) /* no deadlock this time */
		sched_yield();
	lockprof_lock_acquired(one, 0, NULL);
	pair(two);
	lockprof_lock_release(one);
	atomic_flag_clear(&a);
	return NULL;
}

static void abba(void)
{
	pthread_t thread[2];

	pthread_barrier_init(&both, NULL, 2);
	lockprof_name_kind(&word[0], LOCKPROF_CUSTOM, "left");
	lockprof_name_kind(&word[1], LOCKPROF_CUSTOM, "right");
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, take_both, (void *)&word[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "own", own },		{ "races", races }, { "names", names },
	{ "changes", changes }, { "forks", forks }, { "abba", abba },
};

int main(int argc, char **argv)
{
	times = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		modes[i].run();
		return 0;
	}
	return 2;
}
