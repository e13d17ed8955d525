#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lockprof top at running programs: what it counts between two looks is what was done between them,
and the terminal is as it was, however it ends.

    tests/t/top.t [NAME...]       only these"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import ledger  # noqa: E402

THREADS = 4
TOP = os.environ.get("LOCKPROF_TOP", ledger.LOCKPROF)  # another build of it
UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}
ENTER, LEAVE = b"\x1b[?1049h\x1b[?25l", b"\x1b[?25h\x1b[?1049l"
DEADLINE_S = 50
tap = ledger.Tap()


class Program:
    """A program that is recorded and goes on until it is told to end."""
    def __init__(self, *command, options="mode=trace"):
        self.folder = ledger.Folder()
        self.trace = os.path.join(self.folder.path, "top.trace")
        self.child = subprocess.Popen(
            [os.path.join(ledger.BUILD, command[0]), *command[1:]], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env={**os.environ, "LD_PRELOAD": ledger.SHIM,
                                         "LOCKPROF_OPTIONS": f"output={self.trace}:{options}"})
        self.pid = str(self.child.pid)

    def tell(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        assert self.child.stdout.readline(), "it died"

    def end(self):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.child.returncode is None:
            self.end()
        self.folder.__exit__()


def steps(options="mode=trace", threads=THREADS):
    program = Program("tests/steps", str(threads), options=options)
    program.tell("take 1")  # now the lock is known
    return program


def top(*arguments):
    return subprocess.run([TOP, "top", *arguments], capture_output=True, text=True, timeout=DEADLINE_S)


class Tables:
    """top --batch, table by table."""
    def __init__(self, *arguments):
        self.child = subprocess.Popen([TOP, "top", "--batch", *arguments], text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def next(self):
        """(first line, acquisitions of all, {label: acquisitions}) of the next table."""
        lines = []
        for line in self.child.stdout:
            if lines or ", pid " in line:  # not those who waited at the last one
                lines.append(line)
            if len(lines) > 4 and not line.strip():
                break
        seconds = float(re.search(r"([\d.]+) s$", lines[0])[1])
        rows, at = {}, 4
        while at < len(lines) and lines[at].strip():
            cells = re.split(r"\s\s+", lines[at].strip())
            rows[cells[6]] = number(cells[0]) * seconds
            at += 1
        return lines[0], number(lines[1].split()[0]) * seconds, rows

    def rest(self, program):
        """The tables up to one whose look began after this call."""
        status, _, error = ledger.lockprof("ctl", program.pid, "phase", "done")
        assert not status, error
        tables = [self.next()]
        while len(tables) < 2 or ", phase done " not in tables[-2][0]:
            tables.append(self.next())
        return tables

    def end(self):
        self.child.kill()
        self.child.communicate()


def number(text):
    return float(text.rstrip("kMG")) * UNITS[text[-1] if text[-1] in "kMG" else ""]


def near(is_now, wanted):
    return abs(is_now - wanted) <= 0.02 * wanted + 1


# ---- what it counts ----

def counts(options):
    """All that was done lies between two looks: it is in the sum of the tables, once."""
    with steps(options) as program:
        program.tell("take 50000")  # before the first look: not to be seen
        tables = Tables("-i", "0.3", program.pid)
        _, before, _ = tables.next()
        assert not before, before
        wanted = 0
        for times in (100, 200000, 30000):
            program.tell(f"take {times}")
            wanted += times * THREADS
        program.tell("churn 5")
        wanted += 5 * THREADS
        found = sum(table[1] for table in tables.rest(program))
        tables.end()
        assert near(found, wanted), (found, wanted)


def quiet_again():
    with steps() as program:
        tables = Tables("-i", "0.1", program.pid)
        tables.next()
        program.tell("take 1000")
        seen = [rows for _, _, rows in tables.rest(program)]
        last = tables.next()
        tables.end()
        assert not last[1] and not last[2] and any("steps_mu" in rows for rows in seen), (seen, last)


def who_waits():
    """Two threads that wait for each other: both rows, and what each holds."""
    with Program("order/hang", "wait") as program:
        assert program.child.stdout.readline().strip() == "hanging"
        done = top("--once", "-i", "0.1", program.pid)
        assert not done.returncode and not done.stderr, done
        assert re.search(r"(?m)^acq/s .* waiting +lock$", done.stdout), done.stdout
        for waiter, lock, holder in (("two", "a_mu", "one"), ("three", "b_mu", "two"), ("one", "b_mu", "two")):
            assert re.search(rf"(?m)^{waiter} \(\d+\) +[\d.]+ \w+ +{lock} +{holder} \(\d+\), [\d.]+ \w+$",
                             done.stdout), done.stdout
        # Waiting goes on, so each thread's is one second in each second.
        for lock, waiters, wait in (("a_mu", 1, "(1.00 s|1,?000 ms|99[89] ms)"), ("b_mu", 2, "(2.00|1.99) s")):
            assert re.search(rf"(?m)^ +0 +0 +{wait} .* {waiters}  {lock}$", done.stdout), done.stdout


def by_and_key():
    with steps() as program:
        for options in (["--by=lock"], ["-k", "acquired"], ["-k", "hold_total", "-n", "1"]):
            done = top("--once", "-i", "0.1", *options, program.trace)
            assert not done.returncode and "steps, pid " + program.pid in done.stdout, done
        for wrong in (["-k", "speed"], ["-i", "0"], ["-i", "x"], ["-i", "nan"], []):
            assert top("--once", *wrong, *([program.pid] if wrong else [])).returncode == 2, wrong
        assert top("--once", program.pid, program.pid).returncode == 2
        assert top(str(os.getpid())).returncode == 1


def facts():
    """The phase, and that recording is off."""
    with steps() as program:
        for verb in (["phase", "warm up"], ["stop"]):
            assert ledger.lockprof("ctl", program.pid, *verb)[0] == 0
        first = top("--once", "-i", "0.1", program.pid).stdout.splitlines()[0]
        assert f"steps, pid {program.pid}, trace, recording is off, phase warm up " in first, first


def its_end():
    """The program ends: so does top, and that is fine."""
    with steps() as program:
        tables = Tables("-i", "0.1", program.pid)
        tables.next()
        program.end()
        _, error = tables.child.communicate(timeout=DEADLINE_S)
        assert tables.child.returncode == 0 and f"process {program.pid} has ended" in error, error
        done = top(program.trace)
        assert done.returncode == 1 and "has ended" in done.stderr, done


# ---- the terminal ----

class Screen:
    """top on a terminal of its own."""
    def __init__(self, *arguments):
        self.master, slave = pty.openpty()
        self.size(24, 80)
        self.before = termios.tcgetattr(slave)
        self.slave, self.text, self.at = slave, b"", 0

        def own_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        self.child = subprocess.Popen([TOP, "top", *arguments], stdin=slave, stdout=slave, stderr=slave,
                                      preexec_fn=own_terminal, env={**os.environ, "TERM": "xterm"})

    def size(self, lines, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))

    def until(self, text):
        """Reads on until the text comes, behind the one that came last; gives back all up to it."""
        end, begin = time.monotonic() + DEADLINE_S, self.at
        while text not in self.text[begin:]:
            assert time.monotonic() < end, (text, self.text[-300:])
            if select.select([self.master], [], [], 0.1)[0]:
                self.text += os.read(self.master, 65536)
        self.at = self.text.index(text, begin) + len(text)
        return self.text[begin:self.at]

    def press(self, key):
        os.write(self.master, key)

    def over(self, status):
        self.until(LEAVE)
        assert self.child.wait(DEADLINE_S) == status, self.child.returncode
        assert termios.tcgetattr(self.slave) == self.before, "the terminal is not as it was"

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self.master)
        os.close(self.slave)


