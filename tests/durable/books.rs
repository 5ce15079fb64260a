//! What was answered and told, held against what the database has.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};

use crate::{
    kill::{Effect, Lane, digest_of},
    support::*,
};

/// What may never be in a database, whenever the gateway was killed: what it is, and a statement
/// that selects it.
const NEVER: [(&str, &str); 10] = [
    (
        "a delivery that was applied and has no fact",
        "SELECT id FROM webhook_event WHERE outcome = 'APPLIED' AND id NOT IN
            (SELECT webhook_event_id FROM fact_log WHERE webhook_event_id IS NOT NULL)",
    ),
    (
        "a fact of a delivery that is not there",
        "SELECT webhook_event_id FROM fact_log WHERE webhook_event_id IS NOT NULL
            AND webhook_event_id NOT IN (SELECT id FROM webhook_event)",
    ),
    (
        "a fact of an account that is not there",
        "SELECT account_id FROM fact_log WHERE account_id NOT IN
            (SELECT account_id FROM account_state UNION ALL SELECT id FROM link_session)",
    ),
    (
        "a change of an account that is not there",
        "SELECT account_id FROM change_log WHERE account_id NOT IN
            (SELECT account_id FROM account_state UNION ALL SELECT id FROM link_session)",
    ),
    (
        "an account whose session has no row",
        "SELECT account_id FROM account_state WHERE session_id IS NOT NULL
            AND session_id NOT IN (SELECT id FROM reauth_session)",
    ),
    (
        "a live session that its account does not know",
        "SELECT id FROM reauth_session WHERE live AND id NOT IN
            (SELECT session_id FROM account_state WHERE session_id IS NOT NULL)",
    ),
    (
        "two live sessions of one account",
        "SELECT account_id FROM reauth_session WHERE live GROUP BY account_id HAVING COUNT(*) > 1",
    ),
    (
        "a session without a link for which no time is set",
        "SELECT s.id FROM reauth_session s JOIN account_state a ON a.session_id = s.id
            WHERE s.status IN ('REQUESTED', 'LINK_ISSUED') AND a.next_deadline_at IS NULL
        UNION ALL SELECT id FROM link_session
            WHERE status IN ('REQUESTED', 'LINK_ISSUED') AND deadline_at IS NULL",
    ),
    (
        "a job for which no time is set",
        "SELECT j.id FROM account_job j JOIN account_state a ON a.account_id = j.account_id
            WHERE j.status IN ('REQUESTED', 'PROCESSING') AND a.next_deadline_at IS NULL",
    ),
    (
        "a key that answers with nothing",
        "SELECT answer_id FROM idempotency_key WHERE answer_id NOT IN
            (SELECT id FROM reauth_session UNION ALL SELECT id FROM link_session
             UNION ALL SELECT id FROM account_job)",
    ),
];

/// The newest change of each account, beside what the account's row says now.
const NEWEST: &str = "SELECT s.account_id, s.data_status, CAST(s.reauth_required AS TEXT), c.change
    FROM account_state s JOIN change_log c ON c.seq IN
        (SELECT MAX(seq) FROM change_log WHERE kind IN ('DATA_STATUS', 'REAUTH')
         GROUP BY account_id, kind)
    AND c.account_id = s.account_id";

/// What was found so far.
pub(crate) struct Books {
    database_url: String,
    /// By kind: webhooks by their effect, mutations by their table, changes by their kind in the log.
    counts: BTreeMap<&'static str, usize>,
    /// The same when they were last asked whether they have grown.
    before: BTreeMap<&'static str, usize>,
    checked_through: i64,
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let webhooks: usize = Effect::KINDS.iter().map(|kind| self.count(kind)).sum();
        let told: usize = KINDS.iter().map(|(kind, ..)| self.count(kind)).sum();
        let counts = &self.counts;
        write!(
            f,
            "{webhooks} webhooks answered 200, {told} changes told once and in order: {counts:?}"
        )
    }
}

impl Books {
    pub(crate) fn new(database_url: &str) -> Self {
        Self {
            database_url: database_url.to_owned(),
            counts: BTreeMap::new(),
            before: BTreeMap::new(),
            checked_through: 0,
        }
    }

