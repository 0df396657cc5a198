//! A trail line: what is read is written again as it was, in printable ASCII without a line feed.

use strongroom_envelope::audit_line;

/// Reads `data` as a line.
pub fn target(data: &[u8]) {
    let Ok(line) = audit_line::parse(data) else {
        return;
    };
    assert!(data.iter().all(|byte| (b' '..=b'~').contains(byte)));
    let mut again = Vec::new();
    audit_line::render(&line, &mut again);
    assert_eq!(again, data);
    let mut without = Vec::new();
    audit_line::render_for_mac(&line, &mut without);
    if let Some(mac) = &line.mac {
        audit_line::append_mac(mac, &mut without);
    }
    assert_eq!(without, data);
}
