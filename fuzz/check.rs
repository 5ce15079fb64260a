//! What must hold of any body that comes with the right secret. The fuzz target asks it of what the
//! fuzzer makes, `tests/bodies.rs` of the corpus and of mutants of it.

use mono_gateway::{
    ids::{AccountId, ReauthId},
    lifecycle::{
        AccountState,
        fact::{Fact, Request, What},
        fold::fold,
        recogniser::Recogniser,
        session::ReauthMethod,
    },
    webhook::{decode, readable, redact::redact},
};
use secrecy::SecretString;
use serde::de::IgnoredAny;

/// How long a name of Mono's is kept to be.
const LONGEST_NAME: usize = 128;

/// Takes a body through all that a delivery goes through, short of the database.
pub(crate) fn webhook(body: &[u8]) {
    let banks = Recogniser::new(&SecretString::from("a key"));
    let decoded = decode(body, &banks);
    for name in [&decoded.event, &decoded.mono_event_id].into_iter().flatten() {
        assert!(!name.contains(char::is_control), "{name:?} would break a line of the log");
        assert!(name.chars().count() <= LONGEST_NAME, "{name:?} is long");
    }
    let text = readable(body);
    let kept = redact(text.as_bytes());
    let is_json = |body: &[u8]| serde_json::from_slice::<IgnoredAny>(body).is_ok();
    if is_json(text.as_bytes()) {
        // Without what is personal it is JSON still, and nothing personal is left.
        assert!(is_json(&kept), "JSON became something else");
        assert!(redact(&kept) == kept, "what was taken out once was taken out again");
    }

    assert!(decoded.what.is_none() || decoded.account.is_some(), "a fact about nobody");
    let (Some(account), Some(what)) = (decoded.account, decoded.what) else { return };
    for state in states(&account) {
        let fact = Fact { account: account.clone(), at: at(100), what: what.clone() };
        let folded = fold(&state, &fact);
        let copy = fold(&folded.state, &fact);
        assert!(copy.state == folded.state && copy.changes.is_empty(), "a copy changed something");
        let kept = serde_json::to_string(&folded.state).expect("a state is written");
        let mut read: AccountState = serde_json::from_str(&kept).expect("a state is read");
        read.session.clone_from(&folded.state.session);
        assert!(read == folded.state, "the state that is kept is another");
        let kept = serde_json::to_string(&fact).expect("a fact is written");
        let _: Fact = serde_json::from_str(&kept).expect("a fact is read");
    }
}

fn at(second: i64) -> mono_gateway::clock::Time {
    mono_gateway::clock::from_ms(1_767_214_800_000 + 1000 * second).expect("a time")
}

/// Accounts that it may be about: unknown, wanted, with a link out, re-authorised, unlinked.
fn states(account: &AccountId) -> Vec<AccountState> {
    let id = ReauthId::parse(&format!("reauth_{:032x}", 1)).ok();
    let request = id.map(|id| {
        What::Requested(Request {
            id,
            owner: "ada".into(),
            reference: "ref-1".into(),
            method: ReauthMethod::Widget,
            redirect_url: None,
            reuse_active: true,
            key: None,
        })
    });
    let wanted = What::Required { stamp: None, digest: "wanted".into() };
    let steps =
        [Some(wanted), request, Some(What::Reauthorized { stamp: None }), Some(What::Unlinked)];
    let mut states = vec![AccountState::default()];
    for (second, what) in (0..).zip(steps.into_iter().flatten()) {
        let fact = Fact { account: account.clone(), at: at(second), what };
        let next = states.last().map(|state| fold(state, &fact).state);
        states.extend(next);
    }
    states
}
