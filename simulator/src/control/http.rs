//! The control endpoints, under `/_simulator`. They take no key: bind the simulator to a loopback
//! address, as it is by default.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Announce, Refusal, StatusChange, WidgetLink};
use crate::{
    Simulator, behaviour::Behaviour, faults::Fault, shape::Era, webhooks::Script,
    webhooks::Webhook, world::account::NewAccount, world::job::JobEnd, world::job::JobKind,
    world::link::Finish,
};

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::NotFound(message) => (StatusCode::NOT_FOUND, message),
            Self::Invalid(message) => (StatusCode::BAD_REQUEST, message),
        };
        (status, Json(json!({ "message": message }))).into_response()
    }
}

type Told = Result<Json<Value>, Refusal>;
type Here = State<Simulator>;

/// The control endpoints.
pub(crate) fn router() -> Router<Simulator> {
    Router::new()
        .route("/_simulator/state", get(state))
        .route("/_simulator/calls", get(calls).delete(reset_calls))
        .route("/_simulator/accounts", post(add_account))
        .route("/_simulator/accounts/{id}/status", post(set_status))
        .route("/_simulator/accounts/{id}/require-reauth", post(require_reauth))
        .route("/_simulator/accounts/{id}/outcome", post(finish_widget))
        .route("/_simulator/accounts/{id}/widget-reauth", post(finish_widget))
        .route("/_simulator/accounts/{id}/reauthorisable", post(set_reauthorisable))
        .route("/_simulator/widget-link", post(link_by_widget))
        .route("/_simulator/links/{code}/outcome", post(finish_link))
        .route("/_simulator/tokens/{code}/outcome", post(finish_link))
        .route("/_simulator/links/by-reference/{reference}/outcome", post(finish_by_reference))
        .route("/_simulator/jobs/{id}/outcome", post(end_job))
        .route("/_simulator/accounts/{id}/jobs/{kind}/outcome", post(end_running_job))
        .route("/_simulator/webhooks", post(send_webhook))
        .route("/_simulator/webhooks/url", post(webhook_url))
        .route("/_simulator/webhooks/script", post(script))
        .route("/_simulator/webhooks/deliver", post(deliver))
        .route("/_simulator/faults", post(add_fault).delete(clear_faults))
        .route("/_simulator/behaviour", post(behaviour))
        .route("/_simulator/era", post(era))
        .route("/_simulator/reset", post(reset))
        .route("/_simulator/{*rest}", get(lost).post(lost).delete(lost))
        .method_not_allowed_fallback(wrong_method)
}

/// Reads a body; none at all reads as `{}`.
fn read<T: DeserializeOwned>(body: &str) -> Result<T, Refusal> {
    let body = if body.trim().is_empty() { "{}" } else { body };
    serde_json::from_str(body).map_err(|error| Refusal::Invalid(format!("body: {error}")))
}

fn done(message: String) -> Told {
    Ok(Json(json!({ "message": message })))
}

async fn state(State(simulator): Here) -> Response {
    Json(simulator.state()).into_response()
}

async fn calls(State(simulator): Here) -> Response {
    Json(json!({ "calls": simulator.calls() })).into_response()
}

async fn reset_calls(State(simulator): Here) -> Told {
    simulator.reset_calls();
    done("all calls are forgotten".to_owned())
}

async fn add_account(State(simulator): Here, body: String) -> Told {
    Ok(Json(json!(simulator.add_account(read::<NewAccount>(&body)?)?)))
}

async fn set_status(State(simulator): Here, Path(id): Path<String>, body: String) -> Told {
    let change: StatusChange = read(&body)?;
    let status = change.data_status.clone();
    simulator.set_status(&id, change)?;
    done(format!("account {id} is now {}", status.as_str()))
}

async fn require_reauth(State(simulator): Here, Path(id): Path<String>, body: String) -> Told {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default)]
        announce: Announce,
    }
    let Asked { announce } = read(&body)?;
    simulator.require_reauth(&id, announce)?;
    let heard = match announce {
        Announce::Webhook => "a webhook says so",
        Announce::SyncStatus => "an account update says so",
        Announce::Job => "a job update says so",
        Announce::None => "nothing says so until somebody asks",
    };
    done(format!("the bank of account {id} now asks for its customer again, and {heard}"))
}

async fn finish_link(State(simulator): Here, Path(code): Path<String>, body: String) -> Told {
    Ok(Json(json!(simulator.finish_link(&code, read::<Finish>(&body)?)?)))
}

