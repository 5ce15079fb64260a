//! Whole lives of accounts, through Mono's documented webhooks and the fold: whatever is copied,
//! late, lost or out of order.
//!
//! `SEED` gives a failing run back, `CASES` chooses how many lives each test leads.

#![expect(clippy::disallowed_methods, reason = "SEED and CASES are no settings of the gateway")]

mod life;
#[path = "life/watch.rs"]
mod watch;

use life::{
    Life, Sent, author,
    plan::{Asked, Chapter, Linked, Outcome, Plan, Work, lives},
    shapes::{Dialect, Event, Shapes},
};
use mono_gateway::lifecycle::{
    DataStatus,
    session::{ReauthMethod, ReauthStatus, Session},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{Config, RngSeed, TestError, TestRunner},
};
use serde_json::Value;
use watch::{Mono, Post, Watched, lead, on_time};

const ANY: [Dialect; 5] =
    [Dialect::Printed, Dialect::Both, Dialect::Stamps, Dialect::Ids, Dialect::Neither];

fn write(shapes: &Shapes, plan: &Plan) -> Life {
    author::write(shapes, plan, 1, "65aa00000000000000000001")
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Tries so many cases, another choice each time, and says by which seed a failure comes back.
fn check<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value)) {
    let seed = setting("SEED").unwrap_or_else(rand::random);
    let cases = setting("CASES").and_then(|cases| cases.try_into().ok()).unwrap_or(cases);
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    };
    let tried = TestRunner::new(config).run(&strategy, |value| {
        test(value);
        Ok(())
    });
    match tried {
        Ok(()) => {}
        Err(TestError::Fail(reason, value)) => {
            panic!("SEED={seed} gives this back: {reason}\nthe smallest case: {value:?}")
        }
        Err(TestError::Abort(reason)) => panic!("SEED={seed}: {reason}"),
    }
}

/// How late each delivery is, and how often it comes; not at all is possible.
fn posted() -> impl Strategy<Value = Vec<Vec<i64>>> {
    let late = prop_oneof![5 => 0..2_000i64, 2 => 0..120_000i64, 1 => 0..172_800_000i64];
    let times = prop_oneof![1 => Just(0..1usize), 7 => Just(1..2), 2 => Just(2..4)];
    vec(times.prop_flat_map(move |times| vec(late.clone(), times)), 24)
}

fn post(life: &Life, late: &[Vec<i64>]) -> Post {
    let each =
        life.sent.iter().enumerate().flat_map(|(n, sent)| {
            late[n % late.len()].iter().map(move |late| (sent.at_ms + late, n))
        });
    let mut post: Post = each.collect();
    post.sort_unstable();
    post
}

#[test]
fn every_life_makes_sense_and_comes_to_rest_whatever_is_late_copied_or_lost() {
    let shapes = Shapes::read();
    let down = any::<bool>().prop_map(|down| if down { Mono::IsDown } else { Mono::Answers });
    check(1500, (lives(&ANY), posted(), down), |(plan, late, mono)| {
        let life = write(&shapes, &plan);
        lead(&life, &post(&life, &late), mono);
    });
}

/// Each delivery once, at any time from its sending on.
fn late() -> impl Strategy<Value = Vec<Vec<i64>>> {
    let late = prop_oneof![5 => 0..2_000i64, 2 => 0..120_000i64, 1 => 0..172_800_000i64];
    vec(vec(late, 1), 24)
}

#[test]
fn copies_of_deliveries_with_an_id_or_a_stamp_change_nothing() {
    let shapes = Shapes::read();
    let copies = vec((any::<Index>(), 0..200_000_000i64), 1..6);
    check(
        600,
        (lives(&[Dialect::Both, Dialect::Stamps]), late(), copies),
        |(plan, late, copies)| {
            let life = write(&shapes, &plan);
            let once = post(&life, &late);
            if once.is_empty() {
                return;
            }
            let mut often = once.clone();
            for (which, later_ms) in &copies {
                let (at_ms, n) = once[which.index(once.len())];
                often.push((at_ms + later_ms, n));
            }
            often.sort_by_key(|(at_ms, _)| *at_ms);
            let (once, often) =
                (lead(&life, &once, Mono::IsDown), lead(&life, &often, Mono::IsDown));
            assert_eq!(once.told, often.told, "{life:?} {late:?}");
            assert_eq!(once.state, often.state, "{life:?}");
        },
    );
}

