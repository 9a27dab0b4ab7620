//! A node does not start on a ledger that is not its own or not whole, and says why.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zarnitsa_tests::node::Node;
use zarnitsa_tests::world::World;

/// Starts the node, which must end by itself with exit code 1; what it said.
fn refusal(node: &mut Node) -> String {
    let before = node.log().len();
    node.launch();
    let status = node.wait_for_end();
    let said = node.log()[before..].to_owned();
    assert_eq!(status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap_or_default().to_owned();
    println!("{last}");
    assert!(last.starts_with("error: "), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    last
}

fn ledger(node: &Node) -> PathBuf {
    node.folder().join("ledger")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Every file below a folder with its content.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(content(&path));
        } else {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

#[test]
fn ledger_of_another_node_or_with_damage_is_refused_by_name() {
    let mut world = World::start();
    world.hub.api().invoice(1_000, "written").unwrap();
    world.hub.stop();
    world.user.stop();
    let whole = world.folder().join("whole");
    copy(&ledger(&world.hub), &whole);
    let put = |from: &Path, to: &Node| {
        fs::remove_dir_all(ledger(to)).unwrap();
        copy(from, &ledger(to));
    };

    // Another node's.
    let foreign = world.folder().join("foreign");
    copy(&ledger(&world.user), &foreign);
    put(&foreign, &world.hub);
    let said = refusal(&mut world.hub);
    assert!(said.contains("belongs to another node"), "{said}");

    // A file that says which files belong to the database, with other bytes in it or gone.
    for damage in ["CURRENT", "MANIFEST"] {
        put(&whole, &world.hub);
        let is_it = |(path, _): &(PathBuf, Vec<u8>)| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with(damage)
        };
        let files = content(&ledger(&world.hub));
        let (path, bytes) = files.into_iter().find(is_it).expect("RocksDB writes it");
        let mut broken = bytes.clone();
        let middle = broken.len() / 2;
        broken[middle] ^= 0xff;
        for bytes in [Some(broken), Some(Vec::new()), None] {
            match bytes {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let before = content(&ledger(&world.hub));
            let said = refusal(&mut world.hub);
            assert!(said.contains("ledger is damaged: "), "{damage}: {said}");
            assert_eq!(content(&ledger(&world.hub)), before, "{damage}: it wrote");
        }
    }

    // The whole one is as good as ever.
    put(&whole, &world.hub);
    world.hub.start();
    assert_eq!(world.hub.api().invoices().unwrap().len(), 1);
}

#[test]
fn second_node_on_a_folder_and_folder_without_rights_are_refused() {
    let mut world = World::start();
    let command = world
        .hub
        .command(&["node", "--http", "127.0.0.1:0", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&command.stderr).into_owned();
    assert_eq!(command.status.code(), Some(1), "{said}");
    assert!(said.contains("another node uses"), "{said}");

    // The tokens and the seed are for their owner only.
    for (file, mode) in [
        ("seed", 0o600),
        ("full.token", 0o400),
        ("read.token", 0o400),
    ] {
        let metadata = fs::metadata(world.hub.folder().join(file)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{file}");
    }
    world.hub.stop();
}
