//! Column encryption for PostgreSQL: a protocol machine without input and output, the proxy that runs it, and the commands that
//! encrypt the columns of a database that is in use.

pub mod array;
pub mod catalogue;
pub mod connect;
pub mod copy;
pub mod enable;
pub mod proxy;
pub mod session;
pub mod sql;
pub mod wire;
