//! mono-gateway.
