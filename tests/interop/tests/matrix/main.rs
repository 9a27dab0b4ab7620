//! Our built node and ldk-node as peers, on a real chain. Each cell of the matrix is a test.

#[cfg(test)]
mod attribution;
#[cfg(test)]
mod closing;
#[cfg(test)]
mod failing;
#[cfg(test)]
mod fees;
#[cfg(test)]
mod forced;
#[cfg(test)]
mod forwards;
#[cfg(test)]
mod holding;
#[cfg(test)]
mod middle;
#[cfg(test)]
mod offers;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod paying;
#[cfg(test)]
mod random;
#[cfg(test)]
mod restarts;
