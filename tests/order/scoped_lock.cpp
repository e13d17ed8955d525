// SPDX-License-Identifier: MIT
//
// scoped_lock: two threads name the same two locks in opposite order. std::scoped_lock waits for
// one, tries the other and lets go when it is taken: no deadlock, whatever the order.
#include <atomic>
#include <mutex>
#include <thread>

static std::mutex a_mu, b_mu;
static std::atomic<int> turn;

static void take_a_and_b()
{
	std::scoped_lock both(a_mu, b_mu);
	turn = 1;
}

static void take_b_and_a()
{
	while (!turn)
		std::this_thread::yield();
	std::scoped_lock both(b_mu, a_mu);
}

int main()
{
	std::thread one(take_a_and_b), two(take_b_and_a);

	one.join();
	two.join();
}