    /// How many of this kind were found so far.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.counts.get(kind).copied().unwrap_or_default()
    }

    /// Some of each of these kinds were found since this was last asked.
    pub(crate) fn have_grown(&mut self, kinds: impl Iterator<Item = &'static str>) {
        for kind in kinds {
            let before = self.before.get(kind).copied().unwrap_or_default();
            assert!(self.count(kind) > before, "nothing of {kind}: {self}");
        }
        self.before.clone_from(&self.counts);
    }

    fn found(&mut self, kind: &'static str, count: usize) {
        *self.counts.entry(kind).or_default() += count;
    }

    pub(crate) async fn open(&self) -> DatabaseConnection {
        look_into(&self.database_url).await
    }

    /// Every delivery that was answered 200 since the last start is there with its effect.
    pub(crate) async fn check_deliveries(&mut self, lanes: &[Lane]) {
        let db = self.open().await;
        let answered = || lanes.iter().flat_map(|lane| &lane.answered);
        let kept = rows(&db, "SELECT digest, outcome, account_id FROM webhook_event").await;
        let mut outcomes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in kept {
            let [digest, outcome, _] = row.try_into().unwrap();
            outcomes.entry(digest.unwrap()).or_default().push(outcome.unwrap());
        }
        let accounts = rows(
            &db,
            "SELECT account_id, data_status, CAST(reauth_required AS TEXT) FROM account_state",
        );
        let accounts: BTreeMap<String, (Option<String>, bool)> = accounts
            .await
            .into_iter()
            .map(|row| {
                let [account, status, required] = row.try_into().unwrap();
                let required = ["1", "true"].contains(&required.unwrap().as_str());
                (account.unwrap(), (status, required))
            })
            .collect();
        for delivery in answered() {
            let text = String::from_utf8_lossy(&delivery.body);
            let found = outcomes.get(&digest_of(delivery)).unwrap_or_else(|| {
                panic!("a webhook that was answered 200 is lost: {text}");
            });
            self.found(delivery.effect.kind(), 1);
            match &delivery.effect {
                Effect::Moves(_) => assert!(found.contains(&"APPLIED".into()), "{found:?} {text}"),
                Effect::Meets(account, status) => {
                    assert_eq!(accounts[account].0.as_deref(), Some(*status), "{text}");
                }
                Effect::Wants(account) => assert!(accounts[account].1, "{text}"),
                Effect::Copy => assert!(found.len() > 1, "{found:?} {text}"),
                Effect::Kept => {
                    let known = ["UNDECODABLE", "NO_ACCOUNT", "UNKNOWN"];
                    assert!(known.contains(&found[0].as_str()), "{found:?} {text}");
                }
            }
        }
        for lane in lanes {
            let status = accounts.get(&lane.account).and_then(|(status, _)| status.as_deref());
            assert!(lane.may_be().contains(&status), "{} is {status:?}", lane.account);
            self.found("cut off", usize::from(lane.open.is_some()));
        }
    }

    /// What mutations answered with has its rows.
    pub(crate) async fn check_rows(&mut self, table: &'static str, ids: Vec<String>) {
        let db = self.open().await;
        let there: BTreeSet<String> = rows(&db, &format!("SELECT id FROM {table}"))
            .await
            .into_iter()
            .filter_map(|row| row.into_iter().next().flatten())
            .collect();
        for id in &ids {
            assert!(there.contains(id), "{id} was answered and is not in {table}");
        }
        self.found(table, ids.len());
    }

    /// Nothing is half there, nothing was applied twice, and what was told is what is stored.
    pub(crate) async fn check_all(&mut self, lanes: &[Lane], listener: &mut Listener) {
        let db = self.open().await;
        for (what, sql) in NEVER {
            let found = rows(&db, sql).await;
            assert!(found.is_empty(), "{what}: {found:?}");
        }
        for row in rows(&db, NEWEST).await {
            let [account, status, required, change] = row.try_into().unwrap();
            let change: Value = serde_json::from_str(&change.unwrap()).unwrap();
            let required = ["1", "true"].contains(&required.unwrap().as_str());
            let account = account.unwrap();
            if change["kind"] == "DATA_STATUS" {
                assert_eq!(change["to"], json!(status), "{account}: {change}");
            } else {
                assert_eq!(change["required"], json!(required), "{account}: {change}");
            }
        }
        for lane in lanes {
            let sql =
                format!("SELECT version FROM account_state WHERE account_id = '{}'", lane.account);
            assert_eq!(number(&db, &sql).await, lane.moves, "{}", lane.account);
        }
        self.check_told(&db, listener).await;
    }

    /// Each change of the log was told once, in order, as it is stored, and nothing else was.
    async fn check_told(&mut self, db: &DatabaseConnection, listener: &mut Listener) {
        let through = listener.through;
        let sql = format!(
            "SELECT CAST(seq AS TEXT), account_id, kind, change FROM change_log
             WHERE seq > {} AND seq <= {through} ORDER BY change_log.seq",
            self.checked_through
        );
        let mut stored = BTreeMap::<String, Vec<Told>>::new();
        for row in rows(db, &sql).await {
            let [seq, account, kind, change] = row.try_into().unwrap();
            let change: Value = serde_json::from_str(&change.unwrap()).unwrap();
            let seq = seq.unwrap().parse().unwrap();
            let kind = kind.unwrap();
            let told = Told::stored(&kind, seq, &account.unwrap(), &change);
            stored.entry(kind).or_default().push(told);
        }
        for (kind, heard) in listener.take() {
            let stored = stored.remove(kind).unwrap_or_default();
            for (heard, stored) in heard.iter().zip(&stored) {
                assert_eq!(heard, stored, "{kind}: what was told and what is stored");
            }
            assert_eq!(heard.len(), stored.len(), "{kind}");
            self.found(kind, heard.len());
        }
        assert!(stored.is_empty(), "{stored:?} was not told");
        self.checked_through = through;
    }
}

