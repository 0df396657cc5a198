//! Proves that cells are exchanged with tedious, the client of SQL Server for Node: 10,000 random ones each way.
//!
//! `cargo xtask check` installs it, in exactly the versions of `tests/tedious/package-lock.json`.

use std::process::Command;

use crate::peer::{exchange_cells, installed};

#[test]
fn ten_thousand_cells_each_way() {
    let packages = installed("tedious").join("node_modules/tedious");
    if !packages.exists() {
        return println!("not run: tedious: {} is not there; `cargo xtask check` makes it", packages.display());
    }
    let mut node = Command::new("node");
    node.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tedious/cells.js")).arg(installed("tedious"));
    if !exchange_cells(node, 19_022) {
        println!("not run: tedious: node is not there");
    }
}
