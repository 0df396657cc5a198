//! Searching, the last lines, and following a trail that grows.

use std::ops::ControlFlow;
use std::path::Path;

use strongroom_audit::{Filter, FollowError, Followed, Follower, Trail, TrailSettings, last_lines, search};
use strongroom_envelope::log::AuditEntry;
use strongroom_envelope::{Id, Timestamp};

use crate::scene::{NOW, entry, settings};

#[test]
fn a_search_shows_exactly_what_matches() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = several_segments(folder.path());
    for number in 0..200_u8 {
        let found = AuditEntry {
            time: Timestamp(NOW.0 + i64::from(number)),
            operation: if number % 2 == 0 { "secret.get" } else { "secret.put" }.into(),
            principal: format!("uid:{}", number % 5),
            target: format!("n/{number}"),
            request: Id([number; 16]),
            context: Vec::new(),
            ..entry("")
        };
        trail.append(&found, None);
        trail.write().unwrap();
    }
    let at = |milliseconds| Some(Timestamp(NOW.0 + milliseconds));
    let all = Filter::default();
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (Filter { operation: text("secret.put"), ..all.clone() }, 100),
        (Filter { operation: text("secret.*"), ..all.clone() }, 200),
        (Filter { operation: text("secret.pu"), ..all.clone() }, 0),
        (Filter { principal: text("uid:3"), ..all.clone() }, 40),
        (Filter { target: text("n/17"), ..all.clone() }, 1),
        (Filter { target: text("n/17*"), ..all.clone() }, 11),
        (Filter { request: Some(Id([7; 16])), ..all.clone() }, 1),
        (Filter { target: text("n/*"), since: at(50), until: at(59), ..all.clone() }, 10),
        (Filter { operation: text("secret.put"), principal: text("uid:3"), ..all.clone() }, 20),
        (Filter { target: text("n/*"), limit: Some(7), ..all.clone() }, 7),
        (Filter { limit: Some(0), ..all }, 0),
    ];
    for (filter, expected) in cases {
        let mut found = 0;
        let searched = search(folder.path(), &filter, &mut |line, _| {
            assert!(filter.matches(line));
            found += 1;
            ControlFlow::Continue(())
        });
        assert_eq!((found, searched.unwrap().found), (expected, expected), "{filter:?}");
    }
}

#[test]
fn the_last_lines_come_from_several_segments() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = several_segments(folder.path());
    for number in 0..150 {
        trail.append(&entry(format!("n/{number}")), None);
        trail.write().unwrap();
    }
    let last = trail.position().seq;
    for count in [0, 1, 2, 10, 40, last, last + 5] {
        let mut seqs = Vec::new();
        last_lines(folder.path(), count, &mut |line, _| {
            seqs.push(line.seq);
            ControlFlow::Continue(())
        })
        .unwrap();
        let expected: Vec<u64> = (last.saturating_sub(count) + 1..=last).collect();
        assert_eq!(seqs, expected, "{count}");
    }
}

#[test]
fn a_follower_gets_every_durable_line_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut follower = Follower::new(folder.path(), 1);
    assert!(follower.next(u64::MAX).unwrap().is_none());
    let mut trail = several_segments(folder.path());
    let mut seen = Vec::new();
    for number in 0..150 {
        trail.append(&entry(format!("n/{number}")), None);
        trail.write().unwrap();
        if number % 7 == 0 {
            trail.sync().unwrap();
        }
        drain(&mut follower, trail.synced().seq, &mut seen);
        assert_eq!(seen.len() as u64, trail.synced().seq);
    }
    trail.sync().unwrap();
    drain(&mut follower, trail.synced().seq, &mut seen);
    let seqs: Vec<u64> = seen.iter().map(|followed| followed.line.seq).collect();
    assert_eq!(seqs, (1..=trail.position().seq).collect::<Vec<_>>());

    let mut late = Follower::new(folder.path(), 77);
    assert_eq!(late.next(u64::MAX).unwrap().unwrap(), seen[76]);
    let mut future = Follower::new(folder.path(), 9_999);
    assert!(future.next(u64::MAX).unwrap().is_none());
}

#[test]
fn a_follower_says_when_lines_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = several_segments(folder.path());
    for number in 0..60 {
        trail.append(&entry(format!("n/{number}")), None);
        trail.write().unwrap();
    }
    std::fs::remove_file(folder.path().join("trail-00000001.jsonl")).unwrap();
    let mut follower = Follower::new(folder.path(), 2);
    for _ in 0..2 {
        let next = follower.next(u64::MAX);
        assert!(matches!(next, Err(FollowError::Gap { seq: 2, found }) if found > 2));
    }
}

/// A line of which only a part is there yet.
#[test]
fn a_follower_waits_for_a_whole_line() {
    let folder = tempfile::tempdir().unwrap();
    let (trail, _) = crate::scene::trail(folder.path(), 2);
    drop(trail);
    let segment = folder.path().join("trail-00000001.jsonl");
    let whole = std::fs::read(&segment).unwrap();
    let mut follower = Follower::new(folder.path(), 1);
    let mut seen = Vec::new();
    for length in (0..=whole.len()).rev().step_by(7).collect::<Vec<_>>().into_iter().rev() {
        std::fs::write(&segment, &whole[..length]).unwrap();
        drain(&mut follower, u64::MAX, &mut seen);
        let feeds = whole[..length].iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(seen.len(), feeds);
    }
}

/// A next segment was begun in vain, on a full volume, and the one before grew on.
#[test]
fn a_follower_returns_to_a_segment_that_grew_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = several_segments(folder.path());
    for number in 0..40 {
        trail.append(&entry(format!("n/{number}")), None);
        trail.write().unwrap();
    }
    let last = trail.position().seq;
    drop(trail);
    let [first, second] = ["trail-00000001.jsonl", "trail-00000002.jsonl"].map(|name| folder.path().join(name));
    let whole = [&first, &second].map(|file| std::fs::read(file).unwrap());
    std::fs::write(&first, &whole[0][..whole[0].len() / 2]).unwrap();
    std::fs::write(&second, b"").unwrap();
    let mut follower = Follower::new(folder.path(), 1);
    let mut seen = Vec::new();
    drain(&mut follower, u64::MAX, &mut seen);
    assert!(!seen.is_empty());
    std::fs::write(&first, &whole[0]).unwrap();
    std::fs::write(&second, &whole[1]).unwrap();
    drain(&mut follower, u64::MAX, &mut seen);
    let seqs: Vec<u64> = seen.iter().map(|followed| followed.line.seq).collect();
    assert_eq!(seqs, (1..=last).collect::<Vec<_>>());
}

fn drain(follower: &mut Follower, until: u64, seen: &mut Vec<Followed>) {
    while let Some(followed) = follower.next(until).unwrap() {
        seen.push(followed);
    }
}

fn several_segments(folder: &Path) -> Trail {
    let small = TrailSettings { segment_bytes: 8 << 10, ..settings(folder) };
    Trail::create(small, NOW).unwrap().0
}
