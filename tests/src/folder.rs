//! Copies of a node's folder, as somebody would make them who wants to go back.

use std::fs;
use std::path::Path;

/// Everything in `from`, in a new folder.
///
/// # Panics
/// If it cannot be read or written.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder in a temporary one");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry of a folder").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file in a temporary folder");
        }
    }
}

/// A copy takes the place of what is there.
///
/// # Panics
/// As [`copy`].
pub fn put_back(kept: &Path, to: &Path) {
    fs::remove_dir_all(to).expect("a folder");
    copy(kept, to);
}
