//! Proves that cells are those of SQL Server: derived keys and cells of Microsoft's native baseline (`dotnet/SqlClient`,
//! `NativeAeadBaseline`), and that nothing else opens.

use strongroom_crypto::column_cell::{CellKey, CellNotOpened, LEAST_CELL, Mode, cell_length, key_check};
use strongroom_crypto::known_answers::{cell_sub_keys, seal_cell_with_iv};
use strongroom_crypto::{hash, labels, mac};
use strongroom_secret::ColumnKey;

use crate::hex::{decode as unhex, encode};

const K1: &str = "7f9dbb9cad20a15491f688bb604f6ea185b6271f3858b8f2764574d7cd1f7e42";
const K2: &str = "a6a6a6a6a6a6a6a66a6a6a6a6a6a6a6aa6a6a6a6a6a6a6a66a6a6a6a6a6a6a6a";

/// Number in the baseline, key, value, cell; all deterministic.
const DETERMINISTIC: &[(u8, &str, &str, &str)] = &[
    (
        1,
        K1,
        "a6",
        "010429a42011dea1a2b5c21442ff80f8a57be99dcaa79d19a80b17d4232c626ac4b84bb3384f45d1cf28dcc036dca7da5a2c37ae2e5345ba7aa745d987e5c30b34",
    ),
    (
        2,
        K1,
        "01000000",
        "01c46c9847a3e51ab1de07c74025bc74c9b8810d6eed73a92596ceead22f964c7fd5d46d03c0d49beb7ec0945212c12df3683e03f9923d675cc1f98251eb94d77c",
    ),
    (
        3,
        K1,
        "0001020304050607",
        "01b15efa6ea52a3e631f7f8de403ffbe093e68a347633d09e82392cc7e11b0a367142a2a0488212dbbca0e4d56203df8770c0ed63d9b40566dc2b5ce338daeb1ff",
    ),
    (
        4,
        K1,
        "000102030405060708090a0b0c0d0e0f",
        "0111f5deca1e5f30075fea466769c785a79ce533ea9202f54334c041fd4745e488633d09f3e958c98dbc470bad07589d26da91dbd9c188e3301a23db20bc17056905307cfdbdc01ac812f40616b04f0837",
    ),
    (
        9,
        K2,
        "a6",
        "01c0841dba3f3c0510c76a8aed6d4f85b3e0487f2cc0fc05ff0a504611e153d761eb1ebe648b4b1637611fcfb08f2afcef04cd5442d8da266b5ee4372b429c0fdb",
    ),
];
/// The same for values of `6a` over and over: how many, and the cell's SHA-256.
const LONG: &[(u8, usize, &str)] = &[
    (7, 2048, "6c1516a925f999ed9020b62a39298a47c36b895e9a7c4c79a9c97a732b3ae454"),
    (8, 3903, "9ddbe95966d44f40f0633cce4eb07649eda33563a4885e18752da6657c3a018b"),
];
const RANDOMIZED_17: (&str, &str, &str) = (
    K1,
    "a6",
    "011dbbe549d62ec235f438e3687c30ab0ce5b51c5a627237d7040e421d67320e77ed2617072fcb81507034ebafe1716cd914e5aaa669ac370a645011ad7d7c86f6",
);
/// Not of the baseline, which has no empty value: made by a third implementation.
const EMPTY: &str = "01e82e8192cb47cff3bf9165a0d4ad43edffcf888b8004c8d217cf70a13bf51004f56d146bee14562281aec00bec1109e88488792faeb43147035d3e6a90ff4392";

fn column_key(digits: &str) -> ColumnKey {
    ColumnKey::from_slice(&unhex(digits)).unwrap()
}

fn cell_key(digits: &str) -> CellKey {
    CellKey::derive(&column_key(digits))
}

fn sealed(key: &CellKey, mode: Mode, plain: &[u8]) -> Vec<u8> {
    let mut cell = Vec::new();
    key.seal(mode, plain, &mut cell);
    cell
}

fn opened(key: &CellKey, cell: &[u8]) -> Result<Vec<u8>, CellNotOpened> {
    let mut plain = Vec::new();
    key.open(cell, &mut plain).map(|()| plain)
}

#[test]
fn derived_keys_of_the_baseline() {
    let [encryption, tag, iv] = cell_sub_keys(&column_key(K1));
    assert_eq!(encode(&encryption), "ad2db65a8c5c1ec4e1cde78b36bdee713e35bdbe4932d4b93d05a8a821233ee6");
    assert_eq!(encode(&tag), "9202112ff50d91ed88366e4995574be55945f49bfde9e0a1a408b6f31487b41f");
    assert_eq!(encode(&iv), "64af2934fc407babb6cce2aa51bbbbb0aa095cacad7fc542fcc0cee9f3f0e385");
}

