//! The built program from outside: two nodes and a real bitcoind, as their operators and strangers meet them.

mod access;
mod kills;
mod ledgers;
mod outage;
mod payments;
mod settlement;
mod strangers;
mod traffic;
