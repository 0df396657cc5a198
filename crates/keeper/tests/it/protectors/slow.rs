//! Devices and programs that give no answer: they cost their time once, and only their own.

use std::time::{Duration, Instant};

use strongroom_keeper::facade::{ProtectorSpec, ProtectorState};

use super::parts::Equipped;
use crate::site::{admin, put, value};

#[tokio::test]
async fn a_plug_in_that_hangs_costs_its_time_once() {
    let Some(mut equipped) = Equipped::new("protectors::slow::a_plug_in_that_hangs_costs_its_time_once") else {
        return;
    };
    let keeper = equipped.site.start();
    put(&keeper, "a", b"kept").await.unwrap();
    for _ in 0..3 {
        keeper.protector_add(admin(), ProtectorSpec::Plugin("vault".into())).await.unwrap();
    }
    for (_, spec) in equipped.unattended() {
        keeper.protector_add(admin(), spec).await.unwrap();
    }
    keeper.stop();
    drop(keeper);
    equipped.plugin("vault", "#!/bin/sh\nexec sleep 600\n");
    let begun = Instant::now();
    let (keeper, report) = equipped.site.open().unwrap();
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(9), "{took:?}");
    let plugins: Vec<_> = report.protectors.iter().filter(|view| view.kind == "plugin").collect();
    assert_eq!(plugins.len(), 4);
    for view in plugins {
        assert_eq!(view.state, ProtectorState::Broken);
        assert!(view.reason.as_ref().unwrap().contains("no answer within 5 seconds"), "{:?}", view.reason);
    }
    let others = report.protectors.iter().filter(|view| view.kind != "plugin");
    assert!(others.clone().count() >= 3);
    assert!(others.into_iter().all(|view| view.state == ProtectorState::Proven));
    assert_eq!(value(&keeper, "a").await, b"kept");
}
