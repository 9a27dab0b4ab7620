//! The adapter against a real bitcoind on regtest.

mod broadcasts;
mod follower;
mod lookups;
mod wallets;
mod watches;
mod world;
