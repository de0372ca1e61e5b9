//! The source of the key set: every fetch waits until this task has decided what becomes of it.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use tokio::time::{Instant, sleep, sleep_until};

use super::{SETTLED_AFTER, SoakError, issuer::Issuer};
use crate::key_server::{Answer, KeyServer};

/// Where the key set is.
pub(super) const KEYS: &str = "/keys";

/// How long an answer stands: whoever asked has it by then, and the filter pauses longer before it asks again.
const STANDS: Duration = Duration::from_millis(300);
/// How long a late answer takes: within the filter's patience of 5 s.
const LATE: Duration = Duration::from_secs(2);
/// How long nothing comes: beyond it.
const NEVER: Duration = Duration::from_secs(7);

/// What becomes of one fetch after the other, from the second one on.
const FATES: [Fate; 7] =
    [Fate::Down, Fate::Broken, Fate::Late, Fate::Rubbish, Fate::Never, Fate::Given, Fate::Given];

/// What is counted of the fetches that were given a key set.
pub(super) const GIVEN: &str = "given";

#[derive(Debug, Clone, Copy)]
enum Fate {
    /// The key set, at once.
    Given,
    /// The key set, some time later.
    Late,
    /// 503.
    Down,
    /// The connection is closed.
    Broken,
    /// What is no key set.
    Rubbish,
    /// Nothing, until nobody waits any more.
    Never,
}

pub(super) struct Source {
    server: KeyServer,
    issuer: Arc<Issuer>,
}

impl Source {
    pub(super) fn new(server: KeyServer, issuer: Arc<Issuer>) -> Self {
        server.answer(KEYS, Answer::Held);
        Self { server, issuer }
    }

    /// Answers fetches for good.
    pub(super) async fn run(self) -> Result<(), SoakError> {
        let mut fates = [Fate::Given].into_iter().chain(FATES.into_iter().cycle());
        let mut asked = 0;
        // The version that is given out, and when it is settled after it first was.
        let (mut offered, mut settles_at) = (0, None);
        loop {
            tokio::select! {
                _ = self.server.asked(KEYS, asked + 1) => {}
                () = until(settles_at) => {
                    settles_at = None;
                    self.issuer.settle();
                    self.issuer.prepare().await?;
                    offered += 1;
                    continue;
                }
            }
            // Nobody asked for a minute: that is the filter's affair.
            if self.server.requests(KEYS) == asked {
                continue;
            }
            let fate = fates.next().unwrap_or(Fate::Given);
            if self.meet(fate, offered).await
                && settles_at.is_none()
                && offered == self.issuer.versions().latest
            {
                settles_at = Some(Instant::now() + SETTLED_AFTER);
            }
            self.server.answer(KEYS, Answer::Held);
            asked = self.server.requests(KEYS);
        }
    }

    /// Says whether the key set was given out.
    async fn meet(&self, fate: Fate, version: u64) -> bool {
        self.issuer.count(fate.name());
        let answer = match fate {
            Fate::Given | Fate::Late => {
                if matches!(fate, Fate::Late) {
                    sleep(LATE).await;
                    self.issuer.count(GIVEN);
                }
                self.issuer.given_out(version);
                Answer::bytes(self.issuer.document(version))
            }
            Fate::Down => Answer::bytes("down").with_status(StatusCode::SERVICE_UNAVAILABLE),
            Fate::Broken => Answer::Closed,
            Fate::Rubbish => Answer::bytes("{\"keys\": [{\"kty\": \"EC\""),
            Fate::Never => {
                sleep(NEVER).await;
                Answer::Closed
            }
        };
        self.server.answer(KEYS, answer);
        sleep(STANDS).await;
        matches!(fate, Fate::Given | Fate::Late)
    }
}

impl Fate {
    fn name(self) -> &'static str {
        match self {
            Fate::Given => GIVEN,
            Fate::Late => "late",
            Fate::Down => "503",
            Fate::Broken => "broken off",
            Fate::Rubbish => "rubbish",
            Fate::Never => "never",
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
