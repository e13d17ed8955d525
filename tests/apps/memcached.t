#!/bin/sh
# SPDX-License-Identifier: MIT
# memcached with four threads, under four clients at once: every value read is the one that was
# written, the server's own counts are those of the clients, and TERM ends it as ever. The same while
# its recording is told what to do from outside.
. "${0%/*}/lib.sh"
needs memcached python3

# Numbers, sets and deletions of each client are fixed, so the end state is one, too.
cat >client.py <<'END'
import hashlib, os, socket, sys, threading

OPERATIONS = 4000


def connect():
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(30)
    link.connect("socket")
    return link.makefile("rwb")


def ask(link, line, body=b""):
    link.write(line.encode() + b"\r\n" + (body + b"\r\n" if body else b""))
    link.flush()
    return link.readline().strip()


def get(link, key):
    head = ask(link, f"get {key}")
    if head == b"END":
        return None
    body = link.read(int(head.split()[3]) + 2)[:-2]
    assert link.readline() == b"END\r\n"
    return body


def value(client, i):
    return hashlib.sha256(b"%d %d" % (client, i)).hexdigest().encode() * (1 + i % 40)


wrong = []


def work(client):
    link = connect()
    for i in range(OPERATIONS):
        key = f"k{client}.{i % 500}"
        if ask(link, f"set {key} 0 0 {len(value(client, i))}", value(client, i)) != b"STORED":
            wrong.append(f"{key} not stored")
        if get(link, key) != value(client, i):
            wrong.append(f"{key} is another")
        ask(link, "incr shared 1")
        if i % 7 == 0 and ask(link, f"delete {key}") != b"DELETED":
            wrong.append(f"{key} not deleted")


link = connect()
ask(link, "set shared 0 0 1", b"0")
clients = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for client in clients:
    client.start()
for client in clients:
    client.join()
print(*wrong[:5], "shared", get(link, "shared"))
print(hashlib.sha256(repr([get(link, f"k{c}.{i}") for c in range(4) for i in range(500)])
                     .encode()).hexdigest())
link.write(b"stats\r\n")
link.flush()
for line in link:
    word = line.split()
    if word[0] == b"END":
        break
    if word[1] in (b"cmd_get", b"cmd_set", b"get_hits", b"delete_hits", b"incr_hits",
                   b"curr_items", b"evictions", b"threads"):
        print(word[1].decode(), int(word[2]))
END

user=
[ "$(id -u)" = 0 ] && user='-u nobody' && chmod 777 . traces
answers()
{
	[ -S socket ] && echo version | timeout 5 python3 -c '
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("socket")
s.sendall(b"version\r\n")
exit(not s.recv(99).startswith(b"VERSION"))'
}

for side in native trace profile; do
	# shellcheck disable=SC2086 # none or two words
	serve $side memcached $user -t 4 -m 64 -s "$tmp/socket" -a 777
	until_true answers
	timeout "$limit_s" python3 client.py >"$side.out" 2>"$side.err"
	stop TERM
	echo "$status" >"$side.status"
	rm -f socket
	[ $side = native ] && continue
	for part in status out err log; do
		alike memcached $part $side
	done
	traces "memcached, $side mode" --threads=6 --acquisitions=100000
done

# Recorded is what the clients did in between, and that in one phase: 4 times 4000 rounds of three or
# four commands, with a few locks each.
side=profile:start=no
# shellcheck disable=SC2086 # none or two words
serve $side memcached $user -t 4 -m 64 -s "$tmp/socket" -a 777
until_true answers
told=
for words in start 'phase load'; do
	# shellcheck disable=SC2086 # words
	told="$told$(timeout 30 "$lockprof" ctl "$server" $words 2>&1)"
done
timeout "$limit_s" python3 client.py >"$side.out" 2>"$side.err"
for words in 'work 16000' 'phase --end' stop; do
	# shellcheck disable=SC2086 # words
	told="$told$(timeout 30 "$lockprof" ctl "$server" $words 2>&1)"
done
is 'ctl had nothing to complain of' '' "$told"
until_true answers
copy=$(timeout 30 "$lockprof" ctl "$server" snapshot)
stop TERM
echo "$status" >"$side.status"
for part in status out err log; do
	alike memcached $part $side
done
is 'a phase, its units, and acquisitions for each' 'load 16000 True' "$(
	"$lockprof" report --json "$copy" | python3 -c '
import json, sys
told = json.load(sys.stdin)
busy = [phase for phase in told["phases"] if phase["work_units"]]
print(*(phase["name"] for phase in busy), told["run"]["work_units"],
      10 <= busy[0]["acquisitions_per_unit"] <= 100 and told["run"]["off_ns"] > 0
      and busy[0]["acquisitions"] >= 0.99 * told["run"]["acquisitions"])')"
traces 'memcached, told from outside' --traces=2 --threads=6 --acquisitions=100000

is 'clients found what they had written' "shared b'16000'" "$(head -n 1 native.out)"

echo "1..$count"