#[test]
fn cells_of_the_baseline() {
    for (number, key, plain, cell) in DETERMINISTIC {
        let (key, plain) = (cell_key(key), unhex(plain));
        assert_eq!(encode(&sealed(&key, Mode::Deterministic, &plain)), *cell, "#{number:02}");
        assert_eq!(opened(&key, &unhex(cell)), Ok(plain.clone()), "#{number:02}");
    }
    let key = cell_key(K1);
    for (number, length, digest) in LONG {
        let plain = vec![0x6a; *length];
        let cell = sealed(&key, Mode::Deterministic, &plain);
        assert_eq!(encode(&hash::sha256(&[&cell])), *digest, "#{number:02}");
        assert_eq!(opened(&key, &cell), Ok(plain.clone()), "#{number:02}");
    }
    assert_eq!(encode(&sealed(&key, Mode::Deterministic, b"")), EMPTY);
    assert_eq!(opened(&key, &unhex(EMPTY)), Ok(Vec::new()));
}

#[test]
fn a_randomized_cell_of_the_baseline() {
    let (key, plain, cell) = RANDOMIZED_17;
    let (key, plain, cell) = (cell_key(key), unhex(plain), unhex(cell));
    assert_eq!(opened(&key, &cell), Ok(plain.clone()));
    let iv = cell[33..49].try_into().unwrap();
    assert_eq!(seal_cell_with_iv(&key, iv, &plain), cell);
}

#[test]
fn lengths_and_modes() {
    let key = cell_key(K1);
    for length in 0..200 {
        let plain: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
        let first = sealed(&key, Mode::Randomized, &plain);
        assert_eq!(first.len(), 49 + 16 * (length / 16 + 1));
        assert_eq!(first.len(), cell_length(length));
        assert_eq!(first[0], 1);
        assert_eq!(opened(&key, &first), Ok(plain.clone()));
        assert_ne!(first, sealed(&key, Mode::Randomized, &plain));
        assert_eq!(sealed(&key, Mode::Deterministic, &plain), sealed(&key, Mode::Deterministic, &plain));
    }
    assert_eq!(LEAST_CELL, 65);
}

#[test]
fn both_append_and_leave_what_was_there() {
    let key = cell_key(K1);
    let mut cell = b"before".to_vec();
    key.seal(Mode::Deterministic, b"value", &mut cell);
    assert_eq!(&cell[..6], b"before");
    let mut plain = b"before".to_vec();
    key.open(&cell[6..], &mut plain).unwrap();
    assert_eq!(plain, b"beforevalue");
    let changed = cell.len() - 1;
    cell[changed] ^= 1;
    assert_eq!(key.open(&cell[6..], &mut plain), Err(CellNotOpened));
    assert_eq!(plain, b"beforevalue");
}

#[test]
fn no_changed_cell_opens() {
    let key = cell_key(K1);
    let cell = sealed(&key, Mode::Deterministic, b"value");
    for position in 0..cell.len() {
        for bit in 0..8 {
            let mut changed = cell.clone();
            changed[position] ^= 1 << bit;
            assert_eq!(opened(&key, &changed), Err(CellNotOpened), "bit {bit} of byte {position}");
        }
    }
    for end in 0..cell.len() {
        assert_eq!(opened(&key, &cell[..end]), Err(CellNotOpened), "cut at {end}");
    }
    let longer = [cell.as_slice(), &[0; 16]].concat();
    assert_eq!(opened(&key, &longer), Err(CellNotOpened));
    assert_eq!(opened(&cell_key(K2), &cell), Err(CellNotOpened));
}

/// A tag can be right over ciphertext that no sealing makes: whoever has the key may have made it.
#[test]
fn wrong_padding_under_a_right_tag_does_not_open() {
    let key = cell_key(K1);
    let [_, tag_key, _] = cell_sub_keys(&column_key(K1));
    let cell = sealed(&key, Mode::Deterministic, &[200; 20]);
    // Another block before the last one changes its padding; one less of them leaves a block without any.
    for ciphertext in [[&cell[49..65], &cell[49..65]].concat(), cell[49..65].to_vec()] {
        let tagged = [&cell[33..49], ciphertext.as_slice()].concat();
        let tag = mac::hmac_sha256(&tag_key, &[&[1], &tagged, &[1]]);
        let forged = [&[1], tag.as_slice(), &tagged].concat();
        assert_eq!(opened(&key, &forged), Err(CellNotOpened));
    }
}

#[test]
fn a_key_is_recognised_by_its_check_value() {
    let key = column_key(K1);
    let whole = mac::hmac_sha256(key.expose(), &[labels::COLUMN_KEY_CHECK.as_bytes()]);
    assert_eq!(key_check(&key), whole[..16]);
    assert_ne!(key_check(&key), key_check(&column_key(K2)));
}

#[test]
fn keys_are_not_printed() {
    assert_eq!(format!("{:?} {:?}", cell_key(K1), column_key(K1)), "CellKey(…) ColumnKey(…)");
}
