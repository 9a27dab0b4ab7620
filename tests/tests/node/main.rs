//! The built program from outside: two nodes and a real bitcoind, as their operators and strangers meet them.

#[cfg(test)]
mod access;
#[cfg(test)]
mod altered;
#[cfg(test)]
mod asks;
#[cfg(test)]
mod closes;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod contested;
#[cfg(test)]
#[path = "../../crowd/mod.rs"]
mod crowd;
#[cfg(test)]
mod crowds;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod depth;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod evicted;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fees;
#[cfg(test)]
mod forwards;
#[cfg(test)]
mod hold_times;
#[cfg(test)]
mod holding;
#[cfg(test)]
mod jamming;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod ledgers;
#[cfg(test)]
mod light_client;
#[cfg(test)]
mod metadata;
#[cfg(test)]
mod offers;
#[cfg(test)]
mod openings;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod payments;
#[cfg(test)]
mod pinned;
#[cfg(test)]
mod recording;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod reserve;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod settlement;
#[cfg(test)]
mod shared_coin;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod traffic;
#[cfg(test)]
mod unconfirmed;
#[cfg(test)]
mod upstream;
#[cfg(test)]
mod watching;
