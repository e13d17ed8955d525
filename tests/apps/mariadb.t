#!/bin/sh
# SPDX-License-Identifier: MIT
# MariaDB under a load that leaves the same tables however its threads take turns: checksums, an
# orderly shutdown, and a start from what was left. Its performance schema counts each mutex, which
# is compared with the trace by the mutex's address.
. "${0%/*}/lib.sh"
needs mariadbd mariadb mariadb-admin mariadb-slap mariadb-install-db python3

user=
if [ "$(id -u)" = 0 ]; then
	id mysql >/dev/null 2>&1 || skip_all 'there is no user mysql'
	user=--user=mysql
	chmod 777 . traces
fi
mkdir data
[ -z "$user" ] || chown mysql data
# shellcheck disable=SC2086 # none or one word
mariadb-install-db --no-defaults $user --datadir="$tmp/data" --skip-test-db --skip-name-resolve \
	--auth-root-authentication-method=normal >install.log 2>&1 ||
	skip_all "mariadb-install-db: $(tail -n 1 install.log)"

sql()
{
	timeout "$limit_s" mariadb --no-defaults -u root -S "$tmp/socket" -N "$@"
}

begin()
{
	# shellcheck disable=SC2086 # none or one word
	serve "$1" mariadbd --no-defaults $user --datadir="$tmp/$1.data" --socket="$tmp/socket" \
		--skip-networking --innodb-buffer-pool-size=64M --innodb-log-file-size=16M \
		--innodb-flush-log-at-trx-commit=2 --thread-handling=pool-of-threads \
		--performance-schema --performance-schema-instrument='wait/synch/%=counted'
	until_true sql -e 'select 1'
}

cat >schema.sql <<'END'
create database work;
use work;
create table account (id int primary key, balance bigint not null) engine=innodb;
create table journal (id int auto_increment primary key, who int, amount int, key (who)) engine=innodb;
create table words (word varchar(40) primary key, n int) engine=aria;
insert into account select seq, 0 from seq_1_to_50;
delimiter //
create procedure pay(amount int)
begin
	declare who int default 1 + floor(rand() * 50);
	start transaction;
	update account set balance = balance + amount where id = 7;
	insert into journal (who, amount) values (who, amount);
	update account set balance = balance + 1 where id = 9;
	commit;
	insert into words values (concat('w', amount % 13), 1) on duplicate key update n = n + 1;
end//
END

session()
{
	cp -a data "$1.data"
	begin "$1"
	first=$server
	sql <schema.sql
	timeout "$limit_s" mariadb-slap --no-defaults -u root -S "$tmp/socket" --create-schema=work \
		--no-drop --concurrency=8 --number-of-queries=4000 --delimiter=';' \
		--query='call work.pay(3);select sum(balance) from work.account;call work.pay(5);select count(*) from work.words' \
		>slap.out 2>&1 || cat slap.out
	sql work -e 'checksum table account, words; select count(*), sum(amount) from journal;
		check table account, journal, words; alter table journal drop who; optimize table account;
		select word, n from words order by word'
	sql -e 'select count_star, event_name
		from performance_schema.events_waits_summary_by_instance
		where event_name like "wait/synch/mutex/%" and count_star > 200' >"$1.counts"
	stop TERM
	echo "exit status $status"
	begin "$1"
	sql work -e 'checksum table account, words; check table journal, account, words'
	timeout "$limit_s" mariadb-admin --no-defaults -u root -S "$tmp/socket" shutdown
	wait "$guard"
	echo "exit status $?"
	guard=
	grep -i -e '\[ERROR\]' -e assert -e crash "$1.log"
	rm -rf "${1:?}.data"
}

# What the performance schema had counted when it was asked, the trace must have, too: for the busiest
# mutex of the one a lock of the other that was taken at least as often, and so on, and most of
# them with nearly the same number. Not quite: mutexes work on until the end, and conditions take them.
cat >counts.py <<'END'
import json, subprocess, sys

lockprof, counts, *traces = sys.argv[1:]
report = json.loads(subprocess.run([lockprof, "report", "--json", *traces], check=True,
                                   capture_output=True).stdout)
ours = sorted((lock["acquisitions"] for lock in report["locks"] if lock["kind"] == "mutex"),
              reverse=True)
theirs = sorted((int(line.split()[0]) for line in open(counts)), reverse=True)
short = [pair for pair in zip(theirs, ours) if pair[0] > pair[1]]
near = sum(any(n <= count <= 1.05 * n + 50 for count in ours) for n in theirs)
if short or len(theirs) < 10 or len(theirs) > len(ours) or near < 0.7 * len(theirs):
    print(len(theirs), "counted,", near, "near, fewer than counted:", short)
END

for side in native trace profile; do
	session $side >"$side.out" 2>"$side.err"
	[ $side = native ] && continue
	alike mariadb out $side
	alike mariadb err $side
	is "mariadb, $side mode: its own counts" '' \
		"$(python3 counts.py "$lockprof" $side.counts traces/*."$first" 2>&1)"
	traces "mariadb, $side mode" --traces=2 --threads=10 --acquisitions=50000
done
is 'ended in order, twice' 2 "$(grep -c '^exit status 0' native.out)"
is 'all was paid' '2000	8000' "$(grep -x '2000	8000' native.out)"

echo "1..$count"
