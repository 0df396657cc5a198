//! Every row of the table of verdicts, made by really copying files; and the override.

mod accept;
mod verdict;
