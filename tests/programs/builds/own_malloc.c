/* SPDX-License-Identifier: MIT */
/*
 * own_malloc: an allocator that takes a mutex in every call, and never gives memory back
 *
 * To be linked into a program, or preloaded. It is called when nothing is ready yet: by the loader,
 * by dlsym(), by on_exit(), by the lock calls of others.
 */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 16, ARENA = 64 << 20 };

static pthread_mutex_t heap_mu = PTHREAD_MUTEX_INITIALIZER;
static char *next_free, *end;

static void *take(size_t align, size_t bytes)
{
	size_t *p = NULL;
	char *at;

	pthread_mutex_lock(&heap_mu);
	if (!next_free) {
		next_free = mmap(NULL, ARENA, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		end = next_free == MAP_FAILED ? next_free : next_free + ARENA;
	}
	at = next_free + ALIGN + align - 1;
	at -= (size_t)at % align;
	if (bytes < ARENA && at < end && bytes <= (size_t)(end - at)) {
		p = (size_t *)at;
		p[-1] = bytes;
		next_free = at + bytes;
	}
	pthread_mutex_unlock(&heap_mu);
	if (!p)
		errno = ENOMEM;
	return p;
}

void *malloc(size_t bytes)
{
	return take(ALIGN, bytes);
}

void free(void *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&heap_mu);
	pthread_mutex_unlock(&heap_mu);
}

void *calloc(size_t n, size_t bytes)
{
	if (bytes && n > ARENA / bytes) {
		errno = ENOMEM;
		return NULL;
	}
	return take(ALIGN, n * bytes);
}

void *realloc(void *p, size_t bytes)
{
	void *moved = take(ALIGN, bytes);

	if (p && moved)
		memcpy(moved, p, ((size_t *)p)[-1] < bytes ? ((size_t *)p)[-1] : bytes);
	return moved;
}

void *memalign(size_t align, size_t bytes);
void *memalign(size_t align, size_t bytes)
{
	return take(align < ALIGN ? ALIGN : align, bytes);
}

void *aligned_alloc(size_t align, size_t bytes)
{
	return memalign(align, bytes);
}

int posix_memalign(void **p, size_t align, size_t bytes)
{
	*p = memalign(align, bytes);
	return *p ? 0 : ENOMEM;
}
