// SPDX-License-Identifier: MIT
// rust_locks: Mutex, RwLock, Condvar and mpsc of Rust's std, contended by T threads.
//
// On Linux these are atomics that sleep by syscall(SYS_futex): a preload sees each sleep and each
// wake-up by address, and never an uncontended lock. So the counts of uses below are facts about
// the program and not what a tool can count. To make sure that there are sleeps to see, the main
// thread keeps the mutex while all others ask for it, `rounds` times (slept_at_least).
//
// usage: rust_locks [threads] [iterations]
// keys:  threads iterations mutex_uses reads writes messages condvar_rounds slept_at_least
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Condvar, Mutex, RwLock};
use std::thread;
use std::time::Duration;

const ROUNDS: u64 = 5;

struct Shared {
    counter: Mutex<u64>,
    table: RwLock<u64>,
    reads: AtomicU64,
    round: Mutex<u64>,
    round_begun: Condvar,
    asking: AtomicU64,
    served: AtomicU64,
}

fn use_locks(shared: &Shared, iterations: u64) {
    for i in 0..iterations {
        *shared.counter.lock().unwrap() += 1;
        if i % 10 == 0 {
            *shared.table.write().unwrap() += 1;
        } else {
            let _seen = *shared.table.read().unwrap();
            shared.reads.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn ask_while_held(shared: &Shared) {
    for wanted in 1..=ROUNDS {
        let mut round = shared.round.lock().unwrap();
        while *round < wanted {
            round = shared.round_begun.wait(round).unwrap();
        }
        drop(round);
        shared.asking.fetch_add(1, Ordering::SeqCst);
        *shared.counter.lock().unwrap() += 1;
        shared.served.fetch_add(1, Ordering::SeqCst);
    }
}

fn await_count(count: &AtomicU64, wanted: u64) {
    while count.load(Ordering::SeqCst) < wanted {
        thread::yield_now();
    }
}

fn hold_while_asked(shared: &Shared, threads: u64) {
    for round in 1..=ROUNDS {
        let mut counter = shared.counter.lock().unwrap();
        *shared.round.lock().unwrap() = round;
        shared.round_begun.notify_all();
        await_count(&shared.asking, round * threads);
        thread::sleep(Duration::from_millis(20));
        *counter += 1;
        drop(counter);
        await_count(&shared.served, round * threads);
    }
}

fn main() {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<u64>().expect("a number"));
    let threads = args.next().unwrap_or(4);
    let iterations = args.next().unwrap_or(20000);
    let shared = Arc::new(Shared {
        counter: Mutex::new(0),
        table: RwLock::new(0),
        reads: AtomicU64::new(0),
        round: Mutex::new(0),
        round_begun: Condvar::new(),
        asking: AtomicU64::new(0),
        served: AtomicU64::new(0),
    });
    let (sender, receiver) = mpsc::channel();
    let workers: Vec<_> = (1..=threads)
        .map(|number| {
            let (shared, sender) = (shared.clone(), sender.clone());
            let body = move || {
                ask_while_held(&shared);
                use_locks(&shared, iterations);
                for i in 0..iterations {
                    sender.send(i).unwrap();
                }
            };
            thread::Builder::new().name(format!("rust-{number}")).spawn(body).unwrap()
        })
        .collect();
    drop(sender);
    hold_while_asked(&shared, threads);
    let messages = receiver.iter().count() as u64;
    for worker in workers {
        worker.join().unwrap();
    }
    let (mutex_uses, writes) = (*shared.counter.lock().unwrap(), *shared.table.read().unwrap());
    println!("threads {threads}\niterations {iterations}\nmutex_uses {mutex_uses}");
    println!("reads {}\nwrites {writes}", shared.reads.load(Ordering::SeqCst));
    println!("messages {messages}\ncondvar_rounds {ROUNDS}\nslept_at_least {}", ROUNDS * threads);
    assert_eq!(mutex_uses, threads * (iterations + ROUNDS) + ROUNDS);
    assert_eq!(messages, threads * iterations);
}
