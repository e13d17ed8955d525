/* SPDX-License-Identifier: MIT */
/*
 * ledger: threads work and keep books until somebody kills the process; see ledger.h
 *
 * threads: four threads work.
 * churn:   two threads make threads that work a little and end, again and again.
 * forks:   two threads work, a third one forks children that work a little. They end with
 *          their parent, so that all books are closed when it is dead.
 *
 * "ready 1" is printed when everybody has done something.
 *
 * usage: ledger MODE FILE
 * keys:  ready
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "ledger.h"

static void *work_a_little(void *unused)
{
	ledger_work(ledger_new(), 300);
	return unused;
}

static void *churn(void *unused)
{
	pthread_t thread;

	for (;;) {
		if (!pthread_create(&thread, NULL, work_a_little, NULL))
			pthread_join(thread, NULL);
	}
	return unused;
}

static void child(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ledger_set = 1;
	ledger_work(ledger_new(), 3000);
	_exit(0);
}

static void *forks(void *unused)
{
	for (;;) {
		pid_t pid = fork();

		if (!pid)
			child();
		waitpid(pid, NULL, 0);
	}
	return unused;
}

static const struct {
	const char *name;
	int workers, makers;
	void *(*make)(void *unused);
} modes[] = {
	{ "threads", 4, 0, NULL },
	{ "churn", 0, 2, churn },
	{ "forks", 2, 1, forks },
};

int main(int argc, char **argv)
{
	pthread_t thread;

	for (size_t i = 0; argc == 3 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		ledger_open(argv[2]);
		ledger_threads(modes[i].workers);
		for (int n = 0; n < modes[i].makers; n++)
			pthread_create(&thread, NULL, modes[i].make, NULL);
		while (!ledger->line[modes[i].workers].completed[LEDGER_TRY] && modes[i].makers)
			sched_yield();
		printf("ready 1\n");
		fflush(stdout);
		pause();
	}
	fprintf(stderr, "usage: ledger MODE FILE\n");
	return 2;
}
