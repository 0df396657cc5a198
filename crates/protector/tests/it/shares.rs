//! Shares: every choice that is large enough opens, nothing else does, and what is wrong with one is named.

use strongroom_crypto::random;
use strongroom_envelope::Id;
use strongroom_envelope::protector::{ProtectorRecord, ShareError};
use strongroom_protector::{Kind, Protector, Shares, SharesError, UnwrapError, WrapError, WrappingTerms};
use strongroom_secret::RootKey;

use crate::fixture::{CHEAP, STORE, new_id, new_root, opens, refusal, wrap};
use crate::peer::{hex, run, unhex};

/// A wrapped root key and the shares that were handed out for it.
struct Dealt {
    root: RootKey,
    record: ProtectorRecord,
    shares: Vec<String>,
}

fn deal(threshold: u8, count: u8) -> Dealt {
    let root = new_root();
    let protector = Shares::to_be_made(STORE, threshold, count).unwrap();
    let record = wrap(&protector, &root).unwrap();
    let shares = protector.hand_out();
    let shares = shares.iter().map(|share| String::from_utf8(share.expose().to_vec()).unwrap()).collect();
    Dealt { root, record, shares }
}

fn typed(lines: &[&str]) -> Shares {
    Shares::typed(STORE, lines.join("\n").as_bytes()).unwrap()
}

/// Why these shares do not open this record.
fn why(record: &ProtectorRecord, lines: &[&str]) -> SharesError {
    match refusal(&typed(lines), record) {
        UnwrapError::Shares(reason) => reason,
        other => panic!("{other}"),
    }
}

#[test]
fn every_three_of_five_open_and_no_two() {
    let dealt = deal(3, 5);
    assert_eq!(dealt.shares.len(), 5);
    for mask in 1_u8..32 {
        let chosen: Vec<&str> = (0..5).filter(|at| mask >> at & 1 == 1).map(|at| dealt.shares[at].as_str()).collect();
        if chosen.len() >= 3 {
            assert!(opens(&typed(&chosen), &dealt.record, &dealt.root), "{mask:05b}");
        } else {
            let reason = why(&dealt.record, &chosen);
            assert!(
                matches!(reason, SharesError::TooFew { found, threshold: 3, .. } if found == chosen.len()),
                "{mask:05b}: {reason}"
            );
        }
    }
}

#[test]
fn the_smallest_and_the_largest_sets_open() {
    for (threshold, count) in [(2, 2), (16, 16), (2, 16)] {
        let dealt = deal(threshold, count);
        let chosen: Vec<&str> = dealt.shares.iter().rev().take(threshold.into()).map(String::as_str).collect();
        assert!(opens(&typed(&chosen), &dealt.record, &dealt.root), "{threshold} of {count}");
    }
    for (threshold, count) in [(1, 5), (0, 0), (4, 3), (2, 17), (17, 17)] {
        let refused = Shares::to_be_made(STORE, threshold, count).err().unwrap();
        assert_eq!(refused, SharesError::Numbers { threshold, count });
    }
}

#[test]
fn the_order_and_the_look_of_shares_do_not_matter() {
    let dealt = deal(2, 3);
    let loud = dealt.shares[2].to_uppercase().replace('-', " ").replacen("SRS1 ", "SRS1-", 1);
    let text = format!("\r\n  {loud}  \r\n\n{}\n{}\n", dealt.shares[0], dealt.shares[0]);
    let protector = Shares::typed(STORE, text.as_bytes()).unwrap();
    assert!(opens(&protector, &dealt.record, &dealt.root), "a share that is given twice counts once");
    let once = why(&dealt.record, &[&dealt.shares[0], &dealt.shares[0]]);
    assert!(matches!(once, SharesError::TooFew { found: 1, .. }), "{once}");
}

