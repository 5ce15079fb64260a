//! Re-authorisation by Mono's widget, with and without a token.

use super::*;
use crate::lifecycle::{fact::Token, session::ExpiryBasis};

fn by(method: ReauthMethod, n: u128) -> What {
    What::Requested(Request { method, ..request(n) })
}

fn token_issued(n: u128) -> What {
    What::TokenIssued { id: id(n), token: Token(format!("token-{n}")) }
}

fn handover(story: &Story) -> Option<Handover> {
    story.state.session.as_ref()?.handover().cloned()
}

fn wanted() -> Story {
    Story::with_data().hears(required(None))
}

#[test]
fn the_widget_is_handed_over_at_once() {
    let story = wanted().quietly().hears(by(ReauthMethod::Widget, 1));
    assert_eq!(handover(&story), Some(Handover::Widget));
    let told = Change::Reauth {
        required: true,
        reason: Some(ReauthReason::Webhook),
        cause: crate::lifecycle::ChangeCause::Mutation,
        reauth: Some(id(1)),
        status: Some(ReauthStatus::LinkIssued),
    };
    assert_eq!(story.told, [told], "it is told once, and not as asked for first");
    let session = story.state.session.expect("a session");
    assert_eq!(session.expires_at(), Some(session.created_at + LINK_LIFE));
    assert_eq!(session.expiry_basis(), Some(ExpiryBasis::Assumed));
    assert_eq!(session.url(), None);
}

#[test]
fn a_token_lives_ten_minutes_from_when_it_was_asked_for() {
    let story = wanted().hears(by(ReauthMethod::WidgetToken, 1));
    assert_eq!((story.session(), handover(&story)), (Some(ReauthStatus::Requested), None));
    let asked_at = story.now();
    let story = story.later(9).hears(token_issued(1));
    assert_eq!(handover(&story), Some(Handover::Token("token-1".into())));
    let session = story.state.session.clone().expect("a session");
    assert_eq!(session.expires_at(), Some(asked_at + Duration::minutes(10)));
    assert_eq!(session.expiry_basis(), Some(ExpiryBasis::Documented));
    let story = story.waits(10 * MINUTE - 10, None);
    assert_eq!(story.session(), Some(ReauthStatus::LinkIssued));
    let story = story.waits(1, None);
    assert_eq!((story.session(), handover(&story)), (Some(ReauthStatus::Expired), None));
}

#[test]
fn a_token_that_comes_late_is_forgotten() {
    let given_up = |story: Story| story.hears(What::Cancelled { id: id(1) });
    let finished = |story: Story| story.hears(reauthorized(None));
    for end in [given_up, finished] {
        let story = end(wanted().hears(by(ReauthMethod::WidgetToken, 1)));
        let before = story.state.clone();
        assert_eq!(story.hears(token_issued(1)).state, before);
    }
}

#[test]
fn another_method_supersedes_and_the_same_one_is_reused() {
    let methods = [ReauthMethod::HostedLink, ReauthMethod::Widget, ReauthMethod::WidgetToken];
    for first in methods {
        for second in methods {
            let story = wanted().hears(by(first, 1));
            let folded = hear(&story.state, story.now(), &by(second, 2));
            let superseded = folded.superseded.map(|session| session.id);
            if first == second {
                assert_eq!((folded.verdict, superseded), (Verdict::Reused(id(1)), None));
            } else {
                assert_eq!((folded.verdict, superseded), (Verdict::Applied, Some(id(1))));
            }
        }
    }
}

#[test]
fn a_customer_who_finishes_in_the_widget_is_told_of_as_by_a_link() {
    let ways = [
        wanted().hears(by(ReauthMethod::Widget, 1)),
        wanted().hears(by(ReauthMethod::WidgetToken, 1)).hears(token_issued(1)),
    ];
    for story in ways {
        let story = story.hears(reauthorized(None));
        assert_eq!(story.session(), Some(ReauthStatus::Authorized));
        assert_eq!((handover(&story), story.is_wanted()), (None, false));
        let story = story.hears(updated(DataStatus::Partial));
        assert_eq!(story.session(), Some(ReauthStatus::Completed));
    }
}

#[test]
fn neither_links_nor_tokens_are_printed_or_written_with_a_fact() {
    let story = wanted().hears(by(ReauthMethod::WidgetToken, 1)).hears(token_issued(1));
    let printed = format!("{:?} {:?} {:?}", story.state, token_issued(1), Story::with_link().state);
    assert!(!printed.contains("token-1") && !printed.contains("link.example"), "{printed}");
    let written = serde_json::to_string(&token_issued(1)).expect("JSON");
    assert!(!written.contains("token-1"), "{written}");
    assert!(serde_json::from_str::<What>(&written).is_ok(), "{written} can be read again");
}
