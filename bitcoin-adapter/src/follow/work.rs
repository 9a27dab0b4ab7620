//! What a block must have cost. bitcoind checks all of it; who stands between it and this node, or in its place, cannot make
//! blocks for nothing either.

use bitcoin::block::Header;
use bitcoin::consensus::Params;
use bitcoin::{CompactTarget, Network, Target};

use crate::error::ChainError;

/// A block at this height shows the work that its network asks for, as far as the block before, whose target `before` is, tells.
///
/// # Errors
/// [`ChainError::Answer`] where it does not: whoever says that it is a block is not believed.
pub(super) fn check(
    network: Network,
    before: Option<CompactTarget>,
    height: u32,
    header: &Header,
) -> Result<(), ChainError> {
    let refuse = |why: String| {
        let hash = header.block_hash();
        Err(ChainError::Answer {
            call: "getblock",
            why: format!("block {hash} at height {height} is none: {why}"),
        })
    };
    let (params, target) = (Params::new(network), header.target());
    if target > params.max_attainable_target {
        return refuse("its target is above the network's".to_owned());
    }
    if header.validate_pow(target).is_err() {
        return refuse("its hash is above its target".to_owned());
    }
    let Some(before) = before.filter(|_| !params.allow_min_difficulty_blocks) else {
        return Ok(());
    };
    let changes = !params.no_pow_retargeting
        && u64::from(height).is_multiple_of(params.difficulty_adjustment_interval());
    let fits = match changes {
        true => {
            let (least, most) = range(before, &params);
            (least..=most).contains(&target)
        }
        false => header.bits == before,
    };
    if !fits {
        return refuse(format!(
            "its target {:x} does not follow on {:x}",
            header.bits.to_consensus(),
            before.to_consensus()
        ));
    }
    Ok(())
}

/// What a target may become in one step: a quarter of it, or four times as much. The least is rounded as targets in headers are.
fn range(before: CompactTarget, params: &Params) -> (Target, Target) {
    let before = Target::from_compact(before);
    let least = before.min_transition_threshold().to_compact_lossy();
    let most = before.max_transition_threshold(params);
    (Target::from_compact(least), most)
}

#[cfg(test)]
mod tests {
    use bitcoin::consensus::encode::deserialize_hex;

    use super::*;

    /// The easiest target of bitcoin's chain.
    fn easiest() -> CompactTarget {
        CompactTarget::from_consensus(0x1d00_ffff)
    }

    /// Block 1 of bitcoin's chain.
    fn first() -> Header {
        let hex = "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299";
        deserialize_hex(hex).unwrap()
    }

    #[test]
    fn block_of_the_chain_shows_its_work() {
        let header = first();
        assert_eq!(header.bits, easiest());
        check(Network::Bitcoin, Some(easiest()), 1, &header).unwrap();
        check(Network::Bitcoin, None, 1, &header).unwrap();
        let genesis = bitcoin::constants::genesis_block(Network::Regtest).header;
        check(Network::Regtest, Some(genesis.bits), 1, &genesis).unwrap();
    }

    #[test]
    fn block_that_was_made_for_nothing_is_none() {
        let mut changed = first();
        changed.merkle_root = bitcoin::constants::genesis_block(Network::Bitcoin)
            .header
            .merkle_root;
        let refused = check(Network::Bitcoin, None, 1, &changed).unwrap_err();
        assert!(
            refused.to_string().contains("above its target"),
            "{refused}"
        );
        // As easy as regtest's, which any hash meets.
        let easy = bitcoin::constants::genesis_block(Network::Regtest).header;
        let refused = check(Network::Bitcoin, None, 1, &easy).unwrap_err();
        assert!(refused.to_string().contains("the network's"), "{refused}");
    }

    #[test]
    fn block_whose_target_does_not_follow_on_the_one_before_is_none() {
        let header = first();
        let harder = CompactTarget::from_consensus(0x1c00_ffff);
        let refused = check(Network::Bitcoin, Some(harder), 2_015, &header).unwrap_err();
        assert!(refused.to_string().contains("does not follow"), "{refused}");
        // 256 times as easy is too much for one step too.
        assert!(check(Network::Bitcoin, Some(harder), 2_016, &header).is_err());
        let quarter = CompactTarget::from_consensus(0x1c3f_ffc0);
        check(Network::Bitcoin, Some(quarter), 2_016, &header).unwrap();
        let less = CompactTarget::from_consensus(0x1c3f_ff00);
        assert!(check(Network::Bitcoin, Some(less), 2_016, &header).is_err());
    }
}
