//! The context of a value: what is read is written again as it was, and is within the limits.

use strongroom_envelope::value::Context;

/// Reads `data` as a context.
pub fn target(data: &[u8]) {
    if let Ok(context) = Context::from_bytes(data) {
        assert_eq!(context.as_bytes(), data);
        let pairs = context.pairs();
        assert!(pairs.len() <= Context::MOST_PAIRS);
        assert_eq!(Context::new(pairs).as_ref(), Ok(&context));
    }
}
