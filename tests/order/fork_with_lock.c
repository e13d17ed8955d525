/* SPDX-License-Identifier: MIT */
/*
 * fork_with_lock: a process is forked while a thread holds a lock. In the child there is no such
 * thread, and nobody to release it.
 *
 * usage: fork_with_lock [timed]
 */
#include "scenario.h"

#include <sys/wait.h>
#include <time.h>

static pthread_mutex_t log_mu = PTHREAD_MUTEX_INITIALIZER;

static void *write_log(void *unused)
{
	pthread_mutex_lock(&log_mu);
	turn_end();
	turn_await(2);
	pthread_mutex_unlock(&log_mu);
	return unused;
}

static void say_in_child(bool is_timed)
{
	struct timespec later;

	clock_gettime(CLOCK_REALTIME, &later);
	later.tv_sec += 60;
	will_sleep(0);
	if (is_timed)
		pthread_mutex_timedlock(&log_mu, &later);
	else
		pthread_mutex_lock(&log_mu);
	_exit(1);
}

int main(int argc, char **argv)
{
	pthread_t logger = start("logger", write_log);
	pid_t child;
	int status;

	turn_await(1);
	child = fork();
	if (!child)
		say_in_child(argc > 1 && !strcmp(argv[1], "timed"));
	while (!is_asleep(child, 0))
		sched_yield();
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	turn_end();
	finish(logger);
	return WIFSIGNALED(status) ? 0 : 1;
}
