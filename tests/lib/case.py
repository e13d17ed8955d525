# SPDX-License-Identifier: MIT
"""Runs one end-to-end case and prints TAP.

A case is one file: the story, what to record, and for each command the output that it must give.

    # Four threads add to one counter under one mutex, 1000 times each.
    # Every acquisition is counted, and the lock leads the report.
    program: samples/hot_counter 4 1000
    options: mode=trace

    command: report $TRACE
    counter_mu  <n:acquired>  <n>  <pct>  <time:wait>
    ...
    assert: acquired == 4000

    command: report --json $TRACE
    json: .run.acquisitions == acquired
    json: sum(.locks[].wait_ns) == .run.wait_ns

Settings, before the first command:
  program: what to record, found in $BUILD when it has no leading /; with the shim preloaded
  options: LOCKPROF_OPTIONS for it, besides output; repeatable: the whole case once for each
  trace:   a trace that is there already, instead of program
  env:     NAME=VALUE for everything that runs, repeatable
  needs:   commands, files below $BUILD or modules that must exist, else the case is skipped
  status:  exit status of the program (0)
  timeout: seconds for each thing that runs (60)
Then for each command:
  command: arguments of lockprof; $TRACE is the first trace, $TRACES all, $BUILD, $TMP
  exit:    its exit status (0)
  stderr:  a line that stderr must contain, with placeholders, repeatable
  output lines, matched in order: whole lines, any amount of blanks where there are blanks; blank
      lines do not count; a line "..." stands for any lines between. None at all: not looked at
  told:    words that the output must contain, wherever its lines break, with placeholders,
           repeatable
  assert:  an expression over the named placeholders, repeatable
  json:    the same, with paths into the output as JSON: .a.b, [0], [], [key=value]
Expressions know what the program printed as lines of a name and a number: truth["mu[0]"], or
just the name where it is an identifier. `options` is the options' line.
A line beginning with # is a comment; \\ before a line makes it an output line in any case.

Placeholders, each also as <kind:name> to give the value a name: <n> an integer (1,234 too),
<time> a time with its unit (in ns), <pct> a percentage (as a ratio), <size> bytes with a unit,
<num> any number with k, M, G, <word> no blanks, <any> anything. <same:name>: that text again.
"""
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

from emulate import emulated

TIME_NS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "min": 60e9, "h": 3600e9}
SIZES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
SI = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
NUMBER = r"-?\d[\d,]*(?:\.\d+)?"


def with_unit(units):
    def convert(text):
        number, unit = re.fullmatch(rf"({NUMBER})\s*(\w*)", text).groups()
        return float(number.replace(",", "")) * units[unit]
    return convert


KINDS = {  # kind: (what it matches, what its value is)
    "n": (r"-?\d[\d,]*", lambda text: int(text.replace(",", ""))),
    "time": (rf"{NUMBER} ?(?:ns|us|ms|s|min|h)\b", with_unit(TIME_NS)),
    "pct": (r"<?\d+(?:\.\d+)? ?%", lambda text: float(text.strip("<% ")) / 100),
    "size": (rf"{NUMBER} ?(?:B|[KMGT]iB)\b", with_unit(SIZES)),
    "num": (rf"{NUMBER}[kMGT]?", with_unit(SI)),
    "word": (r"\S+", str),
    "any": (r".*?", str),
}
SETTING = re.compile(r"(program|options|trace|env|needs|status|timeout|command|exit|stderr|told|assert|json):\s*(.*)")
FUNCTIONS = {"abs": abs, "all": all, "any": any, "len": len, "max": max, "min": min, "sum": sum,
             "sorted": sorted, "set": set, "dict": dict, "zip": zip, "range": range, "true": True, "false": False, "null": None}


class Command:
    def __init__(self, text):
        self.text = text
        self.exit = 0
        self.stderr, self.output, self.told, self.checks = [], [], [], []


