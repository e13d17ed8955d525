/* SPDX-License-Identifier: MIT */
/*
 * descriptors: a process does as it likes with descriptor numbers and limits, and keeps books
 * (ledger.h) of the locks that it takes meanwhile, in main and in two threads.
 *
 * closefrom, close_range, close_all: everything closed, one way or another; then every number is
 * used for a socket and a file. dup2: the same without closing before. In all of these, nothing may
 * come out of the sockets' other ends, and the file must stay as it was.
 *
 * low: 0 to 2 are closed at the start; who opens a file gets these. list: which numbers below 1000
 * are in use does not change. no_files, file_size, memory, lock_limit, stack: work in spite of
 * RLIMIT_NOFILE (3), RLIMIT_FSIZE, RLIMIT_AS, RLIMIT_MEMLOCK (0), RLIMIT_STACK.
 *
 * The exit status is 0 if all was right.
 *
 * usage: descriptors MODE FILE
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "ledger.h"

enum { HIGHEST = 1023, FIRST_FREE = 3, PAIR = 2, OURS = 1000 };

static int wrong;
static char page[65536], seen[65536];

static void expect(int good, const char *what)
{
	if (!good && !wrong++)
		dprintf(2, "%s: %s\n", what, strerror(errno));
}

static void work(uint32_t times)
{
	ledger_work(ledger_new(), times);
}

static pthread_barrier_t everybody;

static void *some_work(void *unused)
{
	work(100);
	pthread_barrier_wait(&everybody); /* all are known */
	pthread_barrier_wait(&everybody); /* and all is changed */
	work(60000);
	return unused;
}

/* More than the rings hold, in three threads that are all known before `change` is called. */
static void much_work_after(void (*change)(void))
{
	pthread_t thread[2];

	pthread_barrier_init(&everybody, NULL, 3);
	for (int i = 0; i < 2; i++)
		expect(!pthread_create(&thread[i], NULL, some_work, NULL), "thread");
	pthread_barrier_wait(&everybody);
	if (change)
		change();
	pthread_barrier_wait(&everybody);
	work(60000);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

static void much_work(void)
{
	much_work_after(NULL);
}

/* ---- numbers used again ---- */

static int page_file(void)
{
	FILE *file = tmpfile();
	int fd = fileno(file);

	memset(page, 'x', sizeof(page));
	expect(write(fd, page, sizeof(page)) == sizeof(page), "write");
	return fd;
}

/* Every number from `first` on leads to the file or, every second one, to one end of a socket. */
static void reuse(int first, int file, int socket)
{
	for (int n = first; n <= HIGHEST; n++)
		if (n != file && n != socket)
			expect(dup2(n % 2 ? file : socket, n) == n, "dup2");
}

static void look_at(int first, int file, int socket, int other_end)
{
	struct stat st, file_st, socket_st;

	fstat(file, &file_st);
	fstat(socket, &socket_st);
	for (int n = first; n <= HIGHEST; n++) {
		if (n == file || n == socket || n == other_end)
			continue;
		expect(!fstat(n, &st) && st.st_ino == (n % 2 ? file_st.st_ino : socket_st.st_ino),
		       "a number leads elsewhere");
	}
	expect(file_st.st_size == sizeof(page), "size of the file");
	expect(pread(file, seen, sizeof(seen), 0) == sizeof(seen), "read");
	expect(!memcmp(page, seen, sizeof(page)), "content of the file");
	expect(recv(other_end, seen, sizeof(seen), MSG_DONTWAIT) < 0 && errno == EAGAIN,
	       "something came out of the socket");
}

static void reuse_all(void)
{
	int file = page_file(), ends[PAIR], kept = HIGHEST + 1;

	expect(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
	expect(dup2(ends[1], kept) == kept, "dup2");
	reuse(FIRST_FREE, file, ends[0]);
	much_work();
	look_at(FIRST_FREE, file, ends[0], kept);
}

static void with_closefrom(void)
{
	closefrom(FIRST_FREE);
	reuse_all();
}

static void with_close_range(void)
{
	expect(!close_range(FIRST_FREE, ~0u, 0), "close_range");
	reuse_all();
}

static void close_all(void)
{
	for (int n = FIRST_FREE; n <= HIGHEST; n++)
		close(n);
	reuse_all();
}

/* ---- which numbers are taken ---- */

static void low(void)
{
	ledger_init();
	for (int n = 0; n < FIRST_FREE; n++) {
		expect(open("/dev/null", O_RDWR) == n, "a low number is taken");
		work(30000);
	}
}

static void list(void)
{
	char used[OURS];

	for (int n = 0; n < OURS; n++)
		used[n] = fcntl(n, F_GETFD) >= 0;
	ledger_init();
	much_work();
	for (int n = 0; n < OURS; n++)
		expect(used[n] == (fcntl(n, F_GETFD) >= 0), "a number is taken or free");
}

/* ---- limits ---- */

static void set_limit(int resource, rlim_t value)
{
	struct rlimit limit = { value, value };

	expect(!setrlimit(resource, &limit), "setrlimit");
}

static void close_and_forbid(void)
{
	closefrom(FIRST_FREE);
	set_limit(RLIMIT_NOFILE, FIRST_FREE);
}

static void no_files(void)
{
	much_work_after(close_and_forbid);
}

static void file_size(void)
{
	signal(SIGXFSZ, SIG_DFL);
	set_limit(RLIMIT_FSIZE, 1 << 20);
	much_work();
}

/* What is there, and room for the threads. */
static void memory(void)
{
	unsigned long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");

	expect(statm && fscanf(statm, "%lu", &pages) == 1, "statm");
	fclose(statm);
	set_limit(RLIMIT_AS, pages * 4096 + (1 << 20));
	work(60000);
}

static void lock_limit(void)
{
	set_limit(RLIMIT_MEMLOCK, 0);
	much_work();
}

static void stack(void)
{
	set_limit(RLIMIT_STACK, 64 << 10);
	much_work();
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "closefrom", with_closefrom },
	{ "close_range", with_close_range },
	{ "close_all", close_all },
	{ "dup2", reuse_all },
	{ "low", low },
	{ "list", list },
	{ "no_files", no_files },
	{ "file_size", file_size },
	{ "memory", memory },
	{ "lock_limit", lock_limit },
	{ "stack", stack },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		ledger_map(argv[2]);
		if (modes[i].run != low && modes[i].run != list) {
			ledger_init();
			work(1000);
		}
		modes[i].run();
		return wrong != 0;
	}
	fprintf(stderr, "usage: descriptors MODE FILE\n");
	return 2;
}