/// A change, by what both the log and an event say of it.
#[derive(Debug, PartialEq)]
struct Told {
    seq: i64,
    /// The account's or the link session's id.
    subject: String,
    says: Vec<Value>,
}

impl Told {
    fn stored(kind: &str, seq: i64, subject: &str, change: &Value) -> Self {
        let fields = KINDS.iter().find(|known| known.0 == kind).expect("a known kind").3;
        let says = fields.iter().map(|(stored, _)| change[stored].clone()).collect();
        Self { seq, subject: subject.to_owned(), says }
    }

    fn heard(kind: &str, event: &Value) -> Self {
        let (_, _, subject, fields) = KINDS.iter().find(|known| known.0 == kind).expect("known");
        let cursor = event["cursor"].as_str().expect("a cursor");
        let (_, seq) = cursor.rsplit_once('.').expect("an epoch and a number");
        let says = fields.iter().map(|(_, pointer)| event.pointer(pointer).cloned());
        Self {
            seq: seq.parse().expect("a number"),
            subject: event[subject]["id"].as_str().expect("whose it is").to_owned(),
            says: says.map(Option::unwrap_or_default).collect(),
        }
    }
}

/// A kind in the log; its subscription; whom it is about; and what is said of it, in the log and in
/// the event.
type KindOfChange =
    (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const KINDS: [KindOfChange; 4] = [
    (
        "DATA_STATUS",
        "dataStatusChanged(after: $after) { cursor kind from to cause account { id } }",
        "account",
        &[("from", "/from"), ("to", "/to"), ("cause", "/cause")],
    ),
    (
        "REAUTH",
        "reauthChanged(after: $after) {
            cursor kind required reason cause reauthStatus account { id } reauth { id } }",
        "account",
        &[
            ("required", "/required"),
            ("reason", "/reason"),
            ("cause", "/cause"),
            ("status", "/reauthStatus"),
            ("reauth", "/reauth/id"),
        ],
    ),
    (
        "LINK",
        "linkChanged(after: $after) { cursor kind status cause link { id } }",
        "link",
        &[("status", "/status"), ("cause", "/cause")],
    ),
    (
        "JOB",
        "jobChanged(after: $after) { cursor kind jobKind status cause account { id } job { id } }",
        "account",
        &[("product", "/jobKind"), ("status", "/status"), ("cause", "/cause"), ("job", "/job/id")],
    ),
];