#[test]
fn a_share_of_another_set_is_named() {
    let (ours, other) = (deal(2, 3), deal(2, 3));
    let reason = why(&ours.record, &[&ours.shares[0], &other.shares[2]]);
    let set = |dealt: &Dealt| dealt.record.bound_to.iter().find(|(name, _)| name == "set").unwrap().1.clone();
    let expected = SharesError::OtherSet { number: 3, found: set(&other), expected: set(&ours) };
    assert_eq!(reason, expected);
    assert_eq!(ours.record.bound_to[0], ("shares".to_owned(), "2 of 3".to_owned()));
}

#[test]
fn a_mistyped_share_is_named_by_its_line() {
    let dealt = deal(2, 3);
    let mut wrong = dealt.shares[1].clone();
    let last = if wrong.ends_with('0') { "1" } else { "0" };
    wrong.replace_range(wrong.len() - 1.., last);
    let refused = |text: String| Shares::typed(STORE, text.as_bytes()).err().unwrap();
    let text = refused(format!("{}\n{wrong}", dealt.shares[0]));
    assert_eq!(text, SharesError::Text { position: 2, source: ShareError::Checksum });
    assert!(!text.to_string().contains(&wrong[5..12]), "nothing of the share is shown");
    let text = refused("four plain words here".into());
    assert_eq!(text, SharesError::Text { position: 1, source: ShareError::Prefix });
    assert!(matches!(why(&dealt.record, &[]), SharesError::TooFew { found: 0, .. }));
}

/// A share whose checksum was made right: with one more share than it takes, it is noticed before anything is opened.
#[test]
fn a_forged_share_is_noticed() {
    let dealt = deal(2, 3);
    let forged = strongroom_envelope::protector::Share::from_text(dealt.shares[2].as_bytes()).unwrap();
    let values = strongroom_secret::ProtectorSecret::fill_with(|values| values.fill(7));
    let forged = strongroom_envelope::protector::Share { values, ..forged };
    let forged = String::from_utf8(forged.to_text().expose().to_vec()).unwrap();
    assert_eq!(why(&dealt.record, &[&dealt.shares[0], &dealt.shares[1], &forged]), SharesError::Inconsistent);
    assert_eq!(why(&dealt.record, &[&dealt.shares[0], &dealt.shares[2], &forged]), SharesError::Inconsistent);
    let found = refusal(&typed(&[&dealt.shares[0], &forged]), &dealt.record);
    assert!(matches!(found, UnwrapError::NotAuthentic { .. }), "{found}");
}

#[test]
fn a_changed_record_does_not_open() {
    let dealt = deal(2, 3);
    let enough: Vec<&str> = dealt.shares.iter().take(2).map(String::as_str).collect();
    let changed = |change: &dyn Fn(&mut ProtectorRecord)| {
        let mut record = dealt.record.clone();
        change(&mut record);
        refusal(&typed(&enough), &record)
    };
    for at in 0..dealt.record.blob.len() {
        let found = changed(&|record| record.blob[at] ^= 1);
        let is_refused = matches!(found, UnwrapError::Blob { kind: Kind::Shares } | UnwrapError::Shares(_));
        assert!(is_refused, "byte {at}: {found}");
    }
    // Two numbers that could be, but are not those of these shares: a wider choice is not opened by fewer shares.
    let lower = changed(&|record| record.blob[2] = 4);
    assert!(matches!(lower, UnwrapError::Shares(SharesError::OtherSet { .. })), "{lower}");
    let elsewhere = changed(&|record| record.protector_id = new_id());
    assert!(matches!(elsewhere, UnwrapError::NotAuthentic { .. }), "{elsewhere}");
    let salted = changed(&|record| record.salt[0] ^= 1);
    assert!(matches!(salted, UnwrapError::NotAuthentic { .. }), "{salted}");
    let derived = changed(&|record| record.parameters = Some(CHEAP));
    assert!(matches!(derived, UnwrapError::Derivation { kind: Kind::Shares }), "{derived}");
    let named = changed(&|record| record.parameter = "office".into());
    assert!(matches!(named, UnwrapError::OtherParameter { .. }), "{named}");
}

