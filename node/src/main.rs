//! The program `zarnitsa`.

use std::process::ExitCode;

fn main() -> ExitCode {
    zarnitsa_node::cli::main()
}
