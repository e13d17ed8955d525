/* SPDX-License-Identifier: MIT */
/*
 * Programs that can deadlock, or look as if they could, and as a rule do not: what must come
 * together is kept apart by time. The argument says which one; see each one's words.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t c = PTHREAD_MUTEX_INITIALIZER, gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t forks[3] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
				    PTHREAD_MUTEX_INITIALIZER };
static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER, index_lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_rwlock_t fair = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static pthread_cond_t ready = PTHREAD_COND_INITIALIZER;
static bool is_ready;
static pthread_t joined;

static void apart(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
}

/* Two threads, after each other in time. */
static void two(void *(*first)(void *), void *(*second)(void *))
{
	pthread_t one, other;

	pthread_create(&one, NULL, first, NULL);
	apart();
	pthread_create(&other, NULL, second, NULL);
	pthread_join(one, NULL);
	pthread_join(other, NULL);
}

/* --- abba: two locks in both orders --- */

static __attribute__((noinline)) void *a_then_b(void *unused)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	return unused;
}

static __attribute__((noinline)) void *b_then_a(void *unused)
{
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	return unused;
}

static void abba(void)
{
	two(a_then_b, b_then_a);
}

/* --- child: the same in a forked child, which says how it ended --- */

static void child(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		abba();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	printf("child %d\n", status);
}

/* --- exec: the same in another program --- */

static void execs(void)
{
	execl("/proc/self/exe", "may_deadlock", "abba", (char *)NULL);
}

/* --- gated: so, but under a third lock --- */

static void *gated_a_then_b(void *unused)
{
	pthread_mutex_lock(&gate);
	a_then_b(NULL);
	pthread_mutex_unlock(&gate);
	return unused;
}

static void *gated_b_then_a(void *unused)
{
	pthread_mutex_lock(&gate);
	b_then_a(NULL);
	pthread_mutex_unlock(&gate);
	return unused;
}

static void gated(void)
{
	two(gated_a_then_b, gated_b_then_a);
}

/* --- philosophers: three, one after the other; all stand at the same two places --- */

static void *dine(void *seat)
{
	pthread_mutex_t *left = seat, *right = left == &forks[2] ? forks : left + 1;

	pthread_mutex_lock(left);
	pthread_mutex_lock(right);
	pthread_mutex_unlock(right);
	pthread_mutex_unlock(left);
	return NULL;
}

static void philosophers(void)
{
	pthread_t guests[3];

	for (int i = 0; i < 3; i++) {
		pthread_create(&guests[i], NULL, dine, &forks[i]);
		apart();
	}
	for (int i = 0; i < 3; i++)
		pthread_join(guests[i], NULL);
}

/* --- rwlocks: each reads the one and writes the other --- */

static void *read_table(void *unused)
{
	pthread_rwlock_rdlock(&table);
	pthread_rwlock_wrlock(&index_lock);
	pthread_rwlock_unlock(&index_lock);
	pthread_rwlock_unlock(&table);
	return unused;
}

static void *read_index(void *unused)
{
	pthread_rwlock_rdlock(&index_lock);
	pthread_rwlock_wrlock(&table);
	pthread_rwlock_unlock(&table);
	pthread_rwlock_unlock(&index_lock);
	return unused;
}

static void rwlocks(void)
{
	two(read_table, read_index);
}

/* --- between: who waits for b holds c, too, which the other one needs before it takes b --- */

static void *a_c_then_b(void *unused)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&c);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&c);
	pthread_mutex_unlock(&a);
	return unused;
}

static void *c_and_b_then_a(void *unused)
{
	pthread_mutex_lock(&c);
	pthread_mutex_unlock(&c);
	return b_then_a(unused);
}

static void between(void)
{
	two(a_c_then_b, c_and_b_then_a);
}

/* --- before: the second thread needs a before it takes b, so the first one must come last --- */

static void *a_and_b_then_a(void *unused)
{
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	return b_then_a(unused);
}

static void before(void)
{
	two(a_then_b, a_and_b_then_a);
}

/* --- join: one joins, holding a lock that the other one takes --- */

static void *take_a(void *unused)
{
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	return unused;
}

static void joins(void)
{
	pthread_create(&joined, NULL, take_a, NULL);
	apart();
	pthread_mutex_lock(&a);
	pthread_join(joined, NULL);
	pthread_mutex_unlock(&a);
}

