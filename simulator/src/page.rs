//! The hosted page that a link leads to: what a customer would see of Mono, small enough to read.
//! It asks nothing of any other host and works without scripts.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};

use crate::{
    Simulator,
    clock::now,
    control::Refusal,
    world::{
        World,
        link::{Finish, Link, LinkState, Outcome, Scope},
    },
};

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8886; }
body { font: 1.05rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 26rem; padding: 1.5rem 1rem; }
.note { border: 1px dashed var(--line); border-radius: .5rem; font-size: .85rem; padding: .4rem .7rem; }
h1 { font-size: 1.4rem; line-height: 1.25; }
dl { border: 1px solid var(--line); border-radius: .5rem; margin: 1rem 0; padding: .3rem .9rem; }
dl div { display: flex; gap: 1rem; justify-content: space-between; padding: .35rem 0; }
dt { opacity: .75; } dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
button { background: none; border: 1px solid var(--line); border-radius: .5rem; color: inherit;
  cursor: pointer; font: inherit; margin: .3rem 0; min-height: 3rem; width: 100%; }
button.first { background: #0b5cd6; border-color: #0b5cd6; color: #fff; font-weight: 600; }
button:focus-visible { outline: 3px solid #f5a623; outline-offset: 2px; }
";

/// The page and what its buttons post to.
pub(crate) fn router() -> Router<Simulator> {
    Router::new().route("/link/{code}", get(show)).route("/link/{code}/{outcome}", post(finish))
}

async fn show(State(simulator): State<Simulator>, Path(code): Path<String>) -> Response {
    simulator.with(|world| match world.links.iter().find(|link| link.code == code) {
        None => page(StatusCode::NOT_FOUND, "Unknown link", "<p>There is no such link.</p>"),
        Some(link) => match link.state_at(now()) {
            LinkState::Open => open(world, link),
            LinkState::Used => {
                page(StatusCode::GONE, "Link already used", "<p>You may close this tab.</p>")
            }
            LinkState::Expired => {
                page(StatusCode::GONE, "Link expired", "<p>Go back and ask for another.</p>")
            }
        },
    })
}

async fn finish(
    State(simulator): State<Simulator>,
    Path((code, outcome)): Path<(String, String)>,
) -> Response {
    let outcome = match outcome.as_str() {
        "approve" => Outcome::Approve,
        "fail" => Outcome::Fail,
        "close" => Outcome::Close,
        "other-account" => Outcome::OtherAccount,
        _ => return page(StatusCode::NOT_FOUND, "Unknown choice", "<p>Nothing was done.</p>"),
    };
    match simulator.finish_link(&code, Finish::from(outcome)) {
        Ok(finished) => match finished.redirect_to.as_deref().map(HeaderValue::from_str) {
            Some(Ok(location)) => {
                (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
            }
            Some(Err(_)) | None => {
                page(StatusCode::OK, "Done", "<p role=\"status\">You may close this tab.</p>")
            }
        },
        Err(Refusal::NotFound(_)) => {
            page(StatusCode::NOT_FOUND, "Unknown link", "<p>There is no such link or account.</p>")
        }
        Err(Refusal::Invalid(_)) => {
            page(StatusCode::GONE, "Link no longer open", "<p>Go back and ask for another.</p>")
        }
    }
}

fn open(world: &World, link: &Link) -> Response {
    let account = link.account.as_deref().and_then(|id| world.account(id));
    let (title, question) = match link.scope {
        Scope::Reauth => ("Connect your account again", "Your bank asks for your consent again."),
        Scope::Auth => ("Connect your account", "An application asks to read your account."),
    };
    let mut rows = String::new();
    let mut row = |term: &str, value: &str| {
        rows.push_str(&format!("<div><dt>{term}</dt><dd>{}</dd></div>", escaped(value)));
    };
    match account {
        Some(account) => {
            row("Bank", &account.institution.name);
            row("Account", &masked(&account.account_number));
            row("Holder", &account.name);
        }
        None => {
            row("Bank", link.bank.map_or("chosen for you", |bank| bank.name));
            row("Holder", link.customer_name.as_deref().unwrap_or("known customer"));
        }
    }
    let code = escaped(&link.code);
    let button = |outcome: &str, class: &str, label: &str| {
        format!(
            "<form method=\"post\" action=\"/link/{code}/{outcome}\">\
             <button type=\"submit\" class=\"{class}\">{label}</button></form>"
        )
    };
    let buttons = [
        button("approve", "first", "Approve"),
        button("fail", "", "Fail"),
        button("other-account", "", "Use another account"),
        button("close", "", "Close"),
    ]
    .concat();
    page(StatusCode::OK, title, &format!("<p>{question}</p><dl>{rows}</dl>{buttons}"))
}

fn page(status: StatusCode, title: &str, content: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} · simulated bank link</title><link rel=\"icon\" href=\"data:,\">\
         <style>{STYLE}</style></head><body><main>\
         <p class=\"note\">A simulation: no bank, no money, no personal data.</p>\
         <h1>{title}</h1>{content}</main></body></html>\n"
    );
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
    ];
    (status, headers, Html(html)).into_response()
}

/// The last four digits of an account number.
fn masked(number: &str) -> String {
    let shown: String = number.chars().rev().take(4).collect();
    format!("•••• {}", shown.chars().rev().collect::<String>())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
