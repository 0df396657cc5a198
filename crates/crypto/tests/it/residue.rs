//! Proves that expanded keys and message keys are nowhere in memory once they are no longer needed.

use std::fs::{self, File};
use std::hint::black_box;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use strongroom_crypto::known_answers::seal_with_nonce;
use strongroom_crypto::{NONCE, SealingKey};
use strongroom_secret::SecretBytes;

/// The words w8 to w11 of FIPS 197, appendix A.3, inverted so that the test itself does not hold
/// what it looks for: round key 2 of the key there.
const ROUND_KEY: [u8; 16] = inverted(*b"\x9b\xa3\x54\x11\x8e\x69\x25\xaf\xa5\x1a\x8b\x5f\x20\x67\xfc\xde");
const EXPANDED: [u8; 32] = *b"\x60\x3d\xeb\x10\x15\xca\x71\xbe\x2b\x73\xae\xf0\x85\x7d\x77\x81\
                              \x1f\x35\x2c\x07\x3b\x61\x08\xd7\x2d\x98\x10\xa3\x09\x14\xdf\xf4";

/// Another key, which no other test uses, a nonce, and the first half of their message key as the
/// Python peer computes it, inverted.
const KEY: [u8; 32] = [0xd1; 32];
const N: &[u8; NONCE] = b"a nonce of no other test";
const MESSAGE_KEY: [u8; 16] = inverted(*b"\xe0\xc2\xa1\xc2\x95\xaa\x2e\x82\xce\x99\xa0\x82\x39\x88\x8b\x99");

const fn inverted(mut bytes: [u8; 16]) -> [u8; 16] {
    let mut position = 0;
    while position < bytes.len() {
        bytes[position] = !bytes[position];
        position += 1;
    }
    bytes
}

/// How often a text stands in the writable memory of this process; it is given inverted.
fn copies(inverted: &[u8; 16]) -> usize {
    let memory = File::open("/proc/self/mem").unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut piece = vec![0; 64 * 1024];
    // Reading the piece into itself would multiply what was found before.
    let own = piece.as_ptr() as u64..piece.as_ptr() as u64 + piece.len() as u64;
    let mut found = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (start, end) = words.next().unwrap().split_once('-').unwrap();
        if words.next().unwrap().starts_with("rw") {
            let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
            found += copies_in(start..end.min(own.start), &memory, &mut piece, inverted);
            found += copies_in(start.max(own.end)..end, &memory, &mut piece, inverted);
        }
    }
    found
}

/// Each piece is inverted as soon as it is read, so that the copy here does not count.
fn copies_in(range: Range<u64>, memory: &File, piece: &mut [u8], inverted: &[u8; 16]) -> usize {
    let mut found = 0;
    let mut at = range.start;
    while at < range.end {
        let length = piece.len().min((range.end - at) as usize);
        let piece = &mut piece[..length];
        memory.read_exact_at(piece, at).unwrap();
        piece.iter_mut().for_each(|byte| *byte = !*byte);
        found += piece.windows(inverted.len()).filter(|window| *window == inverted).count();
        at += length as u64;
    }
    found
}

#[test]
fn a_dropped_key_leaves_no_expanded_key() {
    let key = SealingKey::new(&EXPANDED);
    // One in the key itself; none where AES is computed in another form.
    assert!(copies(&ROUND_KEY) <= 1, "there is a copy beside the key");
    let key = black_box(key);
    let mut sealed = Vec::new();
    key.seal_append(&[], b"secret", &mut sealed);
    key.open_append(&[], &sealed, &mut SecretBytes::new()).unwrap();
    assert!(copies(&ROUND_KEY) <= 1, "sealing leaves a copy");
    drop(key);
    assert_eq!(copies(&ROUND_KEY), 0);
}

#[test]
fn sealing_and_opening_leave_no_message_key() {
    let sealed = seal_with_nonce(&KEY, N, b"", b"secret");
    assert_eq!(copies(&MESSAGE_KEY), 0, "after sealing");
    let key = SealingKey::new(&KEY);
    let mut opened = SecretBytes::new();
    key.open_append(&[], &sealed, &mut opened).unwrap();
    assert_eq!(opened.expose(), b"secret");
    assert_eq!(copies(&MESSAGE_KEY), 0, "after opening");
    let mut forged = sealed.clone();
    forged[NONCE] ^= 1;
    key.open_append(&[], &forged, &mut opened).unwrap_err();
    assert_eq!(copies(&MESSAGE_KEY), 0, "after a refusal");
}

#[test]
fn the_search_finds_what_is_there() {
    let wanted = *b"\x9e\x91\x9b\xdf\x91\x90\x88\x97\x9a\x8d\x9a\xdf\x9a\x93\x8c\x9a";
    let held = SecretBytes::from_vec(wanted.iter().map(|byte| !byte).collect());
    assert_eq!(copies(&wanted), 1);
    drop(black_box(held));
    assert_eq!(copies(&wanted), 0);
}
