/* SPDX-License-Identifier: MIT */
/*
 * schedule.c: runs a scenario under every schedule within its bounds; see model.h
 *
 * An execution is a row of choices. The first takes choice 0 everywhere; each later one repeats a
 * row up to the last choice that has another way left, takes that way, and 0 from there on. When no
 * choice has a way left, all have been seen. Memory is taken back between executions.
 *
 * A switch is worth trying only before an access to a word that two threads use. Which words
 * these are is learned: when a word turns out to be shared, the exploration starts again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "../../preload/thread.h"
#include "model.h"

enum { STACK_BYTES = 256 << 10, CHOICES = 4096, STEPS = 20000, HISTORY = 24, WORDS = 1 << 14 };

static const struct scenario *scenario;
static struct coroutine {
	ucontext_t context;
	struct thread *tls;
	bool is_done;
	unsigned char *stack;
} threads[MODEL_THREADS];
static ucontext_t home;
static struct thread *first_tls;

static int current = -1, last; /* -1: no thread runs, or the setup does */
static int preemptions, stale; /* that this execution may still make */
static bool is_changed;	       /* the file, since the last look */
static bool has_failed, must_restart;
static int deeper;
static uint64_t executions, moments;
static char failure[400];

static struct choice {
	uint8_t taken, ways;
} choices[CHOICES];
static int nr_choices, nr_repeated;

static struct step {
	int thread;
	const char *what;
	const void *pc;
	uintptr_t address;
} steps[HISTORY];
static unsigned int nr_steps;

int model_current(void)
{
	return current;
}

/* ---- violations ---- */

void model_fail(const char *format, ...)
{
	va_list args;

	if (!has_failed) {
		va_start(args, format);
		vsnprintf(failure, sizeof(failure), format, args);
		va_end(args);
	}
	has_failed = true;
	setcontext(&home);
	abort();
}

void model_assert(bool good, const char *what)
{
	if (!good)
		model_fail("violated: %s", what);
}

static void print_steps(void)
{
	unsigned int i = nr_steps > HISTORY ? nr_steps - HISTORY : 0;

	printf("#   %s\n#   the last of %u steps (addr2line -e says where):\n", failure, nr_steps);
	for (; i < nr_steps; i++) {
		const struct step *s = &steps[i % HISTORY];

		printf("#   thread %d: %s of %p at %p\n", s->thread, s->what, (void *)s->address,
		       s->pc);
	}
}

/* ---- choices ---- */

int model_choose(int nr)
{
	struct choice *c = &choices[nr_choices];

	if (nr < 2 || has_failed)
		return 0;
	if (nr_choices == CHOICES)
		model_fail("too many choices");
	if (nr_choices++ >= nr_repeated)
		*c = (struct choice){ 0, (uint8_t)nr };
	else if (c->ways != nr)
		model_fail("the model does not repeat: %d ways, there were %d", nr, c->ways);
	return c->taken;
}

/* Goes to the next row. False: all have been seen. */
static bool next_row(void)
{
	while (nr_choices && choices[nr_choices - 1].taken + 1 == choices[nr_choices - 1].ways)
		nr_choices--;
	if (!nr_choices)
		return false;
	choices[nr_choices - 1].taken++;
	nr_repeated = nr_choices;
	return true;
}

bool model_may_be_stale(void)
{
	return stale > 0;
}

void model_was_stale(void)
{
	stale--;
}

/* ---- moments ---- */

void model_file_changed(void)
{
	is_changed = true;
}

/* What looks is no thread: its own accesses do not count. */
static void look(bool end)
{
	int self = current;

	current = -1;
	whole_check();
	if (scenario->look)
		scenario->look(end);
	current = self;
}

/* What an earlier execution has looked at already is the same again. */
void model_moment(void)
{
	if (!is_changed || current < 0)
		return;
	is_changed = false;
	if (nr_choices < nr_repeated)
		return;
	moments++;
	look(false);
}

/* ---- switches ---- */

static void switch_to(int next)
{
	int before = current;

	threads[before].tls = thread_tls;
	thread_tls = threads[next].tls;
	current = next;
	swapcontext(&threads[before].context, &threads[next].context);
}

/* The n-th thread, from 0, that may run instead of the current one; -1: there are not so many. */
static int other(int n)
{
	for (int t = 0; t < scenario->nr_threads; t++)
		if (t != current && !threads[t].is_done && n-- == 0)
			return t;
	return -1;
}

