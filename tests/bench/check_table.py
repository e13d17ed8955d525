# SPDX-License-Identifier: MIT
"""The lines of check.sh as a table: variant|load|status|failed tiers|tiers that cannot tell|ratio"""
import statistics
import sys

rows = {}
for line in sys.stdin:
    variant, load, status, failed, unsure, ratio = line.rstrip("\n").split("|")
    if status not in ("0", "3", "4"):
        sys.exit(f"{variant}: a check ended with {status}")
    rows.setdefault((variant, load), []).append((failed.split(), unsure.split(), float(ratio)))


def percent(checks, place, tier):
    return f"{100 * sum(tier in check[place] for check in checks) / len(checks):.1f} %"


print("| change | load | checks | exact | robust | cannot tell | contention | cannot tell | wait |")
print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
for (variant, load), checks in rows.items():
    print("|", " | ".join([
        variant, load, str(len(checks)),
        percent(checks, 0, "exact"),
        percent(checks, 0, "robust"), percent(checks, 1, "robust"),
        percent(checks, 0, "contention"), percent(checks, 1, "contention"),
        f"x{statistics.median(check[2] for check in checks):.2f}"]), "|")
