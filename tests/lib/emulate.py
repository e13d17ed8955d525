# SPDX-License-Identifier: MIT
"""Programs of another machine: LOCKPROF_EMULATOR is the emulator that runs them, with its options, as
qemu-user takes them (tests/t/aarch64.t)."""
import os
import shlex

EMULATOR = shlex.split(os.environ.get("LOCKPROF_EMULATOR", ""))


def emulated(argv, env, recorded):
    """(argv, env) that run a program with the variables `recorded` besides. The emulator itself must
    not get them: it would load a shim that is not for it."""
    if not EMULATOR:
        return argv, {**env, **recorded}
    given = [word for name, value in recorded.items() for word in ("-E", f"{name}={value}")]
    return EMULATOR + given + argv, env
