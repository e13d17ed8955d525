/* SPDX-License-Identifier: MIT */
/*
 * One file of the recorded process: is it still the file that ran, and where is its debug
 * information.
 *
 * Each module has a Dwfl of its own, reported at bias 0, so that libdwfl's addresses are the ELF
 * virtual addresses that a trace holds, whatever kind of file it is. libdwfl finds the separate
 * debug file (build-id, debug link, dwz) and unpacks .gnu_debugdata.
 *
 * A file with another build-id than the recorded one would give wrong names that look right, so
 * nothing of it is used. When a debug file of the recorded build-id is installed, that alone is
 * enough, and it stands in for the missing or changed one.
 */
#include "symbols_module.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_DEBUG_PATH "/usr/lib/debug"

int debug_files_init(struct debug_files *debug_files)
{
	const char *extra = getenv("LOCKPROF_DEBUG_PATH");
	bool has_extra = extra && *extra;

	if (asprintf(&debug_files->path, ":.debug:" SYSTEM_DEBUG_PATH "%s%s", has_extra ? ":" : "",
		     has_extra ? extra : "") < 0) {
		debug_files->path = NULL;
		return -ENOMEM;
	}
	debug_files->callbacks = (Dwfl_Callbacks){
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.section_address = dwfl_offline_section_address,
		.debuginfo_path = &debug_files->path,
	};
	return 0;
}

void debug_files_fini(struct debug_files *debug_files)
{
	free(debug_files->path);
}

/* NULL when the file at PATH is the recorded one, else what is wrong with it. */
static const char *check_elf(const struct module *m, Elf *elf)
{
	const void *build_id;
	GElf_Ehdr header;
	ssize_t length;

	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
		return "not an ELF file";
	if (header.e_type != ET_DYN && header.e_type != ET_EXEC)
		return "not a program or shared object";
	if (!m->build_id_len)
		return NULL;
	length = dwelf_elf_gnu_build_id(elf, &build_id);
	if (length != (ssize_t)m->build_id_len || memcmp(build_id, m->build_id, length))
		return "file has changed since the recording (another build-id)";
	return NULL;
}

/* Opens without blocking: a recorded path can be a pipe or a device by now. */
static const char *check_file(const struct module *m, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *problem = "not a regular file";
	struct stat st;
	Elf *elf;

	if (fd < 0)
		return errno == ENOENT ? "file not found" : "file cannot be read";
	if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
		elf = elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL);
		problem = check_elf(m, elf);
		elf_end(elf);
	}
	close(fd);
	return problem;
}

/* DIRECTORY/.build-id/xx/yyyy.debug as a new string, or NULL. */
static char *build_id_path(const struct module *m, const char *directory, int directory_len)
{
	char hex[2 * 64 + 1];
	char *path;

	if (m->build_id_len < 2 || m->build_id_len > 64)
		return NULL;
	for (size_t i = 0; i < m->build_id_len; i++)
		sprintf(hex + 2 * i, "%02x", m->build_id[i]);
	if (asprintf(&path, "%.*s/.build-id/%.2s/%s.debug", directory_len, directory, hex,
		     hex + 2) < 0)
		return NULL;
	return path;
}

bool module_has_file(const struct module *m, const struct debug_files *debug_files)
{
	struct stat st;

	if (m->path[0] != '/')
		return false;
	if (!stat(m->path, &st) && S_ISREG(st.st_mode))
		return true;
	for (const char *at = debug_files->path; *at; at += strcspn(at, ":"), at += *at == ':') {
		char *path = *at == '/' ? build_id_path(m, at, strcspn(at, ":")) : NULL;
		bool exists = path && !stat(path, &st);

		free(path);
		if (exists)
			return true;
	}
	return false;
}

/* A debug file of the recorded build-id, as a new string, or NULL. */
static char *find_by_build_id(const struct module *m, const char *directories)
{
	for (const char *at = directories; *at; at += strcspn(at, ":"), at += *at == ':') {
		char *path = *at == '/' ? build_id_path(m, at, strcspn(at, ":")) : NULL;

		if (path && !check_file(m, path))
			return path;
		free(path);
	}
	return NULL;
}

static const char *report(struct module *m, const struct debug_files *debug_files, const char *path)
{
	unsetenv("DEBUGINFOD_URLS"); /* of the child, as a rule: symbols_child.h */
	m->dwfl = dwfl_begin(&debug_files->callbacks);
	if (!m->dwfl)
		return "out of memory";
	dwfl_report_begin(m->dwfl);
	m->dwfl_module = dwfl_report_elf(m->dwfl, m->path, path, -1, 0, true);
	dwfl_report_end(m->dwfl, NULL, NULL);
	if (!m->dwfl_module)
		return "damaged ELF file";
	m->dwarf = dwfl_module_getdwarf(m->dwfl_module, &m->bias);
	return NULL;
}

void module_open(struct module *m, const struct debug_files *debug_files)
{
	char *stand_in = NULL;

	if (m->opened)
		return;
	m->opened = true;
	if (m->path[0] != '/') {
		if (m->path[0] != '[')
			m->note = "no absolute path was recorded";
		return;
	}
	m->note = check_file(m, m->path);
	if (m->note) {
		stand_in = find_by_build_id(m, debug_files->path);
		if (!stand_in)
			return;
	}
	m->note = report(m, debug_files, stand_in ? stand_in : m->path);
	free(stand_in);
	if (!m->note)
		module_read_symbols(m);
}

void module_free(struct module *m)
{
	if (!m)
		return;
	module_free_units(m);
	free(m->variables);
	ranges_free(&m->code_symbols);
	ranges_free(&m->data_symbols);
	if (m->dwfl)
		dwfl_end(m->dwfl);
	free(m->own_note);
	free(m->build_id);
	free(m->path);
	free(m);
}

bool die_next(Dwarf_Die *die)
{
	Dwarf_Die next;

	if (dwarf_siblingof(die, &next) || (char *)next.addr <= (char *)die->addr)
		return false;
	*die = next;
	return true;
}
