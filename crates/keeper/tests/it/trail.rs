//! What stands in the trail of a site.

use std::ops::ControlFlow;

use strongroom_audit::{Filter, Report, search, verify};
use strongroom_envelope::Id;
use strongroom_envelope::audit_line::Line;

use crate::site::Site;

/// Every line, oldest first.
pub fn lines(site: &Site) -> Vec<Line> {
    let mut lines = Vec::new();
    let searched = search(&site.path("audit"), &Filter::default(), &mut |line, _| {
        lines.push(line.clone());
        ControlFlow::Continue(())
    });
    assert_eq!(searched.unwrap().unreadable, 0);
    lines
}

/// How many lines tell of this operation.
pub fn count(site: &Site, operation: &str) -> usize {
    lines(site).iter().filter(|line| line.operation == operation).count()
}

/// How many lines tell of this operation on this target.
pub fn count_of(site: &Site, operation: &str, target: &str) -> usize {
    lines(site).iter().filter(|line| line.operation == operation && line.target == target).count()
}

/// The lines of one request.
pub fn of_request(site: &Site, request: Id) -> Vec<Line> {
    lines(site).into_iter().filter(|line| line.request == Some(request)).collect()
}

/// Verifies the whole trail with nothing but the public key of its first line.
pub fn verified(site: &Site, key_zero: [u8; 32]) -> Report {
    let report = verify(&site.path("audit"), Some(key_zero)).unwrap();
    assert_eq!((report.first, report.torn_bytes), (1, None));
    report
}

/// Every change has one line: places in batches rise, and none stands twice.
pub fn assert_no_line_twice(site: &Site) {
    let places: Vec<(u64, u32)> = lines(site).iter().filter_map(|line| Some((line.epoch?, line.index?))).collect();
    let mut rising = places.clone();
    rising.sort_unstable();
    rising.dedup();
    assert_eq!(places, rising, "a line of a change stands twice or out of order");
}
