//! Mono's webhooks in every documented form: the fixtures, with what they say put in.

use std::fs;

use serde_json::{Value, json};

/// What Mono tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Event {
    Connected,
    Updated,
    Required,
    Reauthorized,
    SyncFailed,
    Unlinked,
    Job,
    Income,
    Other,
}

/// By what a life's deliveries can be told apart and put in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// As the documentation prints each of them.
    Printed,
    /// Mono's id and its time, as all of 2026 should have.
    Both,
    /// Its time.
    Stamps,
    /// Its id.
    Ids,
    /// Neither, as of old.
    Neither,
}

impl Dialect {
    fn has_stamp(self) -> bool {
        matches!(self, Self::Both | Self::Stamps)
    }
}

/// What a delivery is to say, as far as its shape can say it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    pub(crate) status: &'static str,
    pub(crate) sync: Option<&'static str>,
    pub(crate) job: Option<String>,
    pub(crate) balance: i64,
    pub(crate) fetch: String,
    pub(crate) reference: Option<String>,
}

/// A form of a webhook.
pub(crate) struct Shape {
    pub(crate) event: Event,
    account: String,
    body: Value,
}

/// Every form of every webhook that names an account.
pub(crate) struct Shapes(pub(crate) Vec<Shape>);

impl Shapes {
    pub(crate) fn read() -> Self {
        let folder = format!("{}/tests/fixtures/mono", env!("CARGO_MANIFEST_DIR"));
        let text = |file: &str| fs::read_to_string(format!("{folder}/{file}")).unwrap();
        let index: Vec<Value> = serde_json::from_str(&text("index.json")).unwrap();
        let webhooks = index.iter().filter(|entry| entry["kind"] == "webhook");
        let shapes = webhooks.filter_map(|entry| {
            let body = serde_json::from_str(&text(entry["file"].as_str()?)).ok()?;
            let account = entry["expect"]["account"].as_str()?.to_owned();
            let tells_nothing = entry["expect"]["data_status"].is_null()
                || entry["expect"]["data_status"] == "UNKNOWN";
            let event = match entry["expect"]["event"].as_str()? {
                "account_connected" => Event::Connected,
                "account_updated" if tells_nothing => Event::Other,
                "account_updated" => Event::Updated,
                "reauthorisation_required" => Event::Required,
                "account_reauthorized" => Event::Reauthorized,
                "sync_failed" => Event::SyncFailed,
                "account_unlinked" => Event::Unlinked,
                "job_update" => Event::Job,
                "account_income" => Event::Income,
                _ => Event::Other,
            };
            Some(Shape { event, account, body })
        });
        Self(shapes.collect())
    }

    /// The body in which an event is told of `account`: one of those that can say `words`.
    pub(crate) fn body(
        &self,
        event: Event,
        pick: usize,
        account: &str,
        words: &Words,
        mark: (Dialect, &str, &str),
    ) -> Value {
        let says_how_it_ended = |shape: &&Shape| {
            words.sync.is_none() || shape.body["data"]["meta"].get("sync_status").is_some()
        };
        let all: Vec<&Shape> = self.0.iter().filter(|shape| shape.event == event).collect();
        let able: Vec<&Shape> = if event == Event::Updated {
            all.into_iter().filter(says_how_it_ended).collect()
        } else {
            all
        };
        let shape = able[pick % able.len()];
        let mut body = shape.body.clone();
        rename(&mut body, &shape.account, account);
        match event {
            Event::Updated => tell_data(&mut body, words),
            Event::Job => {
                let data = &mut body["data"];
                data["status"] = json!(words.sync.unwrap_or("finished"));
                let id = if data.get("job_id").is_some() { "job_id" } else { "id" };
                data[id] = json!(words.job);
            }
            Event::Connected => {
                refer(&mut body, words.reference.as_deref());
                // The customer is not what these lives are about.
                body["data"].as_object_mut().unwrap().remove("customer");
            }
            Event::Required
            | Event::Reauthorized
            | Event::SyncFailed
            | Event::Unlinked
            | Event::Income
            | Event::Other => {}
        }
        stamp(&mut body, mark);
        body
    }
}

fn refer(body: &mut Value, reference: Option<&str>) {
    let Some(meta) = body["data"]["meta"].as_object_mut() else { return };
    if let (Some(told), Some(reference)) = (meta.get_mut("ref"), reference) {
        *told = json!(reference);
    } else {
        meta.remove("ref");
    }
}

fn tell_data(body: &mut Value, words: &Words) {
    refer(body, words.reference.as_deref());
    let meta = body["data"]["meta"].as_object_mut().unwrap();
    let is_lower = meta["data_status"].as_str().is_some_and(|word| word == word.to_lowercase());
    let cased = |word: &str| if is_lower { word.to_lowercase() } else { word.to_owned() };
    meta["data_status"] = json!(cased(words.status));
    match words.sync {
        Some(sync) => meta["sync_status"] = json!(cased(sync)),
        None => drop(meta.remove("sync_status")),
    }
    if meta.contains_key("job_id") {
        match &words.job {
            Some(job) => meta["job_id"] = json!(job),
            None => drop(meta.remove("job_id")),
        }
    }
    if meta.contains_key("data_request_id") {
        meta["data_request_id"] = json!(words.fetch);
    }
    if meta.contains_key("retrieved_data") {
        meta["retrieved_data"] = match words.status {
            "AVAILABLE" => json!(["identity", "balance", "transactions"]),
            "PARTIAL" => json!(["identity", "balance"]),
            _ => json!([]),
        };
    }
    body["data"]["account"]["balance"] = json!(words.balance);
}

fn stamp(body: &mut Value, (dialect, id, time): (Dialect, &str, &str)) {
    let fields = body.as_object_mut().unwrap();
    let known = |fields: &serde_json::Map<String, Value>, name: &str| fields.contains_key(name);
    let (has_id, has_time) = match dialect {
        Dialect::Printed => (known(fields, "event_id"), known(fields, "timestamp")),
        Dialect::Both => (true, true),
        Dialect::Stamps => (false, true),
        Dialect::Ids => (true, false),
        Dialect::Neither => (false, false),
    };
    fields.remove("event_id");
    fields.remove("timestamp");
    if has_id {
        fields.insert("event_id".into(), json!(id));
    }
    if has_time {
        fields.insert("timestamp".into(), json!(time));
    }
    let Some(account) = body["data"].get_mut("account").and_then(Value::as_object_mut) else {
        return;
    };
    // An account of long ago came by no link of ours.
    account.remove("created_at");
    if account.contains_key("updated_at") {
        if dialect == Dialect::Printed || dialect.has_stamp() {
            account.insert("updated_at".into(), json!(time));
        } else {
            account.remove("updated_at");
        }
    }
}

fn rename(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text == from => to.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, from, to)),
        Value::Object(fields) => fields.values_mut().for_each(|field| rename(field, from, to)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
