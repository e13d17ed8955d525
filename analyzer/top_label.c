/* SPDX-License-Identifier: MIT */
/*
 * top_label.c: what locks are called
 *
 * The names are those of the report: the model is made of the state, which has all locks and stacks
 * and hardly any events. That takes symbols, and so longer than a look does. So it is done when
 * locks have come that have no name yet, and for a tenth of the time at most.
 */
#include "top.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model.h"

#define SHARE 10 /* of the time */

static const char new_lock[] = "(new locks)";

const char *top_label_of(const struct top *top, uint32_t lock)
{
	return top->locks[lock].label ? top->locks[lock].label : new_lock;
}

void top_forget_labels(struct top *top)
{
	for (size_t i = 0; i < top->nr_labels; i++)
		free(top->labels[i]);
	free(top->labels);
	top->labels = NULL;
	top->nr_labels = 0;
	for (uint32_t i = 0; top->locks && i < top->nr_locks; i++)
		top->locks[i].label = NULL;
}

/* A copy that lives until the labels are made anew; NULL without memory. */
static const char *keep(struct top *top, const char *label)
{
	char *copy = strdup(label);

	if (copy)
		top->labels[top->nr_labels++] = copy;
	return copy;
}

static int take_labels(struct top *top, const struct model *model)
{
	size_t nr = top->by == TOP_BY_CLASS ? model->nr_classes : model->nr_locks;

	top_forget_labels(top);
	top->labels = calloc(nr + 1, sizeof(*top->labels));
	if (!top->labels)
		return -ENOMEM;
	for (size_t i = 0; top->by == TOP_BY_CLASS && i < nr; i++)
		if (!keep(top, model->classes[i].label))
			return -ENOMEM;
	for (size_t i = 0; i < model->nr_locks; i++) {
		const struct lock *lock = &model->locks[i];

		if (lock->id < top->nr_locks)
			top->locks[lock->id].label = top->by == TOP_BY_CLASS
							     ? top->labels[lock->class]
							     : keep(top, lock->label);
	}
	return 0;
}

static int make_labels(struct top *top, const char *path)
{
	struct model *model = model_new();
	struct reader *reader;
	char error[512];
	int err = -ENOMEM;

	if (!model)
		return err;
	err = reader_open(&reader, path, error, sizeof(error));
	if (!err)
		err = model_add(model, reader, NULL);
	if (!err)
		err = model_finish(model);
	if (!err)
		err = take_labels(top, model);
	model_free(model);
	return err;
}

int top_label(struct top *top, const char *path)
{
	uint64_t now_ns = ctl_clock_ns(CLOCK_MONOTONIC);
	int err;

	if (top->nr_labelled == top->nr_locks ||
	    now_ns - top->label_ns < SHARE * top->label_cost_ns)
		return 0;
	err = make_labels(top, path);
	top->nr_labelled = top->nr_locks;
	top->label_ns = ctl_clock_ns(CLOCK_MONOTONIC);
	top->label_cost_ns = top->label_ns - now_ns;
	return err;
}