static int nr_others(void)
{
	int n = 0;

	while (other(n) >= 0)
		n++;
	return n;
}

static struct word {
	uintptr_t address;
	int user; /* thread, or SHARED */
} words[WORDS];
enum { SHARED = -2 };

static bool is_shared(uintptr_t address)
{
	size_t i = address * 0x9e3779b97f4a7c15ull >> (64 - 14);

	while (words[i].address && words[i].address != address)
		i = (i + 1) % WORDS;
	if (!words[i].address)
		words[i] = (struct word){ address, current };
	if (words[i].user != current && words[i].user != SHARED) {
		words[i].user = SHARED;
		must_restart = true;
	}
	return words[i].user == SHARED;
}

void model_point(uintptr_t address, const void *pc, const char *what)
{
	int choice;

	model_moment();
	if (current < 0)
		return;
	steps[nr_steps % HISTORY] = (struct step){ current, what, pc, address };
	if (++nr_steps == STEPS)
		model_fail("a thread waits for one that is stopped, or goes on for ever");
	if (!is_shared(address) || !preemptions)
		return;
	choice = model_choose(1 + nr_others());
	if (!choice)
		return;
	preemptions--;
	switch_to(other(choice - 1));
}

static void thread_run(void)
{
	scenario->thread(current);
	model_moment();
	threads[current].is_done = true;
	if (nr_others()) {
		int next = other(model_choose(nr_others()));

		threads[current].tls = thread_tls;
		thread_tls = threads[next].tls;
		current = next;
		setcontext(&threads[next].context);
	}
	setcontext(&home);
}

static void setup_run(void)
{
	if (scenario->setup)
		scenario->setup();
	setcontext(&home);
}

static void coroutine_make(struct coroutine *c, void (*run)(void))
{
	if (!c->stack)
		c->stack = malloc(STACK_BYTES);
	c->is_done = false;
	c->tls = first_tls;
	getcontext(&c->context);
	c->context.uc_stack.ss_sp = c->stack;
	c->context.uc_stack.ss_size = STACK_BYTES;
	makecontext(&c->context, run, 0);
}

/* Runs a coroutine until all are done, or one has failed. */
static void coroutine_start(int number)
{
	static volatile bool is_back;

	is_back = false;
	getcontext(&home);
	if (is_back)
		return;
	is_back = true;
	setcontext(&threads[number].context);
}

bool model_is_stack(uintptr_t address)
{
	for (int t = 0; t < MODEL_THREADS; t++)
		if (address - (uintptr_t)threads[t].stack < STACK_BYTES)
			return true;
	return false;
}

static void execute(void)
{
	kernel_execution_begins(scenario->blocks);
	memory_execution_begins();
	preemptions = scenario->preemptions + deeper;
	stale = scenario->stale;
	nr_choices = 0;
	nr_steps = 0;
	is_changed = false;
	if (scenario->begin)
		scenario->begin();
	for (int t = 0; t < scenario->nr_threads; t++)
		coroutine_make(&threads[t], thread_run);
	current = model_choose(scenario->nr_threads);
	thread_tls = first_tls;
	last = current;
	coroutine_start(current);
	current = -1;
	thread_tls = first_tls;
	executions++;
	if (!has_failed)
		look(true);
}

static void explore(void)
{
	size_t mark = memory_mark();

	do {
		must_restart = false;
		nr_repeated = 0;
		do {
			execute();
			memory_undo(mark);
		} while (!has_failed && !must_restart && next_row());
	} while (!has_failed && must_restart);
}

bool scenario_run(const struct scenario *s)
{
	size_t mark = memory_mark();

	scenario = s;
	deeper = getenv("MODEL_DEEPER") ? atoi(getenv("MODEL_DEEPER")) : 0;
	has_failed = false;
	executions = moments = 0;
	memset(words, 0, sizeof(words));
	first_tls = thread_tls;
	kernel_scenario_begins();
	memory_execution_begins();
	coroutine_make(&threads[0], setup_run);
	coroutine_start(0);
	kernel_save(false);
	if (!has_failed)
		explore();
	memory_undo(mark);
	thread_tls = first_tls;
	printf("# %s: %lu executions, %lu moments\n", s->name, (unsigned long)executions,
	       (unsigned long)moments);
	if (has_failed)
		print_steps();
	return !has_failed;
}
