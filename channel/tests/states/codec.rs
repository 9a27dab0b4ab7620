use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::{Channel, DecodeError, MAX_ENCODED_LENGTH};

use crate::support::pair::{preimage, Config, Pair};
use crate::support::rng::Rng;

fn bytes() -> Vec<u8> {
    let mut pair = Pair::normal(&Config::default(), 1);
    pair.add_htlc(Side::Holder, 5_000_000, preimage(1));
    pair.a.channel.encode()
}

#[test]
fn codec_damaged_bytes_are_refused_without_panic() {
    let bytes = bytes();
    assert!(Channel::decode(&bytes).is_ok());
    for length in 0..bytes.len() {
        assert!(Channel::decode(&bytes[..length]).is_err(), "{length} bytes");
    }
    let trailing = [&bytes[..], &[0]].concat();
    assert!(matches!(
        Channel::decode(&trailing),
        Err(DecodeError::Trailing { count: 1 })
    ));
    let long = vec![0; MAX_ENCODED_LENGTH + 1];
    assert!(matches!(
        Channel::decode(&long),
        Err(DecodeError::TooLong { .. })
    ));
    let mut version = bytes.clone();
    version[0] = 2;
    assert!(matches!(
        Channel::decode(&version),
        Err(DecodeError::Malformed(_))
    ));
    let seed = 77;
    let mut rng = Rng::new(seed);
    for _ in 0..2_000 {
        let mut damaged = bytes.clone();
        let at = rng.index(damaged.len());
        damaged[at] ^= 1 << rng.below(8);
        // Whatever it is, it is no panic; and what is read writes itself the same.
        if let Ok(channel) = Channel::decode(&damaged) {
            assert_eq!(
                Channel::decode(&channel.encode()).unwrap(),
                channel,
                "seed {seed}"
            );
        }
    }
}

#[test]
fn codec_says_nothing_secret_in_debug() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let id = pair.add_htlc(Side::Holder, 5_000_000, preimage(0xab));
    let claim = zarnitsa_channel::command::LocalCommand::FulfillHtlc {
        id,
        preimage: preimage(0xab),
    };
    pair.b.local(claim).unwrap();
    let text = format!("{:?}", pair.b.channel);
    assert!(
        !text.contains("abab") && !text.contains("171, 171"),
        "{text}"
    );
    let secret = hex::encode(pair.b.keys.secret_of(0));
    assert!(!format!("{:?}", pair.a.channel).contains(&secret));
}

/// A channel that `b` closes by force, its spend confirmed at this height where one is given.
fn closing(spent_at: Option<u32>) -> Pair {
    let mut pair = Pair::normal(&Config::default(), 1);
    let reason = "because".to_owned();
    pair.a
        .local(zarnitsa_channel::command::LocalCommand::ForceClose { reason })
        .unwrap();
    if let Some(block_height) = spent_at {
        let theirs = pair.b.channel.holder_commitment().unwrap();
        let transaction = Box::new(theirs.commitment.tx().clone());
        pair.a
            .chain(zarnitsa_channel::command::ChainEvent::FundingSpent {
                transaction,
                block_height,
            })
            .unwrap();
    }
    pair
}

#[test]
fn codec_first_version_is_read_for_ever() {
    // What both versions write alike differs in the version alone.
    let mut normal = bytes();
    let channel = Channel::decode(&normal).unwrap();
    normal[0] = 0;
    assert_eq!(Channel::decode(&normal).unwrap(), channel);

    // A close without a spend had no list of failed HTLCs.
    let unspent = closing(None).a.channel;
    let mut old = unspent.encode();
    old[0] = 0;
    assert_eq!(old.pop(), Some(0));
    assert_eq!(Channel::decode(&old).unwrap(), unspent);

    // One with a spend had the spend and nothing of its outputs: they are found again.
    let spent = closing(Some(700)).a.channel;
    assert_eq!(old.pop(), Some(0));
    old.push(1);
    old.extend(postcard::to_allocvec(spent.spend().unwrap()).unwrap());
    assert_eq!(Channel::decode(&old).unwrap(), spent);
    assert_eq!(spent.claims().len(), 1);
}
