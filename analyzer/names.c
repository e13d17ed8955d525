/* SPDX-License-Identifier: MIT */
/*
 * names.c: what locks, classes of locks and threads are called
 *
 * A lock is called by the name that the program gave it, or by its variable. Others are called
 * after the place that made them, or that used them first; the address tells instances apart.
 *
 * Locks of one class are alike: made at one place of one program, elements of one array, or given
 * one name, or names that differ in a number in brackets alone ("shard[7]"). Two
 * variables of the same name ("static pthread_mutex_t lock" in two files) are two classes, told
 * apart by where they lie. Semaphores that signal are no class with those that are used as locks,
 * although Python makes both at one place: waiting for the first is no contention.
 *
 * A class's key says which class of another build of the program is the same one. So it has no
 * address and no line: the kind, the program's name, and the variable's or given name; without one
 * the functions that made, or first used it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pass.h"

static const char *const kind_names[TRACE_KIND_MAX] = {
	[TRACE_KIND_MUTEX] = "mutex",	 [TRACE_KIND_RWLOCK] = "rwlock",
	[TRACE_KIND_SPIN] = "spinlock",	 [TRACE_KIND_SEM] = "semaphore",
	[TRACE_KIND_COND] = "condition", [TRACE_KIND_BARRIER] = "barrier",
	[TRACE_KIND_ONCE] = "once",	 [TRACE_KIND_FUTEX] = "futex",
	[TRACE_KIND_CUSTOM] = "custom",
};

#define FRAMES_MAX 64
#define KEY_FRAMES 8 /* of the stack behind a key: what is below it says nothing */

