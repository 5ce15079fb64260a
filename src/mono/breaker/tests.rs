//! When it opens and closes, by examples and held against a plain reading of the rule.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::clock::from_ms;

fn at(ms: i64) -> Time {
    from_ms(1_700_000_000_000 + ms).expect("a time")
}

fn account(number: u8) -> AccountId {
    AccountId::parse(&format!("account-{number}")).expect("an id")
}

/// Fails this many calls over this many accounts, evenly between two moments.
fn fail(breaker: &mut Breaker, calls: u32, accounts: u8, from_ms: i64, to_ms: i64) {
    for call in 0..calls {
        let step = (to_ms - from_ms) * i64::from(call) / i64::from((calls - 1).max(1));
        let leave = breaker.admit(at(from_ms + step)).expect("it is closed");
        let about = account(u8::try_from(call % u32::from(accounts)).expect("few"));
        breaker.settle(at(from_ms + step), leave, Some(&about), Outcome::Failure);
    }
}

fn is_open(breaker: &Breaker, now_ms: i64) -> bool {
    breaker.refusal(at(now_ms)).is_some()
}

fn open() -> Breaker {
    let mut breaker = Breaker::new();
    fail(&mut breaker, 20, 5, 0, 10_000);
    assert_eq!(breaker.refusal(at(10_000)), Some(Refused { retry_after_ms: 2_000 }));
    breaker
}

#[test]
fn it_opens_after_20_failures_over_5_accounts_in_10_seconds_and_not_before() {
    for (calls, accounts, ms, opens) in [
        (20, 5, 10_000, true),
        (500, 9, 60_000, true),
        (19, 5, 60_000, false),
        (500, 4, 60_000, false),
        (500, 9, 9_999, false),
    ] {
        let mut breaker = Breaker::new();
        let mut opened = false;
        for call in 0..calls {
            let now_ms = ms * i64::from(call) / i64::from(calls - 1);
            let Ok(leave) = breaker.admit(at(now_ms)) else { break };
            let about = account(u8::try_from(call % accounts).expect("few"));
            let turn = breaker.settle(at(now_ms), leave, Some(&about), Outcome::Failure);
            opened |= turn == Some(Turn::Opened);
        }
        assert_eq!(opened, opens, "{calls} failures over {accounts} accounts in {ms} ms");
    }
}

#[test]
fn calls_that_are_about_no_account_do_not_open_it() {
    let mut breaker = Breaker::new();
    for second in 0..1_000 {
        let leave = breaker.admit(at(second * 1_000)).expect("closed");
        breaker.settle(at(second * 1_000), leave, None, Outcome::Failure);
    }
    assert!(!is_open(&breaker, 1_000_000));
}

#[test]
fn one_answer_makes_all_failures_before_it_forgotten() {
    let mut breaker = Breaker::new();
    fail(&mut breaker, 300, 9, 0, 9_999);
    assert_eq!(breaker.settle(at(9_999), Leave::Usual, None, Outcome::Life), None);
    fail(&mut breaker, 300, 9, 10_000, 19_999);
    assert!(!is_open(&breaker, 19_999));
}

#[test]
fn a_limit_says_neither_that_mono_lives_nor_that_it_does_not() {
    let mut breaker = Breaker::new();
    fail(&mut breaker, 19, 5, 0, 20_000);
    for _ in 0..100 {
        breaker.settle(at(20_000), Leave::Usual, Some(&account(1)), Outcome::Limited(None));
    }
    assert!(!is_open(&breaker, 20_000));
    fail(&mut breaker, 1, 5, 20_000, 20_000);
    assert!(is_open(&breaker, 20_000));
}

#[test]
fn open_it_lets_one_call_through_and_closes_when_that_is_answered() {
    let mut breaker = open();
    assert_eq!(breaker.admit(at(11_500)), Err(Refused { retry_after_ms: 500 }));
    assert_eq!(breaker.admit(at(12_000)), Ok(Leave::Probe));
    assert_eq!(breaker.admit(at(12_000)), Err(Refused { retry_after_ms: 2_000 }));
    assert_eq!(breaker.settle(at(13_000), Leave::Probe, None, Outcome::Failure), None);
    assert_eq!(breaker.admit(at(14_999)), Err(Refused { retry_after_ms: 1 }));
    assert_eq!(breaker.admit(at(15_000)), Ok(Leave::Probe));
    let turn = breaker.settle(at(15_100), Leave::Probe, None, Outcome::Life);
    assert_eq!(turn, Some(Turn::Closed));
    assert_eq!(breaker.admit(at(15_100)), Ok(Leave::Usual));
}

#[test]
fn a_probe_whose_caller_goes_away_gives_its_place_to_the_next() {
    let mut breaker = open();
    assert_eq!(breaker.admit(at(12_000)), Ok(Leave::Probe));
    breaker.settle(at(12_001), Leave::Probe, None, Outcome::Nothing);
    assert_eq!(breaker.admit(at(12_001)), Ok(Leave::Probe));
}

