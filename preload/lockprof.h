/* SPDX-License-Identifier: MIT */
/*
 * lockprof.h: what a program can tell lockprof about itself
 *
 * One header, nothing to link: the functions are weak, and do nothing (a load and a branch) unless
 * the program runs under liblockprof.so. All of them may be called from any thread, also from signal
 * handlers; none of them fails, blocks, allocates, or changes errno. Texts are copied.
 *
 *	lockprof_phase("load");				the process is in this phase from now on
 *	lockprof_work(1);				a unit of work is done, say a request
 *	lockprof_name(&table->mutex, "table.mutex");	what reports call this lock
 *	lockprof_stop(); lockprof_start();		record nothing in between
 *
 * Locks that the program makes itself, of atomics or futexes, are invisible to lockprof until they
 * tell what they do; then reports treat them like mutexes:
 *
 *	void spin_lock(struct spin *s)
 *	{
 *		const void *site = __builtin_return_address(0);	(who calls: optional, may be NULL)
 *
 *		if (!try_lock(s)) {
 *			lockprof_lock_wait(s, 0, site);
 *			while (!try_lock(s))
 *				pause();
 *		}
 *		lockprof_lock_acquired(s, 0, site);
 *	}
 *
 *	void spin_unlock(struct spin *s)
 *	{
 *		lockprof_lock_release(s);			(before the lock is free)
 *		atomic_store(&s->word, 0);
 *	}
 *
 * Define LOCKPROF_DISABLE to compile all of it to nothing.
 */
#ifndef LOCKPROF_H
#define LOCKPROF_H

#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#if !defined(__cplusplus) && __STDC_VERSION__ >= 201112L && !defined(__STDC_NO_THREADS__)
#include <threads.h>
#define LOCKPROF_C11(...) __VA_ARGS__
#else
#define LOCKPROF_C11(...)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of locks, for lockprof_name_kind(). */
#define LOCKPROF_MUTEX	   1 /* pthread_mutex_t, mtx_t, std::mutex */
#define LOCKPROF_RWLOCK	   2 /* pthread_rwlock_t, std::shared_mutex */
#define LOCKPROF_SPIN	   3 /* pthread_spinlock_t */
#define LOCKPROF_SEMAPHORE 4 /* sem_t */
#define LOCKPROF_CONDITION 5 /* pthread_cond_t, cnd_t, std::condition_variable */
#define LOCKPROF_BARRIER   6 /* pthread_barrier_t */
#define LOCKPROF_CUSTOM	   9 /* the program's own */

/* How a lock of the program's own is asked for. */
#define LOCKPROF_SHARED 1u /* several may have it at once: a reader */
#define LOCKPROF_TRY	2u /* without waiting: it gives no order of locks */

#ifndef LOCKPROF_DISABLE

/* Behind the functions below; not to be called without asking whether they are there. */
#define LOCKPROF_WEAK extern __attribute__((weak))
LOCKPROF_WEAK void lockprof_api_phase(const char *name);
LOCKPROF_WEAK void lockprof_api_work(uint64_t units);
LOCKPROF_WEAK void lockprof_api_switch(int on);
LOCKPROF_WEAK void lockprof_api_name(const volatile void *lock, unsigned int kind,
				     const char *name);
LOCKPROF_WEAK void lockprof_api_wait(const volatile void *lock, unsigned int how,
				     const void *site);
LOCKPROF_WEAK void lockprof_api_acquired(const volatile void *lock, unsigned int how,
					 const void *site);
LOCKPROF_WEAK void lockprof_api_gave_up(const volatile void *lock, unsigned int how,
					const void *site);
LOCKPROF_WEAK void lockprof_api_release(const volatile void *lock);
LOCKPROF_WEAK void lockprof_api_destroyed(const volatile void *lock);
#undef LOCKPROF_WEAK

/*
 * Code that is neither PIC nor PIE asks the linker for the address at once, which makes a missing
 * weak function 0 for ever. Through the table of global offsets it stays open until the start.
 * aarch64's compilers go through it by themselves, but for the large model of code.
 */
