# SPDX-License-Identifier: MIT
"""TAP for tests in Python: a numbered line for each check, and at the end how many there were."""
import os
import sys


class Tests:
    """In a folder of their own; what they run is for each script."""

    def __init__(self, folder):
        self.folder = folder
        self.count = self.failed = 0

    def check(self, name, good, detail=""):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}", flush=True)
        if not good:
            print("#   " + str(detail)[-3000:].replace("\n", "\n#   "), file=sys.stderr)

    def same(self, name, wanted, got):
        self.check(name, wanted == got, f"wanted: {wanted}\ngot:    {got}")

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)

    def end(self):
        """The plan, and the exit status."""
        print(f"1..{self.count}")
        return self.failed > 0

    def path(self, name):
        return os.path.join(self.folder, name)