/* One lock on its way to a class: equal keys are one class. */
struct named {
	char *key;
	char *class_label;
	uint32_t lock;	 /* index in the model */
	uint32_t leader; /* first lock of its class */
	uint32_t first_node;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static const char *kind_name(uint32_t kind)
{
	return kind < TRACE_KIND_MAX && kind_names[kind] ? kind_names[kind] : "lock";
}

__attribute__((format(printf, 1, 2))) static char *text(const char *format, ...)
{
	va_list args;
	char *out;
	int length;

	va_start(args, format);
	length = vasprintf(&out, format, args);
	va_end(args);
	return length < 0 ? NULL : out;
}

/* "make_cache (cache.c:41)", "libfoo.so+0x12a0"; NULL: out of memory. */
static char *place_text(const struct process *process, uint32_t stack, uint64_t site)
{
	struct frame frames[FRAMES_MAX];
	size_t nr = model_frames(process, stack, site, false, frames, FRAMES_MAX);

	if (!nr)
		return text("an unknown place");
	if (!frames[0].function)
		return text("%s+0x%llx", frames[0].module ? base_name(frames[0].module) : "[anon]",
			    (unsigned long long)frames[0].offset);
	if (!frames[0].file || frames[0].line <= 0)
		return text("%s", frames[0].function);
	return text("%s (%s:%d)", frames[0].function, base_name(frames[0].file), frames[0].line);
}

/* "shard[3].mu" to "shard[].mu", in place. Returns whether there was an index. */
static bool drop_indices(char *label)
{
	char *to = label;
	bool found = false;

	for (const char *from = label; *from;) {
		*to++ = *from;
		if (*from++ != '[' || *from < '0' || *from > '9')
			continue;
		from += strspn(from, "0123456789");
		found = true;
	}
	*to = '\0';
	return found;
}

/* A lock without a name: after the place that made it, else that used it first. */
static int name_by_place(struct named *named, struct lock *lock, uint32_t first_node)
{
	const struct trace_lock *record = lock->record;
	const struct trace_node *node = reader_node(lock->process->reader, first_node);
	const char *kind = kind_name(record->kind);
	const char *verb = record->init_stack ? "created" : "first used";
	char *place;

	if (!record->init_stack && !node) {
		named->class_label = text("unknown %s", kind);
		lock->label = text("unknown %s 0x%llx", kind, (unsigned long long)record->address);
		return 0;
	}
	place = record->init_stack ? place_text(lock->process, record->init_stack, 0)
				   : place_text(lock->process, node->stack, node->site);
	if (!place)
		return -ENOMEM;
	named->class_label = text("%s %s in %s", kind, verb, place);
	lock->label =
		text("%s 0x%llx %s in %s", kind, (unsigned long long)record->address, verb, place);
	free(place);
	return 0;
}

static const char *static_name(const struct lock *lock)
{
	uint64_t at = lock->record->data_address;

	return at ? symbols_data(lock->process->symbols, TRACE_PC_MODULE(at), TRACE_PC_OFFSET(at))
		  : NULL;
}

static int name_lock(struct named *named, struct lock *lock, uint32_t first_node)
{
	struct reader *reader = lock->process->reader;
	const char *given = reader_name(reader, TRACE_NAME_LOCK, lock->id);
	const char *class = reader_name(reader, TRACE_NAME_CLASS, lock->id);
	bool signals = lock->record->kind == TRACE_KIND_SEM && !lock->lock_like;
	unsigned long long place = 0;

	lock->name = given ? given : static_name(lock);
	if (lock->name) {
		lock->label = text("%s", lock->name);
		named->class_label = text("%s", lock->name);
		if (named->class_label && !drop_indices(named->class_label) && !given)
			place = TRACE_PC_OFFSET(lock->record->data_address);
	} else if (name_by_place(named, lock, first_node)) {
		return -ENOMEM;
	}
	if (class) {
		free(named->class_label);
		named->class_label = text("%s", class);
		place = 0;
	}
	if (!lock->label || !named->class_label)
		return -ENOMEM;
	named->key = text("%s\n%s\n%u %s\n%llx", named->class_label, lock->process->exe,
			  lock->record->kind, signals ? "signals" : "", place);
	return named->key ? 0 : -ENOMEM;
}

/* By lock id: the node with the lowest id, which is the first that was made. */
static uint32_t *first_nodes(const struct reader *reader)
{
	uint32_t *first = calloc((size_t)reader_max_lock(reader) + 1, sizeof(*first));

	for (uint32_t id = reader_max_node(reader); first && id; id--) {
		const struct trace_node *node = reader_node(reader, id);

		if (node && node->lock <= reader_max_lock(reader))
			first[node->lock] = id;
	}
	return first;
}

static int name_locks(struct model *model, struct named *named)
{
	const struct process *process = NULL;
	uint32_t *first = NULL;
	int err = 0;

	for (size_t i = 0; i < model->nr_locks && !err; i++) {
		struct lock *lock = &model->locks[i];
		uint32_t max = reader_max_lock(lock->process->reader);

		if (process != lock->process) {
			process = lock->process;
			free(first);
			first = first_nodes(process->reader);
		}
		named[i].lock = (uint32_t)i;
		named[i].first_node = first && lock->id <= max ? first[lock->id] : 0;
		err = first ? name_lock(&named[i], lock, named[i].first_node) : -ENOMEM;
	}
	free(first);
	return err;
}

static int compare_keys(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : (x->lock > y->lock) - (x->lock < y->lock);
}

static int compare_locks(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return (x->lock > y->lock) - (x->lock < y->lock);
}

/* " (prog+0x4060)" behind the labels of variables that only look alike. NULL: out of memory. */
static char *told_apart(const struct lock *lock, const char *label)
{
	uint64_t at = lock->record->data_address;
	const struct trace_module *module =
		reader_module(lock->process->reader, TRACE_PC_MODULE(at));

	return text("%s (%s+0x%llx)", label, module ? base_name(module->path) : "?",
		    (unsigned long long)TRACE_PC_OFFSET(at));
}

/* Its name is not the variable's: where that lies tells nothing. */
static bool is_given(const struct named *named)
{
	return strcmp(strrchr(named->key, '\n'), "\n0") == 0;
}

static int tell_apart(struct model *model, struct named *named, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct lock *lock = &model->locks[named[i].lock];
		char *class_label, *label;

		if (is_given(&named[i]))
			continue;
		class_label = told_apart(lock, named[i].class_label);
		label = lock->name ? told_apart(lock, lock->label) : NULL;
		if (!class_label || (lock->name && !label)) {
			free(class_label);
			free(label);
			return -ENOMEM;
		}
		free(named[i].class_label);
		named[i].class_label = class_label;
		if (label) {
			free(lock->label);
			lock->label = label;
		}
	}
	return 0;
}

/* Length of a key without its last line: what must differ for people, too. */
static size_t visible_length(const char *key)
{
	return (size_t)(strrchr(key, '\n') - key);
}

