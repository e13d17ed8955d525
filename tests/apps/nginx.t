#!/bin/sh
# SPDX-License-Identifier: MIT
# nginx with two workers and a thread pool for reading: every download has the file's checksum, while
# HUP replaces the workers and USR1 the log; QUIT ends it in order.
. "${0%/*}/lib.sh"
needs nginx curl
nginx -V 2>&1 | grep -q with-threads || skip_all 'nginx was built without threads'

chmod 755 .
chmod 777 traces
mkdir site
seq 1 300000 >site/large
seq 1 2000 >site/small
cat >nginx.conf <<END
pid $tmp/pid;
error_log $tmp/error.log notice;
worker_processes 2;
daemon off;
thread_pool readers threads=4 max_queue=65536;
events { worker_connections 512; }
http {
	access_log $tmp/access.log;
	client_body_temp_path $tmp/body;
	proxy_temp_path $tmp/proxy;
	fastcgi_temp_path $tmp/fastcgi;
	uwsgi_temp_path $tmp/uwsgi;
	scgi_temp_path $tmp/scgi;
	server {
		listen unix:$tmp/socket;
		root $tmp/site;
		aio threads=readers;
		sendfile off;
		output_buffers 2 64k;
	}
}
END

get()
{
	timeout "$limit_s" curl -s --unix-socket socket "http://localhost/$1"
}

# 4 clients with 25 downloads each
download()
{
	clients=
	for client in 1 2 3 4; do
		for _ in $(seq 25); do
			get large | cksum
			get small | cksum
		done >"sums.$client" &
		clients="$clients $!"
	done
	# shellcheck disable=SC2086 # a list of pids
	wait $clients
	sort sums.* | uniq -c
}

workers()
{
	tr ' ' '\n' <"/proc/$server/task/$server/children" | grep -c .
}

reloaded()
{
	grep -q 'reconfiguring' error.log && [ "$(workers)" = 2 ] &&
		[ "$(grep -c 'exited with code 0' error.log)" = 2 ]
}

session()
{
	rm -f error.log access.log socket
	serve "$1" nginx -p "$tmp" -c nginx.conf
	until_true get small
	download &
	load=$!
	kill -HUP "$server"
	until_true reloaded
	wait $load
	until_true reloaded && echo reloaded
	mv access.log access.old
	kill -USR1 "$server"
	until_true [ -e access.log ]
	download
	wc -l <access.log
	get none | cksum
	stop QUIT
	echo "exit status $status"
	sed 's/^[^[]*//; s/[0-9][0-9]*/N/g' error.log | sort -u >"$1.said"
}

for side in native trace profile; do
	session $side >"$side.out" 2>"$side.err"
	[ $side = native ] && continue
	for part in out err said log; do
		alike nginx $part $side
	done
	traces "nginx, $side mode" --traces=4 --threads=16 --acquisitions=1000
done
is 'all downloads, and a quiet end' "$(printf '%s\n' \
	"    100 $(cksum <site/small)" 'exit status 0')" \
	"$(grep -e "$(cksum <site/small)" -e exit native.out | sort -u)"

echo "1..$count"