class Case:
    def __init__(self, path):
        self.program = self.trace = None
        self.options, self.env, self.needs, self.commands = [], {}, [], []
        self.status, self.timeout = 0, 60
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                self.add(line.rstrip("\n"), f"{path}:{number}")

    def add(self, line, where):
        setting = SETTING.fullmatch(line)
        if line.startswith("#") or not line.strip():
            return
        if setting:
            self.set(setting[1], setting[2].strip(), where)
        elif self.commands:
            self.commands[-1].output.append(line[1:] if line.startswith("\\") else line)
        else:
            sys.exit(f"{where}: output before the first command: {line}")

    def set(self, key, value, where):
        if key in ("exit", "stderr", "told", "assert", "json") and not self.commands:
            sys.exit(f"{where}: {key} before the first command")
        if key in ("program", "trace"):
            setattr(self, key, value)
        elif key == "options":
            self.options.append(value)
        elif key in ("status", "timeout"):
            setattr(self, key, int(value))
        elif key == "env":
            name, _, text = value.partition("=")
            self.env[name] = text
        elif key == "needs":
            self.needs += value.split()
        elif key == "command":
            self.commands.append(Command(value))
        elif key == "exit":
            self.commands[-1].exit = int(value)
        elif key == "stderr":
            self.commands[-1].stderr.append(value)
        elif key == "told":
            self.commands[-1].told.append(value)
        else:
            self.commands[-1].checks.append((key, value))


def line_pattern(line, values):
    """A regular expression for one expected line, and the (name, kind) of its groups."""
    names, pattern = [], ""
    for part in re.split(r"(<\w+(?::\w+)?>|\s+)", line.strip()):
        kind, _, name = part[1:-1].partition(":")
        if not part.strip():
            pattern += r"\s+" if part else ""
        elif part[0] == "<" and kind == "same" and name in values:
            pattern += re.escape(str(values[name]))
        elif part[0] == "<" and kind in KINDS:
            pattern += f"({KINDS[kind][0]})"
            names.append((name, kind))
        else:
            pattern += re.escape(part)
    return re.compile(pattern), names


def match_line(expected, actual, values, whole=True):
    pattern, names = line_pattern(expected, values)
    found = pattern.fullmatch(actual.strip()) if whole else pattern.search(actual)
    if not found:
        return False
    for (name, kind), text in zip(names, found.groups()):
        if name:
            values[name] = KINDS[kind][1](text)
    return True


def match_output(expected, text, values):
    """The first expected line that has no match, or None."""
    lines = [line for line in text.splitlines() if line.strip()]
    skipping = False
    for line in expected:
        if line.strip() == "...":
            skipping = True
            continue
        while skipping and lines and not match_line(line, lines[0], values):
            lines.pop(0)
        if not lines or not match_line(line, lines[0], values):
            return f"expected: {line}\n     got: {lines[0] if lines else 'the end'}"
        lines.pop(0)
        skipping = False
    if expected and lines and not skipping:
        return f"expected: the end\n     got: {lines[0]}"
    return None


STEP = r"\.[A-Za-z_]\w*|\[\d*\]|\[\w+=(?:[^\[\]]|\[[^\]]*\])*\]"
TOKEN = re.compile(rf"\"[^\"]*\"|'[^']*'|(?<![\w)\]])\.[A-Za-z_]\w*(?:{STEP})*")


def json_path(value, steps):
    """.a.b[0].c; [] maps what follows over a list, [key=value] takes the one that has it."""
    for at, step in enumerate(steps):
        if step[0] == ".":
            value = value[step[1:]]
        elif step == "[]":
            return [json_path(item, steps[at + 1:]) for item in value]
        elif "=" in step:
            key, _, wanted = step[1:-1].partition("=")
            found = [item for item in value if str(item.get(key)) == wanted]
            if len(found) != 1:
                raise LookupError(f"{len(found)} items with {key}={wanted}")
            value = found[0]
        else:
            value = value[int(step[1:-1])]
    return value


def evaluate(kind, expression, output, values):
    """None when the expression holds, else why it does not."""
    found = {}

    def take(token):
        if token[0][0] in "\"'":
            return token[0]
        name = f"_{len(found)}"
        found[name] = (token[0], json_path(json.loads(output), re.findall(STEP, token[0])))
        return name
    try:
        source = TOKEN.sub(take, expression) if kind == "json" else expression
        names = {**values, **{name: value for name, (_, value) in found.items()}}
        if eval(source, {"__builtins__": {}, **FUNCTIONS, **names}):  # a test's own text
            return None
    except Exception as error:  # the test fails, whatever went wrong in it
        return f"{type(error).__name__}: {error}"
    known = {**{name: value for name, value in values.items() if name in expression},
             **{path: value for path, value in found.values()}}
    return ", ".join(f"{name} = {value!r}" for name, value in known.items())[:600]


