//! `tessera keys`.

use std::io::{IsTerminal as _, Write as _};

use serde_json::{Value, json};

use super::args::keys::KeysCommand;
use super::args::value::Confirmed;
use super::clock::now;
use super::failure::Failure;
use super::output::{self, Answer, table};
use super::session::Session;
use tessera_issuer::domain::{
    Algorithm, Change, ChangeError, Event, KEY_SET_MAX_AGE, KeyChange, KeyState, MAX_STALENESS, NextEvent,
    PUBLICATION_LEAD, Plan, PrivateKey, RotateEvery, RotationReason, StoredKey, UnixTime,
};
use tessera_issuer::keys::Vault;

/// After how many seconds no verifier still accepts what is signed with a key that was taken away.
const FORGOTTEN_AFTER: u64 = KEY_SET_MAX_AGE + MAX_STALENESS;

pub(super) async fn run(session: Session, command: KeysCommand) -> Result<Answer, Failure> {
    match command {
        KeysCommand::List => {}
        KeysCommand::Reseal => return super::reseal::run(&session).await,
        KeysCommand::Rotate { algorithm, now: false, .. } => rotate(&session, algorithm).await?,
        KeysCommand::Rotate { algorithm, now: true, confirmed } => {
            rotate_at_once(&session, algorithm, &confirmed).await?;
        }
        KeysCommand::Retire { kid, confirmed } => retire(&session, kid, &confirmed).await?,
        KeysCommand::Add { algorithm, now, confirmed } => add(&session, algorithm, now, &confirmed).await?,
    }
    let keys = session.load().await?.keys;
    Ok(list(&keys, session.config.rotate_every, now()))
}

/// The first keys of an algorithm, where nobody has fetched the key set yet: one that signs and the one after it.
pub(super) fn first(algorithm: Algorithm, vault: &Vault) -> Result<Vec<StoredKey>, Failure> {
    let make = |state| vault.generate(algorithm, state, now());
    Ok(vec![make(KeyState::Active)?, make(KeyState::Next)?])
}

/// The keys of one algorithm, as they were just now.
struct Turn {
    algorithm: Algorithm,
    active: Option<StoredKey>,
    next: Option<StoredKey>,
}

impl Turn {
    async fn of(session: &Session, algorithm: Option<Algorithm>) -> Result<Self, Failure> {
        let keys = session.load().await?.keys;
        let turn = Self::among(&keys, algorithm.unwrap_or(session.config.vault.algorithm));
        if turn.active.is_none() && turn.next.is_none() {
            return Err(Failure::Refused { error: ChangeError::NoKeyOf(turn.algorithm), suggestion: None });
        }
        Ok(turn)
    }

    fn among(keys: &[StoredKey], algorithm: Algorithm) -> Self {
        let find = |state| keys.iter().find(|key| key.algorithm == algorithm && key.state == state).cloned();
        Self { algorithm, active: find(KeyState::Active), next: find(KeyState::Next) }
    }

    /// For how many seconds there may still be a verifier that does not know the next key.
    fn unknown_for(&self, now: UnixTime) -> u64 {
        let published_for = self.next.as_ref().map_or(0, |next| now.seconds_since(next.since));
        PUBLICATION_LEAD.saturating_sub(published_for)
    }

    /// The next key signs from now on.
    async fn take(self, session: &Session, reason: RotationReason) -> Result<(), Failure> {
        let vault = session.vault().await?;
        let generate = || vault.generate(self.algorithm, KeyState::Next, now());
        let active = self.active.map(|key| key.kid);
        let next = match (self.next, &active) {
            (Some(next), _) => next.kid,
            (None, Some(active)) => {
                let (next, active) = (generate()?, active.clone());
                let made = next.clone();
                session
                    .change(KeyChange::Publish { active, next }, &vault, std::slice::from_ref(&made))
                    .await?;
                made.kid
            }
            (None, None) => return Ok(()),
        };
        let made = generate()?;
        let change = KeyChange::Rotate { active, next, fresh: made.clone(), reason };
        session.change(change, &vault, &[made]).await
    }
}

impl Session {
    /// Makes a change with keys that were made for it. If it is refused nobody needs them.
    async fn change(&self, change: KeyChange, vault: &Vault, made: &[StoredKey]) -> Result<(), Failure> {
        let outcome = self.apply(Change::Keys(change)).await;
        if let Err(Failure::Refused { .. }) = &outcome {
            for key in made {
                vault.discard(key)?;
            }
        }
        outcome.map(|_| ())
    }
}

async fn rotate(session: &Session, algorithm: Option<Algorithm>) -> Result<(), Failure> {
    let turn = Turn::of(session, algorithm).await?;
    let wait = turn.unknown_for(now());
    if wait == 0 {
        return turn.take(session, RotationReason::Asked).await;
    }
    // A first key takes its turn by itself.
    if let Some(active) = turn.active.filter(|key| key.rotation_asked_at.is_none()) {
        session.apply(Change::Keys(KeyChange::AskForRotation { active: active.kid })).await?;
    }
    output::note(&format!(
        "verifiers may not know the next {} key yet; a running issuer lets it sign in {wait} s",
        turn.algorithm
    ));
    Ok(())
}

async fn rotate_at_once(
    session: &Session,
    algorithm: Option<Algorithm>,
    confirmed: &Confirmed,
) -> Result<(), Failure> {
    let turn = Turn::of(session, algorithm).await?;
    let unknown_for = turn.unknown_for(now());
    let breaks = (unknown_for > 0).then(|| refused_at_first(unknown_for));
    confirm(breaks.as_slice(), confirmed)?;
    turn.take(session, RotationReason::AtOnce).await
}

