//! The header of a sealed record: what parses at a place names that place's kind, and nothing panics.

use strongroom_envelope::{Id, RecordKey, RecordKind, record};

/// Reads `data` as the record of every kind, and its first bytes as a record key.
pub fn target(data: &[u8]) {
    if let Ok(key) = RecordKey::from_bytes(data.get(..17).unwrap_or(data)) {
        assert_eq!(key.to_bytes()[..], data[..17]);
        let _ = record::parse(key, &data[17..]);
    }
    for kind in RecordKind::ALL {
        let key = RecordKey::new(kind, Id::NIL);
        if let Ok(header) = record::parse(key, data) {
            assert!(data.len() >= record::LEAST_LENGTH);
            assert_eq!(data[..4], [1, kind.byte(), 0, 1]);
            assert_eq!(data[4..8], header.store_key_id.to_be_bytes());
            assert_eq!(data[8..16], header.generation.0.to_be_bytes());
            assert_eq!(data[data.len() - 48..data.len() - 32], header.tag);
        }
    }
}
