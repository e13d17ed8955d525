#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Traces from somebody else, and folders that others can write to.

Names out of a trace (program, arguments, threads, locks, functions, modules) reach no terminal as
control sequences; a recorded path that is a pipe by now is not waited for; and a trace is made
anew, for its owner alone, whatever lies at its name.

    tests/t/hostile.t [sticky]      sticky: only the last
"""
import os
import pty
import re
import shutil
import stat
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import tap  # noqa: E402

BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build")))
TOOL = os.path.join(BUILD, "asan", "lockprof")
if not os.path.exists(TOOL):
    TOOL = os.path.join(BUILD, "lockprof")
SHIM = os.path.join(BUILD, "liblockprof.so")
EVIL = "a\033[31m\x9bb\u202ec\u2066d\x07"
HOSTILE = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
OTHER, SELF = 12345, 12346  # users that nobody is

# No assembler takes such names: _Q becomes an escape when all is compiled.
LIBRARY = r"""
#include <pthread.h>
static pthread_mutex_t evil_Q32m_mu = PTHREAD_MUTEX_INITIALIZER;
static void __attribute__((noinline)) evil_Q33m_call(void)
{ pthread_mutex_lock(&evil_Q32m_mu); pthread_mutex_unlock(&evil_Q32m_mu); }
void run(void);
void run(void) { for (int i = 0; i < 100; i++) evil_Q33m_call(); }
"""
PROGRAM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>
static void *work(void *run) { pthread_setname_np(pthread_self(), "t\033[35m\302\233x");
	((void (*)(void))run)(); return NULL; }
int main(int argc, char **argv)
{
	void *library = dlopen(argv[argc - 1], RTLD_NOW), *run = library ? dlsym(library, "run") : NULL;
	sem_t *named = sem_open("/lockprof-\033[36m", O_CREAT, 0600, 1);
	pthread_t thread;
	if (!run || named == SEM_FAILED) return 3;
	sem_wait(named); sem_post(named); sem_unlink("/lockprof-\033[36m");
	pthread_create(&thread, NULL, work, run);
	pthread_join(thread, NULL);
	return 0;
}
"""


class Tests(tap.Tests):
    def tool(self, *arguments):
        return subprocess.run([TOOL, *arguments], cwd=self.folder, capture_output=True, timeout=60,
                              check=False)


def compile_evil(tests):
    """The program and the library, in a folder and under names that are evil, too."""
    os.mkdir(tests.path(EVIL))
    for name, text, extra in ((f"{EVIL}/{EVIL}.so", LIBRARY, ["-shared", "-fPIC"]),
                              (f"{EVIL}/{EVIL}", PROGRAM, [])):
        subprocess.run(["cc", "-g", "-O0", "-pthread", "-x", "c", "-", *extra, "-o",
                        tests.path(name)], input=text.encode(), check=True)
    with open(tests.path(f"{EVIL}/{EVIL}.so"), "r+b") as file:
        data = file.read().replace(b"evil_Q", b"evil\033[")
        file.seek(0)
        file.write(data)


def record(tests, program, *arguments, output, **settings):
    env = {**os.environ, "LD_PRELOAD": SHIM, "LOCKPROF_OPTIONS": f"output={output}"}
    return subprocess.run([program, *arguments], cwd=tests.folder, env=env, capture_output=True,
                          timeout=60, check=False, **settings)


def names(tests):
    compile_evil(tests)
    library = tests.path(f"{EVIL}/{EVIL}.so")
    run = record(tests, tests.path(f"{EVIL}/{EVIL}"), EVIL, library, output=tests.path("x.trace"))
    tests.check("an evil program is recorded", run.returncode == 0, run)
    evil_trace = f"{EVIL}.trace"
    shutil.copy(tests.path("x.trace"), tests.path(evil_trace))
    commands = [["report", "--all", f"--by={by}"] for by in ("class", "lock", "thread", "site",
                                                            "process")]
    commands += [["report", "--json"], ["report", "--csv", "--by=lock"], ["report", "--wide"],
                 ["info"], ["info", "--json"], ["dump"], ["dump", "--records"], ["order"],
                 ["order", "--json"], ["order", "--sarif"], ["order", "--dot", "--all"]]
    for command in commands:
        run = tests.tool(*command, evil_trace)
        text = (run.stdout + run.stderr).decode("utf-8", "surrogateescape")
        found = HOSTILE.search(text.replace("\r\n", "\n") if "--csv" in command else text)
        tests.check(f"no control sequence: {' '.join(command)}",
                    run.returncode == 0 and run.stdout and not found,
                    (run.returncode, found, text))
    whole = tests.tool("report", "--all", "--by=lock", evil_trace).stdout.decode()
    whole += tests.tool("info", evil_trace).stdout.decode()
    whole += tests.tool("dump", "--records", evil_trace).stdout.decode()
    for part in (r"evil\x1b[32m_mu", r"t\x1b[35m", r"\x1b[31m\xc2\x9bb\xe2\x80\xaec"):
        tests.check(f"it is told as {part}", part in whole, whole)


def messages(tests):
    for arguments in (["report", EVIL], ["info", f"/nonexistent/{EVIL}"], ["dump", EVIL], [EVIL],
                      ["report", f"--{EVIL}"], ["report", f"--key={EVIL}", "x"],
                      ["report", f"--top={EVIL}", "x"], ["record", f"/nonexistent/{EVIL}"]):
        run = tests.tool(*arguments)
        text = (run.stdout + run.stderr).decode("utf-8", "surrogateescape")
        tests.check(f"a message about {[word for word in arguments if EVIL not in word] or 'it'}",
                    run.returncode != 0 and text and not HOSTILE.search(text), repr(text))


