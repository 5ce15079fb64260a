//! Mono's REST API: its paths, and what stands at each.

mod accounts;
mod customers;
mod data;
mod exchange;
pub(crate) mod gate;
mod initiate;
mod institutions;
mod products;
mod refresh;
mod statement;
mod transactions;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, Uri},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{get, post},
};

use crate::{
    Simulator,
    shape::{Answer, Era, failed},
};

/// The API, behind its gate.
pub(crate) fn router(simulator: &Simulator) -> Router<Simulator> {
    let mut router = Router::new()
        .route("/v2/accounts", get(accounts::list))
        .route("/v2/accounts/initiate", post(initiate::initiate))
        .route("/v2/accounts/auth", post(exchange::exchange))
        .route("/account/auth", post(exchange::exchange_bare))
        .route("/v2/accounts/{id}/jobs/{job}", get(refresh::job))
        .route("/v2/accounts/{id}/income-records", get(data::income_records))
        .route("/v2/accounts/{id}/creditworthiness", post(products::creditworthiness))
        .route("/v2/accounts/{id}/transactions/categorise", post(products::categorise))
        .route("/v2/accounts/{id}/transactions/metadata", post(products::metadata))
        .route("/v2/accounts/{id}/statement/insights", get(products::insights))
        .route("/v2/enrichments/record/{job}", get(products::record))
        .route("/v2/customers", get(customers::list))
        .route("/v2/customers/{id}", get(customers::details).patch(customers::update))
        .route("/v2/customers/{id}/transactions", get(customers::transactions))
        .route("/v3/institutions", get(institutions::list))
        .route("/coverage", get(institutions::coverage))
        .route("/users/stats/wallet", get(accounts::wallet))
        .route("/accounts/{id}/reauthorise", post(exchange::token))
        .route("/accounts/{id}/sync", get(refresh::sync).post(refresh::sync))
        .route("/v1/accounts/{id}/sync", get(refresh::sync).post(refresh::sync));
    for root in ["/v2/accounts", "/v1/accounts", "/accounts"] {
        router = router
            .route(&format!("{root}/{{id}}"), get(accounts::details))
            .route(&format!("{root}/{{id}}/balance"), get(accounts::balance))
            .route(&format!("{root}/{{id}}/transactions"), get(transactions::page))
            .route(&format!("{root}/{{id}}/identity"), get(data::identity))
            .route(&format!("{root}/{{id}}/income"), get(products::income))
            .route(&format!("{root}/{{id}}/credits"), get(data::credits))
            .route(&format!("{root}/{{id}}/debits"), get(data::debits))
            .route(&format!("{root}/{{id}}/assets"), get(data::assets))
            .route(&format!("{root}/{{id}}/earnings"), get(data::earnings))
            .route(&format!("{root}/{{id}}/statement"), get(statement::statement))
            .route(&format!("{root}/{{id}}/statement/jobs/{{job}}"), get(statement::job))
            .route(&format!("{root}/{{id}}/unlink"), post(accounts::unlink));
    }
    router
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .layer(from_fn_with_state(simulator.clone(), gate::gate))
        .merge(statement::files())
}

async fn nothing_here(State(simulator): State<Simulator>, uri: Uri) -> Response {
    let era = simulator.with(|world| world.era);
    reply(failed(era, StatusCode::NOT_FOUND, &format!("There is nothing at {}.", uri.path())))
}

/// `answer` on the wire.
fn reply((status, body): Answer) -> Response {
    (status, Json(body)).into_response()
}

/// What an unknown account id is answered.
fn unknown_account(era: Era) -> Answer {
    failed(era, StatusCode::NOT_FOUND, "This account does not exist or is no longer linked.")
}
