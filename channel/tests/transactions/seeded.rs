//! Property tests whose seed is printed: `ZARNITSA_SEED=n cargo test ...` runs the same cases again.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Runs `property` on `cases` values. On a failure the seed and the smallest failing value are in the message.
pub fn check<S>(cases: u32, strategy: S, property: impl Fn(S::Value))
where
    S: Strategy,
    S::Value: std::fmt::Debug,
{
    let seed = match std::env::var("ZARNITSA_SEED") {
        Ok(text) => text.parse().expect("ZARNITSA_SEED is a number"),
        Err(_) => rand::random::<u64>(),
    };
    println!("ZARNITSA_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let result = TestRunner::new_with_rng(config, rng).run(&strategy, |value| {
        property(value);
        Ok(())
    });
    if let Err(error) = result {
        panic!("ZARNITSA_SEED={seed}: {error}");
    }
}
