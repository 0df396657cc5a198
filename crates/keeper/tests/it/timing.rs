use crate::site::{Site,put};
#[tokio::test]
async fn timing() {
    let t = std::time::Instant::now();
    strongroom_crypto::selftest::run().unwrap();
    eprintln!("selftest {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let _ = strongroom_secret::harden::process();
    eprintln!("harden {:?}", t.elapsed());
    let site = Site::new();
    let t = std::time::Instant::now();
    let keeper = site.start();
    eprintln!("first {:?}", t.elapsed());
    let t = std::time::Instant::now();
    put(&keeper, "a", b"one").await.unwrap();
    eprintln!("put {:?}", t.elapsed());
    let t = std::time::Instant::now();
    for i in 0..100 { put(&keeper, &format!("a/{i}"), b"one").await.unwrap(); }
    eprintln!("100 put {:?}", t.elapsed());
    let t = std::time::Instant::now();
    keeper.stop(); drop(keeper);
    eprintln!("stop {:?}", t.elapsed());
    for _ in 0..3 {
    let t = std::time::Instant::now();
    let keeper = site.start();
    eprintln!("start {:?}", t.elapsed());
    let t = std::time::Instant::now();
    keeper.stop(); drop(keeper);
    eprintln!("stop {:?}", t.elapsed());
    }
}
