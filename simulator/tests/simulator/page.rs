//! The hosted page, as a person or a screen reader meets it.

use mono_simulator::{Behaviour, Outcome};
use serde_json::{Value, json};

use crate::support::{ASKING, Here};

async fn link(here: &Here) -> String {
    let body = json!({ "account": ASKING, "scope": "reauth" });
    let response = here.post("/v2/accounts/initiate", &body).await;
    let body: Value = response.json().await.unwrap();
    body["data"]["mono_url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_shows_the_account_and_four_choices() {
    let here = Here::new().await;
    let url = link(&here).await;
    let response = here.http.get(&url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let html = response.text().await.unwrap();
    let account = here.simulator.account(ASKING).unwrap();
    assert!(html.contains(&account.institution.name));
    assert!(html.contains(&account.account_number[6..]));
    assert!(!html.contains(&account.account_number));
    for choice in ["approve", "fail", "other-account", "close"] {
        assert!(html.contains(&format!("/{choice}\"")), "{choice}");
    }
    for part in ["lang=\"en\"", "width=device-width", "<main>", "<h1>"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("http://") && !html.contains("https://"));
}

#[tokio::test]
async fn without_a_redirect_the_customer_may_close_the_tab() {
    let here = Here::new().await;
    let url = link(&here).await;
    let response = here.http.post(format!("{url}/approve")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.text().await.unwrap().contains("close this tab"));
    let again = here.http.get(&url).send().await.unwrap();
    assert_eq!(again.status(), 410);
    let twice = here.http.post(format!("{url}/approve")).send().await.unwrap();
    assert_eq!(twice.status(), 410);
}

#[tokio::test]
async fn links_expire_when_told() {
    let here = Here::new().await;
    let url = link(&here).await;
    let code = url.rsplit('/').next().unwrap();
    here.simulator.finish_link(code, Outcome::Expire).unwrap();
    assert_eq!(here.http.get(&url).send().await.unwrap().status(), 410);
    let behaviour = Behaviour { link_lifetime_ms: Some(0), ..Behaviour::default() };
    here.simulator.set_behaviour(behaviour);
    let url = link(&here).await;
    assert_eq!(here.http.post(format!("{url}/approve")).send().await.unwrap().status(), 410);
    assert_eq!(here.simulator.pending(), 0);
    assert_eq!(here.http.get(here.at("/link/none")).send().await.unwrap().status(), 404);
}
