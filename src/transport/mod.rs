//! GraphQL on the wire: one document in, answers out, over whichever protocol asks.
//!
//! Knows the schema and none of the domains. Every protocol goes through [`Engine`], so what
//! bounds a document and what an error looks like is the same over all of them.

pub mod browser;
mod bundle;
pub mod cors;
pub mod graphiql;
pub mod http;
pub mod media;
pub mod message;
pub mod multipart;
mod open;
pub mod security;
pub mod sse;
pub mod starter;
pub mod status;
pub mod streams;
pub mod websocket;

use std::sync::Arc;

use async_graphql::{
    Request, Response, futures_util::stream::BoxStream, parser::types::OperationType,
};
use futures_util::{StreamExt as _, stream};
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::{
    access::{Access, AccessError},
    caller::Caller,
    clock::Clock,
    document::store::Documents,
    error::{ApiError, ErrorCode},
    ids::RequestId,
    schema::{CursorSlot, Schema},
};
use message::{Answer, GraphqlRequest};
use open::Open;
pub use open::{Connection, Ended, Subscription};

/// Runs documents for all protocols. Clones share it.
#[derive(Clone, Debug)]
pub struct Engine {
    schema: Schema,
    documents: Arc<Documents>,
    clock: Clock,
    draining: watch::Receiver<bool>,
    open: Arc<Open>,
    limits: Limits,
    access: Access,
}

/// How much may be open at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Streaming connections in all.
    pub connections: usize,
    /// Operations on one WebSocket.
    pub operations_per_connection: usize,
    /// How long closing all streams may take, in milliseconds.
    pub drain_ms: u64,
    /// How patient a WebSocket is.
    pub patience: websocket::Patience,
}

/// A document that is ready to run.
pub struct Prepared {
    request: Request,
    /// What it does.
    pub operation: OperationType,
    /// What it costs, in selections.
    pub cost: u64,
    /// Where a subscription leaves its cursors.
    pub cursors: CursorSlot,
}

impl Engine {
    /// An engine for this schema that ends its streams once `draining` says so.
    #[must_use]
    pub fn new(
        schema: Schema,
        documents: Documents,
        clock: Clock,
        draining: watch::Receiver<bool>,
        limits: Limits,
        access: Access,
    ) -> Self {
        Self {
            schema,
            documents: Arc::new(documents),
            clock,
            draining,
            open: Arc::default(),
            limits,
            access,
        }
    }

    /// Who asks with this `Authorization`.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn caller(&self, authorization: Option<&str>) -> Result<Caller, AccessError> {
        self.access.caller(authorization)
    }

    /// Ends when this caller's token does.
    pub async fn until_ended(&self, caller: &Caller) {
        let Some(ends_at) = caller.ends_at() else { return std::future::pending().await };
        while self.clock.now() < ends_at {
            let left = (ends_at - self.clock.now()).to_std().unwrap_or_default();
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = self.clock.moved() => {}
            }
        }
    }

    /// A new id for a request.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        RequestId::new(self.clock.now())
    }

    /// Counts a streaming connection in, unless there are too many.
    #[must_use]
    pub fn connect(&self, transport: &'static str) -> Option<Connection> {
        self.open.connect(transport, self.limits.connections)
    }

    /// How many streaming connections are open, and how many subscriptions run on them.
    #[must_use]
    pub fn open_now(&self) -> (usize, usize) {
        (self.open.connections(), self.open.subscriptions())
    }

    /// Checks a document and finds out what it does, without running it.
    ///
    /// # Errors
    /// The answer to give instead.
    pub fn prepare(
        &self,
        asked: GraphqlRequest,
        after: Option<String>,
        id: RequestId,
    ) -> Result<Prepared, Box<Answer>> {
        let documents = &self.documents;
        let found = documents.find(&asked.document);
        let runnable = found.and_then(|document| {
            documents.checks().run(&document, asked.operation_name.as_deref(), asked.variables)
        });
        let runnable = runnable.map_err(|faults| Box::new(Answer::refused(faults, id)))?;
        let cursors = CursorSlot::new(after);
        let mut request = Request::new("").variables(runnable.variables).data(cursors.clone());
        request.set_parsed_query(runnable.document);
        Ok(Prepared { request, operation: runnable.kind, cost: runnable.cost, cursors })
    }

    /// Runs a query or a mutation.
    pub async fn execute(&self, prepared: Prepared, caller: Caller, id: RequestId) -> Answer {
        // Whatever is logged on the way carries the id that the client is told.
        let run = self.schema.execute(prepared.request, caller);
        Answer::new(run.instrument(tracing::info_span!("request", %id)).await, id)
    }

    /// Runs any operation.
    pub fn stream(
        &self,
        prepared: Prepared,
        caller: Caller,
        id: RequestId,
    ) -> BoxStream<'static, Answer> {
        let is_subscription = prepared.operation == OperationType::Subscription;
        let span = tracing::info_span!("request", %id);
        let mut responses = self.schema.stream(prepared.request, caller);
        let responses = stream::poll_fn(move |context| {
            let _entered = span.enter();
            responses.poll_next_unpin(context)
        });
        let answer = move |response: Response| {
            let answer = Answer::new(response, id);
            if is_subscription { answer.of_subscription() } else { answer }
        };
        responses.map(answer).boxed()
    }

    /// Ends when the gateway begins to stop.
    pub async fn draining(&self) {
        let mut draining = self.draining.clone();
        // The sender is gone only once everything is.
        let _ = draining.wait_for(|draining| *draining).await;
    }

    /// A moment within the time that stopping may take, not the same for all: clients that come
    /// back all at once would be a burst. Leaves some of that time for saying goodbye.
    #[must_use]
    pub fn drain_delay(&self) -> std::time::Duration {
        let latest = self.limits.drain_ms - self.limits.drain_ms / 5;
        std::time::Duration::from_millis(rand::random_range(0..=latest))
    }

    /// Ends when no streaming connection is open.
    pub async fn all_closed(&self) {
        self.open.all_closed().await;
    }

    /// What may be open, and for how long.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// The answer to somebody who comes while too much is open.
#[must_use]
pub fn overloaded() -> ApiError {
    ApiError::new(ErrorCode::Overloaded, "too many connections are open; try again in a moment")
        .after_ms(Some(1000))
}
