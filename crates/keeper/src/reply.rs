//! How answers leave: at once for a thread that waits, many at a time for callers on a runtime.
//!
//! Waking a runtime from another thread costs two system calls. The witness answers many at once, so it hands all of them to one
//! task of the runtime that serves ([`Keeper::deliver`](crate::Keeper::deliver)), which wakes the others without any.

use std::vec;

use parking_lot::Mutex;
use tokio::sync::mpsc;

/// Deliveries that may wait for the runtime; further ones the witness makes itself.
const DELIVERIES: usize = 64;

/// What is called once, when something is over.
pub struct Finish<T> {
    call: Box<dyn FnOnce(T) + Send>,
    /// A thread waits for it, perhaps the very one that runs the runtime: it is called where the thing ends.
    at_once: bool,
}

impl<T> Finish<T> {
    /// For a thread that waits.
    pub fn at_once(call: impl FnOnce(T) + Send + 'static) -> Self {
        Self { call: Box::new(call), at_once: true }
    }

    /// For a caller on a runtime.
    pub fn reply(call: impl FnOnce(T) + Send + 'static) -> Self {
        Self { call: Box::new(call), at_once: false }
    }

    /// Calls it.
    pub fn call(self, outcome: T) {
        (self.call)(outcome);
    }

    /// The same for another outcome, which is made into this one's.
    pub fn of<U>(self, outcome: impl FnOnce(U) -> T + Send + 'static) -> Finish<U>
    where
        T: 'static,
    {
        let call = self.call;
        Finish { call: Box::new(move |given| call(outcome(given))), at_once: self.at_once }
    }
}

/// Answers of one turn. They are given when it is dropped, wherever that happens: none is lost.
pub struct Delivery {
    replies: vec::IntoIter<Finish<bool>>,
    done: bool,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        for reply in self.replies.by_ref() {
            reply.call(self.done);
        }
    }
}

/// The way to the runtime that serves, when there is one.
#[derive(Default)]
pub struct Courier(Mutex<Option<mpsc::Sender<Delivery>>>);

impl Courier {
    /// Deliveries go to the returned end from now on.
    pub fn attach(&self) -> mpsc::Receiver<Delivery> {
        let (sender, deliveries) = mpsc::channel(DELIVERIES);
        *self.0.lock() = Some(sender);
        deliveries
    }

    /// Answers all that wait.
    pub fn answer(&self, waiting: Vec<Finish<bool>>, done: bool) {
        let (at_once, replies): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|finish| finish.at_once);
        for finish in at_once {
            finish.call(done);
        }
        let many = replies.len() > 1;
        let delivery = Delivery { replies: replies.into_iter(), done };
        // The lock is let go first: a runtime that is behind or gone gives its delivery back, and it is made here.
        let runtime = if many { self.0.lock().clone() } else { None };
        if let Some(runtime) = runtime {
            drop(runtime.try_send(delivery));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Three replies that count themselves.
    fn three(answered: &Arc<AtomicUsize>) -> Vec<Finish<bool>> {
        let reply = |_| {
            let answered = Arc::clone(answered);
            Finish::reply(move |done| {
                answered.fetch_add(usize::from(done), Ordering::Relaxed);
            })
        };
        (0..3).map(reply).collect()
    }

    #[test]
    fn replies_wait_for_the_runtime_and_waiting_threads_do_not() {
        let (courier, answered) = (Courier::default(), Arc::new(AtomicUsize::new(0)));
        let mut deliveries = courier.attach();
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let mut waiting = three(&answered);
        waiting.push(Finish::at_once(move |done| sender.send(done).unwrap()));
        courier.answer(waiting, true);
        assert_eq!((receiver.try_recv(), answered.load(Ordering::Relaxed)), (Ok(true), 0));
        drop(deliveries.try_recv().unwrap());
        assert_eq!(answered.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn no_reply_is_lost() {
        let (courier, answered) = (Courier::default(), Arc::new(AtomicUsize::new(0)));
        courier.answer(three(&answered), true);
        assert_eq!(answered.load(Ordering::Relaxed), 3, "nobody delivers");
        let deliveries = courier.attach();
        for _ in 0..=DELIVERIES {
            courier.answer(three(&answered), true);
        }
        assert_eq!(answered.load(Ordering::Relaxed), 6, "the runtime is behind by as many as may wait");
        drop(deliveries);
        assert_eq!(
            answered.load(Ordering::Relaxed),
            3 * (DELIVERIES + 2),
            "the runtime ended with deliveries on its hands"
        );
        courier.answer(three(&answered), true);
        assert_eq!(answered.load(Ordering::Relaxed), 3 * (DELIVERIES + 3), "the runtime is gone");
    }

    #[test]
    fn an_outcome_is_made_into_another() {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let finish = Finish::at_once(move |text: &'static str| sender.send(text).unwrap());
        let finish: Finish<bool> = finish.of(|done| if done { "done" } else { "failed" });
        assert!(finish.at_once);
        finish.call(false);
        assert_eq!(receiver.recv(), Ok("failed"));
    }
}
