//! A verifier, its issuer and a thief over simulated hours: whatever is fetched, refused or late, in whatever order, a
//! revoked token passes no longer than the bound says.

use super::*;
use proptest::prelude::*;

/// What a list is fresh for, and what it serves beyond that by default, in seconds.
const TTL: i64 = 10;
const BOUND: i64 = TTL + limits::STATUS_STALE_SECONDS.cast_signed();

/// What can happen next.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Time passes, in seconds.
    Pass(i64),
    /// The token is sent, by one who waits for what it needs, or by one who does not.
    Ask { patient: bool },
    /// The regular look.
    Look,
    /// The fetch that is under way comes to an end, with what the issuer said when it began.
    Report(Report),
    /// The issuer takes the token back.
    Revoke,
}

#[derive(Clone, Copy, Debug)]
enum Report {
    Good,
    /// The first list that was ever signed, from some cache in between; after a newer one.
    Old,
    Malformed,
    Failed,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => prop_oneof![3 => 0..3_i64, 1 => 0..20_i64].prop_map(Event::Pass),
        6 => any::<bool>().prop_map(|patient| Event::Ask { patient }),
        6 => Just(Event::Look),
        6 => prop_oneof![
            4 => Just(Report::Good), 1 => Just(Report::Old), 1 => Just(Report::Malformed), 2 => Just(Report::Failed),
        ].prop_map(Event::Report),
        1 => Just(Event::Revoke),
    ]
}

struct World {
    scene: Scene,
    token: String,
    now: i64,
    revoked: Option<i64>,
    /// When the fetch began that is under way, and whether the token was revoked by then.
    under_way: Option<(i64, bool)>,
    /// The list as it was signed first.
    first: String,
    /// When the newest list was signed that the verifier was given.
    given: Option<i64>,
}

impl World {
    fn new() -> Self {
        let scene = Scene::new(&json!({}));
        let status = json!({ "status_list": { "idx": 1, "uri": url("1") } }).to_string();
        let exp = (testing::NOW + 80_000).to_string();
        let token = scene.signer.access_token("k", &[("status", &status), ("exp", &exp)]);
        let first = List::with(&url("1"), 1, &[0]).signed(&scene.signer);
        Self { scene, token, now: 0, revoked: None, under_way: None, first, given: None }
    }

    fn granted(&mut self, wants: &[String]) {
        let Some(want) = wants.first() else { return };
        assert_eq!((wants.len(), want), (1, &url("1")));
        if let Some((since, _)) = self.under_way {
            assert!(self.now > since + 5, "one fetch at a time: {since}, {}", self.now);
        }
        self.under_way = Some((self.now, self.revoked.is_some()));
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Pass(seconds) => self.now += seconds,
            Event::Revoke => self.revoked = self.revoked.or(Some(self.now)),
            Event::Look => {
                let wants = self.scene.due(self.now);
                self.granted(&wants);
            }
            Event::Ask { patient: true } => {
                if let Some(wants) = self.scene.needs(&self.token, self.now) {
                    self.granted(&wants);
                }
            }
            Event::Ask { patient: false } => {
                let passes = self.scene.conclude(&self.token, self.now).is_ok();
                let late = self.revoked.is_some_and(|revoked| self.now >= revoked + BOUND);
                assert!(!(passes && late), "revoked at {:?}, and passes at {}", self.revoked, self.now);
            }
            Event::Report(report) => {
                let Some((since, revoked)) = self.under_way.take() else { return };
                // Whoever reports later than a fetch may take is not one of our hosts.
                if self.now > since + 5 {
                    return;
                }
                let offset = u64::try_from(since).unwrap();
                let list = List::with(&url("1"), 1, &[u8::from(revoked) << 1]).at(offset);
                let text = match report {
                    Report::Good => list.signed(&self.scene.signer),
                    Report::Old if self.given.is_none_or(|given| given == 0) => return,
                    Report::Old => self.first.clone(),
                    Report::Malformed => "malformed".into(),
                    Report::Failed => return self.scene.verifier.fail(id_of(&url("1")), at(self.now)),
                };
                let supplied = self.scene.supply_text(&url("1"), &text, self.now);
                assert_eq!(supplied.is_ok(), matches!(report, Report::Good), "{report:?}: {supplied:?}");
                if supplied.is_ok() {
                    self.given = Some(since);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn v42_a_revoked_token_passes_no_longer_than_the_bound_says(
        events in prop::collection::vec(event(), 300..1000),
    ) {
        let mut world = World::new();
        for event in events {
            world.take(event);
        }
    }
}
