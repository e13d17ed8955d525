/* SPDX-License-Identifier: MIT */
/*
 * Which part of a variable lies at an offset: ".mu", "[3].mu", "[1][2].pair.first".
 *
 * At one offset there is a whole family: the array, its first element, that one's first member.
 * When a lock is among them the path goes to the lock and stops there ("shard[0].mu", and not
 * "shard" or "shard[0].mu.__data.__lock"). libstdc++ wraps the lock in members of its own
 * ("_M_mutex"), which are left off. Without a lock the path stops as soon as nothing is left of
 * the offset. What is left in the end (padding, the inside of a scalar) is added as "+0x4".
 *
 * Damaged types can be cyclic or enormous, hence the limits on depth and on steps.
 */
#include "symbols_module.h"

#include <dwarf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	MAX_DEPTH = 24,
	MAX_TYPEDEFS = 32,
	MAX_DIMENSIONS = 8,
	MAX_STEPS = 20000,
};

struct path {
	char *text; /* the way down so far, of MAX_PATH_BYTES */
	size_t length;
	/* Where the offset was first used up, on this way. */
	bool used_up;
	size_t used_up_length;
	bool nameless; /* just went into an anonymous union or a base class */
	/* The answer without a lock; also of MAX_PATH_BYTES. */
	char *answer;
	bool proposed;
	unsigned steps;
};

struct array {
	Dwarf_Die element;
	uint64_t element_bytes;
	uint64_t counts[MAX_DIMENSIONS]; /* UINT64_MAX: not known */
	size_t nr_dimensions;
};

static const char *const lock_types[] = {
	"pthread_mutex_t", "pthread_rwlock_t", "pthread_cond_t", "pthread_spinlock_t",
	"pthread_barrier_t", "pthread_once_t", "sem_t", "mtx_t", "cnd_t", "once_flag",
};

static bool is_lock_type(const char *name)
{
	for (size_t i = 0; name && i < sizeof(lock_types) / sizeof(*lock_types); i++) {
		if (!strcmp(name, lock_types[i]))
			return true;
	}
	return false;
}

static void append(struct path *p, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(p->text + p->length, MAX_PATH_BYTES - p->length, format, arguments);
	va_end(arguments);
	if (length > 0)
		p->length += length;
	if (p->length >= MAX_PATH_BYTES)
		p->length = MAX_PATH_BYTES - 1;
}

static void cut(struct path *p, size_t length)
{
	p->length = length;
	p->text[length] = '\0';
}

static bool type_of(Dwarf_Die *die, Dwarf_Die *type)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(die, DW_AT_type, &attribute) &&
	       dwarf_formref_die(&attribute, type);
}

static bool number_of(Dwarf_Die *die, unsigned name, uint64_t *value)
{
	Dwarf_Attribute attribute;
	Dwarf_Word number;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &number))
		return false;
	*value = number;
	return true;
}

/* Takes names and qualifiers off TYPE. False: there is nothing under them, or no end of them. */
static bool peel(Dwarf_Die *type, bool *is_lock)
{
	*is_lock = false;
	for (int i = 0; i < MAX_TYPEDEFS; i++) {
		if (is_lock_type(dwarf_diename(type)))
			*is_lock = true;
		switch (dwarf_tag(type)) {
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type:
			if (!type_of(type, type))
				return false;
			break;
		default:
			return true;
		}
	}
	return false;
}

static uint64_t dimension_count(Dwarf_Die *subrange)
{
	uint64_t lower = 0, value;

	if (number_of(subrange, DW_AT_count, &value))
		return value;
	if (!number_of(subrange, DW_AT_upper_bound, &value))
		return UINT64_MAX;
	number_of(subrange, DW_AT_lower_bound, &lower);
	return value - lower < UINT64_MAX ? value - lower + 1 : UINT64_MAX;
}

static uint64_t type_bytes(Dwarf_Die *type, int depth);

static bool array_open(Dwarf_Die *type, struct array *array, int depth)
{
	Dwarf_Die child;

	array->nr_dimensions = 0;
	if (!type_of(type, &array->element) || dwarf_child(type, &child))
		return false;
	do {
		if (dwarf_tag(&child) != DW_TAG_subrange_type)
			continue;
		if (array->nr_dimensions == MAX_DIMENSIONS)
			return false;
		array->counts[array->nr_dimensions++] = dimension_count(&child);
	} while (die_next(&child));
	array->element_bytes = type_bytes(&array->element, depth + 1);
	return array->nr_dimensions && array->element_bytes;
}

/* The bytes of one step in dimension FROM - 1; 0: not known. */
static uint64_t array_stride(const struct array *array, size_t from)
{
	uint64_t bytes = array->element_bytes;

	for (size_t i = from; i < array->nr_dimensions; i++) {
		if (array->counts[i] == UINT64_MAX ||
		    __builtin_mul_overflow(bytes, array->counts[i], &bytes))
			return 0;
	}
	return bytes;
}

