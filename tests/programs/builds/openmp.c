/* SPDX-License-Identifier: MIT */
/* openmp: every construct of OpenMP that waits: critical, ordered, locks, tasks, barriers */
#include <omp.h>
#include <stdio.h>

int main(void)
{
	long critical = 0, locked = 0, nested = 0, ordered = 0, singles = 0, tasks = 0, sum = 0;
	omp_nest_lock_t nest;
	omp_lock_t lock;

	omp_init_lock(&lock);
	omp_init_nest_lock(&nest);
#pragma omp parallel num_threads(4)
	for (int i = 0; i < 100; i++) {
#pragma omp critical
		critical++;
		omp_set_lock(&lock);
		locked++;
		omp_unset_lock(&lock);
		omp_set_nest_lock(&nest);
		omp_set_nest_lock(&nest);
		nested++;
		omp_unset_nest_lock(&nest);
		omp_unset_nest_lock(&nest);
#pragma omp barrier
#pragma omp single
		singles++;
	}
#pragma omp parallel for ordered num_threads(4) schedule(dynamic) reduction(+ : sum)
	for (int i = 0; i < 200; i++) {
		sum += i;
#pragma omp ordered
		ordered = ordered * 31 % 65521 + i;
	}
#pragma omp parallel num_threads(4)
#pragma omp single
	for (int i = 0; i < 200; i++) {
#pragma omp task shared(tasks)
#pragma omp atomic
		tasks++;
	}
	printf("critical %ld locked %ld nested %ld singles %ld\n", critical, locked, nested,
	       singles);
	printf("sum %ld ordered %ld tasks %ld\n", sum, ordered, tasks);
	return 0;
}
