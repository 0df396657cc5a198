//! Who takes over the host gets the current one-time key, and with it cannot forge an earlier checkpoint.

use std::path::Path;

use strongroom_audit::{Flaw, VerifyError, verify};
use strongroom_crypto::hash::sha256;
use strongroom_crypto::signature::SigningKey;
use strongroom_envelope::audit_line::{self, Checkpoint};
use strongroom_secret::SigningSeed;

use crate::scene::{NOW, entry, lines, trail, write_lines};

const SLOT_SEED: [usize; 2] = [8, 4_096 + 8];

#[test]
fn the_key_of_an_earlier_checkpoint_is_gone_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (mut trail, _) = trail(folder.path(), 0);
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for number in 0..6 {
        let file = key_file(folder.path());
        assert_eq!(file.len(), 8_192);
        let seeds = seeds(&file);
        assert_eq!(seeds.len(), 1, "the file holds one key at a time");
        for old in &seen {
            assert!(!file.windows(32).any(|window| window == old), "checkpoint {number}");
        }
        seen.extend(seeds);
        trail.append(&entry("line"), None);
        trail.checkpoint(NOW).unwrap();
        assert_eq!(trail.checkpoint_number(), number + 1);
    }
}

#[test]
fn the_current_key_does_not_sign_earlier_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let (_, key_zero) = trail(folder.path(), 9);
    let segment = folder.path().join("trail-00000001.jsonl");
    let good = lines(&segment);
    let taken = seeds(&key_file(folder.path())).remove(0);
    let key = SigningKey::from_seed(&SigningSeed::from_slice(&taken).unwrap());
    let at = (0..good.len()).filter(|&at| audit_line::parse(&good[at]).unwrap().checkpoint.is_some());
    let at: Vec<usize> = at.collect();
    assert_eq!(at.len(), 4);
    for (number, &at) in at.iter().enumerate().skip(1) {
        let mut forged = good[..=at].to_vec();
        sign(&mut forged, u64::try_from(number).unwrap(), &key);
        write_lines(&segment, &forged);
        let number = u64::try_from(number).unwrap();
        match verify(folder.path(), Some(key_zero)) {
            Err(VerifyError::Finding { flaw, .. }) => assert_eq!(flaw, Flaw::Signature { number }),
            other => panic!("checkpoint {number}: {other:?}"),
        }
    }
    // The same forger can sign the checkpoint that comes next: the method is right, the key is the reason.
    let mut next = good.clone();
    next.push(good[good.len() - 1].clone());
    sign(&mut next, 4, &key);
    write_lines(&segment, &next);
    verify(folder.path(), Some(key_zero)).unwrap();
}

/// Makes the last line a checkpoint signed with `key`, which follows the line before.
fn sign(lines: &mut [Vec<u8>], number: u64, key: &SigningKey) {
    let last = lines.len() - 1;
    let mut line = audit_line::parse(&lines[last]).unwrap();
    line.seq = last as u64 + 1;
    line.prev = sha256(&[&lines[last - 1]]);
    line.checkpoint = Some(Checkpoint { number, next_key: key.public(), signature: None });
    let mut text = b"strongroom/audit-checkpoint/1".to_vec();
    audit_line::render_for_signature(&line, &mut text);
    let signature = Some(key.sign(&text));
    line.checkpoint = Some(Checkpoint { number, next_key: key.public(), signature });
    lines[last].clear();
    audit_line::render(&line, &mut lines[last]);
}

fn key_file(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("checkpoint.key")).unwrap()
}

fn seeds(file: &[u8]) -> Vec<Vec<u8>> {
    let seeds = SLOT_SEED.map(|at| file[at..at + 32].to_vec());
    seeds.into_iter().filter(|seed| seed.iter().any(|&byte| byte != 0)).collect()
}
