#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Uncomfortable places: full disks, folders that nobody may write to or that are gone, traces that
are moved or replaced while they are written, no /proc, other rights, real-time priorities,
somebody who stops and steps the program. It always ends as without us; what it did is in the
trace to the unit, or counted there as lost.

    tests/t/place.t [NAME...]       only these

What needs root is skipped without. The file systems are mounted in a namespace of this test."""

import glob
import os
import resource
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import ledger  # noqa: E402

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "programs")
NOBODY, NOT_PERMITTED = 65534, 77
BLOCK = 65536
OTHER_CALLS = 20  # that the programs make once, or once in each thread, besides the pairs
IS_ROOT = os.geteuid() == 0
tap = ledger.Tap()


def wanted(name):
    return not sys.argv[1:] or name in sys.argv[1:]


def own_mounts():
    """Goes on in a mount namespace where there can be one."""
    if os.environ.get("LOCKPROF_OWN_MOUNTS") or not IS_ROOT or not shutil.which("unshare"):
        return
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0:
        os.environ["LOCKPROF_OWN_MOUNTS"] = "yes"
        os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])


def mounted():
    return bool(os.environ.get("LOCKPROF_OWN_MOUNTS"))


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def exact_or_lost(folder):
    """All that was done was recorded, or its calls were counted as lost: two for each pair."""
    told, problems = ledger.traces_of(folder.path)
    for key, book in ledger.books(folder.book).items():
        if key not in told:
            problems.append(f"process {key}: no trace")
            continue
        done, seen = sum(book.least.values()), sum(ledger.recorded(told[key]).values())
        losses = told[key]["run"]["losses"]
        calls, others = 2 * (done - seen), OTHER_CALLS + losses["threads"]
        if not calls <= losses["events"] <= calls + others:
            problems.append(f"process {key}: {done} done, {seen} recorded, {losses}")
    return "\n".join(problems)


def status(done, expected=0):
    return "" if done.returncode == expected else f"status {done.returncode}\n{done.stderr}\n"


def has_event(folder, event):
    told, _ = ledger.traces_of(folder.path)
    missing = not all(one["run"]["coverage"][event] for one in told.values())
    return f"{event} is not told\n" if missing or not told else ""


def leave_holes(disk):
    """Fills the disk to the last page, and gives the trace blocks that are not there."""
    for trace in glob.glob(disk + "/*.trace"):
        os.truncate(trace, (os.path.getsize(trace) // BLOCK + 20) * BLOCK)
    try:
        with open(disk + "/filler", "wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
    except OSError:
        pass


def full_disks():
    """Blocks of 64 KiB: header, records, then one for each thread, and what is written."""
    for blocks, exact in ((0, None), (1, False), (2, False), (3, False), (4, False), (5, True),
                          (9, True), (12, True)):
        for options in ledger.OPTIONS:
            name = f"a disk of {blocks} blocks, {options}"
            if not mounted():
                tap.skip(name, "mounts nothing")
                continue
            with ledger.Folder() as folder:
                disk = os.path.join(folder.path, "disk")
                os.mkdir(disk)
                mount("-t", "tmpfs", "-o", f"size={max(blocks * 64, 4)}k", "none", disk)
                done = folder.run("descriptors", "lock_limit", options=options,
                                  output="disk/%p.trace")
                wrong = status(done)
                folder.path = disk
                if blocks and options == "mode=trace":
                    wrong += has_event(folder, "no_space")
                if blocks:
                    wrong += folder.check() if exact else exact_or_lost(folder)
                elif os.listdir(disk):
                    wrong += "a trace without room\n"
                if exact:
                    leave_holes(disk)  # a look at them must not be a SIGBUS
                    wrong += folder.check()
                subprocess.run(["umount", disk], check=True)
                folder.path = os.path.dirname(disk)
                tap.result(wrong, name)


def unwritable(name, output, before=None, clean=None):
    with ledger.Folder() as folder:
        os.mkdir(os.path.join(folder.path, "dir"))
        shutil.copy("/bin/true", folder.path)
        done = folder.run("descriptors", "lock_limit", output=output,
                          before=(lambda: before(folder.path)) if before else None)
        wrong = status(done)
        if done.stdout or done.stderr:
            wrong += f"said something: {done.stdout}{done.stderr}\n"
        if clean:
            clean(folder.path)
        tap.result(wrong, name)


def no_folder():
    unwritable("a folder that is not there", "none/%p.trace")
    unwritable("a file for a folder", "true/%p.trace")
    unwritable("a name that is too long", "x" * 300)

    def removed(path):
        os.chdir(os.path.join(path, "dir"))
        os.rmdir(os.path.join(path, "dir"))
    unwritable("a folder that was removed", "%p.trace", removed)
    if not mounted():
        tap.skip("a read-only folder", "mounts nothing")
        return

    def read_only(path):
        mount("-t", "tmpfs", "-o", "ro", "none", os.path.join(path, "dir"))
    unwritable("a read-only folder", "dir/%p.trace", read_only,
               lambda path: subprocess.run(["umount", os.path.join(path, "dir")], check=True))


def meanwhile(name, mode, change, options, slack=0, where="moved.trace"):
    """`change(trace)` between the program's halves; then its trace is found in `where`."""
    with ledger.Folder() as folder:
        environment = {**os.environ, "LD_PRELOAD": ledger.SHIM,
                       "LOCKPROF_OPTIONS": f"output={folder.path}/one.trace:{options}"}
        with subprocess.Popen([os.path.join(ledger.BUILD, "tests", "places"), mode, folder.book],
                              env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as child:
            child.stdout.readline()
            trace = os.path.join(folder.path, "one.trace")
            kept = os.open(trace, os.O_RDONLY)
            wrong = change(trace) or ""
            child.stdin.write("\n")
            child.stdin.close()
        wrong += f"status {child.returncode}\n" if child.returncode else ""
        if os.path.lexists(trace):
            with open(trace, "rb") as file:
                wrong += "our name's new owner was written to\n" if file.read() != b"mine" else ""
            os.unlink(trace)
        moved = os.path.join(folder.path, where)
        with open(f"/proc/self/fd/{kept}", "rb") as file, open(moved, "wb") as copy:
            shutil.copyfileobj(file, copy)
        os.close(kept)
        tap.result(wrong + folder.check(slack), f"{name}, {mode}, {options}")


def replaced(trace):
    os.unlink(trace)
    with open(trace, "wb") as file:
        file.write(b"mine")


def linked(trace):
    os.unlink(trace)
    target = os.path.join(os.path.dirname(trace), "target")
    with open(target, "wb") as file:
        file.write(b"mine")
    os.symlink(target, trace)


def moved_traces():
    for options in ledger.OPTIONS:
        for mode in ("halves", "halves_closed"):
            meanwhile("unlinked meanwhile", mode, os.unlink, options)
            meanwhile("replaced meanwhile", mode, replaced, options)
            meanwhile("replaced by a link", mode, linked, options)


def goes_there(name, mode, *more, before=None, slack=0, event=None, root=False):
    for options in ledger.OPTIONS:
        if root and not IS_ROOT:
            tap.skip(f"{name}, {options}", "wants root")
            continue
        with ledger.Folder() as folder:
            os.mkdir(os.path.join(folder.path, "dir"))
            done = folder.run("places", mode, *(more or [os.path.join(folder.path, "dir")]),
                              options=options, before=before)
            if done.returncode == NOT_PERMITTED:
                tap.skip(f"{name}, {options}", "not permitted here")
                continue
            wrong = status(done) + folder.check(slack)
            if event and options == "mode=trace":
                wrong += has_event(folder, event)
            tap.result(wrong, f"{name}, {options}")


def no_umask():
    """Nobody may do anything, but the trace is its owner's all the same."""
    def before():
        os.umask(0o777)
    for options in ledger.OPTIONS:
        with ledger.Folder() as folder:
            with open(folder.book, "wb"):
                pass
            done = folder.run("places", "last_umask", options=options, before=before)
            wrong = status(done) + folder.check()
            for trace in glob.glob(folder.path + "/*.trace"):
                wrong += "" if os.stat(trace).st_mode & 0o777 == 0o600 else "not 0600"
            tap.result(wrong, f"umask 777, {options}")


def without_proc():
    name = "no /proc"
    if not mounted():
        tap.skip(name, "mounts nothing")
        return
    for options in ledger.OPTIONS:
        with ledger.Folder() as folder:
            done = subprocess.run(
                ["unshare", "-m", "sh", "-c",
                 f"umount -l /proc && LD_PRELOAD={ledger.SHIM} "
                 f"LOCKPROF_OPTIONS=output={folder.path}/%p.trace:{options} "
                 f"{ledger.BUILD}/tests/places dropped {folder.book}"],
                capture_output=True, text=True)
            tap.result(status(done) + folder.check(), f"{name}, {options}")


def may_reach(path):
    return subprocess.run(["ls", path], preexec_fn=lambda: os.setuid(NOBODY),
                          capture_output=True).returncode == 0


def setuid_program():
    """The loader does not preload into it, and it works."""
    name = "a setuid program"
    if not IS_ROOT:
        tap.skip(name, "wants root")
        return
    with ledger.Folder() as folder:
        os.chmod(folder.path, 0o777)
        if not may_reach(folder.path):
            tap.skip(name, "nobody may come here")
            return
        program = shutil.copy(os.path.join(ledger.BUILD, "tests", "places"), folder.path)
        os.chmod(program, 0o4755)
        done = subprocess.run([program, "dropped", folder.book], capture_output=True, text=True,
                              preexec_fn=lambda: os.setuid(NOBODY),
                              env={**os.environ, "LD_PRELOAD": ledger.SHIM, "LOCKPROF_OPTIONS":
                                   f"output={folder.path}/%p.trace"})
        wrong = "a trace\n" if [f for f in os.listdir(folder.path) if "trace" in f] else ""
        if done.returncode == NOT_PERMITTED:
            tap.skip(name, "setuid is not permitted here")
        else:
            tap.result(status(done) + wrong, name)


def core_dump():
    """The same kind of death with and without us, and where a core lands here, it is whole."""
    def before():
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    dumped = []
    for preload in ("", ledger.SHIM):
        with ledger.Folder() as folder:
            program = [os.path.join(ledger.BUILD, "tests", "endings"), "abort", folder.book]
            pid = os.fork()
            if not pid:
                before()
                os.chdir(folder.path)
                os.dup2(os.open("/dev/null", os.O_RDWR), 2)
                os.execve(program[0], program, {**os.environ, "LD_PRELOAD": preload,
                          "LOCKPROF_OPTIONS": f"output={folder.path}/%p.trace"})
            dumped.append(os.waitpid(pid, 0)[1])
            wrong = folder.check(4) if preload else ""
            for core in [name for name in os.listdir(folder.path) if name.startswith("core")]:
                read = subprocess.run(["readelf", "-lW", core], cwd=folder.path,
                                      capture_output=True, text=True)
                wrong += read.stderr + ("" if "CORE (Core file)" in read.stdout else "no core\n")
    wrong += "" if dumped[0] == dumped[1] else f"waitpid says {dumped}\n"
    tap.result(wrong, "a core dump" if dumped[0] & 128 else "an abort where no core is dumped")


def jumping_clock():
    """Somebody sets the wall clock all the time: counts and durations are none of its business."""
    for options in ledger.OPTIONS:
        with ledger.Folder() as folder:
            jump = os.path.join(folder.path, "jump.so")
            subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", jump,
                            os.path.join(SOURCES, "clock_jump.c")], check=True)
            began = time.monotonic_ns()
            done = folder.run("descriptors", "lock_limit", options=options,
                              preload=f"{ledger.SHIM}:{jump}")
            took_ns = time.monotonic_ns() - began
            wrong = status(done) + folder.check()
            for told in ledger.traces_of(folder.path)[0].values():
                run = told["run"]
                if not run["hold_ns"] < 4 * run["duration_ns"] <= 4 * took_ns:
                    wrong += f"took {took_ns} ns: {run}\n"
            tap.result(wrong, f"a wall clock that jumps, {options}")


