//! A protector record: hostile until vouched for, so whatever is read is within every limit.

use strongroom_envelope::protector::{self, LONGEST_TEXT, MOST_LENGTH, MOST_PAIRS};
use strongroom_envelope::{Id, RecordKey, RecordKind};
use strongroom_secret::MacKey;

/// Reads `data` as the protector record at the place that it names itself.
pub fn target(data: &[u8]) {
    let named =
        data.windows(18).find_map(|part| part.strip_prefix(&[0x02, 0x50])).and_then(|id| Id::from_slice(id).ok());
    let key = RecordKey::new(RecordKind::Protector, named.unwrap_or(Id::NIL));
    let Ok(parsed) = protector::parse(key, data) else {
        return;
    };
    let record = &parsed.record;
    assert!(data.len() <= MOST_LENGTH && record.bound_to.len() <= MOST_PAIRS);
    assert!(record.bound_to.iter().all(|(name, text)| name.len().max(text.len()) <= LONGEST_TEXT));
    assert!((16..=32).contains(&record.salt.len()));
    assert!(record.parameters.is_none_or(|parameters| parameters.check().is_ok()));
    let mac_key = MacKey::fill_with(|out| out.fill(1));
    assert!(!parsed.verify_mac(&mac_key));
    let again = protector::encode(record, &mac_key, key, parsed.generation);
    let (again, _) = again.expect("what was read can be written");
    assert_eq!(again[..again.len() - 32], data[..data.len() - 32]);
}
