//! The program `zarnitsa`.

/// A block of the ledger is thousands of small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    zarnitsa_node::cli::main()
}
