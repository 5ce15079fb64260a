//! What a request and an answer look like, whatever carries them.

use std::{borrow::Cow, collections::BTreeMap};

use async_graphql::{PathSegment, Response, ServerError, Value};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value as Json};

use crate::{
    document::{Fault, store::Asked},
    error::ErrorCode,
    ids::RequestId,
};

/// How long an error's text may be, in characters. The library's may repeat the document.
const LONGEST_MESSAGE: usize = 400;

/// How many errors an answer has at most.
const MOST_ERRORS: usize = 100;

/// A request as GraphQL over HTTP and graphql-transport-ws send it.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphqlRequest {
    /// The document.
    pub document: Asked,
    /// Which of its operations.
    pub operation_name: Option<String>,
    /// The values of its variables.
    pub variables: Map<String, Json>,
}

/// What is wrong with a request's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// It is not an object.
    #[error("a request is a JSON object with the parameter query; batches are not taken")]
    NotAnObject,
    /// There is no document.
    #[error("the parameter query is missing; it is a string with the document")]
    NoQuery,
    /// The document is no text.
    #[error("the parameter query must be a string")]
    Query,
    /// The id is no text.
    #[error("the parameter documentId must be a string")]
    DocumentId,
    /// There is a document, and the id of one.
    #[error("the parameters query and documentId both name a document; send one of them")]
    TwoDocuments,
    /// The name is no text.
    #[error("the parameter operationName must be a string or null")]
    OperationName,
    /// The variables are no object.
    #[error("the parameter variables must be an object or null")]
    Variables,
    /// The extensions are no object.
    #[error("the parameter extensions must be an object or null")]
    Extensions,
    /// What is said of the document's hash makes no sense.
    #[error("extensions.persistedQuery must be an object with version 1 and sha256Hash, a string")]
    PersistedQuery,
}

impl GraphqlRequest {
    /// Reads a request's parameters strictly.
    ///
    /// # Errors
    /// [`BadRequest`].
    pub fn from_json(json: Json) -> Result<Self, BadRequest> {
        let Json::Object(mut parameters) = json else { return Err(BadRequest::NotAnObject) };
        let mut take = |name: &str| parameters.remove(name).filter(|value| !value.is_null());
        let query = text(take("query"), BadRequest::Query)?;
        let id = text(take("documentId"), BadRequest::DocumentId)?;
        let operation_name = text(take("operationName"), BadRequest::OperationName)?;
        let variables = match take("variables") {
            Some(Json::Object(variables)) => variables,
            None => Map::new(),
            Some(_) => return Err(BadRequest::Variables),
        };
        let hash = match take("extensions") {
            Some(Json::Object(extensions)) => persisted_query(&extensions)?,
            None => None,
            Some(_) => return Err(BadRequest::Extensions),
        };
        let document = match (query, id, hash) {
            (Some(_), Some(_), _) | (_, Some(_), Some(_)) => return Err(BadRequest::TwoDocuments),
            (text, None, Some(hash)) => Asked::Hash { hash, text },
            (Some(text), None, None) => Asked::Text(text),
            (None, Some(id), None) => Asked::Id(id),
            (None, None, None) => return Err(BadRequest::NoQuery),
        };
        Ok(Self { document, operation_name, variables })
    }
}

fn text(value: Option<Json>, bad: BadRequest) -> Result<Option<String>, BadRequest> {
    match value {
        Some(Json::String(text)) => Ok(Some(text)),
        None => Ok(None),
        Some(_) => Err(bad),
    }
}

/// The hash by which Apollo's clients name a document.
fn persisted_query(extensions: &Map<String, Json>) -> Result<Option<String>, BadRequest> {
    let Some(named) = extensions.get("persistedQuery").filter(|named| !named.is_null()) else {
        return Ok(None);
    };
    let is_known = named.get("version").and_then(Json::as_u64) == Some(1);
    let hash = named.get("sha256Hash").and_then(Json::as_str).filter(|_| is_known);
    hash.map(|hash| Some(hash.to_owned())).ok_or(BadRequest::PersistedQuery)
}

/// An answer, ready to be written.
#[derive(Debug)]
pub struct Answer {
    response: Response,
    is_request_error: bool,
    cost: Option<u64>,
}

impl Answer {
    /// Gives every error its code and the request's id.
    #[must_use]
    pub fn new(mut response: Response, request: RequestId) -> Self {
        // Nothing ran if there is no data and no error has a place in it.
        let is_request_error = response.data == Value::Null
            && !response.errors.is_empty()
            && response.errors.iter().all(|error| error.path.is_empty());
        response.errors.truncate(MOST_ERRORS);
        for error in &mut response.errors {
            finish(error, is_request_error, request);
        }
        if let Some(first) = response.errors.first() {
            note(first, response.errors.len(), request);
        }
        Self { response, is_request_error, cost: None }
    }

    /// Answers a request that was refused for these faults.
    #[must_use]
    pub fn refused(faults: Vec<Fault>, request: RequestId) -> Self {
        let error = |fault: Fault| {
            let mut error = ServerError::new(fault.message, fault.at);
            error.extensions.get_or_insert_default().set("code", fault.code.as_str());
            error
        };
        Self::new(Response::from_errors(faults.into_iter().map(error).collect()), request)
    }

