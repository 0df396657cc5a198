//! Proves XAES-256-GCM against the accumulated test of its specification (C2SP), 10,000 rounds; a
//! million are run by `cargo run --release -p strongroom-crypto --example accumulated -- 1000000`.

use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};
use strongroom_crypto::known_answers::{ACCUMULATED, accumulate};

use crate::hex;

#[test]
fn ten_thousand_rounds() {
    let (rounds, published) = ACCUMULATED[0];
    assert_eq!(rounds, 10_000);
    let mut source = Shake128::default().finalize_xof();
    let mut sink = Shake128::default();
    accumulate(rounds, &mut |bytes| source.read(bytes), &mut |bytes| sink.update(bytes));
    let mut digest = [0; 32];
    sink.finalize_xof().read(&mut digest);
    assert_eq!(hex::encode(&digest), published);
}