def on_screen(end, status):
    with steps() as program:
        screen = Screen("-i", "0.2", program.pid)
        try:
            screen.until(ENTER)
            screen.until(b"q quits")
            assert termios.tcgetattr(screen.slave)[3] & (termios.ICANON | termios.ECHO) == 0
            program.tell("take 1000")
            screen.until(b"steps_mu")
            end(screen, program)
            screen.over(status)
        finally:
            screen.close()


def quit_by_key():
    on_screen(lambda screen, _: screen.press(b"q"), 0)


def quit_by_signal():
    for number_ in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        on_screen(lambda screen, _, n=number_: screen.child.send_signal(n), -number_)
    on_screen(lambda screen, _: screen.press(b"\x03"), -signal.SIGINT)


def quit_by_its_end():
    on_screen(lambda _, program: program.end(), 0)


def quit_by_a_cut():
    """A trace that is cut while it is looked at ends top, but no worse than anything else does."""
    on_screen(lambda _, program: os.truncate(program.trace, 0), 1)
    with steps() as program:
        tables = Tables("-i", "0.1", program.pid)
        tables.next()
        os.truncate(program.trace, 0)
        _, error = tables.child.communicate(timeout=DEADLINE_S)
        assert tables.child.returncode == 1 and "was cut" in error, (tables.child.returncode, error)


def sorts_and_resizes():
    def end(screen, _):
        screen.press(b"s")
        screen.until(b"(avg_wait)")
        screen.size(10, 50)
        screen.child.send_signal(signal.SIGWINCH)
        screen.until(b"q quits")
        screen.press(b" ")
        screen.until(b"q quits")
        screen.press(b"Q")
    on_screen(end, 0)


def stops_and_goes_on():
    """The kernel stops nobody whose session has no shell, so it goes on at once."""
    def end(screen, _):
        screen.child.send_signal(signal.SIGTSTP)
        screen.until(LEAVE)
        screen.until(ENTER)
        screen.until(b"q quits")
        screen.press(b"q")
    on_screen(end, 0)


def few_lines():
    """More rows and waits than the screen has lines: no line is lost at the top."""
    with Program("order/hang", "wait") as program:
        assert program.child.stdout.readline().strip() == "hanging"
        screen = Screen("-i", "0.2", program.pid)
        try:
            screen.size(10, 80)
            screen.child.send_signal(signal.SIGWINCH)
            for _ in range(4):
                drawn = screen.until(b"q quits")
            frame = drawn[drawn.rindex(b"\x1b[H"):]
            assert frame.count(b"\n") <= 9 and b"hang, pid" in frame, frame
            screen.press(b"q")
            screen.over(0)
        finally:
            screen.close()


CASES = [(counts, "mode=trace"), (counts, "mode=profile"), (counts, "max_size=1m"), (quiet_again,), (who_waits,),
         (by_and_key,), (facts,), (its_end,), (quit_by_key,), (quit_by_signal,), (quit_by_its_end,),
         (quit_by_a_cut,), (sorts_and_resizes,), (stops_and_goes_on,), (few_lines,)]


def main():
    for case, *arguments in CASES:
        if sys.argv[1:] and case.__name__ not in sys.argv[1:]:
            continue
        try:
            case(*arguments)
            problem = ""
        except (AssertionError, OSError, IndexError, TypeError, subprocess.SubprocessError) as error:
            problem = f"{type(error).__name__}: {error}"
        tap.result(problem, " ".join([case.__name__, *arguments]).replace("_", " "))
    return tap.end()


sys.exit(main())
