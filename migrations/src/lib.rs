//! The database schema, one migration a file.
