//! The story as text on stdout.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use tessera_tests::{
    http::{Exchange, Part},
    scene::Scene,
    story::{ACTS, Event, Surprise},
    token::Token,
};

const TITLE: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Cyan)));
const REQUEST: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const BAD: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));

/// Tells events as they come.
#[derive(Debug, Default)]
pub(super) struct Narrator {
    held: usize,
    /// Seconds that the line of the present wait shows, while one is there to be overwritten.
    waiting: Option<u64>,
}

/// Opens the telling.
pub(super) fn set_scene() {
    anstream::println!("\n{TITLE}The scene{TITLE:#}");
    anstream::println!(
        "  A platform and an issuer start on loopback ports, their state in a folder that goes"
    );
    anstream::println!("  with them; everybody is registered by the command line:");
}

/// Says who takes part, and how they were registered.
pub(super) fn introduce(scene: &Scene) {
    for command in scene.commands() {
        anstream::println!("    {DIM}${DIM:#} {command}");
    }
    let rows = [
        ("platform", scene.platform.identifier(), "gives workloads their identity"),
        ("issuer", scene.issuer.identifier(), "gives clients access tokens"),
        ("orders", scene.orders.origin(), "the resource service; it knows nothing of tokens"),
        ("proxy", scene.proxy.origin(), "the verifier's host, in front of orders"),
    ];
    for (name, origin, role) in rows {
        anstream::println!("  {REQUEST}{name:<9}{REQUEST:#} {origin:<24} {role}");
    }
}

impl Narrator {
    pub(super) fn tell(&mut self, event: &Event<'_>) {
        if !matches!(event, Event::Waiting { .. }) {
            self.end_waiting();
        }
        match event {
            Event::Act { number, title, telling } => {
                anstream::println!("\n{TITLE}{number}/{ACTS}  {title}{TITLE:#}");
                anstream::println!("  {telling}");
            }
            Event::Exchanged(exchange) => show(exchange),
            Event::Received(token) => unfold(token),
            Event::Aside(text) => anstream::println!("  {text}"),
            Event::Waiting { what, left } => self.wait(what, *left),
            Event::Held(expected) => {
                self.held += 1;
                anstream::println!("  {GOOD}✓ as expected: {expected}{GOOD:#}");
            }
            Event::Differed(surprise) => anstream::println!("  {BAD}✗ {surprise}{BAD:#}"),
        }
    }

    pub(super) fn close(&mut self, surprises: &[Surprise]) {
        self.end_waiting();
        if surprises.is_empty() {
            anstream::println!("\n{GOOD}All {} responses are as expected.{GOOD:#}", self.held);
        } else {
            anstream::println!("\n{BAD}{} responses differ:{BAD:#}", surprises.len());
            for surprise in surprises {
                anstream::println!("  {surprise}");
            }
        }
    }

    /// Counts down in place on a terminal; elsewhere says once what is waited for.
    fn wait(&mut self, what: &str, left: Duration) {
        let seconds = left.as_secs();
        if self.waiting == Some(seconds) {
            return;
        }
        let first = self.waiting.replace(seconds).is_none();
        if io::stdout().is_terminal() {
            anstream::print!("\r  {DIM}… waiting for {what}, {seconds} s at most {DIM:#}");
            // A terminal that is gone has nobody to see the countdown.
            drop(io::stdout().flush());
        } else if first {
            anstream::println!("  … waiting for {what}, {seconds} s at most");
        }
    }

    fn end_waiting(&mut self) {
        if self.waiting.take().is_some() && io::stdout().is_terminal() {
            anstream::println!();
        }
    }
}

fn show(exchange: &Exchange) {
    for line in exchange.show() {
        let style = match line.part {
            Part::Request | Part::Response => REQUEST,
            Part::Detail => DIM,
        };
        anstream::println!("    {style}{}{style:#}", line.text);
    }
}

/// What is written on a token, which anybody who holds it can read.
fn unfold(token: &Token) {
    anstream::println!("    {DIM}the token says {} {}{DIM:#}", token.header(), token.claims());
}