async fn retire(session: &Session, kid: String, confirmed: &Confirmed) -> Result<(), Failure> {
    let keys = session.load().await?.keys;
    let Some(key) = keys.iter().find(|key| key.kid == kid) else {
        let known = keys.iter().map(|key| &*key.kid);
        let suggestion = tessera_issuer::suggest::nearest(&kid, known).map(str::to_owned);
        return Err(Failure::Refused { error: ChangeError::UnknownKey(kid), suggestion });
    };
    let turn = Turn::among(&keys, key.algorithm);
    let signs = key.state == KeyState::Active;
    let mut breaks = Vec::new();
    match key.state {
        // It has signed nothing.
        KeyState::Next => {}
        KeyState::Retired { published_until } if published_until <= now() => {}
        KeyState::Retired { .. } | KeyState::Active => breaks.push(dead_tokens(key)),
    }
    let unknown_for = turn.unknown_for(now());
    if signs && unknown_for > 0 {
        breaks.push(refused_at_first(unknown_for));
    }
    confirm(&breaks, confirmed)?;
    let (state, alone) = (key.state, signs && turn.next.is_none());
    if !alone && matches!(key.private, PrivateKey::Sealed(_)) {
        // Whatever is wrong with the key-encryption key, this goes.
        let change = KeyChange::Retire { kid, state, replacement: None };
        return session.apply(Change::Keys(change)).await.map(|_| ());
    }
    let vault = session.vault().await?;
    let made = alone.then(|| vault.generate(key.algorithm, KeyState::Active, now())).transpose()?;
    let change = KeyChange::Retire { kid, state, replacement: made.clone() };
    session.change(change, &vault, made.as_slice()).await?;
    Ok(vault.discard(key)?)
}

async fn add(
    session: &Session,
    algorithm: Algorithm,
    at_once: bool,
    confirmed: &Confirmed,
) -> Result<(), Failure> {
    let vault = session.vault().await?;
    let keys = if at_once {
        confirm(&[refused_at_first(PUBLICATION_LEAD)], confirmed)?;
        first(algorithm, &vault)?
    } else {
        vec![vault.generate(algorithm, KeyState::Next, now())?]
    };
    session.change(KeyChange::Add(keys.clone()), &vault, &keys).await
}

fn dead_tokens(key: &StoredKey) -> String {
    format!(
        "every token that was signed with {} dies: each verifier refuses it from when that fetches the key set again, \
         which is within {FORGOTTEN_AFTER} s",
        key.kid
    )
}

fn refused_at_first(seconds: u64) -> String {
    format!(
        "verifiers may not know the key that signs from now on for another {seconds} s; until they fetch the key set \
         again they refuse its tokens"
    )
}

/// Says what breaks, and has it confirmed unless nothing does.
fn confirm(breaks: &[String], confirmed: &Confirmed) -> Result<(), Failure> {
    for line in breaks {
        output::warn(line);
    }
    if breaks.is_empty() || confirmed.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::Usage("something breaks, so this has to be confirmed: add `--yes`"));
    }
    let mut stderr = anstream::stderr();
    let mut answer = String::new();
    let asked = write!(stderr, "Go on? [y/N] ").and_then(|()| stderr.flush());
    asked.and_then(|()| std::io::stdin().read_line(&mut answer)).map_err(Failure::Terminal)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(Failure::NotConfirmed) }
}

fn list(keys: &[StoredKey], every: RotateEvery, now: UnixTime) -> Answer {
    let plan = Plan::by_stored_times(keys, every, now);
    let next_event = |key: &StoredKey| plan.next_events.iter().find(|it| it.kid == key.kid);
    let rows: Vec<[String; 5]> = keys
        .iter()
        .map(|key| {
            [
                key.kid.clone(),
                key.algorithm.to_string(),
                key.state.as_str().to_owned(),
                output::time(key.since),
                next_event(key).map(|it| told(it, key, now)).unwrap_or_default(),
            ]
        })
        .collect();
    let json: Vec<Value> = keys
        .iter()
        .map(|key| {
            json!({
                "kid": key.kid,
                "algorithm": key.algorithm,
                "state": key.state.as_str(),
                "since": key.since,
                "created_at": key.created_at,
                "rotation_asked_at": key.rotation_asked_at,
                "published_until": published_until(key),
                "next": next_event(key).map(|it| json!({ "event": event(it.event), "at": it.at })),
            })
        })
        .collect();
    Answer { text: table(["KEY", "ALGORITHM", "STATE", "SINCE", "THEN"], &rows), json: json.into() }
}

fn told(next_event: &NextEvent, key: &StoredKey, now: UnixTime) -> String {
    let when = if next_event.at <= now {
        "as soon as an issuer runs".to_owned()
    } else {
        format!("at {}", output::time(next_event.at))
    };
    let asked = if key.rotation_asked_at.is_some() { ", as was asked for" } else { "" };
    match next_event.event {
        Event::Activation => format!("signs {when}"),
        Event::Retirement => format!("retired {when}{asked}"),
        Event::Removal => format!("gone {when}"),
    }
}

const fn event(event: Event) -> &'static str {
    match event {
        Event::Activation => "activation",
        Event::Retirement => "retirement",
        Event::Removal => "removal",
    }
}

fn published_until(key: &StoredKey) -> Option<UnixTime> {
    match key.state {
        KeyState::Next | KeyState::Active => None,
        KeyState::Retired { published_until } => Some(published_until),
    }
}
