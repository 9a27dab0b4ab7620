//! The rules of the house that neither the compiler nor clippy can see.
//!
//! Functions are measured by clippy (`too_many_lines`, 70 lines); files, names, dependencies and what the
//! README says are measured here. Each rule is a function of text, with a test that shows it can fail.

mod dependencies;
mod documents;
mod sources;

use std::path::{Path, PathBuf};

/// Folders that hold what was built or fetched, or what git keeps for itself.
const NOT_OURS: [&str; 6] = [
    "target",
    "node_modules",
    "dist",
    "gen",
    ".git",
    "screenshots",
];

/// The repository's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests crate lies in the repository")
}

/// Every file of ours, relative to the root, sorted.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("folder can be listed") {
            let entry = entry.expect("entry can be read");
            if NOT_OURS.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            if entry.file_type().expect("entry has a type").is_dir() {
                folders.push(entry.path());
            } else {
                let relative = entry
                    .path()
                    .strip_prefix(root())
                    .expect("below the root")
                    .to_owned();
                found.push(relative);
            }
        }
    }
    found.sort();
    found
}

/// Fails with one complaint on each line.
fn assert_tidy(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn sources_of_the_repository_are_tidy() {
    let mut complaints = Vec::new();
    for path in files() {
        complaints.extend(sources::check_path(&path));
        let source = path.extension().is_some_and(|kind| {
            ["rs", "ts", "tsx", "sh", "toml", "proto"]
                .iter()
                .any(|known| kind == *known)
        });
        if source {
            let text = std::fs::read_to_string(root().join(&path)).expect("sources are UTF-8");
            complaints.extend(sources::check_text(&path, &text));
        }
    }
    assert_tidy(&complaints);
}

#[test]
fn crates_depend_on_one_another_in_the_design_s_direction() {
    assert_tidy(&dependencies::check(&dependencies::metadata()));
}

#[test]
fn readme_says_where_things_are() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    let read = |path: &str| std::fs::read_to_string(root().join(path)).ok();
    let mut complaints = documents::check_names(&readme, &read);
    let folders: Vec<String> = std::fs::read_dir(root())
        .expect("the root can be listed")
        .map(|entry| entry.expect("entry can be read"))
        .filter(|entry| entry.file_type().expect("entry has a type").is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !NOT_OURS.contains(&name.as_str()))
        .collect();
    complaints.extend(documents::check_folders(&readme, &folders));
    complaints.extend(documents::check_links(&readme, &|path| {
        root().join(path).exists()
    }));
    assert_tidy(&complaints);
}

#[test]
fn security_names_the_test_of_each_incident() {
    let path = root().join("SECURITY.md");
    let security = std::fs::read_to_string(path).expect("there is a SECURITY.md");
    let read = |path: &str| {
        let path = root().join(path);
        if path.is_dir() {
            return Some(String::new());
        }
        std::fs::read_to_string(path).ok()
    };
    assert_tidy(&documents::check_incidents(&security, &read));
}

#[test]
fn config_has_an_example_of_each_kind_that_is_toml() {
    for kind in ["user", "hub", "regtest"] {
        let path = root().join("config").join(format!("{kind}.toml"));
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert!(text.contains('#'), "{path:?} explains nothing");
    }
}
