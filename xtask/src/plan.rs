//! A command of xtask as a list of steps, told while it runs.

use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};

use crate::{context::Context, failure::Failure};

/// One step. What it returns is told in one line: what was found, or what was done.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) title: &'static str,
    pub(crate) run: fn(&Context) -> Result<String, Failure>,
}

/// Takes the steps in order, telling each with its number and the seconds since the start; stops at the first
/// failure.
pub(crate) fn carry_out(cx: &Context, steps: &[Step]) -> Result<(), Failure> {
    let (bold, dim) = (Style::new().bold().fg_color(Some(AnsiColor::Green.into())), Style::new().dimmed());
    let started = Instant::now();
    for (done, step) in steps.iter().enumerate() {
        let at = seconds(started.elapsed());
        let number = format!("[{:>2}/{}]", done + 1, steps.len());
        anstream::eprintln!("{bold}{number}{bold:#} {dim}{at:>7}{dim:#}  {}", step.title);
        let began = Instant::now();
        let note = (step.run)(cx)?;
        anstream::eprintln!("{:17}{dim}{note}, {}{dim:#}", "", seconds(began.elapsed()));
    }
    Ok(())
}

/// A duration for people, in seconds with one decimal.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
