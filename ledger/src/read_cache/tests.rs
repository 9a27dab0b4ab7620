//! A database with the cache, and one that merkledb keeps in memory, are told the same and must say the same.

use std::collections::VecDeque;

use exonum_merkledb::access::CopyAccessExt;
use exonum_merkledb::{Database, Fork, ObjectHash, Snapshot, SystemSchema, TemporaryDB};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::durable::DurableDb;

const KEYS: u32 = 40;
const STEPS: usize = 80;
/// Snapshots that are kept while the databases go on.
const KEPT: usize = 6;

/// One change, the same for both databases.
#[derive(Clone, Debug)]
enum Change {
    Put(u32, Vec<u8>),
    Remove(u32),
    PutProved(u32, Vec<u8>),
    RemoveProved(u32),
    Push(u64),
    Pop,
    PushProved(u64),
    Truncate(u64),
    Set(u64),
    InGroup(u32, u64),
    Clear,
    ClearProved,
    Flush,
    Rollback,
}

fn change(rng: &mut StdRng) -> Change {
    let key = rng.gen_range(0..KEYS);
    let value = vec![rng.gen(); rng.gen_range(0..300)];
    match rng.gen_range(0..60) {
        0..=11 => Change::Put(key, value),
        12..=16 => Change::Remove(key),
        17..=28 => Change::PutProved(key, value),
        29..=33 => Change::RemoveProved(key),
        34..=37 => Change::Push(rng.gen()),
        38..=39 => Change::Pop,
        40..=43 => Change::PushProved(rng.gen()),
        44 => Change::Truncate(rng.gen_range(0..4)),
        45..=47 => Change::Set(rng.gen()),
        48..=53 => Change::InGroup(key % 5, rng.gen()),
        54 => Change::Clear,
        55 => Change::ClearProved,
        56..=57 => Change::Flush,
        _ => Change::Rollback,
    }
}

fn apply(fork: &mut Fork, change: Change) {
    let at = &*fork;
    match change {
        Change::Put(key, value) => at.get_map("map").put(&key, value),
        Change::Remove(key) => at.get_map::<_, u32, Vec<u8>>("map").remove(&key),
        Change::PutProved(key, value) => at.get_proof_map("proved").put(&key, value),
        Change::RemoveProved(key) => at.get_proof_map::<_, u32, Vec<u8>>("proved").remove(&key),
        Change::Push(value) => at.get_list("list").push(value),
        Change::Pop => drop(at.get_list::<_, u64>("list").pop()),
        Change::PushProved(value) => at.get_proof_list("log").push(value),
        Change::Truncate(by) => {
            let mut log = at.get_proof_list::<_, u64>("log");
            let len = log.len().saturating_sub(by);
            log.truncate(len);
        }
        Change::Set(value) => at.get_proof_entry("entry").set(value),
        Change::InGroup(key, value) => at.get_proof_list(("group", &key)).push(value),
        Change::Clear => at.get_map::<_, u32, Vec<u8>>("map").clear(),
        Change::ClearProved => at.get_proof_map::<_, u32, Vec<u8>>("proved").clear(),
        Change::Flush => fork.flush(),
        Change::Rollback => fork.rollback(),
    }
}

/// All that a snapshot says, by keys and by iterators, and the hash of it.
fn content(at: &dyn Snapshot) -> impl PartialEq + std::fmt::Debug {
    let map = at.get_map::<_, u32, Vec<u8>>("map");
    let proved = at.get_proof_map::<_, u32, Vec<u8>>("proved");
    let list = at.get_list::<_, u64>("list");
    let log = at.get_proof_list::<_, u64>("log");
    let by_key: Vec<_> = (0..KEYS)
        .map(|key| (map.get(&key), map.contains(&key), proved.get(&key)))
        .collect();
    let lists: Vec<_> = (0..list.len()).map(|place| list.get(place)).collect();
    let logs: Vec<_> = (0..log.len()).map(|place| log.get(place)).collect();
    let groups: Vec<_> = (0..5u32)
        .map(|key| {
            let group = at.get_proof_list::<_, u64>(("group", &key));
            (group.iter().collect::<Vec<_>>(), group.object_hash())
        })
        .collect();
    let iterated = (
        map.iter().collect::<Vec<_>>(),
        proved.iter().collect::<Vec<_>>(),
        list.iter().collect::<Vec<_>>(),
        log.iter().collect::<Vec<_>>(),
    );
    let entry = at.get_proof_entry::<_, u64>("entry").get();
    let hashes = (
        proved.object_hash(),
        log.object_hash(),
        SystemSchema::new(at).state_hash(),
    );
    ((by_key, lists, logs), groups, iterated, entry, hashes)
}

