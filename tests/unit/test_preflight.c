/* SPDX-License-Identifier: MIT */
/*
 * preflight.c: ELF files made here, whole and broken, and scripts on their way to one.
 *
 * The images are laid out by hand, so that the test needs neither a static libc nor a musl nor a
 * Go tool chain: a header, the segments, and what they point to.
 */
#include "analyzer/preflight.h"

#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#ifdef __x86_64__
#define NATIVE EM_X86_64
#define FOREIGN EM_AARCH64
#define LOADER "/lib64/ld-linux-x86-64.so.2"
#else
#define NATIVE EM_AARCH64
#define FOREIGN EM_X86_64
#define LOADER "/lib/ld-linux-aarch64.so.1"
#endif

struct elf_file {
	Elf64_Ehdr header;
	Elf64_Phdr segments[4];
	Elf64_Dyn dynamic[3];
	struct {
		Elf64_Nhdr header;
		char name[4];
	} note;
	char interpreter[64];
	char strings[64];
};

static void add_segment(struct elf_file *elf, uint32_t type, size_t offset, size_t size)
{
	elf->segments[elf->header.e_phnum++] = (Elf64_Phdr){
		.p_type = type, .p_offset = offset, .p_vaddr = 0x1000 + offset, .p_filesz = size,
	};
}

/* tag and name are the one dynamic entry; NULL leaves a part out. */
static struct elf_file make_elf(const char *interpreter, int64_t tag, const char *name)
{
	struct elf_file elf = { .header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB },
		.e_machine = NATIVE,
		.e_phoff = offsetof(struct elf_file, segments),
		.e_phentsize = sizeof(Elf64_Phdr),
	} };

	add_segment(&elf, PT_LOAD, 0, sizeof(elf));
	if (interpreter) {
		strcpy(elf.interpreter, interpreter);
		add_segment(&elf, PT_INTERP, offsetof(struct elf_file, interpreter), 64);
	}
	if (name) {
		strcpy(elf.strings, name);
		elf.dynamic[0] = (Elf64_Dyn){ .d_tag = tag, .d_un.d_val = 0 };
		elf.dynamic[1] = (Elf64_Dyn){ .d_tag = DT_STRTAB };
		elf.dynamic[1].d_un.d_ptr = 0x1000 + offsetof(struct elf_file, strings);
		add_segment(&elf, PT_DYNAMIC, offsetof(struct elf_file, dynamic),
			    sizeof(elf.dynamic));
	}
	return elf;
}

static struct preflight check(const struct elf_file *elf, int wanted)
{
	struct preflight facts = { .message = "" };

	assert_int_equal(preflight_elf(elf, sizeof(*elf), &facts), wanted);
	assert_int_equal(facts.message[0] != '\0', wanted != 0);
	return facts;
}

static void check_refused(const struct elf_file *elf, const char *reason)
{
	struct preflight facts = check(elf, -ENOEXEC);

	assert_non_null(strstr(facts.message, reason));
}

static void test_accepted(void **state)
{
	struct elf_file plain = make_elf(LOADER, DT_NEEDED, "libc.so.6");
	struct elf_file bare = make_elf(LOADER, 0, NULL);
	struct elf_file loader = make_elf(NULL, DT_SONAME, "ld-linux-x86-64.so.2");

	(void)state;
	assert_false(check(&plain, 0).needs_asan);
	check(&bare, 0);
	check(&loader, 0);
}

static void test_asan(void **state)
{
	struct elf_file gcc = make_elf(LOADER, DT_NEEDED, "libasan.so.8");
	struct elf_file clang = make_elf(LOADER, DT_NEEDED, "libclang_rt.asan-x86_64.so");

	(void)state;
	assert_true(check(&gcc, 0).needs_asan);
	assert_true(check(&clang, 0).needs_asan);
}

static void test_refused(void **state)
{
	struct elf_file fixed = make_elf(NULL, 0, NULL);
	struct elf_file pie = make_elf(NULL, DT_NEEDED, "x");
	struct elf_file musl = make_elf("/lib/ld-musl-x86_64.so.1", 0, NULL);
	struct elf_file musl_too = make_elf("/strange/loader", DT_NEEDED, "libc.musl-x86_64.so.1");
	struct elf_file foreign = make_elf(LOADER, 0, NULL);
	struct elf_file narrow = make_elf(LOADER, 0, NULL);

	(void)state;
	check_refused(&fixed, "statically linked");
	check_refused(&pie, "statically linked");
	check_refused(&musl, "musl");
	check_refused(&musl_too, "musl");
	foreign.header.e_machine = FOREIGN;
	check_refused(&foreign, "another architecture");
	foreign.header.e_machine = 4711;
	check_refused(&foreign, "ELF machine 4711");
	narrow.header.e_ident[EI_CLASS] = ELFCLASS32;
	check_refused(&narrow, "32-bit");
}

