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
        let about = account(u8::try_from(call % u32::from(accounts)).expect("few"));
        let leave = breaker.admit(at(from_ms + step), Some(&about)).expect("it is closed");
        breaker.settle(at(from_ms + step), leave, Some(&about), Outcome::Failure);
    }
}

fn is_open(breaker: &Breaker, now_ms: i64) -> bool {
    breaker.refusal(at(now_ms), None).is_some()
}

/// Has somebody see whether Mono is back, by a call about the account of this number.
fn probe(breaker: &mut Breaker, now_ms: i64, about: u8) -> Leave {
    let leave = breaker.admit(at(now_ms), Some(&account(about))).expect("somebody may look");
    assert!(matches!(leave, Leave::Probe(_)), "{leave:?}");
    leave
}

/// In how many milliseconds a call about this account may be let through; 0 if at once.
fn wait_ms(breaker: &Breaker, now_ms: i64, about: u8) -> u64 {
    breaker.refusal(at(now_ms), Some(&account(about))).map_or(0, |refused| refused.retry_after_ms)
}

fn open() -> Breaker {
    let mut breaker = Breaker::new();
    fail(&mut breaker, 20, 5, 0, 10_000);
    assert_eq!((wait_ms(&breaker, 10_000, 0), wait_ms(&breaker, 10_000, 9)), (2_000, 2_000));
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
            let about = account(u8::try_from(call % accounts).expect("few"));
            let Ok(leave) = breaker.admit(at(now_ms), Some(&about)) else { break };
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
        let leave = breaker.admit(at(second * 1_000), None).expect("closed");
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
    let about = Some(account(1));
    let asks = |breaker: &mut Breaker, ms| breaker.admit(at(ms), about.as_ref());
    assert_eq!(asks(&mut breaker, 11_500), Err(Refused { retry_after_ms: 500 }));
    let leave = probe(&mut breaker, 12_000, 1);
    assert_eq!(asks(&mut breaker, 12_000), Err(Refused { retry_after_ms: 2_000 }));
    assert_eq!(breaker.settle(at(13_000), leave, about.as_ref(), Outcome::Failure), None);
    assert_eq!(asks(&mut breaker, 14_999), Err(Refused { retry_after_ms: 1 }));
    let leave = probe(&mut breaker, 15_000, 1);
    let turn = breaker.settle(at(15_100), leave, about.as_ref(), Outcome::Life);
    assert_eq!(turn, Some(Turn::Closed));
    assert_eq!(asks(&mut breaker, 15_100), Ok(Leave::Usual));
}

#[test]
fn a_probe_that_hangs_keeps_others_out_for_a_pause_and_moves_nothing_when_it_fails() {
    let mut breaker = open();
    let hangs = probe(&mut breaker, 12_000, 1);
    assert_eq!((wait_ms(&breaker, 13_999, 1), wait_ms(&breaker, 14_000, 1)), (1, 0));
    let next = probe(&mut breaker, 14_000, 2);
    breaker.settle(at(15_000), hangs, Some(&account(1)), Outcome::Failure);
    assert_eq!(wait_ms(&breaker, 15_000, 1), 1_000, "as the next one has it");
    breaker.settle(at(15_500), next, Some(&account(2)), Outcome::Failure);
    assert_eq!(wait_ms(&breaker, 15_500, 1), 2_000);
    // Its answer counts all the same.
    let turn = breaker.settle(at(15_600), hangs, Some(&account(1)), Outcome::Life);
    assert_eq!(turn, Some(Turn::Closed));
}

#[test]
fn the_accounts_of_one_bank_that_is_down_keep_no_other_out_for_longer_than_a_pause() {
    // A bank of 40 accounts, each asked about as soon as may be, and all of them hang.
    let (mut breaker, bank) = (open(), 40);
    let mut now = 12_000;
    for _ in 0..2 {
        for about in 0..bank {
            let Ok(leave) = breaker.admit(at(now), Some(&account(about))) else { continue };
            breaker.settle(at(now + 1_900), leave, Some(&account(about)), Outcome::Failure);
            assert!(wait_ms(&breaker, now + 1_900, 200) <= 2_000);
            now += 4_000;
        }
    }
    // All are known by now: whenever they take their turn, the others have theirs.
    for about in 0..bank {
        let hangs = probe(&mut breaker, now, about);
        assert_eq!(wait_ms(&breaker, now, 200), 0, "{about}");
        assert!(wait_ms(&breaker, now, (about + 1) % bank) > 0, "{about}");
        breaker.settle(at(now + 35_000), hangs, Some(&account(about)), Outcome::Failure);
        now += 40_000;
    }
    let leave = probe(&mut breaker, now, 200);
    assert_eq!(breaker.settle(at(now), leave, None, Outcome::Life), Some(Turn::Closed));
}

