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
        if many && let Some(sender) = &*self.0.lock() {
            // A runtime that is behind or gone gives its delivery back, and it is made here.
            drop(sender.try_send(delivery));
        }
    }
}
