/* SPDX-License-Identifier: MIT */
/*
 * connection_pool: eight clients share three connections.
 *
 * The semaphore idle_connections counts what is free; the list of free connections is guarded by
 * pool_mu. A query keeps its connection for 5 ms.
 *
 * What lockprof shows: the story says that hardly a thread had to wait for a lock, and so it is:
 * pool_mu, taken twice per query, costs next to nothing. The time stands in the table of semaphores
 * that signal: idle_connections was taken once a query (200 times by default) and posted as often,
 * and the clients together waited for it longer than the program ran. It lets three in at a time,
 * so it is no lock and has no owner: nobody is blamed and no hold time is claimed. The cure is more
 * connections or shorter queries, not another lock.
 *
 * usage: connection_pool [clients] [queries per client]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS 64
#define CONNECTIONS 3

static sem_t idle_connections;
static pthread_mutex_t pool_mu = PTHREAD_MUTEX_INITIALIZER;
static int idle[CONNECTIONS];
static int nr_idle;
static long used[CONNECTIONS];
static long queries;

static int checkout(void)
{
	int connection;

	while (sem_wait(&idle_connections))
		; /* a signal came in between */
	pthread_mutex_lock(&pool_mu);
	connection = idle[--nr_idle];
	pthread_mutex_unlock(&pool_mu);
	return connection;
}

static void give_back(int connection)
{
	pthread_mutex_lock(&pool_mu);
	used[connection]++;
	idle[nr_idle++] = connection;
	pthread_mutex_unlock(&pool_mu);
	sem_post(&idle_connections);
}

static void *client(void *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "client-%d", (int)(intptr_t)arg);
	pthread_setname_np(pthread_self(), name);
	for (long i = 0; i < queries; i++) {
		int connection = checkout();

		usleep(5000);
		give_back(connection);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int clients = argc > 1 ? atoi(argv[1]) : 8;
	pthread_t thread[MAX_THREADS];
	long sum = 0;

	queries = argc > 2 ? atol(argv[2]) : 25;
	if (clients < 1 || clients > MAX_THREADS)
		return 2;
	sem_init(&idle_connections, 0, CONNECTIONS);
	for (int i = 0; i < CONNECTIONS; i++)
		idle[nr_idle++] = i;
	for (int i = 0; i < clients; i++)
		if (pthread_create(&thread[i], NULL, client, (void *)(intptr_t)(i + 1)))
			return 1;
	for (int i = 0; i < clients; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < CONNECTIONS; i++)
		sum += used[i];
	sem_destroy(&idle_connections);
	printf("connection_pool: %ld queries over %d connections\n", sum, CONNECTIONS);
	return sum == clients * queries ? 0 : 1;
}
