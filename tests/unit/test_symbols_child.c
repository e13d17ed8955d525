/* SPDX-License-Identifier: MIT */
/*
 * The child that reads foreign files: it answers, and when it crashes or hangs the parent learns of
 * it, and has another one that answers again.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../analyzer/symbols_child.h"

enum { ANSWERS, CRASHES, HANGS, FINDS_A_FILE_OPEN };

static int parents[2]; /* a pipe that no child may keep */

static void work(void *context, const struct child_question *q, struct frame frames[MAX_FRAMES],
		 struct child_answer *answer)
{
	struct stat st;

	(void)context;
	if (q->address == CRASHES)
		kill(getpid(), SIGSEGV);
	while (q->address == HANGS)
		pause();
	answer->nr_frames = MAX_FRAMES;
	for (int i = 0; i < MAX_FRAMES; i++)
		frames[i] = (struct frame){ .function = i % 2 ? "f" : NULL,
					    .file = i ? "x.c" : NULL,
					    .line = i,
					    .inlined = i % 3 };
	if (q->address == FINDS_A_FILE_OPEN)
		frames[0].line = (!fstat(parents[0], &st) && S_ISFIFO(st.st_mode)) ||
				 (!fstat(parents[1], &st) && S_ISFIFO(st.st_mode));
	answer->name = q->id == 7 ? "seven" : NULL;
	answer->note = q->id == 8 ? "eight" : NULL;
}

static int ask(struct child *child, uint64_t what, uint32_t id, struct child_answer *answer)
{
	struct child_question question = { .address = what, .id = id };

	if (!child->pid)
		assert_int_equal(child_start(child, work, NULL), 0);
	return child_ask(child, &question, answer);
}

static void drop(struct child_answer *answer)
{
	free(answer->frames);
	free(answer->text);
}

static void test_answers(void **state)
{
	struct child child = { 0 };
	struct child_answer answer;

	(void)state;
	for (uint32_t id = 6; id < 9; id++) {
		assert_int_equal(ask(&child, ANSWERS, id, &answer), 0);
		assert_int_equal(answer.nr_frames, MAX_FRAMES);
		for (int i = 0; i < MAX_FRAMES; i++) {
			assert_int_equal(!answer.frames[i].function, !(i % 2));
			assert_int_equal(!answer.frames[i].file, !i);
			assert_int_equal(answer.frames[i].line, i);
			assert_int_equal(answer.frames[i].inlined, i % 3 != 0);
		}
		assert_string_equal(answer.frames[5].function, "f");
		assert_string_equal(answer.frames[5].file, "x.c");
		assert_int_equal(answer.name && !strcmp(answer.name, "seven"), id == 7);
		assert_int_equal(answer.note && !strcmp(answer.note, "eight"), id == 8);
		drop(&answer);
	}
	child_stop(&child);
}

static void test_after_a_death(void **state)
{
	struct child child = { 0 };
	struct child_answer answer;

	(void)state;
	assert_int_equal(ask(&child, CRASHES, 1, &answer), -EIO);
	assert_int_equal(child.pid, 0);
	assert_int_equal(ask(&child, ANSWERS, 1, &answer), 0);
	drop(&answer);
	assert_int_equal(ask(&child, HANGS, 1, &answer), -ETIMEDOUT);
	assert_int_equal(child.pid, 0);
	assert_int_equal(ask(&child, ANSWERS, 1, &answer), 0);
	drop(&answer);
	child_stop(&child);
}

static void test_descriptors(void **state)
{
	struct child child = { 0 };
	struct child_answer answer;

	(void)state;
	assert_int_equal(pipe(parents), 0);
	assert_int_equal(ask(&child, FINDS_A_FILE_OPEN, 1, &answer), 0);
	assert_int_equal(answer.frames[0].line, 0);
	drop(&answer);
	child_stop(&child);
	close(parents[0]);
	close(parents[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_after_a_death),
		cmocka_unit_test(test_descriptors),
	};

	return cmocka_run_group_tests_name("symbols_child", tests, NULL, NULL);
}
