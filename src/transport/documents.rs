//! From text to a document.

use async_graphql::parser::{
    self,
    types::{ExecutableDocument, OperationDefinition, OperationType},
};

use crate::error::{ApiError, ErrorCode};

/// Parses a document. The error says where it went wrong and never repeats the document.
///
/// # Errors
/// `GRAPHQL_PARSE_FAILED`.
pub fn parse(text: &str) -> Result<ExecutableDocument, ApiError> {
    parser::parse_query(text).map_err(|error| {
        let place = error.positions().next();
        let place = place.map_or_else(String::new, |pos| {
            format!(" at line {}, column {}", pos.line, pos.column)
        });
        let text = format!("the document is not GraphQL: it cannot be read{place}");
        ApiError::new(ErrorCode::GraphqlParseFailed, text)
    })
}

/// The operation that would run: the named one, or the only one.
#[must_use]
pub fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    let mut operations = document.operations.iter();
    match name {
        Some(name) => operations
            .find(|(candidate, _)| candidate.is_some_and(|candidate| candidate == name))
            .map(|(_, operation)| &operation.node),
        None => match (operations.next(), operations.next()) {
            (Some((_, only)), None) => Some(&only.node),
            (Some(_), Some(_)) | (None, _) => None,
        },
    }
}

/// Refuses a request that leaves out a variable that its operation must have: that is a fault of
/// the request, not of the field that would miss it.
///
/// # Errors
/// `GRAPHQL_VALIDATION_FAILED`.
pub fn check_variables(
    document: &ExecutableDocument,
    name: Option<&str>,
    variables: &serde_json::Value,
) -> Result<(), ApiError> {
    let Some(operation) = operation(document, name) else { return Ok(()) };
    for definition in &operation.variable_definitions {
        let definition = &definition.node;
        let variable = definition.name.node.as_str();
        let must = !definition.var_type.node.nullable && definition.default_value.is_none();
        let given = variables.get(variable);
        if must && given.is_none_or(serde_json::Value::is_null) {
            let text =
                format!("the variable ${variable} of type {} must be given", definition.var_type);
            return Err(ApiError::new(ErrorCode::GraphqlValidationFailed, text));
        }
    }
    Ok(())
}

/// What the document does. One whose operation is unclear does nothing, which the library says.
#[must_use]
pub fn operation_type(document: &ExecutableDocument, name: Option<&str>) -> OperationType {
    operation(document, name).map_or(OperationType::Query, |operation| operation.ty)
}
