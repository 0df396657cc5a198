//! Proves that both stores do what every store must do.

use std::cell::RefCell;

use strongroom_store::{OpenOptions, SqliteStore, Store};
use strongroom_testkit::store::{MemoryStore, conformance};

#[test]
fn sqlite_conforms() {
    let directories = RefCell::new(Vec::new());
    conformance::run(&|| {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path(), OpenOptions::default()).unwrap();
        directories.borrow_mut().push(directory);
        Box::new(store) as Box<dyn Store>
    });
}

#[test]
fn memory_conforms() {
    conformance::run(&|| Box::new(MemoryStore::new()));
}
