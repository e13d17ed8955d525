#!/bin/sh
# SPDX-License-Identifier: MIT
# Java: compiling, monitors, locks, pools and parallel streams; the virtual machine's own signals
# (a thread dump by QUIT, safepoints), an orderly end by TERM with a shutdown hook.
. "${0%/*}/lib.sh"
needs java javac

cat >Work.java <<'END'
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.locks.*;
import java.util.stream.*;

public class Work {
	static int counted;
	static final Object monitor = new Object();

	static long stream() {
		return IntStream.range(0, 200000).parallel().mapToLong(i -> (i * 2654435761L) % 1000).sum();
	}

	public static void main(String[] args) throws Exception {
		ReentrantLock lock = new ReentrantLock(true);
		ReentrantReadWriteLock both = new ReentrantReadWriteLock();
		Map<Integer, Integer> map = new ConcurrentHashMap<>();
		int[] fair = new int[2];
		Thread[] threads = new Thread[8];
		for (int t = 0; t < threads.length; t++) {
			int self = t;
			threads[t] = new Thread(() -> {
				for (int i = 0; i < 4000; i++) {
					synchronized (monitor) { counted++; }
					lock.lock();
					try { fair[0]++; } finally { lock.unlock(); }
					if (i % 10 == self % 10) {
						both.writeLock().lock();
						try { fair[1]++; } finally { both.writeLock().unlock(); }
					}
					map.merge(i % 100, 1, Integer::sum);
				}
			}, "worker-" + t);
			threads[t].start();
		}
		for (Thread thread : threads)
			thread.join();
		System.out.println(counted + " " + fair[0] + " " + fair[1] + " " + new TreeMap<>(map).hashCode());
		System.out.println(stream());
		ExecutorService pool = Executors.newFixedThreadPool(6);
		List<Future<Integer>> futures = new ArrayList<>();
		for (int i = 0; i < 200; i++) {
			int n = i;
			futures.add(pool.submit(() -> { byte[] garbage = new byte[100000]; return n * n + garbage.length; }));
		}
		long sum = 0;
		for (Future<Integer> future : futures)
			sum += future.get();
		pool.shutdown();
		System.out.println(sum + " " + pool.awaitTermination(10, TimeUnit.SECONDS));
		synchronized (monitor) { monitor.wait(20); }
		System.gc();
		try { deep(0); } catch (StackOverflowError e) { System.out.println("stack overflow"); }
		try { Object no = null; no.hashCode(); } catch (NullPointerException e) { System.out.println("null"); }
		if (args.length > 0)
			serve();
		System.exit(7);
	}

	static int deep(int n) { return deep(n + 1) + 1; }

	static void serve() throws Exception {
		Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
		System.out.println("ready");
		synchronized (monitor) { while (true) monitor.wait(); }
	}
}
END
may='--threads=8 --acquisitions=1000'
same 'javac' sh -c 'javac -d . Work.java && cksum Work*.class'
modes='trace'
for collector in Serial Parallel G1; do
	same "the $collector collector" java -XX:+Use${collector}GC -XX:ParallelGCThreads=4 -Xmx256m -cp . Work
done
is 'what the program counted' '32000 32000 3200' "$(head -n 1 native.out | cut -d ' ' -f 1-3)"

dumped()
{
	grep -q 'JNI global refs' "$1.log"
}

for side in native trace profile; do
	serve $side java -Xmx256m -cp . Work serve
	until_true grep -q ready $side.log
	kill -QUIT "$server"
	until_true dumped $side
	stop TERM
	echo "$status" >$side.status
	# The dump: threads of the program and their states, without numbers.
	sed -n -e '/^"main/,/^$/p' -e '/^hook/p' -e '/^[0-9]/p' $side.log |
		sed -e 's/0x[0-9a-f]*/ADDRESS/g' -e 's/[a-z]*=[0-9.]*m*s//g' -e '/^[0-9-]* [0-9:]*$/d' -e 's/nid=[^ ]*//' >$side.out
	[ $side = native ] && continue
	alike 'a dump of the threads' status $side
	alike 'a dump of the threads' out $side
	traces "a dump of the threads, $side mode" --threads=8 --acquisitions=1000
done
is 'TERM' 143 "$(cat native.status)"

echo "1..$count"