def terminal(tests):
    """On a terminal, where progress, width and colours come in."""
    parent, child = pty.openpty()
    env = {**os.environ, "NO_COLOR": "1", "LOCKPROF_PAGER": "", "TERM": "xterm"}
    run = subprocess.Popen([TOOL, "report", tests.path("x.trace")], stdout=child, stderr=child,
                           env=env)
    os.close(child)
    text = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:  # the other end is gone
            break
        text += part
    tests.check("no control sequence: report on a terminal",
                run.wait() == 0 and b"evil" in text
                and not HOSTILE.search(text.decode().replace("\r\n", "\n")), text)


def modules(tests):
    """What was a library when it was recorded is something else by now."""
    library = tests.path(f"{EVIL}/{EVIL}.so")
    os.rename(library, tests.path("kept.so"))
    for name, make in (("a pipe", lambda: os.mkfifo(library)),
                       ("a folder", lambda: os.mkdir(library)),
                       ("a link to a device", lambda: os.symlink("/dev/zero", library)),
                       ("a text", lambda: shutil.copy(__file__, library))):
        make()
        run = tests.tool("report", "--json", "x.trace")
        tests.check(f"the library is {name}", run.returncode == 0 and run.stdout, run)
        os.rmdir(library) if os.path.isdir(library) else os.unlink(library)


def debug_file(tests):
    """libdw opens what a library names as its debug file, and waits when that is a pipe."""
    library = tests.path(f"{EVIL}/{EVIL}.so")
    debug = tests.path("f.debug")
    if not shutil.which("objcopy"):
        tests.skip("a pipe instead of a debug file", "needs objcopy")
        return
    shutil.copy(tests.path("kept.so"), library)
    shutil.copy(tests.path("kept.so"), debug)
    subprocess.run(["objcopy", "--strip-debug", library], check=True)
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", library], check=True)
    os.mkfifo(tests.path(f"{EVIL}/f.debug"))
    run = tests.tool("report", "x.trace")
    told = " ".join(run.stdout.decode().split())
    tests.check("a pipe instead of a debug file", run.returncode == 0 and "gives no answer" in told,
                run)


def become(user):
    def run():
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    return run


def plant(user, action):
    """Does something as another user."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            become(user)()
            action()
            status = 0
        except OSError:
            pass
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def made(folder, name):
    """The trace that was made instead of `name`: of the program's user, and for nobody else."""
    others = [other for other in os.listdir(folder) if other.startswith(name + ".")]
    if len(others) != 1:
        return False
    st = os.lstat(os.path.join(folder, others[0]))
    return stat.S_ISREG(st.st_mode) and stat.S_IMODE(st.st_mode) == 0o600 and st.st_uid == SELF


def sticky(tests):
    os.chmod(tests.folder, 0o755)
    if os.getuid() != 0 or not plant(SELF, lambda: (open(SHIM, "rb").close(),
                                                    os.listdir(tests.folder))):
        tests.skip("sticky folders", "needs root, and folders that others may enter")
        return
    folder = tests.path("sticky")
    os.mkdir(folder)
    os.chmod(folder, 0o1777)
    victim = tests.path("victim")
    with open(victim, "w", encoding="ascii") as file:
        file.write("untouched")
    os.chown(victim, SELF, SELF)

    def at(name):
        return os.path.join(folder, name)
    plants = (("link", lambda: os.symlink(victim, at("link"))),
              ("dangling", lambda: os.symlink(tests.path("new"), at("dangling"))),
              ("pipe", lambda: os.mkfifo(at("pipe"), 0o666)),
              ("file", lambda: os.close(os.open(at("file"), os.O_CREAT, 0o666))),
              ("folder", lambda: os.mkdir(at("folder"))))
    for name, action in plants:
        tests.check(f"another user plants a {name}", plant(OTHER, action))
        before = os.lstat(at(name))
        run = record(tests, os.path.join(BUILD, "samples", "hot_counter"), "2", "10",
                     output=at(name), preexec_fn=become(SELF), umask=0)
        after = os.lstat(at(name))
        tests.check(f"the trace is made beside the {name}",
                    run.returncode == 0 and made(folder, name), (run, os.listdir(folder)))
        tests.check(f"the {name} stays as it was",
                    (before.st_ino, before.st_size, before.st_uid, before.st_mode)
                    == (after.st_ino, after.st_size, after.st_uid, after.st_mode))
        run = subprocess.run([os.path.join(BUILD, "lockprof"), "record", "-o", at(name), "--",
                              "true"], capture_output=True, timeout=60, check=False,
                             preexec_fn=become(SELF))
        tests.check(f"record does not take the {name} away",
                    run.returncode == 1 and b"cannot rename" in run.stderr
                    and os.lstat(at(name)).st_ino == before.st_ino, run)
    with open(victim, encoding="ascii") as file:
        tests.check("the file behind the link is untouched", file.read() == "untouched")
    tests.check("nothing was made behind a link", not os.path.exists(tests.path("new")))


def main():
    with tempfile.TemporaryDirectory() as folder:
        tests = Tests(folder)
        if "sticky" not in sys.argv[1:]:
            names(tests)
            messages(tests)
            terminal(tests)
            modules(tests)
            debug_file(tests)
        sticky(tests)
        return tests.end()


sys.exit(main())