#if defined(__x86_64__) && !defined(__PIC__) && !defined(__PIE__)
#define LOCKPROF_FIND(to, function)                                     \
	__asm__(".weak " #function "\n\tmovq " #function "@GOTPCREL(%%rip), %0" : "=r"(to))
#elif defined(__AARCH64_CMODEL_LARGE__)
#define LOCKPROF_FIND(to, function)                                     \
	__asm__(".weak " #function "\n\tadrp %0, :got:" #function       \
		"\n\tldr %0, [%0, :got_lo12:" #function "]" : "=r"(to))
#else
#define LOCKPROF_FIND(to, function) ((to) = (function))
#endif

#define LOCKPROF_CALL(function, ...)                       \
	do {                                               \
		__typeof__(&function) lockprof_there;      \
                                                           \
		LOCKPROF_FIND(lockprof_there, function);   \
		if (__builtin_expect(!!lockprof_there, 0)) \
			lockprof_there(__VA_ARGS__);       \
	} while (0)

#else
static inline void lockprof_nothing(int first, ...)
{
	(void)first;
}
#define LOCKPROF_CALL(function, ...)                      \
	do {                                              \
		if (0)                                    \
			lockprof_nothing(0, __VA_ARGS__); \
	} while (0)
#endif

/*
 * The whole process is in the phase `name` from now on, until the next one begins; NULL or "": in
 * none. A name that was there before goes on with the same phase: its figures add up. At most 63
 * bytes of it count, and at most 1,024 different names. A thread that holds a lock at this moment
 * finishes what it does under it in the phase before.
 */
static inline void lockprof_phase(const char *name)
{
	LOCKPROF_CALL(lockprof_api_phase, name);
}

/* So many units of work are done, in the phase of now: then reports can say "per unit". */
static inline void lockprof_work(uint64_t units)
{
	LOCKPROF_CALL(lockprof_api_work, units);
}

/* Nothing is recorded from here on, in any thread, besides what is held already. Does not nest. */
static inline void lockprof_stop(void)
{
	LOCKPROF_CALL(lockprof_api_switch, 0);
}

/* ... and again from here on. */
static inline void lockprof_start(void)
{
	LOCKPROF_CALL(lockprof_api_switch, 1);
}

/*
 * What reports call this lock, after its initialisation and as long as it lives. Equal names, and names
 * that differ in nothing but a number in brackets ("shard[7]"), are one class of locks. At most 255
 * bytes of it count.
 */
static inline void lockprof_name_kind(const volatile void *lock, unsigned int kind,
				      const char *name)
{
	LOCKPROF_CALL(lockprof_api_name, lock, kind, name);
}

/*
 * A lock of the program's own. how: LOCKPROF_SHARED, LOCKPROF_TRY or 0. site: a return address,
 * the place that asks for the lock; NULL: the place that calls here.
 *
 * wait:     it is taken, the thread is going to spin or to sleep. acquired or gave_up must follow.
 * acquired: the thread has it. A lock that can be taken again by its owner tells this once only.
 * gave_up:  it was asked for and not acquired, after wait or without.
 * release:  the thread that acquired it is about to free it.
 * destroyed: its memory may be used for another lock.
 */
static inline void lockprof_lock_wait(const volatile void *lock, unsigned int how,
				      const void *site)
{
	LOCKPROF_CALL(lockprof_api_wait, lock, how, site);
}

static inline void lockprof_lock_acquired(const volatile void *lock, unsigned int how,
					  const void *site)
{
	LOCKPROF_CALL(lockprof_api_acquired, lock, how, site);
}

static inline void lockprof_lock_gave_up(const volatile void *lock, unsigned int how,
					 const void *site)
{
	LOCKPROF_CALL(lockprof_api_gave_up, lock, how, site);
}

static inline void lockprof_lock_release(const volatile void *lock)
{
	LOCKPROF_CALL(lockprof_api_release, lock);
}

static inline void lockprof_lock_destroyed(const volatile void *lock)
{
	LOCKPROF_CALL(lockprof_api_destroyed, lock);
}

#ifdef __cplusplus
}

/*
 * The kind follows from the type, or from what it is made of (std::mutex); any other type is a lock of
 * the program's own.
 */
template <typename T> inline void lockprof_name(T *lock, const char *name);
template <typename T> inline void lockprof_name_type(T *lock, const char *name, long)
{
	lockprof_name_kind(lock, LOCKPROF_CUSTOM, name);
}
#if __cplusplus >= 201103L
template <typename T>
inline auto lockprof_name_type(T *lock, const char *name, int)
	-> decltype(lockprof_name(lock->native_handle(), name))
{
	lockprof_name(lock->native_handle(), name);
}
#endif
template <typename T> inline void lockprof_name(T *lock, const char *name)
{
	lockprof_name_type(lock, name, 0);
}
#define LOCKPROF_NAME_TYPE(type, kind)                                    \
	template <> inline void lockprof_name(type *lock, const char *name) \
	{                                                                 \
		lockprof_name_kind(lock, kind, name);                     \
	}
LOCKPROF_NAME_TYPE(pthread_mutex_t, LOCKPROF_MUTEX)
LOCKPROF_NAME_TYPE(pthread_rwlock_t, LOCKPROF_RWLOCK)
LOCKPROF_NAME_TYPE(volatile int, LOCKPROF_SPIN) /* pthread_spinlock_t */
LOCKPROF_NAME_TYPE(sem_t, LOCKPROF_SEMAPHORE)
LOCKPROF_NAME_TYPE(pthread_cond_t, LOCKPROF_CONDITION)
LOCKPROF_NAME_TYPE(pthread_barrier_t, LOCKPROF_BARRIER)
#undef LOCKPROF_NAME_TYPE

#elif __STDC_VERSION__ >= 201112L

/* The kind follows from the type; any other type is a lock of the program's own. */
#define lockprof_name(lock, name)                                                      \
	lockprof_name_kind(lock,                                                       \
			   _Generic((lock),                                            \
				   pthread_mutex_t *: LOCKPROF_MUTEX,                  \
				   pthread_rwlock_t *: LOCKPROF_RWLOCK,                \
				   volatile int *: LOCKPROF_SPIN,                      \
				   sem_t *: LOCKPROF_SEMAPHORE,                        \
				   pthread_cond_t *: LOCKPROF_CONDITION,               \
				   pthread_barrier_t *: LOCKPROF_BARRIER,              \
				   LOCKPROF_C11(mtx_t *: LOCKPROF_MUTEX,               \
						cnd_t *: LOCKPROF_CONDITION,)          \
				   default: LOCKPROF_CUSTOM),                          \
			   name)
#endif

#endif