/// A subscriber to everything, who comes back behind the last that it heard.
#[derive(Default)]
pub(crate) struct Listener {
    ws: Option<Ws>,
    cursors: BTreeMap<&'static str, String>,
    heard: BTreeMap<&'static str, Vec<Told>>,
    last: BTreeMap<&'static str, i64>,
    /// All of the log up to here was heard.
    through: i64,
}

impl Listener {
    /// Connects and subscribes behind the last that was heard, at first at the log's beginning.
    pub(crate) async fn come_back(&mut self, gateway: &Gateway, books: &Books) {
        let epoch = rows(&books.open().await, "SELECT epoch FROM log_meta").await;
        let epoch = epoch[0][0].clone().unwrap();
        let mut ws = gateway.ws().await;
        for (kind, field, ..) in KINDS {
            let query = format!("subscription ($after: String) {{ {field} }}");
            let start = || format!("{epoch}.0");
            let after = self.cursors.get(kind).cloned().unwrap_or_else(start);
            ws.subscribe(kind, &query, json!({ "after": after })).await;
        }
        self.ws = Some(ws);
    }

    async fn hear(&mut self) -> Result<(), u16> {
        let message = self.ws.as_mut().expect("connected").message().await?;
        assert_eq!(message["type"], "next", "{message}");
        let id = message["id"].as_str().expect("an id");
        let (kind, ..) = KINDS.into_iter().find(|(kind, ..)| *kind == id).expect("known");
        let payload = &message["payload"];
        assert!(payload.get("errors").is_none(), "{payload}");
        let (_, event) = payload["data"].as_object().unwrap().iter().next().expect("a field");
        assert_eq!(event["kind"], "CHANGE", "{event}");
        let told = Told::heard(kind, event);
        self.cursors.insert(kind, event["cursor"].as_str().unwrap().to_owned());
        self.last.insert(kind, told.seq);
        self.heard.entry(kind).or_default().push(told);
        Ok(())
    }

    /// Listens until the connection breaks.
    pub(crate) async fn until_cut(mut self) -> Self {
        while self.hear().await.is_ok() {}
        self.ws = None;
        self
    }

    /// Listens until everything that is in the log now was heard.
    pub(crate) async fn catch_up(&mut self, books: &Books) {
        let db = books.open().await;
        let sql = "SELECT kind, CAST(MAX(seq) AS TEXT) FROM change_log GROUP BY kind";
        let wanted: Vec<(String, i64)> = rows(&db, sql)
            .await
            .into_iter()
            .map(|row| {
                let [kind, seq] = row.try_into().unwrap();
                (kind.unwrap(), seq.unwrap().parse().unwrap())
            })
            .collect();
        self.through = wanted.iter().map(|(_, seq)| *seq).max().unwrap_or_default();
        let all = async {
            let is_there = |listener: &Self| {
                wanted.iter().all(|(kind, seq)| {
                    listener.last.get(kind.as_str()).is_some_and(|last| last >= seq)
                })
            };
            while !is_there(self) {
                self.hear().await.expect("the connection stands");
            }
        };
        let came = tokio::time::timeout(DEADLINE, all).await;
        came.unwrap_or_else(|_| panic!("{:?} were heard of {wanted:?}", self.last));
    }

    /// What was heard up to where it caught up; what came after that is for the next time.
    fn take(&mut self) -> BTreeMap<&'static str, Vec<Told>> {
        let through = self.through;
        let split = |heard: &mut Vec<Told>| {
            let later = heard.partition_point(|told| told.seq <= through);
            let later = heard.split_off(later);
            std::mem::replace(heard, later)
        };
        self.heard.iter_mut().map(|(kind, heard)| (*kind, split(heard))).collect()
    }
}