/* named[] is sorted by key: finds the leaders, and variables of one name at several places. */
static int find_leaders(struct model *model, struct named *named, size_t nr)
{
	size_t begin = 0;
	bool differ = false;
	int err = 0;

	for (size_t i = 0; i < nr && !err; i++) {
		size_t length = visible_length(named[i].key);
		bool same = i && !strcmp(named[i].key, named[i - 1].key);
		bool next_alike = i + 1 < nr && visible_length(named[i + 1].key) == length &&
				  !strncmp(named[i].key, named[i + 1].key, length);

		named[i].leader = same ? named[i - 1].leader : named[i].lock;
		if (next_alike) {
			differ |= strcmp(named[i].key, named[i + 1].key) != 0;
			continue;
		}
		if (differ)
			err = tell_apart(model, &named[begin], i + 1 - begin);
		begin = i + 1;
		differ = false;
	}
	return err;
}

/* "make_cache < main", "libfoo.so" for code without symbols. NULL: out of memory. */
static char *functions_text(const struct process *process, uint32_t stack, uint64_t site)
{
	struct frame frames[KEY_FRAMES];
	size_t nr = model_frames(process, stack, site, false, frames, KEY_FRAMES), size;
	char *functions = NULL;
	FILE *out = open_memstream(&functions, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < nr; i++) {
		const char *module = frames[i].module ? base_name(frames[i].module) : "[anon]";

		fprintf(out, "%s%s", i ? " < " : "",
			frames[i].function ? frames[i].function : module);
	}
	if (fclose(out) != 0) {
		free(functions);
		return NULL;
	}
	return functions;
}

static char *key_by_place(const struct lock *lock, const char *kind, uint32_t first_node)
{
	const struct trace_node *node = reader_node(lock->process->reader, first_node);
	const char *program = base_name(lock->process->exe);
	uint32_t made = lock->record->init_stack;
	char *functions, *key;

	if (!made && !node)
		return text("%s/%s/unknown", program, kind);
	functions = made ? functions_text(lock->process, made, 0)
			 : functions_text(lock->process, node->stack, node->site);
	key = functions ? text("%s/%s/%s in %s", program, kind, made ? "created" : "first used",
			       functions)
			: NULL;
	free(functions);
	return key;
}

static char *class_key(const struct lock *lock, uint32_t first_node)
{
	const char *given = reader_name(lock->process->reader, TRACE_NAME_CLASS, lock->id);
	const char *kind = kind_name(lock->record->kind);
	const char *name = given ? given : lock->name;
	char *label, *key;

	if (!name)
		return key_by_place(lock, kind, first_node);
	label = text("%s", name);
	if (!label)
		return NULL;
	if (!given)
		drop_indices(label);
	key = text("%s/%s/%s", base_name(lock->process->exe), kind, label);
	free(label);
	return key;
}

/* In the order of the locks. */
static int make_classes(struct model *model, struct named *named)
{
	struct lock_class *class;

	qsort(named, model->nr_locks, sizeof(*named), compare_locks);
	for (size_t i = 0; i < model->nr_locks; i++) {
		if (named[i].leader != i) {
			model->locks[i].class = model->locks[named[i].leader].class;
			continue;
		}
		class = store_push(&model->classes, &model->nr_classes, sizeof(*class));
		if (!class)
			return -ENOMEM;
		class->label = named[i].class_label;
		named[i].class_label = NULL;
		class->kind = (enum trace_kind)model->locks[i].record->kind;
		class->key = class_key(&model->locks[i], named[i].first_node);
		if (!class->key)
			return -ENOMEM;
		model->locks[i].class = (uint32_t)model->nr_classes - 1;
	}
	return 0;
}

static int name_threads(struct model *model)
{
	for (size_t i = 0; i < model->nr_threads; i++) {
		struct thread *thread = &model->threads[i];
		const struct trace_thread *record = thread->record;

		if (record->name[0])
			thread->name = text("%.*s", (int)sizeof(record->name), record->name);
		else if (thread->id == 1 && thread->process->exe[0])
			thread->name = text("%s", base_name(thread->process->exe));
		else if (thread->id)
			thread->name = text("thread %u", thread->id);
		else
			thread->name = text("unknown thread");
		if (!thread->name)
			return -ENOMEM;
	}
	return 0;
}

int names_run(struct store *store)
{
	struct model *model = &store->model;
	struct named *named = calloc(model->nr_locks + 1, sizeof(*named));
	int err = named ? name_locks(model, named) : -ENOMEM;

	if (!err && model->nr_locks) {
		qsort(named, model->nr_locks, sizeof(*named), compare_keys);
		err = find_leaders(model, named, model->nr_locks);
	}
	if (!err && model->nr_locks)
		err = make_classes(model, named);
	for (size_t i = 0; named && i < model->nr_locks; i++) {
		free(named[i].key);
		free(named[i].class_label);
	}
	free(named);
	return err ? err : name_threads(model);
}
