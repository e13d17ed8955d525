// SPDX-License-Identifier: MIT
// cxx_locks: the locks of the C++20 library, each used a known number of times by T threads.
//
// Which symbols libstdc++ calls for them: mutex, recursive_mutex and timed_mutex are pthread
// mutexes (try_lock_for is pthread_mutex_clocklock), shared_mutex is a pthread rwlock,
// condition_variable is a pthread condition, call_once is pthread_once. counting_semaphore, latch
// and barrier are atomics that sleep by syscall(SYS_futex): a preload sees their sleeps, not
// their uses, so their lines are facts about the program and not expectations of a tool.
// One initialiser throws, and the next caller runs it again: the exception passes through
// whatever is between pthread_once and its caller.
//
// usage: cxx_locks [threads] [iterations]
// keys:  see the end of main
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

static std::mutex plain_mu;
static std::recursive_mutex recursive_mu;
static std::timed_mutex timed_mu;
static std::shared_mutex shared_mu;
static std::mutex queue_mu;
static std::condition_variable queue_cv;
static std::counting_semaphore<8> tokens(2);
static std::once_flag once, once_throwing;

static long plain, recursive, timed, written, queued, taken; // each guarded by its lock
static std::atomic<long> read_count, token_count, once_runs, throwing_runs, caught;

static void use_mutexes(long iterations)
{
	for (long i = 0; i < iterations; i++) {
		std::scoped_lock lock(plain_mu);
		plain++;
	}
	for (long i = 0; i < iterations; i++) {
		std::lock_guard outer(recursive_mu);
		std::lock_guard again(recursive_mu);
		recursive++;
	}
	for (long i = 0; i < iterations; i++) {
		while (!timed_mu.try_lock_for(10s))
			;
		timed++;
		timed_mu.unlock();
	}
}

static void use_shared(long iterations)
{
	for (long i = 0; i < iterations; i++) {
		if (i % 10 == 0) {
			std::unique_lock lock(shared_mu);
			written++;
		} else {
			std::shared_lock lock(shared_mu);
			read_count++;
		}
	}
}

static void use_queue(long iterations)
{
	for (long i = 0; i < iterations; i++) {
		std::unique_lock lock(queue_mu);
		queued++;
		queue_cv.notify_one();
		queue_cv.wait(lock, [] { return queued > 0; });
		queued--;
		taken++;
	}
}

static void use_tokens(long iterations)
{
	for (long i = 0; i < iterations; i++) {
		tokens.acquire();
		token_count++;
		tokens.release();
	}
}

static void use_once(long iterations)
{
	for (long i = 0; i < iterations; i++)
		std::call_once(once, [] { once_runs++; });
	try {
		std::call_once(once_throwing, [] {
			if (throwing_runs++ == 0)
				throw std::runtime_error("the first run fails");
		});
	} catch (const std::runtime_error &) {
		caught++;
	}
}

// A time-out that is certain: the lock is held by another thread until after it.
static long time_out()
{
	std::latch held(1), over(1);
	std::jthread holder([&] {
		std::lock_guard lock(timed_mu);
		held.count_down();
		over.wait();
	});

	held.wait();
	long timeouts = !timed_mu.try_lock_for(5ms);
	over.count_down();
	return timeouts;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4;
	long iterations = argc > 2 ? atol(argv[2]) : 2000;
	long timeouts = time_out();
	std::latch start(threads);
	std::barrier rounds(threads);
	std::atomic<long> arrivals{ 0 };

	{
		std::vector<std::jthread> crowd;

		for (int t = 0; t < threads; t++)
			crowd.emplace_back([&] {
				start.arrive_and_wait();
				use_mutexes(iterations);
				use_shared(iterations);
				use_queue(iterations);
				use_tokens(iterations);
				use_once(iterations);
				for (int i = 0; i < 10; i++, arrivals++)
					rounds.arrive_and_wait();
			});
	}
	printf("threads %d\niterations %ld\n", threads, iterations);
	printf("plain_mu %ld\n", plain);
	printf("recursive_mu %ld\nrecursive_mu.relocks %ld\n", recursive, recursive);
	printf("timed_mu %ld\ntimed_mu.timeouts %ld\n", timed + 1, timeouts);
	printf("shared_mu.read %ld\nshared_mu.write %ld\n", read_count.load(), written);
	printf("queue_mu.at_least %ld\n", taken);
	printf("once_runs %ld\nthrowing_runs %ld\ncaught %ld\n", once_runs.load(),
	       throwing_runs.load(), caught.load());
	printf("semaphore_uses %ld\nbarrier_arrivals %ld\nthreads_started %d\n", token_count.load(),
	       arrivals.load(), threads + 1);
	return plain == threads * iterations && taken == plain && once_runs == 1 && caught == 1 ? 0
												: 1;
}