/* --- rereads: a reader asks again, and a writer comes in between --- */

static void *read_twice(void *unused)
{
	pthread_rwlock_rdlock(&fair);
	pthread_rwlock_rdlock(&fair);
	pthread_rwlock_unlock(&fair);
	pthread_rwlock_unlock(&fair);
	return unused;
}

static void *write_once(void *unused)
{
	pthread_rwlock_wrlock(&fair);
	pthread_rwlock_unlock(&fair);
	return unused;
}

static void rereads(void)
{
	two(read_twice, write_once);
}

/* --- monitor: one waits, holding a, for what the other one says after it has had a --- */

static void *say_ready(void *unused)
{
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	apart();
	apart();
	pthread_mutex_lock(&b);
	is_ready = true;
	pthread_cond_signal(&ready);
	pthread_mutex_unlock(&b);
	return unused;
}

static void *wait_ready(void *unused)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	while (!is_ready)
		pthread_cond_wait(&ready, &b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	return unused;
}

static void monitor(void)
{
	two(say_ready, wait_ready);
}

/* --- wrapped: all locks are taken in one function, as class libraries do --- */

static __attribute__((noinline)) void take(pthread_mutex_t *m)
{
	pthread_mutex_lock(m);
	__asm__ volatile("" : : : "memory"); /* no jump: the caller would be another */
}

static void *wrapped_a_then_b(void *unused)
{
	take(&a);
	take(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	return unused;
}

static void *wrapped_b_then_a(void *unused)
{
	take(&b);
	take(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	return unused;
}

static void wrapped(void)
{
	two(wrapped_a_then_b, wrapped_b_then_a);
}

/* --- unrelated: at the same places, with locks of their own --- */

static void *wrapped_c_then_gate(void *unused)
{
	take(&c);
	take(&gate);
	pthread_mutex_unlock(&gate);
	pthread_mutex_unlock(&c);
	return unused;
}

static void unrelated(void)
{
	two(wrapped_a_then_b, wrapped_c_then_gate);
}

/* --- crowd: the other one comes by with locks of its own before it comes with these --- */

static void *wrapped_c_first(void *unused)
{
	wrapped_c_then_gate(unused);
	return wrapped_b_then_a(unused);
}

static void crowd(void)
{
	two(wrapped_a_then_b, wrapped_c_first);
}

/* --- often: one thread takes both locks many times, the other once; gated, so it must end --- */

static void *often_gated(void *unused)
{
	for (int i = 0; i < 2000; i++)
		gated_a_then_b(NULL);
	return unused;
}

static void often(void)
{
	two(often_gated, gated_b_then_a);
}

/* --- timed: one of the requests gives up --- */

static void *b_then_timed_a(void *unused)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 3;
	pthread_mutex_lock(&b);
	if (!pthread_mutex_timedlock(&a, &until))
		pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	return unused;
}

static void timed(void)
{
	two(a_then_b, b_then_timed_a);
}

/* --- exits: gone before anything happens --- */

static void exits(void)
{
	_exit(5);
}

/* --- hangs: it has really happened --- */

static void *join_holding_a(void *unused)
{
	pthread_mutex_lock(&a);
	pthread_create(&joined, NULL, take_a, NULL);
	pthread_join(joined, NULL);
	return unused;
}

static void hangs(void)
{
	join_holding_a(NULL);
}

/* --- endless: does no harm, and does not end --- */

static void endless(void)
{
	abba();
	for (;;)
		pause();
}

static const struct {
	const char *name;
	void (*run)(void);
} kinds[] = {
	{ "abba", abba },	{ "child", child },	{ "exec", execs },
	{ "gated", gated },	{ "rwlocks", rwlocks }, { "philosophers", philosophers },
	{ "between", between }, { "before", before },	{ "joins", joins },
	{ "wrapped", wrapped }, { "often", often },	{ "timed", timed },
	{ "exits", exits },	{ "endless", endless }, { "rereads", rereads },
	{ "monitor", monitor }, { "hangs", hangs },	{ "unrelated", unrelated },
	{ "crowd", crowd },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, argv[1]) != 0)
			continue;
		kinds[i].run();
		puts("done");
		return 0;
	}
	return 2;
}
