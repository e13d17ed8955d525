/* SPDX-License-Identifier: MIT */
/*
 * The check before a recording.
 *
 * LD_PRELOAD is a request to the dynamic loader of the C library that the shim was built for. A
 * program without that loader (static, musl, another architecture) or one that runs with more
 * rights than its caller ignores it silently, and the user would look at an empty report. All
 * that is in the file, so it is said before the run, in one sentence.
 *
 * The file is mapped and read through at(), which answers NULL for anything outside of it: a
 * broken ELF file is then no worse than a static one, and the kernel will say what it thinks.
 *
 * What cannot be told here: a script that starts something static, a program that clears its
 * environment, Go code inside a dynamic program. record speaks of those after the run.
 */
#include "preflight.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_INTERPRETERS 5
#define SCRIPT_LINE 256 /* what the kernel reads of a script's first line */

#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#else
#error "lockprof runs on x86_64 and aarch64"
#endif

struct image {
	const unsigned char *bytes;
	size_t size;
	const Elf64_Phdr *segments;
	size_t nr_segments;
};

__attribute__((format(printf, 2, 3)))
static int refuse(struct preflight *facts, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(facts->message, sizeof(facts->message), format, args);
	va_end(args);
	return -ENOEXEC;
}

/* NULL also where the offset is no multiple of align: no linker writes that. */
static const void *at(const struct image *image, uint64_t offset, uint64_t size, size_t align)
{
	if (offset > image->size || size > image->size - offset || offset % align != 0)
		return NULL;
	return image->bytes + offset;
}

/* A string that ends inside the file, or "". */
static const char *string_at(const struct image *image, uint64_t offset)
{
	if (offset >= image->size || !memchr(image->bytes + offset, 0, image->size - offset))
		return "";
	return (const char *)image->bytes + offset;
}

static const Elf64_Phdr *find_segment(const struct image *image, uint32_t type)
{
	for (size_t i = 0; i < image->nr_segments; i++)
		if (image->segments[i].p_type == type)
			return &image->segments[i];
	return NULL;
}

/* File offset of an address, or UINT64_MAX. */
static uint64_t file_offset(const struct image *image, uint64_t address)
{
	for (size_t i = 0; i < image->nr_segments; i++) {
		const Elf64_Phdr *segment = &image->segments[i];

		if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
		    address - segment->p_vaddr < segment->p_filesz)
			return segment->p_offset + (address - segment->p_vaddr);
	}
	return UINT64_MAX;
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* Calls visit for the string of each dynamic entry with that tag, until one says true. */
static bool any_dynamic_string(const struct image *image, int64_t tag,
			       bool (*visit)(const char *name))
{
	const Elf64_Phdr *segment = find_segment(image, PT_DYNAMIC);
	const Elf64_Dyn *entries = segment ? at(image, segment->p_offset, segment->p_filesz, 8) : NULL;
	size_t nr = entries ? segment->p_filesz / sizeof(*entries) : 0;
	uint64_t strings = UINT64_MAX;

	for (size_t i = 0; i < nr && entries[i].d_tag != DT_NULL; i++)
		if (entries[i].d_tag == DT_STRTAB)
			strings = file_offset(image, entries[i].d_un.d_ptr);
	for (size_t i = 0; i < nr && entries[i].d_tag != DT_NULL; i++)
		if (entries[i].d_tag == tag && strings < image->size &&
		    entries[i].d_un.d_val < image->size &&
		    visit(string_at(image, strings + entries[i].d_un.d_val)))
			return true;
	return false;
}

static bool is_asan(const char *name)
{
	return starts_with(name, "libasan.so") || starts_with(name, "libclang_rt.asan");
}

static bool is_musl(const char *name)
{
	return starts_with(name, "libc.musl-");
}

static bool is_loader(const char *name)
{
	return starts_with(name, "ld-linux");
}

/* The linker of Go leaves a note with the owner's name "Go". */
static bool has_go_note(const struct image *image)
{
	for (size_t i = 0; i < image->nr_segments; i++) {
		const Elf64_Phdr *segment = &image->segments[i];
		const Elf64_Nhdr *note;

		if (segment->p_type != PT_NOTE || segment->p_filesz < sizeof(*note) + 4)
			continue;
		note = at(image, segment->p_offset, sizeof(*note) + 4, 4);
		if (note && note->n_namesz == 4 && memcmp(note + 1, "Go\0", 4) == 0)
			return true;
	}
	return false;
}

static const char *machine_name(unsigned machine, char buf[32])
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{ EM_386, "32-bit x86" }, { EM_ARM, "32-bit ARM" },  { EM_X86_64, "x86-64" },
		{ EM_AARCH64, "aarch64" }, { EM_RISCV, "RISC-V" },   { EM_PPC64, "POWER" },
		{ EM_S390, "s390" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == machine)
			return names[i].name;
	snprintf(buf, 32, "ELF machine %u", machine);
	return buf;
}

static int check_machine(const struct image *image, struct preflight *facts)
{
	const Elf64_Ehdr *header = at(image, 0, sizeof(Elf32_Ehdr), 8);
	char buf[32];

	if (!header)
		return refuse(facts, "is a truncated ELF file");
	if (header->e_machine != NATIVE_MACHINE)
		return refuse(facts, "is built for another architecture (%s) than lockprof",
			      machine_name(header->e_machine, buf));
	if (header->e_ident[EI_CLASS] != ELFCLASS64)
		return refuse(facts, "is a 32-bit program and lockprof is 64-bit");
	return 0;
}

