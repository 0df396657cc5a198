//! Proves that nonces do not repeat, over the threads of a process. Forked processes: crate
//! `secret`, the only one that may fork.

use strongroom_crypto::{NONCE, SealingKey};

#[test]
fn a_million_nonces_are_unique() {
    let key = SealingKey::new(&[1; 32]);
    let mut nonces: Vec<[u8; NONCE]> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| draw(&key, 1 << 18))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(nonces.len(), 1 << 20);
    nonces.sort_unstable();
    assert!(nonces.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn each_bit_of_a_nonce_is_set_about_half_the_time() {
    let nonces = draw(&SealingKey::new(&[1; 32]), 10_000);
    for bit in 0..8 * NONCE {
        let set = nonces.iter().filter(|nonce| nonce[bit / 8] >> (bit % 8) & 1 == 1).count();
        // Eight standard deviations: once in 10^15 runs by chance.
        assert!((4_600..=5_400).contains(&set), "bit {bit} is set {set} times in 10,000");
    }
}

fn draw(key: &SealingKey, count: usize) -> Vec<[u8; NONCE]> {
    let mut sealed = Vec::new();
    (0..count)
        .map(|_| {
            sealed.clear();
            key.seal_append(&[], b"", &mut sealed);
            *sealed.first_chunk().unwrap()
        })
        .collect()
}