/// Lives of which Mono tells by webhooks alone. What it says in an answer to us (the customer is
/// wanted, a refresh has brought new data) has no stamp, so no delivery can be placed against it.
fn told_by_webhook(dialects: &[Dialect]) -> impl Strategy<Value = Plan> + use<> {
    lives(dialects).prop_map(|mut plan| {
        for (_, _, chapter) in &mut plan.chapters {
            match chapter {
                Chapter::Wanted(asked @ (Asked::Header | Asked::SyncCode)) => {
                    *asked = Asked::Webhook;
                }
                Chapter::Job { work: work @ Work::FinishesAtOnce, .. } => *work = Work::Finishes,
                Chapter::Wanted(_)
                | Chapter::Job { .. }
                | Chapter::Fetch { .. }
                | Chapter::FetchFails
                | Chapter::Reauth { .. }
                | Chapter::Noise
                | Chapter::Unlinked { .. } => {}
            }
        }
        plan
    })
}

/// What converges: how the data is, whether the customer is wanted, whether the account is unlinked.
#[test]
fn lives_whose_deliveries_carry_a_stamp_end_alike_however_late_each_delivery_is() {
    let shapes = Shapes::read();
    check(1000, (told_by_webhook(&[Dialect::Both, Dialect::Stamps]), late()), |(plan, late)| {
        let life = write(&shapes, &plan);
        let (one, other) = (on_time(&life), post(&life, &late));
        let (a, b) = (lead(&life, &one, Mono::IsDown), lead(&life, &other, Mono::IsDown));
        assert_eq!(a.essence(), b.essence(), "{life:?} {other:?}");
    });
}

#[test]
fn every_documented_form_of_every_webhook_is_among_the_shapes() {
    let shapes = Shapes::read();
    for (event, least) in [
        (Event::Connected, 7),
        (Event::Updated, 25),
        (Event::Required, 6),
        (Event::Reauthorized, 4),
        (Event::SyncFailed, 2),
        (Event::Unlinked, 4),
        (Event::Job, 7),
        (Event::Income, 2),
        (Event::Other, 9),
    ] {
        let count = shapes.0.iter().filter(|shape| shape.event == event).count();
        assert!(count >= least, "{event:?}: {count}");
    }
}

/// The delivery of this number and the next arrive at one moment, in this order or the other.
fn together(life: &Life, n: usize, turned: bool) -> Post {
    let mut post = on_time(life);
    post[n].0 = post[n + 1].0;
    if turned {
        post.swap(n, n + 1);
    }
    post
}

fn is_good(sent: &Sent) -> bool {
    let meta = &sent.body["data"]["meta"];
    let word = |name: &str| meta[name].as_str().unwrap_or_default().to_ascii_uppercase();
    sent.event == Event::Updated
        && matches!(word("data_status").as_str(), "AVAILABLE" | "PARTIAL")
        && word("sync_status") != "REAUTHORISATION_REQUIRED"
}