fn live_alike(seed: u64, cache_bytes: usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let cached = DurableDb::open_with_cache(folder.path(), true, cache_bytes).unwrap();
    let plain = TemporaryDB::new();
    let mut kept = VecDeque::new();
    for step in 0..STEPS {
        let (mut fork, mut model) = (cached.fork(), plain.fork());
        for _ in 0..rng.gen_range(0..25) {
            let change = change(&mut rng);
            apply(&mut fork, change.clone());
            apply(&mut model, change);
        }
        if rng.gen_range(0..8) > 0 {
            let (patch, model) = (fork.into_patch(), model.into_patch());
            assert_eq!(content(&patch), content(&model), "{seed}, {step}: patch");
            cached.merge(patch).unwrap();
            plain.merge(model).unwrap();
        }
        if rng.gen_range(0..4) == 0 {
            cached.sync().unwrap();
        }
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((cached.snapshot(), plain.snapshot()));
        // The older ones too, in any order, so that what they read could be taken for the newest.
        for _ in 0..3 {
            let (cached, plain) = &kept[rng.gen_range(0..kept.len())];
            assert_eq!(content(cached), content(plain), "{seed}, {step}");
        }
    }
}

#[test]
fn reads_while_databases_change_are_those_of_a_database_without_cache() {
    for seed in 0..4 {
        live_alike(seed, 1 << 20);
    }
}

#[test]
fn reads_while_the_cache_forgets_are_those_of_a_database_without_cache() {
    for seed in 100..104 {
        live_alike(seed, 24 << 10);
    }
    live_alike(200, 0);
}

#[test]
fn a_read_of_an_older_snapshot_teaches_the_newest_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = DurableDb::open_with_cache(folder.path(), true, 0).unwrap();
    let put = |value: u8| {
        let fork = db.fork();
        fork.get_map("map").put(&1u32, vec![value]);
        db.merge(fork.into_patch()).unwrap();
    };
    put(1);
    let older = db.snapshot();
    put(2);
    let read = |at: &dyn Snapshot| at.get_map::<_, u32, Vec<u8>>("map").get(&1);
    assert_eq!(read(&older), Some(vec![1]));
    assert_eq!(read(&db.snapshot()), Some(vec![2]));
    assert_eq!(read(&older), Some(vec![1]));
}

#[test]
fn a_merge_that_fails_ends_the_cache_and_snapshots_stay_true() {
    let folder = tempfile::tempdir().unwrap();
    let db = DurableDb::open(folder.path(), true).unwrap();
    let fork = db.fork();
    fork.get_map("map").put(&1u32, vec![1u8]);
    db.merge(fork.into_patch()).unwrap();
    let before = db.snapshot();
    let cache = ReadCache::new(1 << 20);
    let cached = cache.snapshot(db.snapshot());
    let read = |at: &dyn Snapshot| at.get_map::<_, u32, Vec<u8>>("map").get(&1);
    assert_eq!(read(&cached), Some(vec![1]));
    assert!(cache.read().young.bytes > 0);
    let failed = cache.merge(Vec::new(), || Err::<(), _>("the disk is full"));
    assert_eq!(failed, Err("the disk is full"));
    assert_eq!(read(&cached), Some(vec![1]));
    let newest = cache.read();
    assert!(!newest.usable && newest.young.bytes == 0 && newest.old.bytes == 0);
    assert_eq!(read(&before), Some(vec![1]));
}

#[test]
fn a_merge_that_panics_ends_the_cache() {
    let cache = ReadCache::new(1 << 20);
    let merge =
        std::panic::AssertUnwindSafe(|| cache.merge::<()>(Vec::new(), || panic!("merkledb")));
    assert!(std::panic::catch_unwind(merge).is_err());
    assert!(!cache.read().usable);
}

#[test]
fn a_hot_entry_outlives_the_generation_that_it_came_with() {
    let folder = tempfile::tempdir().unwrap();
    let db = DurableDb::open(folder.path(), true).unwrap();
    let cache = ReadCache::new(2 * 10_000);
    let cached = cache.snapshot(db.snapshot());
    let address = ResolvedAddress {
        name: "none".to_owned(),
        id: None,
    };
    let is_known = |key: &[u8]| cache.look(0, &address, key).is_some();
    cached.get(&address, b"hot");
    cached.get(&address, b"cold");
    for key in 0..300u32 {
        cached.get(&address, &key.to_be_bytes());
        assert!(is_known(b"hot"), "{key}");
    }
    assert!(!is_known(b"cold"));
}
