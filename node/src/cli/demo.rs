//! `zarnitsa demo`

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::Output;
use crate::config::home;
use crate::demo::{self, Shown};

#[derive(Debug, Args)]
pub struct Demo {
    /// Make a fresh world, open, pay there and back, close, compare to the satoshi, report, and exit
    #[arg(long)]
    once: bool,
    /// Where the standing world lives; it goes on where it stopped [default: ~/.zarnitsa-demo]
    #[arg(long, value_name = "DIR", conflicts_with = "once")]
    folder: Option<PathBuf>,
    /// Take ports that nobody uses instead of the usual ones, for a second world on this machine
    #[arg(long, conflicts_with = "once")]
    free_ports: bool,
}

impl Demo {
    pub fn run(self, out: Output) -> anyhow::Result<()> {
        if !self.once {
            let folder = self.folder.unwrap_or_else(|| home().join(".zarnitsa-demo"));
            let folder = std::path::absolute(folder)?;
            return demo::stand(folder, self.free_ports, |nodes| show(nodes, out));
        }
        let report = demo::once()?;
        out.one(&report)?;
        if !report.differences.is_empty() {
            bail!(
                "coins and ledgers differ: {}",
                report.differences.join("; ")
            );
        }
        Ok(())
    }
}

fn show(nodes: &[Shown], out: Output) -> anyhow::Result<()> {
    if out.is_json() {
        return out.list(nodes, &[]);
    }
    for node in nodes {
        println!("\n{}", node.name);
        println!("  UI           {}", node.ui);
        println!("  node URI     {}", node.uri);
        println!("  data folder  {}", node.data_dir.display());
    }
    println!("\nBlocks are mined when transactions wait for one. Ctrl-C ends all of it.");
    Ok(())
}

#[derive(Debug, Args)]
pub struct Guard {
    /// The program with its arguments
    #[arg(required = true, last = true)]
    command: Vec<String>,
}

impl Guard {
    pub fn run(self) -> anyhow::Result<()> {
        let status = demo::guard(&self.command)?;
        if !status.success() {
            bail!("the program ended with {status}");
        }
        Ok(())
    }
}
