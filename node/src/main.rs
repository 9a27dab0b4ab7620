//! The program `zarnitsa`.

use std::process::ExitCode;

/// A block of the ledger is thousands of small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    zarnitsa_node::cli::main()
}
