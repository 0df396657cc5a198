//! Proves what KC-XAES-256-GCM promises: what was sealed opens, and nothing else does, in all ways
//! to call it alike.

use proptest::prelude::*;
use strongroom_crypto::{COMMITMENT, NONCE, OVERHEAD, OpenError, SealingKey, TAG};
use strongroom_secret::SecretBytes;

const KEY: [u8; 32] = [0x5a; 32];
const AAD: &[&[u8]] = &[b"label", b"place"];
const PLAINTEXT: &[u8] = b"an unwatched secret, 2 blocks";

fn sealed() -> Vec<u8> {
    let mut sealed = Vec::new();
    SealingKey::new(&KEY).seal_append(AAD, PLAINTEXT, &mut sealed);
    sealed
}

/// Opens in both ways, and checks that they agree and that a refusal leaves nothing behind.
fn open(key: &SealingKey, aad: &[&[u8]], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let mut appended = SecretBytes::from_slice(b"before");
    let append = key.open_append(aad, sealed, &mut appended);
    let mut buffer = sealed.to_vec();
    let in_place = key.open_in_place(aad, &mut buffer);
    match (append, in_place) {
        (Ok(()), Ok(plaintext)) => {
            assert_eq!(&appended.expose()[..6], b"before");
            assert_eq!(appended.expose()[6..], buffer[plaintext.clone()]);
            Ok(buffer[plaintext].to_vec())
        }
        (Err(OpenError), Err(OpenError)) => {
            assert_eq!(appended.expose(), b"before");
            assert!(buffer.iter().all(|byte| *byte == 0), "the buffer was not wiped");
            Err(OpenError)
        }
        (append, in_place) => panic!("{append:?} differs from {in_place:?}"),
    }
}

#[test]
fn what_was_sealed_opens() {
    assert_eq!(OVERHEAD, NONCE + TAG + COMMITMENT);
    assert_eq!(sealed().len(), PLAINTEXT.len() + 72);
    assert_eq!(open(&SealingKey::new(&KEY), AAD, &sealed()).unwrap(), PLAINTEXT);
}

#[test]
fn each_flipped_bit_is_refused() {
    let key = SealingKey::new(&KEY);
    let whole = sealed();
    for position in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[position] ^= 1 << bit;
            assert_eq!(open(&key, AAD, &changed), Err(OpenError), "byte {position}, bit {bit}");
        }
    }
}

#[test]
fn each_other_length_is_refused() {
    let key = SealingKey::new(&KEY);
    let whole = sealed();
    for length in 0..whole.len() {
        assert_eq!(open(&key, AAD, &whole[..length]), Err(OpenError), "first {length} bytes");
        assert_eq!(open(&key, AAD, &whole[length + 1..]), Err(OpenError), "without {length} bytes");
    }
    assert_eq!(open(&key, AAD, &[&whole[..], &[0]].concat()), Err(OpenError));
    assert_eq!(open(&key, AAD, &[0; 4096]), Err(OpenError));
}

#[test]
fn each_flipped_bit_of_the_key_is_refused() {
    let whole = sealed();
    for position in 0..KEY.len() {
        for bit in 0..8 {
            let mut other = KEY;
            other[position] ^= 1 << bit;
            assert_eq!(open(&SealingKey::new(&other), AAD, &whole), Err(OpenError));
        }
    }
}

#[test]
fn other_associated_data_is_refused() {
    let key = SealingKey::new(&KEY);
    let others: [&[&[u8]]; 5] =
        [&[], &[b"label"], &[b"place", b"label"], &[b"label", b"placf"], &[b"label", b"place", b"\0"]];
    for other in others {
        assert_eq!(open(&key, other, &sealed()), Err(OpenError), "{other:?}");
    }
}

#[test]
fn parts_of_the_associated_data_are_one_text() {
    let key = SealingKey::new(&KEY);
    for same in [&[&b"labelplace"[..]][..], &[b"", b"lab", b"elplace", b""]] {
        assert_eq!(open(&key, same, &sealed()).unwrap(), PLAINTEXT);
    }
}

#[test]
fn nothing_opens_with_the_nonce_of_another_message() {
    let key = SealingKey::new(&KEY);
    let (one, other) = (sealed(), sealed());
    assert_ne!(one[..NONCE], other[..NONCE]);
    let end = one.len() - COMMITMENT;
    let moved = [
        [&other[..NONCE], &one[NONCE..]].concat(),
        [&one[..end], &other[end..]].concat(),
        [&other[..NONCE], &one[NONCE..end], &other[end..]].concat(),
    ];
    for message in moved {
        assert_eq!(open(&key, AAD, &message), Err(OpenError));
    }
}

#[test]
fn sealing_appends_and_leaves_what_was_there() {
    let mut out = b"header".to_vec();
    SealingKey::new(&KEY).seal_append(AAD, PLAINTEXT, &mut out);
    assert_eq!(&out[..6], b"header");
    assert_eq!(open(&SealingKey::new(&KEY), AAD, &out[6..]).unwrap(), PLAINTEXT);
}

#[test]
fn sealing_in_place_ignores_what_the_room_holds() {
    let key = SealingKey::new(&KEY);
    let mut buffer = vec![0xff; PLAINTEXT.len() + OVERHEAD];
    buffer[NONCE..NONCE + PLAINTEXT.len()].copy_from_slice(PLAINTEXT);
    key.seal_in_place(AAD, &mut buffer);
    assert_eq!(open(&key, AAD, &buffer).unwrap(), PLAINTEXT);
}

#[test]
#[should_panic(expected = "room for nonce, tag and commitment")]
fn sealing_in_place_without_room_is_a_programmers_error() {
    SealingKey::new(&KEY).seal_in_place(AAD, &mut [0; OVERHEAD - 1]);
}

#[test]
fn a_key_does_not_print_itself() {
    assert_eq!(format!("{:?}", SealingKey::new(&KEY)), "SealingKey(…)");
    assert_eq!(OpenError.to_string(), "the sealed bytes do not open");
}

#[test]
fn a_key_works_from_many_threads() {
    let key = SealingKey::new(&KEY);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let mut sealed = Vec::new();
                    key.seal_append(AAD, PLAINTEXT, &mut sealed);
                    assert_eq!(open(&key, AAD, &sealed).unwrap(), PLAINTEXT);
                }
            });
        }
    });
}

proptest! {
    #[test]
    fn any_plaintext_with_any_associated_data_opens_again(
        key: [u8; 32],
        plaintext in proptest::collection::vec(any::<u8>(), 0..600),
        parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..5),
    ) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let mut sealed = Vec::new();
        SealingKey::new(&key).seal_append(&parts, &plaintext, &mut sealed);
        let whole = parts.concat();
        prop_assert_eq!(open(&SealingKey::new(&key), &[&whole], &sealed).unwrap(), plaintext);
    }

    #[test]
    fn no_garbage_opens_or_panics(sealed in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(open(&SealingKey::new(&KEY), AAD, &sealed), Err(OpenError));
    }
}
