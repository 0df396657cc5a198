//! Test doubles and conformance suites; never part of the product.

pub mod postgres;
pub mod store;