/// Without a stamp nothing else may change places: of two updates the one that came last is true.
/// Data belongs to a re-authorisation that it overtakes if the customer was wanted, or at the bank.
#[test]
fn without_stamps_updated_may_change_places_with_reauthorized_and_with_connected() {
    let shapes = Shapes::read();
    check(700, lives(&[Dialect::Ids, Dialect::Neither]), |plan| {
        let life = write(&shapes, &plan);
        for n in 1..life.sent.len() {
            let (first, second) = (&life.sent[n - 1], &life.sent[n]);
            let may = match first.event {
                Event::Connected => second.event == Event::Updated,
                Event::Reauthorized => {
                    let mut before = Watched::new(&life, Mono::IsDown);
                    before.live(&on_time(&life), first.at_ms - 1);
                    let state = &before.state;
                    let is_out = state.session.as_ref().is_some_and(Session::is_out);
                    is_good(second) && (is_out || state.need.is_some())
                }
                Event::Updated
                | Event::Required
                | Event::SyncFailed
                | Event::Unlinked
                | Event::Job
                | Event::Income
                | Event::Other => false,
            };
            if may {
                let [one, other] = [false, true].map(|turned| {
                    let led = lead(&life, &together(&life, n - 1, turned), Mono::IsDown);
                    (led.essence(), led.session())
                });
                assert_eq!(one, other, "{life:?} delivery {n}");
            }
        }
    });
}

#[test]
fn the_flag_is_down_if_a_good_reauthorisation_is_the_newest_news_of_consent_however_late_each_is() {
    let shapes = Shapes::read();
    check(500, (told_by_webhook(&[Dialect::Both, Dialect::Stamps]), late()), |(plan, late)| {
        let life = write(&shapes, &plan);
        let asks = |sent: &Sent| {
            let data = &sent.body["data"];
            let word = |value: &Value| value.as_str().is_some_and(|word| word.len() > 20);
            sent.event == Event::Required
                || word(&data["status"])
                || word(&data["meta"]["sync_status"])
        };
        let of_consent = |sent: &&Sent| sent.event == Event::Reauthorized || asks(sent);
        if life.sent.iter().rev().find(of_consent).is_some_and(|sent| !asks(sent)) {
            let state = lead(&life, &post(&life, &late), Mono::IsDown).state;
            assert_eq!(state.need, None, "{life:?} {late:?}");
        }
    });
}

/// The smallest histories that show in which order they came.
///
/// - An event with an id and no time cannot be placed: of two updates the one that came last is true.
/// - A session is of our clock and a stamp of Mono's. An update that was sent before the link was
///   asked for, and comes while it is out, is taken for its data, as one is that overtakes
///   `account_reauthorized`; the account's own state is right, since that goes by the stamps.
#[test]
fn updates_without_a_stamp_and_a_session_s_end_do_show_the_order_in_which_they_came() {
    let shapes = Shapes::read();
    let led = |plan: &Plan, late: &[Vec<i64>]| {
        let life = write(&shapes, plan);
        lead(&life, &post(&life, late), Mono::IsDown)
    };
    let fetch = |status| Chapter::Fetch { status, sync: None, slow: false };
    let chapters = vec![(1, 0, fetch("AVAILABLE")), (1, 0, fetch("FAILED"))];
    let by_id = Plan { dialect: Dialect::Ids, linked: Linked::LongAgo, chapters };
    let (one, other) = (led(&by_id, &[vec![0]]), led(&by_id, &[vec![1500], vec![0]]));
    assert_eq!(one.state.data.status, Some(DataStatus::Failed));
    assert_eq!(other.state.data.status, Some(DataStatus::Available));

    let reauth = Chapter::Reauth {
        method: ReauthMethod::HostedLink,
        outcome: Outcome::Finishes,
        status: "UNAVAILABLE",
        fresh: false,
        slow: false,
    };
    let stamped =
        Plan { dialect: Dialect::Both, linked: Linked::Session, chapters: vec![(1, 0, reauth)] };
    let late = [vec![0], vec![2000], vec![0], vec![0]];
    let (one, other) = (led(&stamped, &[vec![0]]), led(&stamped, &late));
    assert_eq!(one.essence(), other.essence());
    let [one, other] = [one, other].map(|led| led.session().map(|(_, status)| status));
    assert_eq!((one, other), (Some(ReauthStatus::Failed), Some(ReauthStatus::Completed)));
}