    /// The same for a subscription: if its root field failed, there is no stream, so nothing ran.
    #[must_use]
    pub fn of_subscription(mut self) -> Self {
        let at_root = |error: &ServerError| error.path.len() <= 1;
        if self.has_no_data() && self.response.errors.iter().all(at_root) {
            self.is_request_error = true;
        }
        self
    }

    /// Says in its extensions what the operation costs, in selections, directives and values.
    pub fn tell_cost(&mut self, cost: u64) {
        self.cost = Some(cost);
    }

    /// Whether the request itself was refused, so that nothing ran.
    #[must_use]
    pub fn is_request_error(&self) -> bool {
        self.is_request_error
    }

    /// Whether there is nothing but errors.
    #[must_use]
    pub fn has_no_data(&self) -> bool {
        self.response.data == Value::Null && !self.response.errors.is_empty()
    }

    /// The code of its first error.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self.extension("code") {
            Some(Value::String(code)) => Some(code),
            Some(_) | None => None,
        }
    }

    /// When its first error says that it is worth trying again, in milliseconds from now.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self.extension("retryAfterMs") {
            Some(Value::Number(ms)) => ms.as_u64(),
            Some(_) | None => None,
        }
    }

    fn extension(&self, name: &str) -> Option<&Value> {
        self.response.errors.first()?.extensions.as_ref()?.get(name)
    }

    /// Its errors alone.
    pub fn errors(&self) -> impl Serialize + use<'_> {
        Errors(&self.response.errors)
    }

    /// Writes it as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // A tree of values always has a form in JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.response.errors.is_empty() {
            map.serialize_entry("errors", &self.errors())?;
        }
        // A request that was refused has no data, not even null.
        if !self.is_request_error {
            map.serialize_entry("data", &self.response.data)?;
        }
        if let Some(cost) = self.cost {
            map.serialize_entry("extensions", &BTreeMap::from([("cost", cost)]))?;
        }
        map.end()
    }
}

/// Errors in the specification's form.
struct Errors<'a>(&'a [ServerError]);

impl Serialize for Errors<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ErrorBody))
    }
}

struct ErrorBody<'a>(&'a ServerError);

impl Serialize for ErrorBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let error = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("message", &error.message)?;
        let locations: Vec<_> = error.locations.iter().filter(|pos| pos.line > 0).collect();
        if !locations.is_empty() {
            map.serialize_entry("locations", &locations)?;
        }
        if !error.path.is_empty() {
            let path: Vec<Json> = error.path.iter().map(segment).collect();
            map.serialize_entry("path", &path)?;
        }
        if let Some(extensions) = &error.extensions {
            map.serialize_entry("extensions", extensions)?;
        }
        map.end()
    }
}

fn segment(segment: &PathSegment) -> Json {
    match segment {
        PathSegment::Field(name) => Json::from(name.as_str()),
        PathSegment::Index(index) => Json::from(*index),
    }
}

/// Leaves a line by which whoever is told the request's id finds what happened. Its text and path
/// stay out: they may hold what the caller wrote.
fn note(error: &ServerError, errors: usize, request: RequestId) {
    let code = match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
        Some(Value::String(code)) => code.as_str(),
        Some(_) | None => "",
    };
    if code == ErrorCode::UpstreamUnauthorized.as_str() {
        tracing::warn!(%request, code, errors, "Mono refuses the gateway's key; check MONO_SECRET_KEY");
    } else {
        tracing::info!(%request, code, errors, "errors were answered; the first has this code");
    }
}

fn finish(error: &mut ServerError, is_request_error: bool, request: RequestId) {
    if error.message.chars().count() > LONGEST_MESSAGE {
        error.message = error.message.chars().take(LONGEST_MESSAGE).chain("…".chars()).collect();
    }
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        // The library's own errors: of the document as a whole, or of an argument at its field.
        let code = if is_request_error {
            ErrorCode::GraphqlValidationFailed
        } else {
            ErrorCode::BadUserInput
        };
        extensions.set("code", code.as_str());
    }
    extensions.set("requestId", request.to_string());
}

/// An object's members as the query string of a GET carries them: each as text, some as JSON.
///
/// # Errors
/// [`BadRequest`] for JSON that is none.
pub fn from_query_string(query: &str) -> Result<GraphqlRequest, BadRequest> {
    let mut parameters = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let json = |bad| match value.as_ref() {
            "" => Ok(Json::Null),
            text => serde_json::from_str(text).map_err(|_| bad),
        };
        let value = match name.as_ref() {
            "query" | "operationName" | "documentId" if value.is_empty() => Json::Null,
            "query" | "operationName" | "documentId" => Json::String(value.into_owned()),
            "variables" => json(BadRequest::Variables)?,
            "extensions" => json(BadRequest::Extensions)?,
            _ => continue,
        };
        parameters.insert(Cow::into_owned(name), value);
    }
    GraphqlRequest::from_json(Json::Object(parameters))
}