#[test]
fn shares_are_handed_out_for_new_wraps_only() {
    let dealt = deal(2, 3);
    let protector = typed(&[&dealt.shares[0], &dealt.shares[1]]);
    assert!(protector.hand_out().is_empty());
    let again = wrap(&protector, &dealt.root);
    assert!(matches!(again, Err(WrapError::Shares(SharesError::NotNew))));
    assert_ne!(deal(2, 3).shares, dealt.shares);
}

const STORE_TEXT: &str = "0190b5a0-0000-7000-8000-0000000000aa";
const PROTECTOR: &str = "0190b5a0-0000-7000-8000-0000000000bb";

/// What `tests/peer/shares.py make` prints: five shares, three of which open, and the wrapping key they give.
const ANSWERS: &str = "\
srs1-4g0w-1ge2-rf2c-bhk4-cdn7-2w2f-8sen-rps2-54m2-e7gn-2g9h-nrf0-zzvc-vk6b-tbcn-gnte-8na6-xweb
srs1-4g1c-1ge2-rf2c-bhp8-tzv9-k92v-f8ak-0byn-zaks-gyap-4cy1-vqz2-kpy5-6xk9-10kk-m1b4-9epc-xpkr
srs1-4g1w-1ge2-rf2c-bhnc-ppfe-qm0h-797p-8zfx-v21v-4tac-4wz1-ab8p-exe8-k8nv-r3jq-wksm-27b2-aydq
srs1-4g2c-1ge2-rf2c-bhmb-zsgw-ys5w-4e6g-wyx5-23g1-b9rj-kbqq-0q7q-3631-x7f8-dkcx-waxf-382q-anrt
srs1-4g2w-1ge2-rf2c-bhqf-kg4v-t47p-cfbn-macd-6b23-zdr8-kvpq-hbg3-ydkc-8j9t-mgds-mrfz-81ty-0083
508481c1142ad59dac22bdf45f45687bd2389c179a7c8bc3e44009df59bb268e
";

#[test]
fn shares_of_the_second_implementation_open() {
    let lines: Vec<&str> = ANSWERS.lines().collect();
    let (key, shares) = lines.split_last().unwrap();
    let store = Id::parse(STORE_TEXT).unwrap();
    // [3, 5, the set's seven bytes]
    let blob = unhex("83030547c0c1c2c3c4c5c6");
    let terms = WrappingTerms { salt: (0x40..0x60).collect(), parameters: None, parameter: String::new(), blob };
    for mask in (0_u8..32).filter(|mask| mask.count_ones() >= 3) {
        let chosen: Vec<&str> = (0..5).filter(|at| mask >> at & 1 == 1).map(|at| shares[at]).collect();
        let protector = Shares::typed(store, chosen.join("\n").as_bytes()).unwrap();
        let found = protector.wrapping_key(Id::parse(PROTECTOR).unwrap(), &terms).unwrap();
        assert_eq!(hex(found.expose()), *key, "{mask:05b}");
    }
}

#[test]
fn the_second_implementation_agrees() {
    const NAME: &str = "shares::the_second_implementation_agrees";
    let Some(made) = run(NAME, "shares.py", &["make"]) else { return };
    assert_eq!(made, ANSWERS);
    let protector = Shares::to_be_made(STORE, 4, 7).unwrap();
    let id = new_id();
    let (key, terms) = protector.new_wrapping_key(id, &mut random::fill).unwrap();
    let shares: Vec<String> =
        protector.hand_out().iter().map(|share| String::from_utf8(share.expose().to_vec()).unwrap()).collect();
    let places = [hex(&STORE.0), hex(&id.0), hex(&terms.salt)];
    let chosen = [&shares[6], &shares[0], &shares[3], &shares[1]];
    let arguments: Vec<&str> = ["key"]
        .into_iter()
        .chain(places.iter().map(String::as_str))
        .chain(chosen.into_iter().map(String::as_str))
        .collect();
    assert_eq!(run(NAME, "shares.py", &arguments).unwrap().trim(), hex(key.expose()));
}
