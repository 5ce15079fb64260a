//! Whole lives of accounts, through Mono's documented webhooks and the fold: whatever is copied,
//! late, lost or out of order.
//!
//! `SEED` gives a failing run back, `CASES` chooses how many lives each test leads.

#![expect(clippy::disallowed_methods, reason = "SEED and CASES are no settings of the gateway")]

mod life;

use life::{
    Life,
    author::write,
    plan::{Asked, Chapter, Plan, Work, lives},
    shapes::{Dialect, Event, Shapes},
    watch::{Mono, Post, lead, on_time},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{Config, RngSeed, TestError, TestRunner},
};

const ANY: [Dialect; 5] =
    [Dialect::Printed, Dialect::Both, Dialect::Stamps, Dialect::Ids, Dialect::Neither];

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
        let life = write(&shapes, &plan, 1);
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
            let life = write(&shapes, &plan, 1);
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
        let life = write(&shapes, &plan, 1);
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
        assert!(shapes.count(event) >= least, "{event:?}: {}", shapes.count(event));
    }
}
