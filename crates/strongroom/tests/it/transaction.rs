//! Transactions on the program as it is run: killed at its system calls, asked again, and handed documents that are made to hurt.

mod calls;
mod hostile;
