/* SPDX-License-Identifier: MIT */
/*
 * idle_worker: a worker waits for its next job when the program is killed, and main for something
 * that lockprof does not see. It could bring a job: nothing is lost.
 */
#include "scenario.h"

static pthread_mutex_t job_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t job_came = PTHREAD_COND_INITIALIZER;

static void *await_job(void *unused)
{
	pthread_mutex_lock(&job_mu);
	will_sleep(0);
	pthread_cond_wait(&job_came, &job_mu);
	pthread_mutex_unlock(&job_mu);
	return unused;
}

static void *prepare(void *unused)
{
	pthread_cond_signal(&job_came);
	return unused;
}

int main(void)
{
	kill_when_asleep(2);
	finish(start("preparer", prepare));
	start("worker", await_job);
	will_sleep(1);
	for (;;)
		pause();
}
