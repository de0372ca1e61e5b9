//! Ten thousand rotations in simulated time, in four worlds: in each two replicas with clocks of their own on a real database, issuance going
//! on, and verifiers that keep key sets for as long as they were told. No token may meet a verifier that does not know
//! its key.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use serde_json::json;
use tessera_verifier::{AcceptedAudience, Attempt, Backend, Timestamp, Verifier};

use super::*;
use crate::domain::{CLOCK_ALLOWANCE, MAX_LIFETIME, MAX_STALENESS, MIN_ROTATE_EVERY, key_set_max_age};
use crate::keys::sign_token;
use crate::store::Snapshot;
use crate::testing::signing_keys;

/// In each of [`WORLDS`], which are simulated at the same time.
const ROTATIONS: u64 = 2_500;
const WORLDS: u64 = 4;
const VERIFIERS: usize = 3;
const ISSUER: &str = "https://id.example";
/// What the replicas' clocks are wrong by, in seconds: half of what is allowed for, in each direction.
const OFFSETS: [i64; 2] = [-30, 30];
/// A server that has lost its store for longer than this tells no time for its keys.
const CUT_OFF: u64 = 250;
/// Longest way of a key set to a verifier, in seconds.
const ON_THE_WAY: u64 = 5;

/// Numbers that are the same each time (the generator `SplitMix`, of 64 bits).
struct Random(u64);

/// A verifier, and when it gets its next key set.
struct Caller {
    verifier: Verifier,
    fetches_at: u64,
}

struct World {
    /// Seconds since [`NOW`].
    time: u64,
    replicas: [Rotator; 2],
    store: Arc<SqliteStore>,
    /// The last change.
    revision: i64,
    /// What the store held, from when on.
    history: VecDeque<(u64, Arc<Snapshot>)>,
    callers: Vec<Caller>,
    /// Tokens, by the second in which they are used for the last time.
    live: BinaryHeap<Reverse<(u64, String)>>,
    random: Random,
    rotations: u64,
    contested: u64,
    verified: u64,
    _folder: tempfile::TempDir,
}

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Within both bounds; the upper one itself every other time.
    fn at_most(&mut self, low: u64, high: u64) -> u64 {
        if self.next().is_multiple_of(2) { high } else { low + self.next() % (high - low + 1) }
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.next().is_multiple_of(count)
    }
}

