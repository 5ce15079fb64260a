//! What holds of every history: copies change nothing, the flag is down after a good
//! re-authorisation, and the order of arrival does not matter where the rules promise that.

use std::{fmt, slice::from_ref};

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;

/// A delivery before it is stamped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum News {
    Updated(DataStatus, Option<SyncStatus>),
    Required,
    Reauthorized,
    SyncFailed,
}

impl News {
    fn told(self, stamp: Option<Time>) -> What {
        match self {
            Self::Updated(status, sync) => update(status, stamp, sync),
            Self::Required => required(stamp),
            Self::Reauthorized => reauthorized(stamp),
            Self::SyncFailed => sync_failed(stamp),
        }
    }
}

fn news() -> impl Strategy<Value = News> {
    prop_oneof![
        4 => (select(&STATUSES), select(&SYNCS)).prop_map(|(data, sync)| News::Updated(data, sync)),
        2 => Just(News::Required),
        2 => Just(News::Reauthorized),
        1 => Just(News::SyncFailed),
    ]
}

/// How far a history is, to leave out what the rules do not place.
///
/// One kind of history shows in which order it came, and is left out: where one customer authorises
/// twice, nobody having asked between, data that came during the link may belong to either.
#[derive(Default)]
struct Course {
    link_out: bool,
    authorized: bool,
    /// Mono has asked since the last re-authorisation.
    asked: bool,
}

impl Course {
    /// Whether the history may go on with this.
    fn takes(&mut self, news: News) -> bool {
        let asks = Some(SyncStatus::ReauthorisationRequired);
        match news {
            News::Updated(_, sync) if sync == asks => {
                self.asked = true;
                true
            }
            News::Updated(..) => true,
            News::Required => {
                self.asked = true;
                true
            }
            News::Reauthorized => {
                let fits = !self.link_out || self.asked || !self.authorized;
                self.authorized = true;
                self.asked &= !fits;
                fits
            }
            News::SyncFailed => true,
        }
    }
}

/// What an account is told, in this order; it prints on one line.
#[derive(Clone)]
struct Told(Vec<What>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&brief(&self.0))
    }
}

/// Deliveries of one account as Mono sends them.
#[derive(Clone, Debug)]
struct History {
    /// A link was issued before the first of them.
    link_out: bool,
    sent: Told,
}

/// A history with stamps that grow, plain enough to converge. All of it fits into a link's life:
/// of data that is older than that nobody can say that it came while the link was out.
fn stamped() -> impl Strategy<Value = History> {
    let told = vec((news(), 1..190i64), 1..10);
    (any::<bool>(), any::<bool>(), told).prop_map(|(link_out, connects, told)| {
        let mut course = Course { link_out, ..Course::default() };
        let mut at = 0;
        let mut sent: Vec<What> = connects.then(connected).into_iter().collect();
        for (news, gap) in told.into_iter().filter(|(news, _)| course.takes(*news)) {
            at += gap;
            sent.push(news.told(stamp(at)));
        }
        History { link_out, sent: Told(sent) }
    })
}

/// A history with some of its deliveries once more, all in any order.
fn shuffled(history: History) -> impl Strategy<Value = (History, History)> {
    let len = history.sent.0.len();
    vec(0..len.max(1), 0..4).prop_flat_map(move |copies| {
        let mut received = history.sent.0.clone();
        received.extend(copies.into_iter().filter_map(|n| history.sent.0.get(n).cloned()));
        let link_out = history.link_out;
        let received = Just(received).prop_shuffle();
        (
            Just(history.clone()),
            received.prop_map(move |sent| History { link_out, sent: Told(sent) }),
        )
    })
}

/// What becomes of an account that is told all this, a second apart.
fn told(history: &History) -> AccountState {
    let link = if history.link_out { vec![requested(1), link_issued(1)] } else { Vec::new() };
    heard(&AccountState::default(), link.iter().chain(&history.sent.0))
}

fn heard<'a>(before: &AccountState, whats: impl IntoIterator<Item = &'a What>) -> AccountState {
    let each = whats.into_iter().zip(10_000..);
    each.fold(before.clone(), |state, (what, second)| hear(&state, ours(second), what).state)
}

/// What stamped histories converge in.
fn essence(state: &AccountState) -> (Option<DataStatus>, bool, bool) {
    (state.data.status, state.need.is_some(), state.waiting.is_some())
}

/// What neighbours without stamps converge in.
fn with_session(state: &AccountState) -> (Option<DataStatus>, bool, bool, Option<ReauthStatus>) {
    let (status, wanted, waits) = essence(state);
    (status, wanted, waits, state.session.as_ref().map(Session::status))
}

/// Deliveries without stamps, some of them of the time before a link.
fn unstamped() -> impl Strategy<Value = Told> {
    let local = select(vec![requested(1), link_issued(1), What::Cancelled { id: id(1) }]);
    let delivery = news().prop_map(|news| news.told(None));
    vec(prop_oneof![4 => delivery, 1 => local, 1 => Just(connected())], 0..6).prop_map(Told)
}

fn good_update() -> impl Strategy<Value = What> {
    (select(&STATUSES[..2]), select(&SYNCS[..3])).prop_map(|(data, sync)| update(data, None, sync))
}

