//! Proves that no sealed bytes open under two keys, with the attack that plain AES-GCM falls to: whoever knows the keys chooses
//! the ciphertext so that one tag is right under all of them (Dodis, Grubbs, Ristenpart, Woodage, CRYPTO 2018; for many keys Len,
//! Grubbs, Ristenpart, USENIX Security 2021).

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes256Enc, Block};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use strongroom_crypto::{COMMITMENT, NONCE, OpenError, SealingKey, TAG};
use strongroom_secret::SecretBytes;

/// How many keys one ciphertext is made for.
const KEYS: [usize; 5] = [2, 3, 5, 8, 64];

/// Versions of one key: as an attacker who brings his own keys knows them.
fn keys(count: usize) -> Vec<[u8; 32]> {
    (0..count).map(|number| core::array::from_fn(|at| (number * 37 + at * 101 + 7) as u8)).collect()
}

/// Like that of a sealed value: label, header, and a place of no use to the attacker.
const AAD: &[&[u8]] = &[b"strongroom/value/1", &[1, 6, 0, 1], &[7; 16], &[0, 0, 0, 1], &[1, 0, 0, 0, 0]];

fn block(aes: &Aes256Enc, input: [u8; 16]) -> u128 {
    let mut block = Block::from(input);
    aes.encrypt_block(&mut block);
    u128::from_be_bytes(block.into())
}

/// Product in the field of GHASH (SP 800-38D, 6.3): the first bit is the highest of the number and the lowest of the polynomial.
fn multiply(left: u128, mut right: u128) -> u128 {
    let mut product = 0;
    for bit in (0..128).rev() {
        if left >> bit & 1 == 1 {
            product ^= right;
        }
        right = (right >> 1) ^ if right & 1 == 1 { 0xe1 << 120 } else { 0 };
    }
    product
}

const ONE: u128 = 1 << 127;

/// The inverse: the power 2^128 − 2.
fn invert(value: u128) -> u128 {
    let (mut inverse, mut square) = (ONE, value);
    for _ in 1..128 {
        square = multiply(square, square);
        inverse = multiply(inverse, square);
    }
    inverse
}

/// The blocks of `bytes`, the last filled up with zeros.
fn blocks(bytes: &[u8]) -> Vec<u128> {
    let padded = |chunk: &[u8]| {
        let mut block = [0; 16];
        block[..chunk.len()].copy_from_slice(chunk);
        u128::from_be_bytes(block)
    };
    bytes.chunks(16).map(padded).collect()
}

/// A ciphertext of as many blocks as there are keys, which has `tag` under every one of them.
fn colliding(keys: &[[u8; 32]], iv: &[u8; 12], aad: &[u8], tag: u128) -> Vec<u8> {
    let count = keys.len();
    let lengths = ((aad.len() as u128 * 8) << 64) | (count as u128 * 128);
    let mut rows: Vec<Vec<u128>> = Vec::with_capacity(count);
    for key in keys {
        let aes = Aes256Enc::new(key.into());
        let hash_key = block(&aes, [0; 16]);
        let mut first = [0; 16];
        first[..12].copy_from_slice(iv);
        first[15] = 1;
        // Powers of the hash key: that of the lengths, those of the ciphertext from its end, those of the associated data.
        let aad = blocks(aad);
        let mut power = hash_key;
        let mut known = tag ^ block(&aes, first) ^ multiply(lengths, power);
        let mut row = vec![0; count + 1];
        for unknown in (0..count).rev() {
            power = multiply(power, hash_key);
            row[unknown] = power;
        }
        for part in aad.iter().rev() {
            power = multiply(power, hash_key);
            known ^= multiply(*part, power);
        }
        row[count] = known;
        rows.push(row);
    }
    solve(rows).iter().flat_map(|block| block.to_be_bytes()).collect()
}

/// Gauss and Jordan.
fn solve(mut rows: Vec<Vec<u128>>) -> Vec<u128> {
    let count = rows.len();
    for column in 0..count {
        let pivot = (column..count).find(|row| rows[*row][column] != 0).expect("powers of different hash keys");
        rows.swap(column, pivot);
        let scale = invert(rows[column][column]);
        rows[column].iter_mut().for_each(|value| *value = multiply(*value, scale));
        let pivot = rows[column].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(number, _)| *number != column) {
            let factor = row[column];
            row.iter_mut().zip(&pivot).for_each(|(value, pivot)| *value ^= multiply(factor, *pivot));
        }
    }
    rows.into_iter().map(|row| row[count]).collect()
}

fn gcm_opens(key: &[u8; 32], iv: [u8; 12], aad: &[u8], ciphertext: &[u8], tag: u128) -> bool {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let mut buffer = [ciphertext, &tag.to_be_bytes()].concat();
    key.open_in_place(Nonce::assume_unique_for_key(iv), Aad::from(aad), &mut buffer).is_ok()
}

/// The message key of XAES-256-GCM (docs/spec/cipher.md, step 2), and the commitment (step 4).
fn derived(key: &[u8; 32], nonce: &[u8; NONCE]) -> ([u8; 32], [u8; COMMITMENT]) {
    let aes = Aes256Enc::new(key.into());
    let l = block(&aes, [0; 16]);
    let k1 = (l << 1) ^ if l >> 127 == 1 { 0x87 } else { 0 };
    let joined = |first: &[u8], rest: &[u8]| u128::from_be_bytes([first, rest].concat().try_into().unwrap());
    let (head, iv) = nonce.split_at(12);
    let encrypted = |input: u128| block(&aes, input.to_be_bytes()).to_be_bytes();
    let half = |mark: &[u8; 4]| encrypted(joined(mark, head) ^ k1);
    let chain = u128::from_be_bytes(encrypted(joined(b"XCMT", head)));
    let commit = |mark: &[u8; 4]| encrypted(chain ^ k1 ^ joined(iv, mark));
    let pair = |first: [u8; 16], second: [u8; 16]| [first, second].concat().try_into().unwrap();
    (pair(half(b"\0\x01X\0"), half(b"\0\x02X\0")), pair(commit(b"\0\x01\0\x01"), commit(b"\0\x01\0\x02")))
}

