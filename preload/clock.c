/* SPDX-License-Identifier: MIT */
/* clock.c: choice and calibration of the trace's clock; see clock.h */
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "clock.h"
#include "sys.h"

#define NS_PER_S 1000000000ull

bool clock_is_counter;

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts = { 0, 0 };

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static bool counter_is_invariant(void)
{
#if defined(__x86_64__)
	unsigned int a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8);
#else
	return true;
#endif
}

/* The kernel falls back to hpet or acpi_pm when it caught the counter drifting between cores. */
static bool kernel_rejects_counter(void)
{
	static const char path[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
	char name[32] = "";
	int fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return false;
	sys_read(fd, name, sizeof(name) - 1);
	sys_close(fd);
	return !strncmp(name, "hpet", 4) || !strncmp(name, "acpi_pm", 7) ||
	       !strncmp(name, "jiffies", 7);
}

void clock_init(void)
{
	clock_is_counter = counter_is_invariant() && !kernel_rejects_counter();
}

unsigned int clock_shift(void)
{
	return clock_is_counter ? CLOCK_COUNTER_SHIFT : 0;
}

enum trace_clock clock_kind(void)
{
	if (!clock_is_counter)
		return TRACE_CLOCK_MONOTONIC;
#if defined(__x86_64__)
	return TRACE_CLOCK_TSC;
#else
	return TRACE_CLOCK_CNTVCT;
#endif
}

void clock_calibrate(struct trace_calibration *calibration)
{
	struct trace_calibration found = { 0, 0, 0, 0 };
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		uint64_t before = clock_ticks();
		uint64_t monotonic = clock_monotonic_ns();
		uint64_t after = clock_ticks();

		if (after - before >= best)
			continue;
		best = after - before;
		found.ticks = before + best / 2;
		found.monotonic_ns = monotonic;
		found.realtime_ns = clock_ns(CLOCK_REALTIME);
	}
	/* A kill leaves no calibration while it is odd: that takes three stores. */
	calibration->sequence++;
	__atomic_thread_fence(__ATOMIC_RELEASE);	/* pairs with the reader's two looks */
	calibration->ticks = found.ticks;
	calibration->monotonic_ns = found.monotonic_ns;
	calibration->realtime_ns = found.realtime_ns;
	__atomic_store_n(&calibration->sequence, calibration->sequence + 1, __ATOMIC_RELEASE);
}