impl World {
    async fn new(seed: u64) -> Self {
        // In memory where there is such a place: nothing has to survive this.
        let memory = std::path::Path::new("/dev/shm");
        let folder = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap();
        let (path, vault) = (folder.path().join("tessera.db"), vault());
        let store = Arc::new(SqliteStore::create(&path).await.unwrap());
        let keys = Change::Keys(KeyChange::Add(signing_keys(&vault)));
        store.apply(&actor(), &keys, NOW).await.unwrap();
        let every = RotateEvery::from_seconds(MIN_ROTATE_EVERY).unwrap();
        let mut replicas = Vec::new();
        for _ in OFFSETS {
            let store = Arc::new(SqliteStore::open(&path).await.unwrap());
            replicas.push(Rotator { every, ..replica(store, &vault).await });
        }
        let Ok(replicas) = <[Rotator; 2]>::try_from(replicas) else { panic!("two offsets") };
        let history = VecDeque::from([(0, replicas[0].snapshots.latest())]);
        let policy = json!({
            "issuers": [{ "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/keys") }],
            "audiences": ["orders"],
        });
        let caller = || Caller {
            verifier: Verifier::load(&policy.to_string(), Backend::AwsLc).unwrap(),
            fetches_at: 0,
        };
        Self {
            time: 0,
            replicas,
            store,
            revision: history[0].1.revision,
            history,
            callers: (0..VERIFIERS).map(|_| caller()).collect(),
            live: BinaryHeap::new(),
            random: Random(seed),
            rotations: 0,
            contested: 0,
            verified: 0,
            _folder: folder,
        }
    }

    /// The next rotation, and all that happens before it.
    async fn rotate(&mut self) {
        if self.rotations.is_multiple_of(2) {
            self.ask().await;
        }
        let before = self.rotations;
        while self.rotations == before {
            self.catch_up().await;
            let (one, other) = (self.due(0), self.due(1));
            // As early as can be, or when both want to do it.
            let due = if self.random.one_in(4) { one.min(other) } else { one.max(other) };
            self.pass_time(due).await;
            self.step().await;
        }
    }

    /// An operator wants another key.
    async fn ask(&mut self) {
        let (_, snapshot) = self.history.back().unwrap();
        let active = snapshot.keyring.signer(None).unwrap().key_id().to_owned();
        let asking = Change::Keys(KeyChange::AskForRotation { active });
        let asked = self.store.apply(&actor(), &asking, NOW.plus(self.time)).await.unwrap();
        self.revision = asked.revision;
    }

    /// The replicas see what happened, each at its own time within the bound.
    async fn catch_up(&mut self) {
        for replica in [0, 1] {
            let lag = self.random.at_most(0, MAX_STALENESS / 2);
            self.pass_time(self.time + lag).await;
            if self.replicas[replica].snapshots.latest().revision < self.revision {
                refresh(&self.replicas[replica]).await;
            }
            let moment = self.moment(replica);
            self.replicas[replica].look(moment);
        }
        self.remember();
        let [one, other] = [0, 1].map(|replica| self.replicas[replica].snapshots.latest());
        let active = |snapshot: &Snapshot| snapshot.keyring.signer(None).unwrap().key_id().to_owned();
        assert_eq!(active(&one), active(&other));
    }

    fn moment(&self, replica: usize) -> ClockReading {
        ClockReading { now: wall(replica, self.time), running: self.time }
    }

    /// When, by true time, the replica has something to do.
    fn due(&mut self, replica: usize) -> u64 {
        let moment = self.moment(replica);
        let wait = self.replicas[replica].look(moment).next_at().unwrap().seconds_since(moment.now);
        self.time + wait
    }

    /// Both replicas do what is due, at the same time. A key is mostly removed by one alone, which is quicker.
    async fn step(&mut self) {
        let moments = [0, 1].map(|replica| self.moment(replica));
        let alone = !self.random.one_in(8);
        let [one, other] = &mut self.replicas;
        let removes = |due: &[Step]| matches!(due, [Step::Remove { .. }, ..]);
        let passes = if alone && removes(&one.look(moments[0]).due) && removes(&other.look(moments[1]).due) {
            [one.pass(moments[0]).await.unwrap(), RotationOutcome::Idle]
        } else {
            let (one, other) = tokio::join!(one.pass(moments[0]), other.pass(moments[1]));
            [one.unwrap(), other.unwrap()]
        };
        if let [RotationOutcome::Done(one), RotationOutcome::Done(other)] = &passes {
            assert_ne!(one, other, "both did it");
        }
        // They may have done two things, in either order.
        let seen = self.replicas.iter().map(|replica| replica.snapshots.latest());
        let newest = seen.max_by_key(|snapshot| snapshot.revision).unwrap();
        self.revision = newest.revision;
        self.history.push_back((self.time, newest));
        for (replica, pass) in passes.iter().enumerate() {
            if let RotationOutcome::Done(Step::Rotate { next, .. }) = pass {
                self.rotations += 1;
                self.contested += u64::from(matches!(passes[1 - replica], RotationOutcome::Overtaken(_)));
                self.use_at_once(next).await;
            }
        }
    }

    /// The new key's first token, and the last one of a replica that does not know it yet.
    async fn use_at_once(&mut self, kid: &str) {
        let token = self.token(0).await;
        assert!(self.latest(0).keyring.signer(None).unwrap().key_id() == kid);
        for caller in 0..VERIFIERS {
            self.verify(caller, &token);
        }
        let late = self.token(MAX_STALENESS).await;
        self.verify(0, &late);
    }

    /// Lets verifiers fetch, and tokens be issued and used, until `time`.
    async fn pass_time(&mut self, time: u64) {
        loop {
            let fetch = (0..VERIFIERS).map(|it| (self.callers[it].fetches_at, it)).min().unwrap();
            let end = self.live.peek().map_or(u64::MAX, |Reverse((end, _))| *end);
            if fetch.0.min(end) > time {
                break;
            }
            if end <= fetch.0 {
                self.time = self.time.max(end);
                let Reverse((_, token)) = self.live.pop().unwrap();
                let caller = usize::try_from(self.random.next()).unwrap() % VERIFIERS;
                self.verify(caller, &token);
            } else {
                self.time = self.time.max(fetch.0);
                self.fetch(fetch.1).await;
            }
        }
        self.time = time;
        self.remember();
    }

    /// A verifier whose key set is as old as it may be meets a token, and then gets another set.
    async fn fetch(&mut self, caller: usize) {
        if self.time > 0 {
            let lag = self.random.at_most(0, MAX_STALENESS);
            let token = self.token(lag).await;
            self.verify(caller, &token);
        }
        let way = if self.time > 0 { self.random.at_most(0, ON_THE_WAY) } else { 0 };
        let oldest = if self.random.one_in(8) { CUT_OFF } else { MAX_STALENESS };
        let age = self.random.at_most(0, oldest);
        let max_age = key_set_max_age(age).unwrap();
        let keys = json!(self.latest(way + age).keyring.published()).to_string();
        let now = timestamp(self.time);
        let verifier = &mut self.callers[caller].verifier;
        let fetch = verifier.due_fetches(now).pop().expect("it is time");
        let skipped = verifier.supply(fetch.id, &keys, &format!("public, max-age={max_age}"), now).unwrap();
        assert!(skipped.is_empty());
        // The last second for which it may be kept, or one in which it may already be fetched again.
        self.callers[caller].fetches_at =
            self.time + self.random.at_most((max_age * 4).div_ceil(5), max_age - 1);
    }

    /// Issues a token by a replica whose state is that old.
    async fn token(&mut self, lag: u64) -> String {
        let replica = usize::try_from(self.random.next() % 2).unwrap();
        let issued_at = wall(replica, self.time).as_seconds();
        let lifetime = self.random.at_most(CLOCK_ALLOWANCE, MAX_LIFETIME);
        let claims = json!({
            "iss": ISSUER, "aud": "orders", "sub": "shop", "client_id": "shop", "jti": "j",
            "iat": issued_at, "exp": issued_at + lifetime,
        });
        let snapshot = self.latest(lag);
        let token = sign_token(snapshot.keyring.signer(None).unwrap(), &claims).await.unwrap();
        let end = issued_at + lifetime - 1 - NOW.as_seconds();
        if self.random.one_in(8) {
            self.live.push(Reverse((end, token.clone())));
        }
        token
    }

    fn verify(&mut self, caller: usize, token: &str) {
        let (audience, now) = (AcceptedAudience::OfPolicy, timestamp(self.time));
        let step = self.callers[caller].verifier.authenticate(token, audience, &mut Attempt::new(), now);
        assert!(
            matches!(step, tessera_verifier::Step::Done(Ok(_))),
            "rotation {}, second {}: {step:?}",
            self.rotations,
            self.time
        );
        self.verified += 1;
    }

    /// What the store held that many seconds ago.
    fn latest(&self, age: u64) -> Arc<Snapshot> {
        let at = self.time.saturating_sub(age);
        let (_, snapshot) = self.history.iter().rev().find(|(from, _)| *from <= at).unwrap();
        Arc::clone(snapshot)
    }

    /// Forgets what nobody can have from any replica.
    fn remember(&mut self) {
        let oldest = self.time.saturating_sub(CUT_OFF + ON_THE_WAY);
        while self.history.get(1).is_some_and(|(from, _)| *from <= oldest) {
            self.history.pop_front();
        }
    }
}

/// What the replica's clock says.
fn wall(replica: usize, time: u64) -> UnixTime {
    UnixTime::from_seconds(NOW.plus(time).as_seconds().saturating_add_signed(OFFSETS[replica]))
}

fn timestamp(time: u64) -> Timestamp {
    Timestamp::from_seconds(NOW.plus(time).as_seconds())
}

/// One world, from its seed.
async fn simulate(seed: u64) -> World {
    let mut world = World::new(seed).await;
    for _ in 0..ROTATIONS {
        world.rotate().await;
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_meets_a_verifier_that_cannot_know_its_key() {
    let worlds = (0..WORLDS).map(|seed| tokio::spawn(simulate(seed)));
    for world in futures_util::future::join_all(worlds).await {
        let world = world.expect("the world came to its end");
        assert_eq!(world.rotations, ROTATIONS);
        assert!(world.contested > ROTATIONS / 4, "both tried {} times", world.contested);
        assert!(world.verified > 5 * ROTATIONS, "{} tokens", world.verified);
        println!(
            "{ROTATIONS} rotations in {} days: {} tokens verified, {} rotations tried by both replicas at once",
            world.time / 86_400,
            world.verified,
            world.contested
        );
    }
}
