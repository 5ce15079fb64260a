//! What a request and an answer look like, whatever carries them.

use std::borrow::Cow;

use async_graphql::{PathSegment, Response, ServerError, Value};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value as Json};

use crate::{error::ErrorCode, ids::RequestId};

/// How long an error's text may be, in characters. The library's may repeat the document.
const LONGEST_MESSAGE: usize = 400;

/// How many errors an answer has at most.
const MOST_ERRORS: usize = 100;

/// A request as GraphQL over HTTP and graphql-transport-ws send it.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphqlRequest {
    /// The document.
    pub query: String,
    /// Which of its operations.
    pub operation_name: Option<String>,
    /// An object, or null.
    pub variables: Json,
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
    /// The name is no text.
    #[error("the parameter operationName must be a string or null")]
    OperationName,
    /// The variables are no object.
    #[error("the parameter variables must be an object or null")]
    Variables,
    /// The extensions are no object.
    #[error("the parameter extensions must be an object or null")]
    Extensions,
}

impl GraphqlRequest {
    /// Reads a request's parameters strictly.
    ///
    /// # Errors
    /// [`BadRequest`].
    pub fn from_json(json: Json) -> Result<Self, BadRequest> {
        let Json::Object(mut parameters) = json else { return Err(BadRequest::NotAnObject) };
        let mut take = |name: &str| parameters.remove(name).filter(|value| !value.is_null());
        let query = match take("query") {
            Some(Json::String(query)) => query,
            Some(_) => return Err(BadRequest::Query),
            None => return Err(BadRequest::NoQuery),
        };
        let operation_name = match take("operationName") {
            Some(Json::String(name)) => Some(name),
            None => None,
            Some(_) => return Err(BadRequest::OperationName),
        };
        let variables = match take("variables") {
            Some(Json::Object(variables)) => Json::Object(variables),
            None => Json::Null,
            Some(_) => return Err(BadRequest::Variables),
        };
        match take("extensions") {
            Some(Json::Object(_)) | None => {}
            Some(_) => return Err(BadRequest::Extensions),
        }
        Ok(Self { query, operation_name, variables })
    }
}

/// An answer, ready to be written.
#[derive(Debug)]
pub struct Answer {
    response: Response,
    is_request_error: bool,
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
            note(error, request);
        }
        Self { response, is_request_error }
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
fn note(error: &ServerError, request: RequestId) {
    let code = match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
        Some(Value::String(code)) => code.as_str(),
        Some(_) | None => "",
    };
    if code == ErrorCode::UpstreamUnauthorized.as_str() {
        tracing::warn!(%request, code, "Mono refuses the gateway's key; check MONO_SECRET_KEY");
    } else {
        tracing::info!(%request, code, "an error was answered");
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
            "query" | "operationName" if value.is_empty() => Json::Null,
            "query" | "operationName" => Json::String(value.into_owned()),
            "variables" => json(BadRequest::Variables)?,
            "extensions" => json(BadRequest::Extensions)?,
            _ => continue,
        };
        parameters.insert(Cow::into_owned(name), value);
    }
    GraphqlRequest::from_json(Json::Object(parameters))
}