/* 0: not known. */
static uint64_t type_bytes(Dwarf_Die *type, int depth)
{
	struct array array;
	Dwarf_Die peeled = *type;
	uint64_t bytes;
	bool is_lock;

	if (depth > MAX_DEPTH || !peel(&peeled, &is_lock))
		return 0;
	if (number_of(&peeled, DW_AT_byte_size, &bytes))
		return bytes;
	switch (dwarf_tag(&peeled)) {
	case DW_TAG_array_type:
		return array_open(&peeled, &array, depth) ? array_stride(&array, 0) : 0;
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		return sizeof(void *);
	default:
		return 0;
	}
}

static bool walk(struct path *p, const Dwarf_Die *type, uint64_t offset, int depth);

static bool walk_array(struct path *p, Dwarf_Die *type, uint64_t offset, int depth)
{
	struct array array;

	if (!array_open(type, &array, depth))
		return false;
	for (size_t i = 0; i < array.nr_dimensions; i++) {
		uint64_t stride = array_stride(&array, i + 1);

		if (!stride || offset / stride >= array.counts[i])
			return false;
		append(p, "[%" PRIu64 "]", offset / stride);
		offset %= stride;
	}
	return walk(p, &array.element, offset, depth + 1);
}

/* MEMBER's type, and OFFSET made relative to it, when it holds OFFSET. */
static bool member_holds(Dwarf_Die *member, Dwarf_Die *type, uint64_t *offset)
{
	int tag = dwarf_tag(member);
	uint64_t start = 0, bytes;

	if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) || !type_of(member, type) ||
	    dwarf_hasattr(member, DW_AT_bit_size) || dwarf_hasattr(member, DW_AT_declaration))
		return false;
	/* No location: a union. One that is not a number: a virtual base. */
	if (!number_of(member, DW_AT_data_member_location, &start) &&
	    dwarf_hasattr(member, DW_AT_data_member_location))
		return false;
	bytes = type_bytes(type, 0);
	/* Without a size: a flexible array. */
	if (*offset < start || (bytes && *offset - start >= bytes))
		return false;
	*offset -= start;
	return true;
}

/* Where the way down ends without a lock; the first such end is the answer if no lock comes. */
static void propose(struct path *p, uint64_t offset)
{
	if (p->proposed)
		return;
	p->proposed = true;
	if (p->used_up)
		snprintf(p->answer, MAX_PATH_BYTES, "%.*s", (int)p->used_up_length, p->text);
	else
		snprintf(p->answer, MAX_PATH_BYTES, "%s+0x%" PRIx64, p->text, offset);
}

/* Several members can hold the offset (a union), so each way down is tried until one has a lock. */
static bool walk_members(struct path *p, Dwarf_Die *type, uint64_t offset, int depth)
{
	size_t length = p->length;
	bool used_up = p->used_up;
	Dwarf_Die member, member_type;

	if (dwarf_child(type, &member))
		return false;
	do {
		uint64_t rest = offset;
		const char *name;

		if (++p->steps > MAX_STEPS)
			return false;
		if (!member_holds(&member, &member_type, &rest))
			continue;
		name = dwarf_tag(&member) == DW_TAG_member ? dwarf_diename(&member) : NULL;
		if (name)
			append(p, ".%s", name);
		p->nameless = !name;
		if (walk(p, &member_type, rest, depth + 1))
			return true;
		cut(p, length);
		p->used_up = used_up;
	} while (die_next(&member));
	return false;
}

/* True: the path ends at a lock. */
static bool walk(struct path *p, const Dwarf_Die *type, uint64_t offset, int depth)
{
	Dwarf_Die peeled = *type;
	bool is_lock;

	if (!offset && !p->used_up && !p->nameless) {
		p->used_up = true;
		p->used_up_length = p->length;
	}
	p->nameless = false;
	if (++p->steps <= MAX_STEPS && depth < MAX_DEPTH) {
		int tag = peel(&peeled, &is_lock) ? dwarf_tag(&peeled) : 0;

		if (is_lock)
			return true;
		if (tag == DW_TAG_array_type && walk_array(p, &peeled, offset, depth))
			return true;
		if ((tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
		     tag == DW_TAG_union_type) && walk_members(p, &peeled, offset, depth))
			return true;
	}
	propose(p, offset);
	return false;
}

/* "cache.mu._M_mutex" is "cache.mu" to a user; an index on the way is worth keeping. */
static void trim_wrappers(char *path)
{
	char *member;

	while ((member = strrchr(path, '.')) && !strchr(member, '[') &&
	       (!strncmp(member, "._M_", 4) || !strncmp(member, ".__m_", 5)))
		*member = '\0';
}

void type_path(Dwarf_Die *variable, uint64_t offset, char path[MAX_PATH_BYTES])
{
	char text[MAX_PATH_BYTES] = "";
	struct path p = { .text = text, .answer = path };
	Dwarf_Die type;

	if (!type_of(variable, &type)) {
		p.used_up = !offset;
		propose(&p, offset);
	} else if (walk(&p, &type, offset, 0)) {
		trim_wrappers(text);
		memcpy(path, text, strlen(text) + 1);
	}
}
