/* SPDX-License-Identifier: MIT */
/*
 * shared_mutex: two processes share a mutex in a piece of shared memory.
 *
 * board_init() puts a process-shared mutex and a counter into memory that parent and child map
 * both. Each writes to the board a given number of times.
 *
 * What lockprof shows: each process writes a trace of its own; read them together with `lockprof
 * report TRACE TRACE`. The lock is no variable of the program and has no symbol, so it is named
 * after the place of its initialisation, board_init(). Each process has exactly `writes`
 * acquisitions of it (20,000 by default), and waits for holds that are in the other one's trace.
 *
 * usage: shared_mutex [writes per process]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct board {
	pthread_mutex_t mu;
	long writes;
};

/* About a nanosecond a round: each multiplication waits for the one before. */
static void work(int rounds)
{
	for (unsigned int x = 1; rounds > 0; rounds--) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
}

static __attribute__((noinline)) struct board *board_init(void)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t kind;

	if (board == MAP_FAILED)
		exit(1);
	pthread_mutexattr_init(&kind);
	pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&board->mu, &kind);
	pthread_mutexattr_destroy(&kind);
	return board;
}

static __attribute__((noinline)) void board_write(struct board *board)
{
	pthread_mutex_lock(&board->mu);
	board->writes++;
	work(5000);
	pthread_mutex_unlock(&board->mu);
}

static void write_many(struct board *board, const char *name, long writes)
{
	pthread_setname_np(pthread_self(), name);
	for (long i = 0; i < writes; i++) {
		board_write(board);
		work(5000);
	}
}

int main(int argc, char **argv)
{
	long writes = argc > 1 ? atol(argv[1]) : 20000;
	struct board *board = board_init();
	pid_t child = fork();
	int status = 0;

	if (child < 0)
		return 1;
	if (!child) {
		write_many(board, "child", writes);
		return 0;
	}
	write_many(board, "parent", writes);
	waitpid(child, &status, 0);
	printf("shared_mutex: %ld writes\n", board->writes);
	return status == 0 && board->writes == 2 * writes ? 0 : 1;
}
