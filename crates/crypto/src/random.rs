//! Random bytes, and the buffered nonces of the cipher.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use strongroom_secret::{ForkGuard, cpu_time_counter};

use crate::cipher::NONCE;

/// Fills `out` from the process's random generator (CTR_DRBG of AWS-LC, seeded by the system).
///
/// # Panics
/// When the operating system has no randomness to give: nothing may go on without it.
pub fn fill(out: &mut [u8]) {
    rand::fill(out).expect("the operating system provides randomness");
}

/// A fresh nonce. Nobody else may choose one.
pub(crate) fn nonce() -> [u8; NONCE] {
    NONCES.with_borrow_mut(|buffer| buffer.draw(Instant::now(), cpu_time_counter()))
}

/// A fresh initialisation vector of a cell: the end of a nonce, with the half that the time counter is mixed into.
pub(crate) fn iv() -> [u8; 16] {
    let nonce = nonce();
    let (_, iv) = nonce.split_last_chunk().expect("a nonce has more than 16 bytes");
    *iv
}

thread_local! {
    static NONCES: RefCell<Buffer> = const { RefCell::new(Buffer::EMPTY) };
}

/// Random bytes drawn in advance, because a draw of 24 bytes costs more than sealing a short
/// value. Copies of this memory must never yield the same nonce twice: the buffer is dropped in
/// a forked child, on a machine that was resumed from a snapshot (where the host shows that),
/// and after a short time; and the time counter is mixed in for the case that none of this helps.
struct Buffer {
    bytes: [u8; BUFFERED],
    used: usize,
    filled_at: Option<Instant>,
    guard: ForkGuard,
}

impl Buffer {
    const EMPTY: Buffer = Buffer { bytes: [0; BUFFERED], used: BUFFERED, filled_at: None, guard: ForkGuard::unseen() };

    fn draw(&mut self, now: Instant, time_counter: u64) -> [u8; NONCE] {
        if self.guard.copied() || self.used == BUFFERED || self.is_old(now) {
            self.fill(now);
        }
        let mut nonce = [0; NONCE];
        let fresh = &mut self.bytes[self.used..self.used + NONCE];
        nonce.copy_from_slice(fresh);
        fresh.fill(0);
        self.used += NONCE;
        for (byte, count) in nonce[NONCE - 8..].iter_mut().zip(time_counter.to_be_bytes()) {
            *byte ^= count;
        }
        nonce
    }

    fn is_old(&self, now: Instant) -> bool {
        self.filled_at.is_none_or(|filled| now.saturating_duration_since(filled) > OLDEST)
    }

    fn fill(&mut self, now: Instant) {
        fill(&mut self.bytes);
        self.used = 0;
        self.filled_at = Some(now);
    }
}

/// 85 nonces, just under 2 KiB.
const BUFFERED: usize = 85 * NONCE;
const OLDEST: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(now: Instant) -> Buffer {
        let mut buffer = Buffer::EMPTY;
        buffer.draw(now, 0);
        assert_eq!(buffer.used, NONCE);
        buffer
    }

    #[test]
    fn the_buffer_serves_85_nonces_and_is_then_filled_again() {
        let now = Instant::now();
        let mut buffer = filled(now);
        for drawn in 2..=85 {
            buffer.draw(now, 0);
            assert_eq!(buffer.used, drawn * NONCE);
        }
        buffer.draw(now, 0);
        assert_eq!(buffer.used, NONCE);
    }

    #[test]
    fn bytes_older_than_100_ms_are_never_used() {
        let start = Instant::now();
        let mut buffer = filled(start);
        buffer.draw(start + Duration::from_millis(100), 0);
        assert_eq!(buffer.used, 2 * NONCE);
        let ahead: [u8; NONCE] = buffer.bytes[2 * NONCE..3 * NONCE].try_into().expect("a nonce");
        let drawn = buffer.draw(start + Duration::from_millis(101), 0);
        assert_eq!(buffer.used, NONCE);
        assert_ne!(drawn, ahead);
    }

    #[test]
    fn a_copy_of_the_process_fills_again() {
        let now = Instant::now();
        let mut buffer = filled(now);
        let ahead: [u8; NONCE] = buffer.bytes[NONCE..2 * NONCE].try_into().expect("a nonce");
        buffer.guard = ForkGuard::unseen();
        assert_ne!(buffer.draw(now, 0), ahead);
        assert_eq!(buffer.used, NONCE);
    }

    #[test]
    fn the_time_counter_separates_two_copies_of_one_buffer() {
        let now = Instant::now();
        let mut buffer = filled(now);
        let ahead: [u8; NONCE] = buffer.bytes[NONCE..2 * NONCE].try_into().expect("a nonce");
        let drawn = buffer.draw(now, 0x0102_0304_0506_0708);
        assert_eq!(drawn[..16], ahead[..16]);
        let mixed: Vec<u8> = drawn[16..].iter().zip(&ahead[16..]).map(|(a, b)| a ^ b).collect();
        assert_eq!(mixed, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_drawn_nonce_does_not_stay_in_the_buffer() {
        let buffer = filled(Instant::now());
        assert_eq!(buffer.bytes[..NONCE], [0; NONCE]);
    }
}