/// How many of the keys open these bytes.
fn opening(keys: &[[u8; 32]], sealed: &[u8]) -> Vec<usize> {
    let opens = |key: &[u8; 32]| {
        let mut out = SecretBytes::new();
        let mut buffer = sealed.to_vec();
        let key = SealingKey::new(key);
        let appended = key.open_append(AAD, sealed, &mut out);
        assert_eq!(appended.is_ok(), key.open_in_place(AAD, &mut buffer).is_ok());
        match appended {
            Ok(()) => true,
            Err(OpenError) => {
                assert_eq!(out.len(), 0);
                false
            }
        }
    };
    (0..keys.len()).filter(|number| opens(&keys[*number])).collect()
}

#[test]
fn the_field_is_that_of_ghash() {
    // McGrew and Viega, "The Galois/Counter Mode of Operation", test case 2: H, the one block, its product with H.
    let hash_key = 0x66e9_4bd4_ef8a_2c3b_884c_fa59_ca34_2b2e;
    let ciphertext = 0x0388_dace_60b6_a392_f328_c2b9_71b2_fe78;
    let product = multiply(ciphertext, hash_key);
    assert_eq!(product, 0x5e2e_c746_9170_6288_2c85_b068_5353_deb7);
    assert_eq!(multiply(product, invert(hash_key)), ciphertext);
}

/// The attack is real: plain AES-256-GCM opens one ciphertext under 2 to 64 keys.
#[test]
fn plain_gcm_opens_under_every_key() {
    let (iv, aad) = ([9; 12], AAD.concat());
    for count in KEYS {
        let keys = keys(count);
        let tag = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
        let mut ciphertext = colliding(&keys, &iv, &aad, tag);
        assert!(keys.iter().all(|key| gcm_opens(key, iv, &aad, &ciphertext, tag)), "{count} keys");
        ciphertext[0] ^= 1;
        assert!(!keys.iter().any(|key| gcm_opens(key, iv, &aad, &ciphertext, tag)), "nor is anything opened");
    }
}

/// The same against sealed bytes: their inner ciphertext opens under every key, and they under one at most, whatever commitment the
/// attacker puts there.
#[test]
fn sealed_bytes_open_under_one_key_at_most() {
    let nonce: [u8; NONCE] = *b"ABCDEFGHIJKLMNOPQRSTUVWX";
    let (iv, aad) = (nonce[12..].try_into().unwrap(), AAD.concat());
    for count in KEYS {
        let keys = keys(count);
        let derived: Vec<_> = keys.iter().map(|key| derived(key, &nonce)).collect();
        let message_keys: Vec<[u8; 32]> = derived.iter().map(|(message, _)| *message).collect();
        let tag = 0x8877_6655_4433_2211_0123_4567_89ab_cdef;
        let ciphertext = colliding(&message_keys, &iv, &aad, tag);
        assert!(message_keys.iter().all(|key| gcm_opens(key, iv, &aad, &ciphertext, tag)), "{count} keys");
        let sealed = |commitment: &[u8]| [&nonce[..], &ciphertext, &tag.to_be_bytes(), commitment].concat();
        for (number, (_, commitment)) in derived.iter().enumerate() {
            assert_eq!(opening(&keys, &sealed(commitment)), [number], "{count} keys, committed to this one");
        }
        // Halves of two commitments, none, all that is common, and without it.
        let halves = [&derived[0].1[..16], &derived[1].1[16..]].concat();
        let either: Vec<u8> = derived[0].1.iter().zip(derived[1].1).map(|(one, other)| one ^ other).collect();
        let common: Vec<u8> = derived[0].1.iter().zip(derived[1].1).map(|(one, other)| one & other).collect();
        for commitment in [&halves[..], &either, &common, &[0; COMMITMENT], &derived[0].1[..31], &[]] {
            assert_eq!(opening(&keys, &sealed(commitment)), [0; 0], "{count} keys");
        }
    }
}

/// A sealed value whose parts are put together from those of others: ciphertext and tag for all keys, the nonce of one.
#[test]
fn the_commitment_is_to_the_nonce_too() {
    let keys = keys(2);
    let [first, second]: [[u8; NONCE]; 2] = [[1; NONCE], [2; NONCE]];
    let aad = AAD.concat();
    let message_keys = [derived(&keys[0], &first).0, derived(&keys[1], &second).0];
    for nonce in [first, second] {
        let iv = nonce[12..].try_into().unwrap();
        let ciphertext = colliding(&message_keys, &iv, &aad, 7);
        for (key, committed) in [(0, first), (0, second), (1, first), (1, second)] {
            let commitment = derived(&keys[key], &committed).1;
            let sealed = [&nonce[..], &ciphertext, &7_u128.to_be_bytes(), &commitment].concat();
            let right = [first, second][key] == nonce && committed == nonce;
            assert_eq!(opening(&keys, &sealed), if right { vec![key] } else { vec![] });
        }
    }
    assert_eq!(TAG, 16);
}
