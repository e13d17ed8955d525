# SPDX-License-Identifier: MIT
"""
The lines of check.sh as a table: variant|load|runs|status|runs made|failed tiers|unsure tiers|ratio

Counts are followed by what they say of the rate, at 95 % confidence (Wilson).
"""
import statistics
import sys

Z = 1.96


def interval(hits, total):
    middle = (hits + Z * Z / 2) / (total + Z * Z)
    half = Z * (hits * (total - hits) / total + Z * Z / 4) ** 0.5 / (total + Z * Z)
    return f"{100 * max(0, middle - half):.1f} to {100 * min(1, middle + half):.1f}"


def count(hits):
    return f"{sum(hits)}/{len(hits)} ({interval(sum(hits), len(hits))})"


rows = {}
for line in sys.stdin:
    variant, load, runs, status, made, failed, unsure, ratio = line.rstrip("\n").split("|")
    if status not in ("0", "3", "4"):
        sys.exit(f"{variant}: a check ended with {status}")
    rows.setdefault((runs, variant, load), []).append(
        (set(failed.split()), set(unsure.split()), float(ratio), int(made)))

order = {runs: f"{int(runs.split()[0]):04} {runs}" for runs, _, _ in rows}
print("| runs a side | change | load | holds fail, % | waiting fails, % | cannot tell, % | usual waits |")
print("|---|---|---|--:|--:|--:|--:|")
for (runs, variant, load), checks in sorted(rows.items(), key=lambda row: order[row[0][0]]):
    made = statistics.mean(check[3] for check in checks)
    failed = ["contention" in check[0] for check in checks]
    print("|", " | ".join([
        runs if runs.isdigit() else f"{runs}, mean {made:.1f}", variant, load,
        count([bool(check[0] & {"exact", "robust"}) for check in checks]), count(failed),
        count(["contention" in check[1] - check[0] for check in checks]),
        f"x{statistics.median(check[2] for check in checks):.2f}"]), "|")