def printed(text):
    """Lines of a name and a number, as values for expressions."""
    lines = re.findall(r"^(\S+) (-?\d+)$", text, re.MULTILINE)
    truth = {name: int(number) for name, number in lines}
    return {**{name: truth[name] for name in truth if name.isidentifier()}, "truth": truth}


class Run:
    def __init__(self, case, options, tmp, count):
        self.case, self.options, self.tmp, self.count = case, options, tmp, count
        self.build = os.environ.get("BUILD", os.path.abspath("build"))
        self.env = {**os.environ, "BUILD": self.build, "TMP": tmp, **case.env}
        self.values = {"options": options, "truth": {}}

    def tap(self, name, problem=None):
        self.count += 1
        if len(self.case.options) > 1:
            name += f" ({self.options})"
        print(f"{'not ok' if problem else 'ok'} {self.count} - {name}".replace("#", "\\#"))
        for line in (problem or "").splitlines():
            print("#   " + line, file=sys.stderr)
        return not problem

    def missing(self):
        for need in self.case.needs:
            if not shutil.which(need) and not os.path.exists(os.path.join(self.build, need)):
                return need
        return None

    def words(self, text):
        return shlex.split(re.sub(r"\$(\w+)", lambda m: self.env.get(m[1], m[0]), text))

    def execute(self, argv, env, where):
        """(status, stdout, stderr); the status of a signal is 128 + its number."""
        with subprocess.Popen(argv, env=env, cwd=where, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              start_new_session=True) as process:
            try:
                out, err = process.communicate(timeout=self.case.timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, err = process.communicate()
                err += f"timed out after {self.case.timeout} s".encode()
        status = process.returncode
        return (status if status >= 0 else 128 - status,
                out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))

    def record(self):
        case = self.case
        if case.trace:
            self.env["TRACE"] = self.env["TRACES"] = os.path.abspath(case.trace)
        if not case.program:
            return True
        argv = self.words(case.program)
        argv[0] = os.path.join(self.build, argv[0])
        trace = os.path.join(self.tmp, "trace")
        recorded = {"LD_PRELOAD": os.path.join(self.build, "liblockprof.so"),
                    "LOCKPROF_OPTIONS": ":".join(filter(None, [self.options, f"output={trace}"]))}
        status, out, err = self.execute(*emulated(argv, self.env, recorded), self.tmp)
        self.values.update(printed(out))
        traces = sorted(name for name in os.listdir(self.tmp) if name.startswith("trace"))
        self.env["TRACE"] = trace
        self.env["TRACES"] = " ".join(os.path.join(self.tmp, name) for name in traces)
        wrong = status != case.status and f"exit status {status}\n{out[-2000:]}{err[-2000:]}"
        return self.tap(f"record {case.program}",
                        wrong or (not traces and f"no trace was written\n{err[-2000:]}") or None)

    def command(self, command):
        values = self.values
        argv = [os.path.join(self.build, "lockprof")] + self.words(command.text)
        status, out, err = self.execute(argv, self.env, self.tmp)
        problems = []
        if status != command.exit:
            problems.append(f"exit status {status} instead of {command.exit}")
        problems += [f"not on stderr: {line}" for line in command.stderr
                     if not any(match_line(line, got, values) for got in err.splitlines())]
        problems += [f"not told: {words}" for words in command.told
                     if not match_line(words, " ".join(out.split()), values, whole=False)]
        mismatch = match_output(command.output, out, values)
        if mismatch:
            problems.append(mismatch)
        if problems:
            problems += ["--- stdout", out[-6000:], "--- stderr", err[-2000:]]
        self.tap(command.text or "lockprof", "\n".join(problems) or None)
        for kind, expression in command.checks:
            self.tap(f"{kind}: {expression}", evaluate(kind, expression, out, values))


def main(path):
    case = Case(path)
    count = 0
    for options in case.options or [""]:
        with tempfile.TemporaryDirectory(prefix="lockprof-case-") as tmp:
            run = Run(case, options, tmp, count)
            missing = run.missing()
            if missing:
                print(f"1..0 # SKIP {missing} is not here")
                return
            if run.record():
                for command in case.commands:
                    run.command(command)
            count = run.count
    print(f"1..{count}")


if __name__ == "__main__":
    main(sys.argv[1])
