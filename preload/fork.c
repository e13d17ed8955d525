/* SPDX-License-Identifier: MIT */
/*
 * fork.c: children that a signal handler forks while the shim is at work on the thread
 *
 * Such a child returns from the handler into the middle of our work, and would find all of our
 * memory zeroed (records_pages). So the thread's own page and the places of the blocks are kept
 * over the fork, and what is mapped of the parent's file becomes a private copy in the child: the
 * work ends as it would have, and touches nothing of the parent's. From then on the thread's
 * calls are forwarded: nobody can say when the interrupted call is over. Threads that the child
 * makes begin its own trace as usual.
 *
 * Everybody else's fork costs a look at the phase and two words. _Fork and raw clone pass us by.
 *
 * qemu-user takes MADV_WIPEONFORK and does nothing: a child that finds its parent's memory records
 * nothing, lest it writes into its parent's trace.
 */
#include <pthread.h>
#include <string.h>

#include "file.h"
#include "fork.h"
#include "phase.h"
#include "process.h"
#include "records.h"
#include "sys.h"
#include "thread.h"

/* What the child gets back. */
struct kept {
	size_t bytes;	/* of this */
	struct thread thread;
	uint32_t nr_blocks;
	unsigned char *block[];
};

static __thread struct kept *kept __attribute__((tls_model("initial-exec")));

static void fork_prepare(void)
{
	struct thread *t = thread_self();
	struct kept *k;
	uint32_t nr;

	kept = NULL;
	phase_fork();
	if (t->live || t->self != t || !t->id || !file_is_ours())
		return;
	nr = __atomic_load_n(&trace_header->nr_blocks, __ATOMIC_RELAXED);
	nr = nr < ARENA_BLOCKS ? nr : ARENA_BLOCKS;
	k = sys_mmap(sizeof(*k) + nr * sizeof(*k->block), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (sys_failed(k))
		return;
	k->bytes = sizeof(*k) + nr * sizeof(*k->block);
	k->thread = *t;
	k->nr_blocks = nr;
	memcpy(k->block, records.block, nr * sizeof(*k->block));
	kept = k;
}

static void kept_free(void)
{
	if (kept)
		sys_munmap(kept, kept->bytes);
	kept = NULL;
}

static void fork_parent(void)
{
	kept_free();
	phase_forked();
}

/* The same bytes at the same address, but the child's own. */
static void make_private(void *block)
{
	enum { MAYMOVE = 1, FIXED = 2 };	/* MREMAP_ */
	void *copy = sys_mmap(TRACE_BLOCK_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (sys_failed(copy))
		return;
	memcpy(copy, block, TRACE_BLOCK_SIZE);
	sys_call(SYS_mremap, (long)copy, TRACE_BLOCK_SIZE, TRACE_BLOCK_SIZE, MAYMOVE | FIXED,
		 (long)block, 0);
}

/* Ends the work that a handler interrupted, without the parent's file. */
static void go_on(void)
{
	struct thread *t = thread_self();

	*t = kept->thread;
	make_private(trace_header);
	make_private(t->slot);
	for (uint32_t i = 0; i < t->flight.nr; i++)
		make_private(t->flight.block[i]);
	for (uint32_t i = 0; i < kept->nr_blocks; i++) {
		records.block[i] = kept->block[i];
		if (kept->block[i])
			make_private(kept->block[i]);
	}
	file_leave();
	thread_refuse();
	kept_free();
}

static void fork_child(void)
{
	bool is_wiped = !file_is_ours();

	if (kept)
		go_on();
	if (!is_wiped)
		process_refuse();
}

void fork_init(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}