#[test]
fn a_probe_whose_caller_goes_away_gives_its_place_to_the_next() {
    let mut breaker = open();
    let leave = probe(&mut breaker, 12_000, 1);
    breaker.settle(at(12_001), leave, Some(&account(1)), Outcome::Nothing);
    probe(&mut breaker, 12_001, 1);
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
        let leave = probe(&mut breaker, 12_000, 1);
        breaker.settle(at(12_000), leave, Some(&account(1)), Outcome::Limited(asked_ms));
        assert_eq!(wait_ms(&breaker, 12_000, 1), waits_ms);
        // What Mono says itself counts for all.
        let all_ms = if waits_ms > 2_000 { waits_ms } else { 0 };
        assert_eq!(wait_ms(&breaker, 12_000, 200), all_ms);
    }
}

#[test]
fn an_answer_to_a_call_from_before_closes_it() {
    let mut breaker = open();
    assert_eq!(breaker.settle(at(10_100), Leave::Usual, None, Outcome::Life), Some(Turn::Closed));
    assert_eq!(breaker.admit(at(10_100), None), Ok(Leave::Usual));
}

#[test]
fn a_clock_that_is_set_back_does_not_keep_it_open() {
    let mut breaker = open();
    probe(&mut breaker, -3_600_000, 1);
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

/// The rule read plainly: everything that failed since the last sign of life, and when whose turn is.
#[derive(Default)]
struct Rule {
    failed: Vec<(i64, u8)>,
    is_open: bool,
    /// Not before these: calls about what is known to fail, and others.
    turns: [i64; 2],
    /// The newest probe of each.
    newest: [Option<Leave>; 2],
}

impl Rule {
    fn hears(&mut self, now: i64, about: u8, leave: Leave, outcome: Outcome) {
        if outcome == Outcome::Life {
            *self = Self::default();
        } else if !self.is_open && leave == Leave::Usual && outcome == Outcome::Failure {
            self.failed.push((now, about));
            let accounts: BTreeSet<u8> = self.failed.iter().map(|(_, about)| *about).collect();
            let lasts = now - self.failed[0].0;
            self.is_open = self.failed.len() >= 20 && accounts.len() >= 5 && lasts >= 10_000;
            self.turns = [now + 2_000; 2];
        } else if self.is_open {
            if outcome == Outcome::Failure {
                self.failed.push((now, about));
            }
            for whose in 0..2 {
                let is_newest = leave != Leave::Usual && self.newest[whose] == Some(leave);
                let waits_ms = match outcome {
                    Outcome::Limited(Some(ms)) if leave != Leave::Usual => {
                        i64::try_from(ms).unwrap_or(i64::MAX).min(30_000)
                    }
                    Outcome::Life | Outcome::Failure | Outcome::Limited(_) | Outcome::Nothing => 0,
                };
                let waits_ms = if is_newest { waits_ms.max(2_000) } else { waits_ms };
                self.turns[whose] = if is_newest && outcome == Outcome::Nothing {
                    now
                } else {
                    self.turns[whose].max(now + waits_ms)
                };
            }
        }
    }

    /// Whose turn a call about this account has.
    fn whose(&self, about: u8) -> usize {
        usize::from(!self.failed.iter().any(|(_, failed)| *failed == about))
    }

    /// Whether it is let through.
    fn lets(&self, now: i64, about: u8) -> bool {
        !self.is_open || now >= self.turns[self.whose(about)]
    }

    fn probes(&mut self, now: i64, about: u8, leave: Leave) {
        let whose = self.whose(about);
        (self.turns[whose], self.newest[whose]) = (now + 2_000, Some(leave));
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
                Step::Ask(about) => {
                    let lets = rule.lets(now, about);
                    match breaker.admit(at(now), Some(&account(about))) {
                        Ok(leave) => {
                            prop_assert!(lets, "let through though it is not its turn");
                            prop_assert_eq!(leave != Leave::Usual, rule.is_open);
                            if rule.is_open {
                                rule.probes(now, about, leave);
                            }
                            under_way.push((about, leave));
                        }
                        Err(refused) => {
                            prop_assert!(!lets, "refused though it is closed, or its turn");
                            prop_assert!((1..=30_000).contains(&refused.retry_after_ms));
                        }
                    }
                }
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
        // Nothing is stuck, whatever hangs: after the longest pause the next is let through, and its
        // answer closes it.
        now += LONGEST_PAUSE.num_milliseconds();
        for about in [0, 200] {
            prop_assert_eq!(wait_ms(&breaker, now, about), 0);
        }
        let leave = breaker.admit(at(now), None).expect("somebody may look");
        breaker.settle(at(now), leave, None, Outcome::Life);
        prop_assert_eq!(breaker.admit(at(now), None), Ok(Leave::Usual));
    }

    #[test]
    fn while_nothing_answers_at_most_two_calls_a_pause_are_made(
        asks in proptest::collection::vec((0..900i64, 0..40u8, any::<bool>()), 1..300)
    ) {
        let mut breaker = open();
        let (mut now, mut probes) = (10_000, 0);
        for (ms, about, fails) in asks {
            now += ms;
            let about = account(about);
            if let Ok(leave) = breaker.admit(at(now), Some(&about)) {
                probes += 1;
                if fails {
                    breaker.settle(at(now), leave, Some(&about), Outcome::Failure);
                }
            }
            prop_assert!(probes <= 2 * ((now - 10_000) / 2_000), "{probes} until {now}");
        }
    }
}
