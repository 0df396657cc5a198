//! Known answers of what encrypted columns are sealed and wrapped with.

use strongroom_secret::{ColumnKey, SecretBytes};

use crate::column_cell::{CellKey, Mode};
use crate::column_envelope::MasterKey;

/// Number 02 of Microsoft's native baseline (docs/spec/cell.md): sealed, opened, refused with another byte.
pub(super) fn cell() -> bool {
    let key = CellKey::derive(&ColumnKey::fill_with(|key| {
        *key = *b"\x7f\x9d\xbb\x9c\xad\x20\xa1\x54\x91\xf6\x88\xbb\x60\x4f\x6e\xa1\
                  \x85\xb6\x27\x1f\x38\x58\xb8\xf2\x76\x45\x74\xd7\xcd\x1f\x7e\x42";
    }));
    let answer = b"\x01\xc4\x6c\x98\x47\xa3\xe5\x1a\xb1\xde\x07\xc7\x40\x25\xbc\x74\xc9\
                   \xb8\x81\x0d\x6e\xed\x73\xa9\x25\x96\xce\xea\xd2\x2f\x96\x4c\x7f\
                   \xd5\xd4\x6d\x03\xc0\xd4\x9b\xeb\x7e\xc0\x94\x52\x12\xc1\x2d\xf3\
                   \x68\x3e\x03\xf9\x92\x3d\x67\x5c\xc1\xf9\x82\x51\xeb\x94\xd7\x7c";
    let (mut cell, mut plain, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    key.seal(Mode::Deterministic, &[1, 0, 0, 0], &mut cell);
    let mut wrong = *answer;
    wrong[64] ^= 1;
    cell == answer
        && key.open(answer, &mut plain).is_ok()
        && plain == [1, 0, 0, 0]
        && key.open(&wrong, &mut refused).is_err()
}

/// An envelope that Microsoft's JDBC driver made (`vectors/column_envelope/jdbc.json`), and the same with another byte. The key
/// is public knowledge.
pub(super) fn envelope() -> bool {
    let master = SecretBytes::from_slice(include_bytes!("column_master.der"));
    let envelope = include_bytes!("column_envelope.bin");
    let expected: [u8; 32] = core::array::from_fn(|position| position as u8);
    let mut wrong = *envelope;
    wrong[540] ^= 1;
    MasterKey::from_pkcs8(&master).is_ok_and(|master| {
        master.open(envelope).is_ok_and(|key| *key.expose() == expected) && master.open(&wrong).is_err()
    })
}
