//! Keyring, commit log and snapshot damaged: nothing can be told any more of the rest, so the store stays locked and says why.
