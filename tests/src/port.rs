//! Ports of this machine, for whoever listens in a test and may be gone from its port for a while.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::{env, io};

/// Below are ports of well-known programs.
const LOWEST: u16 = 10_240;
/// Where the system picks ports for those who ask for any, if it does not say.
const EPHEMERAL: u16 = 32_768;

/// Ports are taken in blocks of so many, each held by one locked file.
const BLOCK: u16 = 64;

/// What this process has taken.
static TAKEN: Mutex<Taken> = Mutex::new(Taken {
    blocks: Vec::new(),
    rest: 0..0,
});

struct Taken {
    blocks: Vec<File>,
    /// Of the newest block.
    rest: Range<u16>,
}

/// A port on which nothing listens, and that is nobody else's as long as this process lives: not another test's, and not
/// of those that the system gives to connections, so that a node which is down finds it free when it comes again.
///
/// # Panics
/// If there is none.
pub fn free_port() -> SocketAddr {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(port) = taken.rest.find(|port| is_free(*port)) {
            return SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        }
        let (rest, held) = take_block();
        taken.rest = rest;
        taken.blocks.push(held);
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A block that nobody has.
fn take_block() -> (Range<u16>, File) {
    let folder = env::temp_dir().join("zarnitsa-ports");
    fs::create_dir_all(&folder).expect("a folder in the temporary one");
    let blocks = (lowest_ephemeral() - LOWEST) / BLOCK;
    let from = rand::random::<u16>() % blocks;
    let taken = (from..blocks).chain(0..from).find_map(|block| {
        let first = LOWEST + block * BLOCK;
        let held = hold(&folder.join(first.to_string())).ok()?;
        Some((first..first + BLOCK, held))
    });
    taken.expect("ports that nobody has")
}

fn hold(path: &Path) -> io::Result<File> {
    let held = File::create(path)?;
    held.try_lock()?;
    Ok(held)
}

fn lowest_ephemeral() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .filter(|lowest| *lowest > LOWEST + 100 * BLOCK)
        .unwrap_or(EPHEMERAL)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn port_is_given_once_and_not_by_the_system() {
        let ports: Vec<u16> = (0..200).map(|_| free_port().port()).collect();
        let different: HashSet<u16> = ports.iter().copied().collect();
        assert_eq!(different.len(), ports.len());
        let lowest = lowest_ephemeral();
        assert!(ports.iter().all(|port| *port < lowest), "{ports:?}");
    }

    #[test]
    fn block_is_taken_once() {
        let (first, _held) = take_block();
        let (second, _also_held) = take_block();
        assert_ne!(first, second);
        let path = env::temp_dir().join("zarnitsa-ports");
        hold(&path.join(first.start.to_string())).expect_err("it is held");
    }

    #[test]
    fn port_on_which_somebody_listens_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("any port");
        assert!(!is_free(listener.local_addr().expect("its address").port()));
    }
}