/// The customer is wanted, or a link is out, or both.
fn begin_reauth() -> impl Strategy<Value = Told> {
    let link = vec![requested(2), link_issued(2)];
    let wanted = vec![What::Required { stamp: None, digest: "anew".into() }];
    let both = [&wanted[..], &link[..]].concat();
    select(vec![Told(link), Told(wanted), Told(both)])
}

/// Every order of `n` things.
fn orders(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else { return vec![Vec::new()] };
    let insert = |order: Vec<usize>| {
        (0..n).map(move |place| [&order[..place], &[last], &order[place..]].concat())
    };
    orders(last).into_iter().flat_map(insert).collect()
}

#[test]
fn every_order_of_every_short_stamped_history_converges() {
    let available = |sync| News::Updated(DataStatus::Available, sync);
    let kinds = [
        available(None),
        available(Some(SyncStatus::Successful)),
        available(Some(SyncStatus::ReauthorisationRequired)),
        News::Updated(DataStatus::Processing, None),
        News::Updated(DataStatus::Failed, None),
        News::Updated(DataStatus::Unknown, None),
        News::Required,
        News::Reauthorized,
    ];
    let orders = orders(4);
    for number in 0..2 * kinds.len().pow(4) {
        let link_out = number % 2 == 1;
        let mut course = Course { link_out, ..Course::default() };
        let digits = (0..4).map(|place| number / 2 / kinds.len().pow(place) % kinds.len());
        let news: Vec<_> = digits.map(|digit| kinds[digit]).collect();
        if !news.iter().all(|news| course.takes(*news)) {
            continue;
        }
        let sent: Vec<_> = (1..).zip(&news).map(|(n, news)| news.told(stamp(60 * n))).collect();
        let ordered = told(&History { link_out, sent: Told(sent.clone()) });
        for order in &orders {
            let received = order.iter().map(|n| sent[*n].clone()).collect();
            let received = History { link_out, sent: Told(received) };
            assert_eq!(essence(&ordered), essence(&told(&received)), "{received:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn stamped_histories_converge((history, received) in stamped().prop_flat_map(shuffled)) {
        prop_assert_eq!(essence(&told(&history)), essence(&told(&received)));
    }

    #[test]
    fn the_flag_is_down_after_a_reauthorisation_that_is_the_newest_news_of_consent(
        (history, received) in stamped().prop_flat_map(shuffled),
    ) {
        let asks = Some(SyncStatus::ReauthorisationRequired);
        let of_consent = history.sent.0.iter().rev().find(|what| {
            matches!(what, What::Reauthorized { .. } | What::Required { .. })
                || matches!(what, What::Updated(update) if update.sync == asks)
        });
        if let Some(What::Reauthorized { .. }) = of_consent {
            prop_assert_eq!(told(&received).need, None);
        }
    }

    #[test]
    fn a_copy_of_stamped_news_changes_nothing_whenever_it_comes(
        (_, received) in stamped().prop_flat_map(shuffled),
        picks in vec(any::<prop::sample::Index>(), 12),
    ) {
        let mut state = told(&History { sent: Told(Vec::new()), ..received.clone() });
        for (n, what) in received.sent.0.iter().enumerate() {
            let at = ours(20_000 + n as i64);
            state = hear(&state, at, what).state;
            for copy in picks.iter().map(|pick| &received.sent.0[pick.index(n + 1)]) {
                let again = hear(&state, at, copy);
                prop_assert!(again.state == state, "a copy of {} changed it", brief(from_ref(copy)));
                prop_assert_eq!(again.changes, vec![]);
            }
        }
    }

    #[test]
    fn a_copy_of_news_without_a_stamp_changes_nothing_if_it_comes_next(told in unstamped()) {
        let mut state = AccountState::default();
        for (n, what) in told.0.iter().enumerate() {
            state = hear(&state, ours(n as i64), what).state;
            let again = hear(&state, ours(n as i64), what);
            prop_assert!(again.state == state, "a copy of {} changed it", brief(from_ref(what)));
        }
    }

    #[test]
    fn updated_and_reauthorized_may_change_places_without_stamps(
        before in unstamped(),
        begin in begin_reauth(),
        update in good_update(),
        after in unstamped(),
    ) {
        let state = heard(&AccountState::default(), before.0.iter().chain(&begin.0));
        let done = reauthorized(None);
        let one = heard(&state, [&update, &done]);
        let other = heard(&state, [&done, &update]);
        prop_assert_eq!(with_session(&one), with_session(&other));
        prop_assert_eq!(essence(&heard(&one, &after.0)), essence(&heard(&other, &after.0)));
    }

    #[test]
    fn updated_and_connected_may_change_places_without_stamps(
        before in unstamped(),
        data in select(&STATUSES),
        sync in select(&SYNCS),
        first in option::of(select(&STATUSES)),
        after in unstamped(),
    ) {
        let state = heard(&AccountState::default(), &before.0);
        let update = update(data, None, sync);
        let connected = What::Connected { reported: first.map(word), reference: None, customer: None };
        let one = heard(&state, [&update, &connected]);
        let other = heard(&state, [&connected, &update]);
        prop_assert_eq!(with_session(&one), with_session(&other));
        prop_assert_eq!(essence(&heard(&one, &after.0)), essence(&heard(&other, &after.0)));
    }

    #[test]
    fn the_flag_is_down_after_every_reauthorisation_without_a_stamp(
        before in unstamped(),
    ) {
        let state = heard(&AccountState::default(), &before.0);
        prop_assert_eq!(heard(&state, [&reauthorized(None)]).need, None);
    }
}
