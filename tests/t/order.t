#!/bin/sh
# SPDX-License-Identifier: MIT
# lockprof order as its user meets it: statuses, suppressions, forms for other programs, and a
# program that hangs at this moment. What it finds is in tests/cases/order_*.case.
. "${0%/*}/../lib/tap.sh"
lockprof=$BUILD/lockprof

# order ARGUMENTS: its exit status; what it prints goes to ./out and ./err
order()
{
	"$lockprof" order "$@" >out 2>err </dev/null && echo 0 || echo $?
}

record()
{
	LD_PRELOAD=$BUILD/liblockprof.so LOCKPROF_OPTIONS=output=$tmp/$1 "$BUILD/order/$2" $3
}

(record hang.trace hang) 2>/dev/null
record gate.trace gate

# Statuses.
is 'a finding' 3 "$(order hang.trace)"
is 'no finding' 0 "$(order gate.trace)"
is 'never fails' 0 "$(order --fail-on=never hang.trace)"
is 'several traces' 3 "$(order gate.trace hang.trace)"
like 'whose finding it is' '*hang (pid *): one and two wait for each other.*' "$(tr '\n' ' ' <out)"
is 'an unreadable trace comes first' 1 "$(order hang.trace none.trace)"
like 'says which' '*none.trace*' "$(cat err)"
like 'and tells of the others' '*OCCURRED*' "$(cat out)"
is 'no trace' 2 "$(order)"
is 'an unknown level' 2 "$(order --fail-on=SOMETIMES hang.trace)"
is 'two forms at once' 2 "$(order --json --dot hang.trace)"
is 'a cycle of one' 2 "$(order --max-cycle=1 hang.trace)"

# Suppressions.
cat >rules <<'EOF'
# what is known

OCCURRED:take_a_then_b:take_b_*   # ticket 17
*:nowhere.c:12
EOF
is 'what is suppressed does not fail' 0 "$(order --suppressions=rules hang.trace)"
like 'and is counted' '*1 cycle hidden: 1 suppressed*' "$(cat out)"
like 'an unused rule is told' '*rules:4: nothing fits this suppression' "$(cat err)"
is 'asked for' 0 "$(order --suppressions=rules --explain-hidden hang.trace)"
like 'it says why' '*OCCURRED not told: one and two wait for each other (ticket 17).*' \
	"$(tr '\n' ' ' <out)"
echo 'OCCURRED:take_a_then_b:take_a_then_b' >rules
is 'two sites are two threads' 3 "$(order --suppressions=rules hang.trace)"
echo 'OCCURRED' >rules
is 'a bad rule' 1 "$(order --suppressions=rules hang.trace)"
like 'says where' '*rules:1: LEVEL:SITE:SITE is expected' "$(cat err)"
is 'no such file' 1 "$(order --suppressions=none hang.trace)"

# Forms for programs.
order --json hang.trace >/dev/null
is 'JSON' 'lockprof-order/1 OCCURRED' "$(python3 -c '
import json
order = json.load(open("out"))
print(order["schema"], order["findings"][0]["level"])')"
order --sarif hang.trace >/dev/null
is 'SARIF' '2.1.0 OCCURRED error hang.c [1, 3] [2, 4]' "$(python3 -c '
import json
log = json.load(open("out"))
result = log["runs"][0]["results"][0]
rules = log["runs"][0]["tool"]["driver"]["rules"]
assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
place = result["locations"][0]["physicalLocation"]
assert place["region"]["startLine"] > 0
flows = result["codeFlows"][0]["threadFlows"]
print(log["version"], result["ruleId"], result["level"],
      place["artifactLocation"]["uri"].rsplit("/", 1)[1],
      *[[step["executionOrder"] for step in flow["locations"]] for flow in flows])')"
order --dot hang.trace >/dev/null
like 'DOT' 'digraph lock_order {*label="a_mu"*color="#c62828"*}' "$(cat out)"
if command -v dot >/dev/null; then
	is 'graphviz draws it' 0 "$(dot -Tsvg out >svg 2>err && echo $?)"
fi

# A program that hangs now.
mkfifo said
(record live.trace hang wait >said) &
read -r word <said
is 'it hangs' hanging "$word"
is 'looked at while it does' 3 "$(order live.trace)"
like 'says that it runs' '*still running*' "$(tr '\n' ' ' <out)"
like 'and who waits for whom' \
	'*OCCURRED*1. one holds a_mu for*3. one waits for b_mu for*Stuck behind it: hang*' \
	"$(tr '\n' ' ' <out)"
pid=$("$lockprof" info --json live.trace | python3 -c '
import json, sys
print(json.load(sys.stdin)["process"]["pid"])')
is 'by the number of the process' 3 "$(order "$pid")"
like 'the same' '*still running*OCCURRED*' "$(tr '\n' ' ' <out)"
kill -9 "$pid"
wait 2>/dev/null
is 'which is no more' 1 "$(order "$pid")"
echo "1..$count"