#[test]
fn a_probe_that_is_limited_waits_as_long_as_mono_asks_within_reason() {
    for (asked_ms, waits_ms) in [
        (None, 2_000),
        (Some(0), 2_000),
        (Some(7_000), 7_000),
        (Some(86_400_000), 30_000),
        (Some(u64::MAX), 30_000),
    ] {
        let mut breaker = open();
        assert_eq!(breaker.admit(at(12_000)), Ok(Leave::Probe));
        breaker.settle(at(12_000), Leave::Probe, None, Outcome::Limited(asked_ms));
        assert_eq!(breaker.admit(at(12_000)), Err(Refused { retry_after_ms: waits_ms }));
    }
}

#[test]
fn an_answer_to_a_call_from_before_closes_it() {
    let mut breaker = open();
    assert_eq!(breaker.settle(at(10_100), Leave::Usual, None, Outcome::Life), Some(Turn::Closed));
    assert_eq!(breaker.admit(at(10_100)), Ok(Leave::Usual));
}

#[test]
fn a_clock_that_is_set_back_does_not_keep_it_open() {
    let mut breaker = open();
    assert_eq!(breaker.admit(at(-3_600_000)), Ok(Leave::Probe));
    let mut breaker = Breaker::new();
    fail(&mut breaker, 19, 5, 3_600_000, 3_600_001);
    fail(&mut breaker, 1, 5, 0, 0);
    assert!(!is_open(&breaker, 0), "the time runs from the clock as it is now");
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Asks about this account.
    Ask(u8),
    /// Settles one of the calls under way, chosen by the first number.
    End(usize, Outcome),
    /// Lets this many milliseconds pass.
    Pass(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        1 => Just(Outcome::Life),
        80 => Just(Outcome::Failure),
        4 => any::<Option<u64>>().prop_map(Outcome::Limited),
        4 => Just(Outcome::Nothing),
    ];
    let step = prop_oneof![
        10 => (0..8u8).prop_map(Step::Ask),
        10 => (any::<usize>(), outcome).prop_map(|(which, outcome)| Step::End(which, outcome)),
        4 => (0..3_000i64).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 0..400)
}

/// The rule read plainly: everything that failed since the last sign of life.
#[derive(Default)]
struct Rule {
    failed: Vec<(i64, u8)>,
    is_open: bool,
}

impl Rule {
    fn hears(&mut self, now: i64, about: u8, leave: Leave, outcome: Outcome) {
        match outcome {
            Outcome::Life => *self = Self::default(),
            Outcome::Failure if !self.is_open && leave == Leave::Usual => {
                self.failed.push((now, about));
                let accounts: BTreeSet<u8> = self.failed.iter().map(|(_, about)| *about).collect();
                let lasts = now - self.failed[0].0;
                self.is_open = self.failed.len() >= 20 && accounts.len() >= 5 && lasts >= 10_000;
            }
            Outcome::Failure | Outcome::Limited(_) | Outcome::Nothing => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_keeps_the_rule_whatever_happens(steps in steps()) {
        let (mut breaker, mut rule) = (Breaker::new(), Rule::default());
        let mut under_way: Vec<(u8, Leave)> = Vec::new();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Pass(ms) => now += ms,
                Step::Ask(about) => match breaker.admit(at(now)) {
                    Ok(leave) => {
                        prop_assert_eq!(leave == Leave::Probe, rule.is_open);
                        under_way.push((about, leave));
                    }
                    Err(refused) => {
                        prop_assert!(rule.is_open, "refused though it is closed");
                        prop_assert!((1..=30_000).contains(&refused.retry_after_ms));
                    }
                },
                Step::End(which, outcome) if !under_way.is_empty() => {
                    let (about, leave) = under_way.swap_remove(which % under_way.len());
                    let was_open = rule.is_open;
                    rule.hears(now, about, leave, outcome);
                    let turn = breaker.settle(at(now), leave, Some(&account(about)), outcome);
                    let wanted = match (was_open, rule.is_open) {
                        (false, true) => Some(Turn::Opened),
                        (true, false) => Some(Turn::Closed),
                        (true, true) | (false, false) => None,
                    };
                    prop_assert_eq!(turn, wanted);
                }
                Step::End(..) => {}
            }
        }
        // Nothing is stuck: once all calls under way have ended, the next is let through after the
        // longest pause, and its answer closes it.
        for (about, leave) in under_way {
            breaker.settle(at(now), leave, Some(&account(about)), Outcome::Failure);
        }
        now += LONGEST_PAUSE.num_milliseconds();
        let leave = breaker.admit(at(now)).expect("somebody may look");
        breaker.settle(at(now), leave, None, Outcome::Life);
        prop_assert_eq!(breaker.admit(at(now)), Ok(Leave::Usual));
    }

    #[test]
    fn there_is_one_probe_at_a_time(asks in proptest::collection::vec((0..5_000i64, 0..3u8), 1..60)) {
        let mut breaker = open();
        let (mut now, mut probing) = (10_000, false);
        for (ms, end) in asks {
            now += ms;
            if probing && end > 0 {
                let outcome = if end == 1 { Outcome::Failure } else { Outcome::Nothing };
                breaker.settle(at(now), Leave::Probe, None, outcome);
                probing = false;
            }
            if let Ok(leave) = breaker.admit(at(now)) {
                prop_assert_eq!(leave, Leave::Probe);
                prop_assert!(!probing);
                probing = true;
            }
        }
    }
}
