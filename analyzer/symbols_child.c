/* SPDX-License-Identifier: MIT */
/*
 * symbols_child.c: a process of its own for the reading of foreign ELF files
 *
 * A trace names the files, and files name others: separate debug files, dwz's, split units. libdw
 * opens these by itself, so a pipe in such a place made a report wait for ever (it did), and what
 * damaged debug information does to a library of that size nobody can promise. So the questions go
 * to a child: when it dies or hangs, the module that was asked about stays without names, the
 * report says so, and a new child goes on with the others.
 *
 * It hangs when it has used no processor time for HANG_S seconds, or is at one question for SLOW_S:
 * large debug information takes a while, but never without working.
 *
 * An answer is one message: its size, a head, the frames' numbers, then the strings. A round costs
 * about what a question costs anyway (docs/design.md), and each is asked once.
 */
#include "symbols_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HANG_S = 4, SLOW_S = 120, MAX_TEXT = 16 << 20 };

struct head {
	uint32_t nr_frames, text_bytes;
	uint32_t name_at, note_at; /* in the text; 0: none */
};

struct wire_frame {
	uint32_t function_at, file_at;
	int32_t line;
	uint32_t inlined;
};

/* ---- both sides ---- */

static bool send_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

static bool receive_all(int fd, void *data, size_t size)
{
	char *at = data;

	while (size) {
		ssize_t n = recv(fd, at, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

/* ---- the child ---- */

/* Strings one behind the other; place 0 is nobody's. */
struct text {
	char *bytes;
	size_t nr, room;
};

static uint32_t text_add(struct text *text, const char *string)
{
	size_t size = string ? strlen(string) + 1 : 0, at = text->nr;

	if (!size || at + size > MAX_TEXT)
		return 0;
	if (at + size > text->room) {
		size_t room = 2 * (at + size);
		char *bytes = realloc(text->bytes, room);

		if (!bytes)
			return 0;
		text->bytes = bytes;
		text->room = room;
	}
	memcpy(text->bytes + at, string, size);
	text->nr += size;
	return (uint32_t)at;
}

static bool send_answer(int fd, struct text *text, const struct frame *frames,
			const struct child_answer *answer)
{
	struct wire_frame wire[MAX_FRAMES];
	struct head head = { .nr_frames = (uint32_t)answer->nr_frames };

	text->nr = 0;
	text_add(text, "-");
	for (size_t i = 0; i < answer->nr_frames; i++)
		wire[i] = (struct wire_frame){ text_add(text, frames[i].function),
					       text_add(text, frames[i].file), frames[i].line,
					       frames[i].inlined };
	head.name_at = text_add(text, answer->name);
	head.note_at = text_add(text, answer->note);
	head.text_bytes = (uint32_t)text->nr;
	return send_all(fd, &head, sizeof(head)) &&
	       send_all(fd, wire, answer->nr_frames * sizeof(*wire)) &&
	       send_all(fd, text->bytes, text->nr);
}

/* Nothing of the parent's stays open, or whoever waits for the end of its output would wait on. */
static void own_descriptors(int *fd)
{
	int null;

	*fd = dup2(*fd, 3);
	null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	syscall(SYS_close_range, 4, ~0u, 0);
}

static void child_run(int fd, pid_t parent, child_work work, void *context)
{
	struct frame frames[MAX_FRAMES];
	struct child_question question;
	struct text text = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		return;
	own_descriptors(&fd);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	while (receive_all(fd, &question, sizeof(question))) {
		struct child_answer answer = { 0 };
		bool sent;

		work(context, &question, frames, &answer);
		sent = send_answer(fd, &text, frames, &answer);
		free(answer.text);
		if (!sent)
			return;
	}
}

int child_start(struct child *child, child_work work, void *context)
{
	pid_t parent = getpid();
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	child->pid = fork();
	if (child->pid == 0) {
		child_run(ends[1], parent, work, context);
		_exit(0);
	}
	close(ends[1]);
	child->fd = ends[0];
	if (child->pid < 0) {
		child->pid = 0;
		close(ends[0]);
		return -EAGAIN;
	}
	return 0;
}

void child_stop(struct child *child)
{
	if (!child->pid)
		return;
	close(child->fd);
	kill(child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
}

/* ---- the parent ---- */

static uint64_t cpu_ns(pid_t pid)
{
	struct timespec used = { 0 };
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) == 0)
		clock_gettime(clock, &used);
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

/* 0 as soon as there is something to read, the end included. */
static int wait_for(const struct child *child)
{
	struct pollfd poll_fd = { .fd = child->fd, .events = POLLIN };
	uint64_t before = 0;
	int idle = 0;

	for (int seconds = 0; seconds < SLOW_S && idle < HANG_S; seconds++) {
		uint64_t used;

		if (poll(&poll_fd, 1, 1000) > 0)
			return 0;
		used = cpu_ns(child->pid);
		idle = used == before ? idle + 1 : 0;
		before = used;
	}
	return -ETIMEDOUT;
}

static const char *text_at(const char *text, uint32_t at)
{
	return at ? text + at : NULL;
}

/* The child may have been led astray: nothing it says is taken without a look. */
static bool is_sane(const struct head *head, const struct wire_frame *wire, const char *text)
{
	if (!head->text_bytes || text[head->text_bytes - 1] || head->name_at >= head->text_bytes ||
	    head->note_at >= head->text_bytes)
		return false;
	for (uint32_t i = 0; i < head->nr_frames; i++)
		if (wire[i].function_at >= head->text_bytes || wire[i].file_at >= head->text_bytes)
			return false;
	return true;
}

static int answer_make(struct child_answer *answer, const struct head *head,
		       const struct wire_frame *wire)
{
	answer->nr_frames = head->nr_frames;
	answer->frames = calloc(head->nr_frames + 1, sizeof(*answer->frames));
	if (!answer->frames)
		return -ENOMEM;
	for (uint32_t i = 0; i < head->nr_frames; i++)
		answer->frames[i] =
			(struct frame){ .function = text_at(answer->text, wire[i].function_at),
					.file = text_at(answer->text, wire[i].file_at),
					.line = wire[i].line,
					.inlined = wire[i].inlined };
	answer->name = text_at(answer->text, head->name_at);
	answer->note = text_at(answer->text, head->note_at);
	return 0;
}

static int receive_answer(int fd, struct child_answer *answer)
{
	struct wire_frame wire[MAX_FRAMES];
	struct head head;

	if (!receive_all(fd, &head, sizeof(head)) || head.nr_frames > MAX_FRAMES ||
	    head.text_bytes > MAX_TEXT || !receive_all(fd, wire, head.nr_frames * sizeof(*wire)))
		return -EIO;
	answer->text = malloc(head.text_bytes + 1u);
	if (!answer->text)
		return -ENOMEM;
	if (!receive_all(fd, answer->text, head.text_bytes) || !is_sane(&head, wire, answer->text))
		return -EIO;
	return answer_make(answer, &head, wire);
}

int child_ask(struct child *child, const struct child_question *question,
	      struct child_answer *answer)
{
	int err;

	*answer = (struct child_answer){ 0 };
	if (!send_all(child->fd, question, sizeof(*question)))
		err = -EIO;
	else
		err = wait_for(child);
	if (!err)
		err = receive_answer(child->fd, answer);
	if (err) {
		free(answer->text);
		child_stop(child);
		*answer = (struct child_answer){ 0 };
	}
	return err;
}
