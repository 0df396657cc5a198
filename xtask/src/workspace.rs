//! Where the tree, the build output and the development binary are.

use std::path::{Path, PathBuf};

/// The checkout this program was built from.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies one level below the root")
}

/// The directory of the development build, which is where this program itself was built.
pub fn build_directory() -> PathBuf {
    let this = std::env::current_exe().expect("the path of a running program is known");
    let directory = this.parent().expect("a program lies in a directory");
    directory.to_path_buf()
}

/// The directory of all builds.
pub fn target_directory() -> PathBuf {
    let development = build_directory();
    let directory = development.parent().expect("a build lies below the directory of all builds");
    directory.to_path_buf()
}

/// The development build of the product.
pub fn binary() -> PathBuf {
    build_directory().join("strongroom")
}
