// SPDX-License-Identifier: MIT
// rust_odd: Rust's std in the corners: park and unpark, scoped threads, panics that poison locks,
// once cells, barriers, time-outs, destructors of thread-locals. One line per story, the same in
// every run, so that a test can compare the output with and without something preloaded.
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Barrier, Condvar, Mutex, Once, RwLock};
use std::time::Duration;
use std::{panic, thread};

static DROPS: Mutex<usize> = Mutex::new(0);

struct LastWill;
impl Drop for LastWill {
    fn drop(&mut self) {
        *DROPS.lock().unwrap() += 1;
    }
}
thread_local!(static WILL: RefCell<Option<LastWill>> = const { RefCell::new(None) });

fn park() {
    let turns = AtomicUsize::new(0);
    let main = thread::current();
    thread::scope(|scope| {
        let partner = scope.spawn(|| {
            while turns.load(Ordering::SeqCst) < 1000 {
                if turns.load(Ordering::SeqCst) % 2 == 1 {
                    turns.fetch_add(1, Ordering::SeqCst);
                    main.unpark();
                } else {
                    thread::park();
                }
            }
        });
        while turns.load(Ordering::SeqCst) < 1000 {
            if turns.load(Ordering::SeqCst) % 2 == 0 {
                turns.fetch_add(1, Ordering::SeqCst);
                partner.thread().unpark();
            } else {
                thread::park();
            }
        }
        partner.thread().unpark();
    });
    println!("turns {}", turns.load(Ordering::SeqCst));
}

fn poison() {
    let (mutex, rwlock) = (Mutex::new(1), RwLock::new(2));
    panic::set_hook(Box::new(|_| {}));
    let joined = thread::scope(|scope| {
        scope
            .spawn(|| {
                let (_one, _two) = (mutex.lock().unwrap(), rwlock.write().unwrap());
                panic!("while locked");
            })
            .join()
            .is_err()
    });
    let once = Once::new();
    let failed = panic::catch_unwind(|| once.call_once(|| panic!("at first"))).is_err();
    once.call_once_force(|state| println!("once poisoned {}", state.is_poisoned()));
    println!("panicked {joined} {failed}, poisoned {} {}", mutex.is_poisoned(), rwlock.is_poisoned());
    println!("value {}", *mutex.lock().unwrap_or_else(|e| e.into_inner()));
}

fn time_outs() {
    let (pair, short) = ((Mutex::new(false), Condvar::new()), Duration::from_millis(2));
    let (_guard, result) = pair.1.wait_timeout(pair.0.lock().unwrap(), short).unwrap();
    let (_sender, receiver) = mpsc::channel::<()>();
    thread::park_timeout(short);
    println!("timed out {} {:?}", result.timed_out(), receiver.recv_timeout(short));
}

fn crowd() {
    let (barrier, leaders, sum) = (Barrier::new(4), AtomicUsize::new(0), Mutex::new(0));
    thread::scope(|scope| {
        for number in 0..4 {
            let (barrier, leaders, sum) = (&barrier, &leaders, &sum);
            scope.spawn(move || {
                WILL.with(|will| *will.borrow_mut() = Some(LastWill));
                for _ in 0..200 {
                    *sum.lock().unwrap() += number;
                    if barrier.wait().is_leader() {
                        leaders.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    println!("leaders {}, sum {}", leaders.load(Ordering::SeqCst), sum.lock().unwrap());
}

fn main() {
    park();
    poison();
    time_outs();
    crowd();
    // A scope ends before its threads' destructors do: join them by hand.
    let threads: Vec<_> = (0..3)
        .map(|_| thread::spawn(|| WILL.with(|will| *will.borrow_mut() = Some(LastWill))))
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    while *DROPS.lock().unwrap() < 7 {
        thread::yield_now();
    }
    println!("drops {}", DROPS.lock().unwrap());
}
