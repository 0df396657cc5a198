//! The body of a log record: what is read is written again as it was.

use strongroom_crypto::SealingKey;
use strongroom_envelope::body;
use strongroom_envelope::log::LogRecord;
use strongroom_secret::SecretBytes;

/// Reads `data` as the body of a log record.
pub fn target(data: &[u8]) {
    let Ok(log) = body::decode_strict::<LogRecord>(data) else {
        return;
    };
    assert_eq!(body::encode(&log), data);
    let (key, mut sealed) = (SealingKey::new(&[1; 32]), Vec::new());
    if log.seal(&key, 1, &mut sealed).is_ok() {
        let opened = LogRecord::open(&key, log.epoch, &sealed, &mut SecretBytes::new());
        assert_eq!(opened.map(|(log, _)| log), Ok(log));
    }
}
