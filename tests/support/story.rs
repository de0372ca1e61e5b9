//! The story that the demo tells and the tests hold it to: one request from the workload's identity to the resource
//! service, and the wrong ones refused.
//!
//! [`tell`] plays it on a [`Scene`] and reports what happens as [`Event`]s. Every exchange is compared with what is
//! [`Expected`] of it; what differs is a [`Surprise`], and the story goes on, so that one telling finds them all.

mod expected;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::time::{Instant, sleep};

pub use self::expected::{Expected, Surprise};
use crate::{
    http::{Call, Exchange, post_json},
    scene::{
        CHANGE_SEEN_WITHIN, CLOCK_SKEW, LEDGER, LOOK_EVERY, ORDERS, PAYROLL, READ, SHORT_LIFETIME, Scene,
        StageError, WRITE, issued,
    },
    token::Token,
};

/// How many acts the story has.
pub const ACTS: usize = 10;

/// What happens while the story is told.
#[derive(Debug)]
pub enum Event<'a> {
    /// An act begins.
    Act {
        /// From 1 to [`ACTS`].
        number: usize,
        /// What it shows.
        title: &'static str,
        /// What there is to know beforehand.
        telling: &'a str,
    },
    /// A request was answered.
    Exchanged(&'a Exchange),
    /// A token is at hand; this is what is written on it.
    Received(&'a Token),
    /// Something is under way outside HTTP.
    Aside(&'a str),
    /// The story waits.
    Waiting {
        /// For what.
        what: &'static str,
        /// How much longer, at most.
        left: Duration,
    },
    /// What came is what was expected.
    Held(&'a str),
    /// What came is not what was expected.
    Differed(&'a Surprise),
}

/// Plays the story and returns what differed. An error ends it early: without a token, or with a server gone,
/// there is nothing more to tell.
pub async fn tell(scene: &Scene, listener: &mut dyn FnMut(Event<'_>)) -> Result<Vec<Surprise>, StageError> {
    let mut teller = Teller { scene, listener, act: 0, surprises: Vec::new() };
    let identity = teller.identity().await?;
    let token = teller.access_token(&identity).await?;
    teller.passes(&token).await?;
    teller.without_token().await?;
    teller.forged(&token).await?;
    teller.wrong_audience(&identity).await?;
    teller.missing_scope(&identity, &token).await?;
    teller.not_authorised(&identity).await?;
    teller.expired().await?;
    teller.rotated(&identity, &token).await?;
    Ok(teller.surprises)
}

struct Teller<'a> {
    scene: &'a Scene,
    listener: &'a mut dyn FnMut(Event<'_>),
    act: usize,
    surprises: Vec<Surprise>,
}

impl Teller<'_> {
    async fn identity(&mut self) -> Result<Token, StageError> {
        self.act(
            "The workload gets its identity from its platform",
            "The platform (here a second issuer) knows the workload and gives it a JWT made for the issuer.",
        );
        let (exchange, identity) = self.scene.identity().await?;
        self.judge(&exchange, &Expected::ok().not_stored());
        (self.listener)(Event::Received(&identity));
        Ok(identity)
    }

    async fn access_token(&mut self, identity: &Token) -> Result<Token, StageError> {
        self.act(
            "It proves itself to the issuer and gets an access token",
            "No secret is shared: the platform's JWT is the assertion (RFC 7523), the answer is an at+jwt (RFC 9068).",
        );
        let asked = self.scene.exchange(identity, ORDERS, READ).send().await?;
        self.judge(&asked, &Expected::ok().not_stored());
        let (_, token) = issued(asked)?;
        (self.listener)(Event::Received(&token));
        Ok(token)
    }

    async fn passes(&mut self, token: &Token) -> Result<(), StageError> {
        self.act(
            "With the token, the request passes",
            "The verifier in the proxy checked signature, issuer, audience, time and scopes; the service did nothing for it.",
        );
        self.play(self.scene.get("/orders").bearer(token.as_str()), &Expected::ok()).await
    }

    async fn without_token(&mut self) -> Result<(), StageError> {
        self.act("Without a token", "The challenge says what is missing, and no more (RFC 6750 §3.1).");
        self.play(self.scene.get("/orders"), &Expected::challenged(401, r#"Bearer realm="orders""#)).await
    }

    async fn forged(&mut self, token: &Token) -> Result<(), StageError> {
        self.act(
            "With a forged token",
            "Somebody wrote another scope onto the token and kept the signature.",
        );
        let forged = token.with_scope(WRITE);
        (self.listener)(Event::Received(&forged));
        let order = json!({ "item": "wax tablet", "quantity": 1 });
        let call = post_json(self.scene.at("/orders"), &order).bearer(forged.as_str());
        self.play(call, &Expected::invalid_token()).await
    }

    async fn wrong_audience(&mut self, identity: &Token) -> Result<(), StageError> {
        self.act(
            "With a token for somebody else",
            "The client may call `ledger`, too; that token is good there and nowhere else.",
        );
        let asked = self.scene.exchange(identity, LEDGER, "ledger:read").send().await?;
        self.judge(&asked, &Expected::ok().not_stored());
        let (_, token) = issued(asked)?;
        self.play(self.scene.get("/orders").bearer(token.as_str()), &Expected::invalid_token()).await
    }

    async fn missing_scope(&mut self, identity: &Token, token: &Token) -> Result<(), StageError> {
        self.act(
            "Without the scope",
            "Placing an order needs orders:write. The token was asked for with orders:read; one asked for with \
             orders:write will do.",
        );
        let order = json!({ "item": "wax tablet", "quantity": 1 });
        let place = |token: &Token| post_json(self.scene.at("/orders"), &order).bearer(token.as_str());
        let (refused, asked) = (place(token), self.scene.exchange(identity, ORDERS, WRITE));
        let lacking = r#"Bearer realm="orders", error="insufficient_scope", scope="orders:write""#;
        self.play(refused, &Expected::challenged(403, lacking)).await?;
        let asked = asked.send().await?;
        self.judge(&asked, &Expected::ok().not_stored());
        let (_, token) = issued(asked)?;
        let call = post_json(self.scene.at("/orders"), &order).bearer(token.as_str());
        self.play(call, &Expected::status(201)).await
    }

    async fn not_authorised(&mut self, identity: &Token) -> Result<(), StageError> {
        self.act(
            "For an audience that the client may not call",
            "`payroll` exists, but nobody granted it to `billing`: the issuer hands out no token.",
        );
        let call = self.scene.exchange(identity, PAYROLL, "payroll:read");
        self.play(call, &Expected::error(400, "invalid_target").not_stored()).await
    }

    async fn expired(&mut self) -> Result<(), StageError> {
        let telling = format!(
            "`reports` has a secret, and its tokens live for {SHORT_LIFETIME} s; the policy allows {CLOCK_SKEW} s of \
             clock skew."
        );
        self.act("With an expired token", &telling);
        let asked = self.scene.short_lived().send().await?;
        self.judge(&asked, &Expected::ok().not_stored());
        let (_, token) = issued(asked)?;
        let end = token.expiry().unwrap_or_default();
        let used = self.scene.get("/orders").bearer(token.as_str()).send().await?;
        // On a machine that stood still in between, the token may be past its end already: nothing to judge.
        if now() < end {
            self.judge(&used, &Expected::ok());
        }
        while now() <= end + CLOCK_SKEW {
            let left = Duration::from_secs(end + CLOCK_SKEW + 1 - now());
            (self.listener)(Event::Waiting { what: "the token to expire", left });
            sleep(LOOK_EVERY).await;
        }
        self.play(self.scene.get("/orders").bearer(token.as_str()), &Expected::invalid_token()).await
    }

    async fn rotated(&mut self, identity: &Token, old: &Token) -> Result<(), StageError> {
        self.act(
            "After the signing key was rotated",
            "New tokens are signed with the next key; those signed with the old one stay good until they expire.",
        );
        self.scene.issuer.cli().run(&["keys", "rotate", "--now", "--yes"]).await?;
        (self.listener)(Event::Aside("$ tessera --config issuer/tessera.toml keys rotate --now --yes"));
        let deadline = Instant::now() + CHANGE_SEEN_WITHIN;
        let (asked, new) = loop {
            let (asked, new) = issued(self.scene.exchange(identity, ORDERS, READ).send().await?)?;
            let left = deadline.saturating_duration_since(Instant::now());
            if new.key_id() != old.key_id() || left.is_zero() {
                break (asked, new);
            }
            (self.listener)(Event::Waiting { what: "the issuer to see the change", left });
            sleep(LOOK_EVERY).await;
        };
        self.judge(&asked, &Expected::ok().not_stored());
        (self.listener)(Event::Received(&new));
        if new.key_id() == old.key_id() {
            let came = format!("still {}", old.key_id().unwrap_or("no kid"));
            self.differed(Surprise::of(&asked, "a token signed with another key".to_owned(), came));
        }
        self.play(self.scene.get("/orders").bearer(old.as_str()), &Expected::ok()).await?;
        self.play(self.scene.get("/orders").bearer(new.as_str()), &Expected::ok()).await
    }

    fn act(&mut self, title: &'static str, telling: &str) {
        self.act += 1;
        (self.listener)(Event::Act { number: self.act, title, telling });
    }

    async fn play(&mut self, call: Call, expected: &Expected) -> Result<(), StageError> {
        let exchange = call.send().await?;
        self.judge(&exchange, expected);
        Ok(())
    }

    fn judge(&mut self, exchange: &Exchange, expected: &Expected) {
        (self.listener)(Event::Exchanged(exchange));
        match expected.check(exchange) {
            Ok(()) => (self.listener)(Event::Held(&expected.to_string())),
            Err(surprise) => self.differed(surprise),
        }
    }

    fn differed(&mut self, surprise: Surprise) {
        (self.listener)(Event::Differed(&surprise));
        self.surprises.push(surprise);
    }
}

/// Seconds since the epoch, as tokens count.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