async fn finish_by_reference(
    State(simulator): Here,
    Path(reference): Path<String>,
    body: String,
) -> Told {
    Ok(Json(json!(simulator.finish_by_reference(&reference, read::<Finish>(&body)?)?)))
}

async fn finish_widget(State(simulator): Here, Path(id): Path<String>, body: String) -> Told {
    Ok(Json(json!(simulator.finish_widget(&id, read::<Finish>(&body)?)?)))
}

async fn link_by_widget(State(simulator): Here, body: String) -> Told {
    Ok(Json(json!(simulator.link_by_widget(read::<WidgetLink>(&body)?)?)))
}

async fn set_reauthorisable(State(simulator): Here, Path(id): Path<String>, body: String) -> Told {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        reauthorisable: bool,
    }
    let Asked { reauthorisable } = read(&body)?;
    simulator.set_reauthorisable(&id, reauthorisable)?;
    let can = if reauthorisable { "can" } else { "can not" };
    done(format!("account {id} {can} be re-authorised"))
}

async fn end_job(State(simulator): Here, Path(id): Path<String>, body: String) -> Told {
    Ok(Json(json!(simulator.end_job(&id, read::<JobEnd>(&body)?)?)))
}

async fn end_running_job(
    State(simulator): Here,
    Path((id, kind)): Path<(String, String)>,
    body: String,
) -> Told {
    let kind: JobKind = serde_json::from_value(json!(kind))
        .map_err(|error| Refusal::Invalid(format!("kind of job: {error}")))?;
    Ok(Json(json!(simulator.end_running_job(&id, kind, read::<JobEnd>(&body)?)?)))
}

async fn send_webhook(State(simulator): Here, body: String) -> Told {
    let number = simulator.send_webhook(read::<Webhook>(&body)?)?;
    Ok(Json(json!({ "message": format!("webhook {number} is queued"), "number": number })))
}

async fn webhook_url(State(simulator): Here, body: String) -> Told {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        url: String,
    }
    let Asked { url } = read(&body)?;
    simulator.set_webhook_url(&url);
    done(format!("webhooks go to {url}"))
}

async fn script(State(simulator): Here, body: String) -> Told {
    simulator.script(read::<Script>(&body)?);
    done("approvals follow the script from now on".to_owned())
}

async fn deliver(State(simulator): Here, body: String) -> Told {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default)]
        count: Option<usize>,
    }
    let Asked { count } = read(&body)?;
    let delivered = simulator.deliver(count.unwrap_or(usize::MAX)).await;
    Ok(Json(json!({ "delivered": delivered, "pending": simulator.pending() })))
}

async fn add_fault(State(simulator): Here, body: String) -> Told {
    let fault: Fault = read(&body)?;
    let count = fault.count;
    simulator.add_fault(fault)?;
    done(format!("the next requests that fit go wrong: {count}"))
}

async fn clear_faults(State(simulator): Here) -> Told {
    simulator.clear_faults();
    done("nothing more goes wrong".to_owned())
}

async fn behaviour(State(simulator): Here, body: String) -> Told {
    simulator.set_behaviour(read::<Behaviour>(&body)?);
    done("the world behaves so from now on".to_owned())
}

async fn era(State(simulator): Here, body: String) -> Told {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        era: Era,
    }
    let Asked { era } = read(&body)?;
    simulator.set_era(era);
    Ok(Json(json!({ "message": "answers have another shape from now on", "era": era })))
}

async fn reset(State(simulator): Here, body: String) -> Told {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default)]
        seed: Option<u64>,
    }
    let Asked { seed } = read(&body)?;
    simulator.reset(seed);
    done("the world starts over".to_owned())
}

async fn lost(Path(rest): Path<String>) -> Refusal {
    Refusal::NotFound(format!(
        "there is nothing at /_simulator/{rest}; there are state, calls, accounts, \
         accounts/ID/status, accounts/ID/require-reauth, accounts/ID/outcome, \
         accounts/ID/widget-reauth, accounts/ID/reauthorisable, widget-link, links/CODE/outcome, \
         links/by-reference/REF/outcome, tokens/TOKEN/outcome, jobs/ID/outcome, \
         accounts/ID/jobs/KIND/outcome, webhooks, webhooks/url, \
         webhooks/script, webhooks/deliver, faults, behaviour, era and reset"
    ))
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let message = format!(
        "{} does not take {method}; levers take POST, state and calls take GET, faults and calls \
         take DELETE",
        uri.path()
    );
    (StatusCode::METHOD_NOT_ALLOWED, Json(json!({ "message": message }))).into_response()
}