static void test_go(void **state)
{
	struct elf_file fixed = make_elf(NULL, 0, NULL), dynamic = make_elf(LOADER, 0, NULL);

	(void)state;
	fixed.note.header.n_namesz = 4;
	memcpy(fixed.note.name, "Go\0", 4);
	dynamic.note = fixed.note;
	add_segment(&fixed, PT_NOTE, offsetof(struct elf_file, note), sizeof(fixed.note));
	add_segment(&dynamic, PT_NOTE, offsetof(struct elf_file, note), sizeof(fixed.note));
	check_refused(&fixed, "static Go program");
	assert_true(check(&dynamic, 0).is_go);
}

/* Every truncation, and every header byte set to 0xff: any answer, but no access outside. */
static void test_broken(void **state)
{
	struct elf_file elf = make_elf(LOADER, DT_NEEDED, "libasan.so.8");
	struct preflight facts;

	(void)state;
	for (size_t size = 0; size < sizeof(elf); size++) {
		void *copy = malloc(size ? size : 1);

		assert_non_null(copy);
		memcpy(copy, &elf, size);
		preflight_elf(copy, size, &facts);
		free(copy);
	}
	for (size_t i = 0; i < sizeof(elf); i++) {
		struct elf_file *copy = malloc(sizeof(elf));

		assert_non_null(copy);
		memcpy(copy, &elf, sizeof(elf));
		((unsigned char *)copy)[i] = 0xff;
		preflight_elf(copy, sizeof(elf), &facts);
		free(copy);
	}
}

static void test_privileged(void **state)
{
	struct stat st = { .st_mode = S_IFREG | 0755, .st_uid = 0, .st_gid = 0 };

	(void)state;
	assert_false(preflight_is_privileged(&st, false, 1000, 1000));
	assert_true(preflight_is_privileged(&st, true, 1000, 1000));
	assert_false(preflight_is_privileged(&st, true, 0, 0));
	st.st_mode |= S_ISUID;
	assert_true(preflight_is_privileged(&st, false, 1000, 1000));
	assert_false(preflight_is_privileged(&st, false, 0, 0));
	st.st_mode = S_IFREG | S_ISGID | 0755;
	assert_true(preflight_is_privileged(&st, false, 0, 1000));
	st.st_mode = S_IFREG | S_ISGID | 0745; /* mandatory locking of old, not setgid */
	assert_false(preflight_is_privileged(&st, false, 0, 1000));
}

static void write_file(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
	assert_int_equal(chmod(path, 0755), 0);
}

static void test_scripts(void **state)
{
	static const char *const files[] = { "fixed", "script", "outer", "nothing", "lost" };
	char dir[] = "/tmp/lockprof-preflight-XXXXXX", script[256];
	struct elf_file fixed = make_elf(NULL, 0, NULL);
	struct preflight facts;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	setenv("PATH", dir, 1);
	write_file("fixed", &fixed, sizeof(fixed));
	snprintf(script, sizeof(script), "#! %s/fixed -x\nwords\n", dir);
	write_file("script", script, strlen(script));
	write_file("outer", "#!/usr/bin/env -S A=1 script\n", 29);
	write_file("nothing", "", 0);
	write_file("lost", "#!/nonexistent/interpreter\n", 27);

	assert_int_equal(preflight_program("./fixed", &facts), -ENOEXEC);
	assert_int_equal(preflight_program("script", &facts), -ENOEXEC);
	assert_non_null(strstr(facts.path, "/fixed"));
	assert_int_equal(preflight_program("outer", &facts), -ENOEXEC);
	assert_int_equal(preflight_program("nothing", &facts), 0);
	assert_int_equal(preflight_program("lost", &facts), -ENOENT);
	assert_int_equal(preflight_program("absent", &facts), -ENOENT);
	assert_int_equal(preflight_program("", &facts), -ENOENT);
	assert_int_equal(preflight_program(dir, &facts), -EACCES);
	assert_int_equal(preflight_program("/bin/sh", &facts), 0);

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(files[i]);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),   cmocka_unit_test(test_asan),
		cmocka_unit_test(test_refused),	   cmocka_unit_test(test_go),
		cmocka_unit_test(test_broken),	   cmocka_unit_test(test_privileged),
		cmocka_unit_test(test_scripts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
