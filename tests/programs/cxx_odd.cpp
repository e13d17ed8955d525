// SPDX-License-Identifier: MIT
// cxx_odd: what the C++20 library builds upon threads, in the corners: exceptions through
// call_once, stop tokens that end waits, locks in destructors of thread_local objects, atomics
// that wait, time-outs of every kind. One line per story, the same in every run, so that a test
// can compare the output with and without something preloaded.
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <latch>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <stop_token>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

static std::mutex mu, second_mu;
static long counter;

static void throwing_once()
{
	std::once_flag once;
	int runs = 0, caught = 0;

	for (int i = 0; i < 5; i++)
		try {
			std::call_once(once, [&] {
				std::lock_guard lock(mu);
				if (++runs < 3)
					throw std::runtime_error("again");
			});
		} catch (const std::runtime_error &) {
			caught++;
		}
	printf("call_once: %d runs, %d exceptions, mutex %s\n", runs, caught,
	       mu.try_lock() ? "free" : "taken");
	mu.unlock();
}

// Exceptions that pass while locks are held, and others that lock calls throw themselves.
static void exceptions()
{
	int unwound = 0;

	for (int i = 0; i < 100; i++)
		try {
			std::scoped_lock lock(mu, second_mu);
			throw i;
		} catch (int) {
			unwound++;
		}
	try {
		std::unique_lock<std::mutex> none;
		none.lock();
	} catch (const std::system_error &error) {
		printf("no mutex: %s\n", error.code() == std::errc::operation_not_permitted ?
						 "not permitted" : "?");
	}
	try {
		std::thread().join();
	} catch (const std::system_error &error) {
		printf("no thread: %s\n",
		       error.code() == std::errc::invalid_argument ? "invalid" : "?");
	}
	printf("unwound %d\n", unwound);
}

static void stop_tokens()
{
	std::condition_variable_any cv;
	int stopped = 0, callbacks = 0;
	std::shared_mutex shared;

	for (int i = 0; i < 20; i++) {
		std::latch asleep(1);
		std::jthread waiter([&](std::stop_token stop) {
			std::unique_lock lock(shared);
			asleep.count_down();
			stopped += !cv.wait(lock, stop, [] { return false; });
		});
		std::stop_callback callback(waiter.get_stop_token(), [&] { callbacks++; });
		asleep.wait();
		waiter.request_stop();
	}
	printf("stopped %d, callbacks %d\n", stopped, callbacks);
}

static void shared_timed()
{
	std::shared_timed_mutex m;
	std::shared_lock reading(m);

	std::jthread([&] {
		int reads = m.try_lock_shared_for(10s), writes = m.try_lock_for(2ms);
		if (reads)
			m.unlock_shared();
		printf("while read: reads %d, writes %d, writes at once %d\n", reads, writes,
		       m.try_lock());
	}).join();
	reading.unlock();
	std::unique_lock writing(m, std::chrono::system_clock::now() + 10s);
	std::jthread([&] {
		printf("while written: reads %d, writes %d\n", m.try_lock_shared_for(2ms),
		       m.try_lock_until(std::chrono::steady_clock::now() + 2ms));
	}).join();
	printf("owned %d\n", writing.owns_lock());
}

static void waiting_atomics()
{
	std::counting_semaphore<4> tokens(0);
	std::atomic<int> stage{ 0 };
	std::atomic_flag flag;
	long sum = 0;

	std::jthread partner([&] {
		for (int i = 1; i < 1000; i += 2) {
			stage.wait(i - 1);
			sum += i;
			stage = i + 1;
			stage.notify_all();
		}
		flag.wait(false);
		tokens.release(3);
	});
	for (int i = 0; i < 1000; i += 2) {
		stage = i + 1;
		stage.notify_all();
		stage.wait(i + 1);
	}
	flag.test_and_set();
	flag.notify_one();
	tokens.acquire();
	tokens.acquire();
	partner.join();
	bool third = tokens.try_acquire_for(10s), fourth = tokens.try_acquire_for(2ms);
	printf("sum %ld, third %d, fourth %d\n", sum, third, fourth);
}

struct last_will {
	~last_will()
	{
		std::lock_guard lock(mu);
		counter++;
	}
};

static void thread_locals()
{
	counter = 0;
	for (int i = 0; i < 20; i++)
		std::jthread([] {
			thread_local last_will first, last;
			(void)&first;
			(void)&last;
		});
	printf("destructors %ld\n", counter);
}

static void futures()
{
	std::vector<std::future<int>> answers;
	std::packaged_task<int()> failing([]() -> int { throw std::logic_error("no"); });
	std::promise<int> late;
	int sum = 0;

	for (int i = 0; i < 8; i++)
		answers.push_back(std::async(std::launch::async, [i] { return i * i; }));
	for (auto &answer : answers)
		sum += answer.get();
	std::jthread([&] { late.set_value_at_thread_exit(7); }).detach();
	sum += late.get_future().get();
	failing();
	try {
		failing.get_future().get();
	} catch (const std::logic_error &error) {
		printf("sum %d, task says %s\n", sum, error.what());
	}
}

static void phases()
{
	std::array<int, 4> seen{};
	int completions = 0;
	auto complete = [&]() noexcept { completions++; };
	std::barrier rounds(4, complete);

	{
		std::vector<std::jthread> crowd;
		for (int t = 0; t < 4; t++)
			crowd.emplace_back([&, t] {
				for (int i = 0; i < 50 + t; i++) {
					if (i == 49 + t)
						return rounds.arrive_and_drop();
					rounds.arrive_and_wait();
					seen[t] = completions;
				}
			});
	}
	printf("completions %d, first saw %d\n", completions, seen[0]);
}

int main()
{
	throwing_once();
	exceptions();
	stop_tokens();
	shared_timed();
	waiting_atomics();
	thread_locals();
	futures();
	phases();
}
