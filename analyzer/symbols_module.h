/* SPDX-License-Identifier: MIT */
#ifndef LOCKPROF_SYMBOLS_MODULE_H
#define LOCKPROF_SYMBOLS_MODULE_H

/* Shared by symbols*.c only; the users' side is symbols.h. */

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "demangle.h"
#include "ranges.h"
#include "symbols.h"

/* What an address in the file stands for; cached by these three. */
enum question { ASK_PC, ASK_RETURN, ASK_DATA };

/* A compilation unit: its functions are indexed at the first address inside it. */
struct unit {
	Dwarf_Die die;
	bool indexed;
	struct ranges functions; /* value: index in function_dies */
	Dwarf_Die *function_dies;
	size_t nr_functions;
};

/* A variable with a fixed address, by which module.variables are sorted. */
struct variable {
	uint64_t address;
	Dwarf_Die die;
	const char *function; /* that it is static in, or NULL */
};

/* How far the variables of a module have been indexed. */
enum depth { DEPTH_NONE, DEPTH_GLOBAL, DEPTH_LOCAL };

struct module {
	char *path;
	unsigned char *build_id;
	size_t build_id_len;
	bool opened;
	const char *note;
	char *own_note;	 /* NULL: the note is nobody's */
	bool is_deadly;	 /* a child died of it */
	bool is_foreign; /* it has a file, for a child to read */

	/* NULL when there is no file, or not the recorded one. */
	Dwfl *dwfl;
	Dwfl_Module *dwfl_module;
	struct ranges code_symbols;
	struct ranges data_symbols;

	/* NULL when there is no debug information. Addresses there are lower by BIAS. */
	Dwarf *dwarf;
	Dwarf_Addr bias;
	struct ranges unit_ranges; /* value: index in units */
	struct unit *units;
	size_t nr_units;
	bool units_indexed;
	struct variable *variables;
	size_t nr_variables, variables_capacity;
	enum depth variables_depth;
};

/* Where separate debug files are looked for. */
struct debug_files {
	Dwfl_Callbacks callbacks;
	char *path; /* as libdwfl reads it: directories separated by colons */
};

int debug_files_init(struct debug_files *debug_files);
void debug_files_fini(struct debug_files *debug_files);

/* Whether there is anything to open: without it module_open() only finds words for that. */
bool module_has_file(const struct module *m, const struct debug_files *debug_files);
/* Opens the file if that was not tried yet; what it found is in the module. */
void module_open(struct module *m, const struct debug_files *debug_files);
void module_free(struct module *m);

/* symbols_elf.c: fills code_symbols and data_symbols. */
void module_read_symbols(struct module *m);

enum { MAX_FRAMES = 64 };

/*
 * symbols_code.c: the frames at ADDRESS, in an array of MAX_FRAMES; module and offset are left to
 * the caller. Returns their number, at least 1.
 */
size_t module_code(struct module *m, struct demangler *d, uint64_t address, struct frame *frames);
void module_free_units(struct module *m);

/* symbols_data.c and symbols_type.c: a new string, or NULL. */
char *module_data(struct module *m, struct demangler *d, uint64_t address);
/* ".member[index]" for OFFSET in VARIABLE, as far as MAX_PATH_BYTES. */
enum { MAX_PATH_BYTES = 512 };
void type_path(Dwarf_Die *variable, uint64_t offset, char path[MAX_PATH_BYTES]);

/*
 * The next DIE of a chain of siblings. Only ever forward in the file, so that damaged
 * information cannot make a loop.
 */
bool die_next(Dwarf_Die *die);

#endif
