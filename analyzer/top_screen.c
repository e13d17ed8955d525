/* SPDX-License-Identifier: MIT */
/*
 * top_screen.c: the terminal as a screen that is written anew each time
 *
 * The other screen of the terminal is used, so that what was there comes back; keys come one by one
 * and unseen. Whatever ends us by a signal, or stops us for a while (^Z), gives the terminal back
 * first. The signals arrive while we wait and at no other time, so a handler has nothing to do but
 * be called. But for SIGBUS, which comes when the trace is cut under us.
 *
 * A handful of sequences that all terminals of today know; so no library for them is needed.
 */
#include "top.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
#define NR_SIGNALS (sizeof(signals) / sizeof(signals[0]))

static struct termios before;
static volatile bool is_on;
static sigset_t mask_outside;	      /* what was blocked before us */
static volatile sig_atomic_t arrived; /* the latest signal */
static struct sigaction bus_outside;  /* ctl.c's, that ends us */

static void note(int signal)
{
	arrived = signal;
}

static void enter(void)
{
	struct termios raw = before;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	fputs(ENTER, stdout);
	fflush(stdout);
	is_on = true;
}

static void leave(void)
{
	if (!is_on)
		return;
	fputs(LEAVE, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	is_on = false;
}

static void cut(int signal)
{
	if (is_on && write(STDOUT_FILENO, LEAVE, sizeof(LEAVE) - 1) >= 0)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	bus_outside.sa_handler(signal);
}

int top_screen_begin(void)
{
	struct sigaction action = { .sa_handler = note }, bus = { .sa_handler = cut };
	sigset_t block;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return -errno;
	sigaction(SIGBUS, &bus, &bus_outside);
	sigemptyset(&block);
	for (size_t i = 0; i < NR_SIGNALS; i++) {
		sigaddset(&block, signals[i]);
		sigaction(signals[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &block, &mask_outside);
	enter();
	return 0;
}

/* The signal does what it does to programs that know nothing of it. */
static void take(int signal)
{
	struct sigaction action = { .sa_handler = SIG_DFL }, own;
	sigset_t one, masked;

	sigemptyset(&one);
	sigaddset(&one, signal);
	sigaction(signal, &action, &own);
	raise(signal);
	sigprocmask(SIG_UNBLOCK, &one, &masked);
	/* Only who was stopped comes here. */
	sigprocmask(SIG_SETMASK, &masked, NULL);
	sigaction(signal, &own, NULL);
}

void top_screen_end(void)
{
	leave();
	if (arrived && arrived != SIGWINCH && arrived != SIGTSTP)
		take(arrived);
	sigprocmask(SIG_SETMASK, &mask_outside, NULL);
}

static int meaning_of_signal(void)
{
	if (arrived == SIGTSTP) {
		leave();
		take(SIGTSTP);
		enter();
	} else if (arrived != SIGWINCH) {
		return 'q';
	}
	arrived = 0;
	return 'r';
}

int top_screen_wait(uint64_t ns)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec time = { .tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000) };
	char key;
	int n = ppoll(&input, 1, &time, &mask_outside);

	if (arrived)
		return meaning_of_signal();
	if (n <= 0)
		return 0;
	/* A terminal that is gone has no keys. */
	return read(STDIN_FILENO, &key, 1) == 1 ? (unsigned char)key : 'q';
}

size_t top_screen_lines(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_row ? 24 : size.ws_row;
}
