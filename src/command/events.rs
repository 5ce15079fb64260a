//! `mono-gateway events list` and `events replay`: the log of webhooks, straight from the database,
//! whether a gateway runs or not.

use std::{process::ExitCode, sync::Arc};

use mono_gateway::{
    app::StartError,
    clock::{Clock, Time, rfc3339},
    config::{EventsCommand, Listing, Mode, Settings},
    database::Database,
    error::chain,
    events,
    ids::EventId,
    lifecycle::{
        recogniser::Recogniser,
        service::{Lifecycle, Tasks},
        store::{
            self,
            deliveries::{EventFilter, KeptDelivery},
        },
    },
    webhook::events::{BodyState, Events},
};
use serde_json::{Value, json};

use super::{failed, print, say};

/// How many webhooks are read at once.
const PAGE: u64 = 100;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Lists or replays; 1 if anything fails.
pub(super) async fn run(settings: &Settings, command: EventsCommand) -> ExitCode {
    let log = match Log::open(settings).await {
        Ok(log) => log,
        Err(error) => return failed(error.as_ref()),
    };
    let all_well = match command {
        EventsCommand::List(listing) => match list(&log.events, listing).await {
            Ok(()) => true,
            Err(error) => {
                failed(error.as_ref());
                false
            }
        },
        EventsCommand::Replay { ids } => replay(&log.events, &ids).await,
    };
    log.close().await;
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The log behind a door of its own.
struct Log {
    events: Events,
    database: Database,
    tasks: Tasks,
}

impl Log {
    async fn open(settings: &Settings) -> Result<Self, Failure> {
        let (url, keys) = (settings.database_url()?, settings.data_keys()?);
        // Without Mono's key no number of a bank's account is known again; nothing else is missing.
        let key = settings.mono_secret_key()?;
        let recogniser = key.as_ref().map_or_else(Recogniser::blind, Recogniser::new);
        let database = Database::open_existing(&url).await.map_err(StartError::Database)?;
        database.require_migrated().await.map_err(StartError::Database)?;
        let head = store::head(database.reader()).await.map_err(|error| match error {
            store::StoreError::Row { .. } => {
                Failure::from("no gateway has run on the database of DATABASE_URL yet")
            }
            store::StoreError::Database(_) | store::StoreError::LogHeld(_) => Failure::from(error),
        })?;
        if key.is_some() && head.mode != Mode::Live.as_str() {
            // As `serve` does: invented and real accounts are never mixed.
            return Err(StartError::OtherMode { found: head.mode, mode: "live" }.into());
        }
        let bus = events::connect(&database).await?;
        let (lifecycle, tasks) = Lifecycle::start(
            database.clone(),
            Clock::default(),
            Arc::clone(&bus),
            &head,
            recogniser,
            keys.clone(),
        );
        Ok(Self { events: Events::new(lifecycle, keys), database, tasks })
    }

    /// Ends once what was written is told to the gateways that can be told.
    async fn close(self) {
        self.tasks.close();
        let _ = self.tasks.writer.await;
        self.tasks.reader.abort();
        self.database.close().await;
    }
}

async fn list(events: &Events, listing: Listing) -> Result<(), Failure> {
    let filter = EventFilter {
        account: listing.account,
        event: listing.event,
        outcome: listing.outcome,
        received_from: listing.since,
        received_before: listing.before,
    };
    let (mut after, mut left) = (None, listing.limit);
    loop {
        let page = events.list(&filter, after, left.min(PAGE)).await?;
        for event in &page.events {
            let body = if listing.bodies { events.body_if_open(event).await? } else { None };
            print(&if listing.json {
                format!("{}\n", as_json(events, event, body.as_deref()))
            } else {
                as_text(events, event, body.as_deref())
            });
        }
        left -= left.min(page.events.len() as u64);
        match page.next.filter(|_| left > 0) {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

fn state(events: &Events, event: &KeptDelivery) -> &'static str {
    match events.state(event) {
        BodyState::Whole => "WHOLE",
        BodyState::Redacted => "REDACTED",
        BodyState::Sealed => "SEALED",
        BodyState::Removed => "REMOVED",
    }
}

/// One object a line, in the names of the schema.
fn as_json(events: &Events, event: &KeptDelivery, body: Option<&[u8]>) -> Value {
    let mut line = json!({
        "id": event.id.to_string(),
        "event": event.event,
        "monoEventId": event.mono_event_id,
        "accountId": event.account.as_ref().map(|id| id.as_str()),
        "outcome": event.outcome.as_str(),
        "receivedAt": rfc3339(event.received_at),
        "bodyState": state(events, event),
        "replayOf": event.replay_of.map(|id| id.to_string()),
    });
    if let Some(body) = body {
        line["body"] = String::from_utf8_lossy(body).into();
        line["bodyIsLossy"] = std::str::from_utf8(body).is_err().into();
    }
    line
}

fn as_text(events: &Events, event: &KeptDelivery, body: Option<&[u8]>) -> String {
    let at: Time = event.received_at;
    let account = event.account.as_ref().map_or("-", |id| id.as_str());
    let mut line = format!(
        "{}  {}  {:<11}  {:<8}  {account}  {}",
        event.id,
        rfc3339(at),
        event.outcome.as_str(),
        state(events, event),
        event.event.as_deref().unwrap_or("-"),
    );
    if let Some(original) = event.replay_of {
        line.push_str(&format!("  replay of {original}"));
    }
    line.push('\n');
    if let Some(body) = body {
        // A terminal obeys some characters.
        let text = String::from_utf8_lossy(body);
        let shown = text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c });
        line.push_str("  ");
        line.push_str(shown.collect::<String>().trim_end());
        line.push('\n');
    }
    line
}

/// Replays one after the other. Whether all were.
async fn replay(events: &Events, ids: &[EventId]) -> bool {
    let mut all_well = true;
    for id in ids {
        match events.replay(*id).await {
            Ok(done) => {
                print(&format!("{id}  {}  as {}\n", done.outcome.as_str(), done.id));
                if let Some(account) = done.unproven {
                    print(&format!(
                        "  which link {account} came by is not known yet; completeLink decides\n"
                    ));
                }
            }
            Err(error) => {
                all_well = false;
                say(&format!("{id}: {}", chain(&error)));
            }
        }
    }
    all_well
}
