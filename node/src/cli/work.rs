//! A progress bar on standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::api::LedgerStep;

/// How far some work on the ledger has come.
pub struct Bar(ProgressBar);

impl Bar {
    /// Begins; `what` stands before the bar. Drawn only where a person looks.
    pub fn new(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style =
            ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} blocks, {eta} to go");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what);
        Self(bar)
    }

    /// Moves on.
    pub fn step(&self, step: LedgerStep) {
        self.0.set_length(step.of);
        self.0.set_position(step.blocks);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
