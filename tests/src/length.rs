//! How long a test goes on: short in `make test`, long in `make soak`; and its random numbers, which can be had again.

use std::env;

use rand::rngs::StdRng;
use rand::SeedableRng;

/// Whether the long versions are asked for, by `ZARNITSA_SOAK`.
pub fn is_long() -> bool {
    env::var_os("ZARNITSA_SOAK").is_some_and(|value| !value.is_empty() && value != "0")
}

/// How often: the variable `name` if it is set, else by the version.
///
/// # Panics
/// If the variable holds no number.
pub fn count(name: &str, short: u32, long: u32) -> u32 {
    match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) if is_long() => long,
        Err(_) => short,
    }
}

/// Random numbers whose seed is printed; `ZARNITSA_SEED` gives them again.
///
/// # Panics
/// If `ZARNITSA_SEED` holds no number.
pub fn random() -> StdRng {
    let seed = match env::var("ZARNITSA_SEED") {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("ZARNITSA_SEED={text} is not a number")),
        Err(_) => rand::random::<u64>(),
    };
    println!("ZARNITSA_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
