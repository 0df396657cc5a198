//! Proves that secrets are gone from memory once they are dropped, cut off or moved.

use std::fs::File;
use std::os::unix::fs::FileExt;

use strongroom_secret::{RootKey, SecretBytes, StoreKey};

/// What lies at an address of this process, whether or not anything lives there.
fn memory_at(address: usize, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let memory = File::open("/proc/self/mem").unwrap();
    memory.read_exact_at(&mut bytes, address as u64).unwrap();
    bytes
}

#[test]
fn a_dropped_key_leaves_zeros() {
    let key = RootKey::fill_with(|slot| slot.fill(0xa7));
    let address = key.expose().as_ptr() as usize;
    assert_eq!(memory_at(address, 32), [0xa7; 32]);
    drop(key);
    assert_eq!(memory_at(address, 32), [0; 32]);
}

#[test]
fn a_key_that_could_not_be_filled_leaves_zeros() {
    let mut address = 0;
    let refused = RootKey::try_fill_with(|slot| {
        slot.fill(0xa7);
        address = slot.as_ptr() as usize;
        Err("no")
    });
    assert_eq!(refused.unwrap_err(), "no");
    assert_eq!(memory_at(address, 32), [0; 32]);
}

#[test]
fn a_panic_while_filling_leaves_zeros() {
    let mut address = 0;
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        RootKey::fill_with(|slot| {
            slot.fill(0xa7);
            address = slot.as_ptr() as usize;
            panic!("expected by this test");
        })
    }));
    assert!(caught.is_err());
    assert_eq!(memory_at(address, 32), [0; 32]);
}

#[test]
fn a_reused_slot_starts_with_zeros_and_lives_apart() {
    let keys: Vec<StoreKey> = (0..2000_u16)
        .map(|number| {
            StoreKey::fill_with(|slot| {
                assert_eq!(*slot, [0; 32]);
                slot[..2].copy_from_slice(&number.to_be_bytes());
            })
        })
        .collect();
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(usize::from(u16::from_be_bytes([key.expose()[0], key.expose()[1]])), number);
    }
    drop(keys);
    let _ = StoreKey::fill_with(|slot| assert_eq!(*slot, [0; 32]));
}

#[test]
fn dropped_bytes_leave_nothing() {
    // The allocator may write its own links into freed memory, but never the canary.
    let bytes = SecretBytes::from_slice(&[0xa7; 4000]);
    let address = bytes.expose().as_ptr() as usize;
    drop(bytes);
    assert!(!memory_at(address, 4000).contains(&0xa7));
}

#[test]
fn an_outgrown_buffer_is_wiped() {
    let mut bytes = SecretBytes::with_capacity(4000);
    bytes.extend_from_slice(&[0xa7; 4000]);
    let address = bytes.expose().as_ptr() as usize;
    bytes.extend_from_slice(&[0xa7; 8000]);
    assert_ne!(bytes.expose().as_ptr() as usize, address);
    assert!(!memory_at(address, 4000).contains(&0xa7));
    assert_eq!(bytes.expose(), [0xa7; 12_000]);
}

#[test]
fn bytes_that_are_cut_off_are_wiped() {
    let mut bytes = SecretBytes::from_slice(&[0xa7; 100]);
    let address = bytes.expose().as_ptr() as usize;
    bytes.truncate(40);
    assert_eq!(bytes.expose(), [0xa7; 40]);
    assert_eq!(memory_at(address + 40, 60), [0; 60]);
    bytes.clear();
    assert!(bytes.is_empty());
    assert_eq!(memory_at(address, 100), [0; 100]);
}

#[test]
fn a_vector_is_taken_over_without_a_copy() {
    let vector = vec![0xa7; 100];
    let address = vector.as_ptr() as usize;
    let bytes = SecretBytes::from_vec(vector);
    assert_eq!(bytes.expose().as_ptr() as usize, address);
}

#[test]
fn what_a_taken_over_vector_held_before_is_wiped() {
    let mut vector = vec![0xa7; 4000];
    vector.truncate(10);
    let address = vector.as_ptr() as usize;
    drop(SecretBytes::from_vec(vector));
    assert!(!memory_at(address, 4000).contains(&0xa7));
}

#[test]
fn keys_compare_by_content() {
    let key = RootKey::from_slice(&[1; 32]).unwrap();
    assert!(key.same_as(&RootKey::from_slice(&[1; 32]).unwrap()));
    let mut other = [1; 32];
    other[31] ^= 0x80;
    assert!(!key.same_as(&RootKey::from_slice(&other).unwrap()));
}