static int read_segments(struct image *image, struct preflight *facts)
{
	const Elf64_Ehdr *header = at(image, 0, sizeof(*header), 8);

	if (!header || header->e_phentsize != sizeof(Elf64_Phdr))
		return refuse(facts, "has no usable program headers");
	image->nr_segments = header->e_phnum;
	image->segments = at(image, header->e_phoff, header->e_phnum * sizeof(Elf64_Phdr), 8);
	if (!image->segments)
		return refuse(facts, "is a truncated ELF file");
	return 0;
}

int preflight_elf(const void *bytes, size_t size, struct preflight *facts)
{
	struct image image = { .bytes = bytes, .size = size };
	const Elf64_Phdr *interpreter;
	int err = check_machine(&image, facts);

	if (!err)
		err = read_segments(&image, facts);
	if (err)
		return err;
	facts->is_go = has_go_note(&image);
	interpreter = find_segment(&image, PT_INTERP);
	if (!interpreter && any_dynamic_string(&image, DT_SONAME, is_loader))
		return 0; /* ld.so PROGRAM: it honours LD_PRELOAD */
	if (!interpreter && facts->is_go)
		return refuse(facts, "is a static Go program, and Go locks without the C library");
	if (!interpreter)
		return refuse(facts, "is statically linked, so nothing can be preloaded");
	if (strstr(string_at(&image, interpreter->p_offset), "/ld-musl-") ||
	    any_dynamic_string(&image, DT_NEEDED, is_musl))
		return refuse(facts, "is linked with musl, and lockprof is built for glibc");
	facts->needs_asan = any_dynamic_string(&image, DT_NEEDED, is_asan);
	return 0;
}

bool preflight_is_privileged(const struct stat *st, bool has_capabilities, uid_t uid, gid_t gid)
{
	if ((st->st_mode & S_ISUID) && st->st_uid != uid)
		return true;
	if ((st->st_mode & S_ISGID) && (st->st_mode & S_IXGRP) && st->st_gid != gid)
		return true;
	return has_capabilities && uid != 0;
}

static int usable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return -EACCES;
	return 0;
}

/* As execvp() does; an unusable file in PATH is passed over and remembered. */
static int find_program(const char *name, char *path, size_t size)
{
	const char *dir = getenv("PATH");
	int err = -ENOENT;

	if (strchr(name, '/')) {
		if ((size_t)snprintf(path, size, "%s", name) >= size)
			return -ENAMETOOLONG;
		return usable(path);
	}
	for (dir = dir ? dir : "/bin:/usr/bin"; *name; dir++) {
		size_t length = strcspn(dir, ":");
		int result = -ENOENT;

		if ((size_t)snprintf(path, size, "%.*s%s%s", (int)length, dir, length ? "/" : "",
				     name) < size)
			result = usable(path);
		if (result == 0)
			return 0;
		if (result == -EACCES)
			err = result;
		dir += length;
		if (!*dir)
			break;
	}
	return err;
}

/*
 * The program that really runs for "#!INTERPRETER [ARG]": the interpreter, or for env(1) the
 * program that env will look for. Shell scripts without "#!" are run by /bin/sh.
 */
static int find_interpreter(const char *bytes, size_t size, char *path, size_t path_size)
{
	char line[SCRIPT_LINE], *word, *rest;
	size_t length = size < sizeof(line) ? size : sizeof(line) - 1;

	if (size < 2 || memcmp(bytes, "#!", 2) != 0)
		return find_program("/bin/sh", path, path_size);
	memcpy(line, bytes + 2, length - 2);
	line[length - 2] = '\0';
	line[strcspn(line, "\n")] = '\0';
	word = strtok_r(line, " \t", &rest);
	if (word && strcmp(basename(word), "env") == 0)
		do
			word = strtok_r(NULL, " \t", &rest);
		while (word && (*word == '-' || strchr(word, '=')));
	return word ? find_program(word, path, path_size) : -ENOENT;
}

/* A script moves facts->path on to its interpreter, whose turn is next. */
static int check_bytes(const char *bytes, size_t size, bool privileged, struct preflight *facts,
		       bool *is_script)
{
	*is_script = size < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0;
	if (*is_script)
		return find_interpreter(bytes, size, facts->path, sizeof(facts->path));
	if (privileged)
		return refuse(facts, "is setuid, setgid or has file capabilities, so the loader "
				     "ignores LD_PRELOAD");
	return preflight_elf(bytes, size, facts);
}

static int check_file(int fd, struct preflight *facts, bool *is_script)
{
	bool capable = fgetxattr(fd, "security.capability", NULL, 0) > 0;
	struct stat st;
	void *bytes;
	int err;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size == 0)
		return check_bytes("", 0, false, facts, is_script);
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	err = check_bytes(bytes, (size_t)st.st_size,
			  preflight_is_privileged(&st, capable, getuid(), getgid()), facts,
			  is_script);
	munmap(bytes, (size_t)st.st_size);
	return err;
}

int preflight_program(const char *name, struct preflight *facts)
{
	bool is_script = true;
	int err;

	memset(facts, 0, sizeof(*facts));
	err = find_program(name, facts->path, sizeof(facts->path));
	for (int i = 0; !err && is_script && i < MAX_INTERPRETERS; i++) {
		int fd = open(facts->path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 && errno == EACCES)
			return 0; /* may be run but not read: nothing can be told */
		if (fd < 0)
			return -errno;
		err = check_file(fd, facts, &is_script);
		close(fd);
	}
	return err;
}
