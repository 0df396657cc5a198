//! A bounded cache of what takes a call to get: by age, by use, and with one call for all who wait.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

/// Values by the bytes that name them.
pub(super) struct Cache<V, E> {
    most: usize,
    age: Duration,
    slots: Mutex<Slots<V, E>>,
}

struct Slots<V, E> {
    by_name: HashMap<Arc<[u8]>, Slot<V, E>>,
    /// Grows with each use, so that the least recently used is the smallest.
    clock: u64,
}

enum Slot<V, E> {
    Ready { value: Arc<V>, since: Instant, used: u64 },
    Fetching { flight: u64, landing: Landing<E> },
}

/// How a call ended, for those who waited for it: nothing while it is under way.
type Landing<E> = watch::Receiver<Option<Result<(), Arc<E>>>>;

/// A call under way. Dropped before it landed, because its task was, it makes room for another.
struct Flight<'a, V, E> {
    cache: &'a Cache<V, E>,
    name: Arc<[u8]>,
    number: u64,
    landed: watch::Sender<Option<Result<(), Arc<E>>>>,
}

/// What a look into the cache yields.
enum Look<'a, V, E> {
    Found(Arc<V>),
    Wait(Landing<E>),
    Fetch(Flight<'a, V, E>),
}

impl<V, E> Cache<V, E> {
    /// Keeps at most so many values, each for so long.
    pub(super) fn new(most: usize, age: Duration) -> Self {
        let slots = Slots { by_name: HashMap::new(), clock: 0 };
        Self { most: most.max(1), age, slots: Mutex::new(slots) }
    }

    /// The value of this name, once `take` has agreed to it; else a new one that `fetch` gets.
    ///
    /// `take` may count and is called under the cache's lock. It must agree to a new value.
    pub(super) async fn take<F>(
        &self,
        name: &[u8],
        take: impl Fn(&V) -> bool,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<V>, Arc<E>>
    where
        F: Future<Output = Result<V, E>>,
    {
        let flight = loop {
            match self.look(name, &take) {
                Look::Found(value) => return Ok(value),
                Look::Fetch(flight) => break flight,
                Look::Wait(mut landing) => {
                    // Closed without a landing: the task that fetched was dropped. One of those who wait takes its place.
                    if let Ok(landed) = landing.wait_for(Option::is_some).await
                        && let Some(Err(error)) = &*landed
                    {
                        return Err(Arc::clone(error));
                    }
                }
            }
        };
        // The age of a value is counted from before it was asked for.
        let since = Instant::now();
        match fetch().await {
            Ok(value) => {
                take(&value);
                Ok(flight.landed(value, since))
            }
            Err(error) => Err(flight.failed(error)),
        }
    }

    /// Drops all values. A call under way serves its own caller and is not kept.
    pub(super) fn clear(&self) {
        self.slots.lock().by_name.clear();
    }

    /// Drops the values that have reached their age.
    pub(super) fn drop_expired(&self) {
        self.slots.lock().drop_expired(self.age);
    }

    fn look(&self, name: &[u8], take: impl Fn(&V) -> bool) -> Look<'_, V, E> {
        let mut slots = self.slots.lock();
        slots.clock += 1;
        let now = slots.clock;
        match slots.by_name.get_mut(name) {
            Some(Slot::Ready { value, since, used }) if since.elapsed() < self.age && take(value) => {
                *used = now;
                return Look::Found(Arc::clone(value));
            }
            Some(Slot::Fetching { landing, .. }) => return Look::Wait(landing.clone()),
            Some(Slot::Ready { .. }) | None => {}
        }
        slots.drop_expired(self.age);
        slots.make_room(self.most);
        let (landed, landing) = watch::channel(None);
        let name: Arc<[u8]> = name.into();
        slots.by_name.insert(Arc::clone(&name), Slot::Fetching { flight: now, landing });
        Look::Fetch(Flight { cache: self, name, number: now, landed })
    }
}

impl<V, E> Slots<V, E> {
    fn drop_expired(&mut self, age: Duration) {
        self.by_name.retain(|_, slot| match slot {
            Slot::Ready { since, .. } => since.elapsed() < age,
            Slot::Fetching { .. } => true,
        });
    }

    /// Drops the least recently used until one more fits. Calls under way stay: there are no more than callers.
    fn make_room(&mut self, most: usize) {
        while self.by_name.len() >= most {
            let ready = self.by_name.iter().filter_map(|(name, slot)| match slot {
                Slot::Ready { used, .. } => Some((*used, name)),
                Slot::Fetching { .. } => None,
            });
            let Some((_, name)) = ready.min_by_key(|(used, _)| *used) else { return };
            let name = Arc::clone(name);
            self.by_name.remove(&name);
        }
    }
}

impl<V, E> Flight<'_, V, E> {
    /// Keeps the value, unless the cache was cleared meanwhile.
    fn landed(self, value: V, since: Instant) -> Arc<V> {
        let value = Arc::new(value);
        let mut slots = self.cache.slots.lock();
        if let Some(slot) = slots.by_name.get_mut(&self.name).filter(|slot| self.is_of(slot)) {
            *slot = Slot::Ready { value: Arc::clone(&value), since, used: self.number };
        }
        drop(slots);
        self.landed.send_replace(Some(Ok(())));
        value
    }

    /// Tells those who wait; keeps nothing.
    fn failed(self, error: E) -> Arc<E> {
        let error = Arc::new(error);
        self.make_way();
        self.landed.send_replace(Some(Err(Arc::clone(&error))));
        error
    }

    fn make_way(&self) {
        let mut slots = self.cache.slots.lock();
        if slots.by_name.get(&self.name).is_some_and(|slot| self.is_of(slot)) {
            slots.by_name.remove(&self.name);
        }
    }

    fn is_of(&self, slot: &Slot<V, E>) -> bool {
        matches!(slot, Slot::Fetching { flight, .. } if *flight == self.number)
    }
}

impl<V, E> Drop for Flight<'_, V, E> {
    fn drop(&mut self) {
        self.make_way();
    }
}
