//! The adapter against a real bitcoind on regtest.

#[cfg(test)]
mod broadcasts;
#[cfg(test)]
mod follower;
#[cfg(test)]
mod liar;
#[cfg(test)]
mod lies;
#[cfg(test)]
mod lookups;
#[cfg(test)]
mod wallets;
#[cfg(test)]
mod watches;
#[cfg(test)]
mod world;