def many_threads():
    name = "8,300 threads at the same time"
    with ledger.Folder() as folder:
        if shutil.disk_usage(folder.path).free < 4 << 30:
            tap.skip(name, "wants 4 GiB of disk")
            return
        done = folder.run("places", "threads", "8300")
        if done.returncode == NOT_PERMITTED:
            tap.skip(name, "not permitted here")
        else:
            tap.result(status(done) + exact_or_lost(folder), name)


CASES = {
    "full": full_disks, "no_folder": no_folder, "moved": moved_traces, "umask": no_umask,
    "clock": jumping_clock, "proc": without_proc, "setuid": setuid_program, "core": core_dump, "threads": many_threads,
    "chroot": lambda: goes_there("chroot", "chrooted", root=True),
    "chroot_closed": lambda: goes_there("chroot, everything closed", "chrooted_closed", root=True,
                                        event="no_file"),
    "dropped": lambda: goes_there("root given up", "dropped", root=True),
    "dropped_closed": lambda: goes_there("root given up, everything closed", "dropped_closed",
                                         root=True),
    "fifo": lambda: goes_there("real-time priorities on one processor", "fifo"),
    "traced": lambda: goes_there("stopped and stepped by a tracer", "traced"),
    "stopped": lambda: goes_there("SIGSTOP and SIGCONT", "stopped", slack=2),
}


def main():
    own_mounts()
    for name, case in CASES.items():
        if wanted(name):
            case()
    return tap.end()


sys.exit(main())
