//! The alarms of the keeper: one word, one sentence, one way to mend it.

use crate::facade::Alarm;

/// The alarm with this word; what is particular to the case is said in `detail`.
pub fn alarm(code: &'static str, detail: &str) -> Alarm {
    let (message, fix) = text(code);
    let message = if detail.is_empty() { message.to_owned() } else { format!("{message}: {detail}") };
    Alarm { code, message, fix: fix.to_owned() }
}

fn text(code: &str) -> (&'static str, &'static str) {
    let row = ALARMS.iter().find(|(word, ..)| *word == code);
    row.map_or(("an alarm", "see the server's log"), |(_, message, fix)| (message, fix))
}

/// Word, sentence, what to do.
const ALARMS: &[(&str, &str, &str)] = &[
    (
        "anchor_missing",
        "the anchor file was missing at start; the audit trail alone vouched for the newest epoch",
        "find out who removed it; it has been written anew",
    ),
    (
        "anchor_stale",
        "anchor and trail are older than the commit log reaches back",
        "find out whether an old anchor file was restored",
    ),
    (
        "trail_missing",
        "the audit trail was missing at start; a new one was begun",
        "find out who removed it; keep its segments elsewhere if they turn up, and note the new audit key 0 that the start printed",
    ),
    (
        "trail_truncated",
        "the audit trail ended before the commit log; missing lines of changes were appended again, lines of reads are lost",
        "find out who shortened it, and compare with what a log collector received",
    ),
    (
        "trail_altered",
        "lines of the audit trail after its last checkpoint were altered",
        "run `strongroom audit verify` and compare with what a log collector received",
    ),
    (
        "fallback_used",
        "a protector did not open at start and another one was used",
        "see `strongroom protector list`; an account or machine protector is healed by itself",
    ),
    (
        "protector_broken",
        "a protector does not open and could not be healed",
        "see `strongroom protector list`, mend what it names, then `strongroom protector replace ID`",
    ),
    (
        "protector_tampered",
        "a protector record is not what the catalogue expects",
        "find out who changed the store, then `strongroom protector replace ID`",
    ),
    (
        "protector_moved",
        "a protector opened although what it is bound to has changed; it was made anew",
        "nothing, if the change of account or host was yours",
    ),
    (
        "protector_healed",
        "a protector did not open; it was healed: the root key is wrapped anew",
        "find out what happened to the account or the host, if it was not you",
    ),
    (
        "machine_protector_unavailable",
        "no machine protector could be made",
        "mend what is named, then `strongroom protector add machine`",
    ),
    (
        "no_offline_protector",
        "no protector works without this host and account",
        "add a password: `strongroom protector add password`, and keep it away from this host",
    ),
    (
        "protector_unproven",
        "a protector that needs a person was not proven for more than 180 days",
        "run `strongroom protector prove ID`",
    ),
    (
        "unprotected",
        "values were imported in clear and have no layer of an application key yet",
        "`strongroom convert --with root` seals them; another protector is chosen with --with",
    ),
    (
        "usage_limit_near",
        "the active versions of these keys are used up, or nearly so",
        "`strongroom key rotate NAME` begins anew with a new version; `strongroom key limit NAME` sets another limit",
    ),
    (
        "rotation_waits",
        "these keys are due for a new version, which their protectors must wrap, and those are not open",
        "`strongroom key unlock NAME` opens the protector; the new version is made within a minute",
    ),
    ("key_locked", "keys are locked", "make their protectors available, or `strongroom key unlock NAME`"),
    (
        "key_password_file",
        "passwords from files do not open their keys",
        "put the right password into the file; a changed file is tried again within a minute, or by `strongroom key unlock NAME --unattended`",
    ),
    (
        "password_only",
        "nothing but their passwords opens these keys: they are locked after each start until somebody gives the password",
        "nothing, if that is what you want; `strongroom key protect NAME --with password` gives a key a second wrap under root",
    ),
    (
        "archive_failed",
        "closed transactions could not be archived",
        "mend what is named; the server tries again within an hour, `strongroom tx archive` at once",
    ),
    ("quarantined", "records failed verification and are kept aside", "see `strongroom quarantine list`"),
    ("strangers", "the store holds entries that are not ours", "find out who writes to the store's file"),
    (
        "written_by_newer",
        "records were written by a newer release; they are refused, not quarantined",
        "run the newer release again",
    ),
    (
        "program_changed",
        "the program is not the one that last ran here",
        "if you upgraded it, run `strongroom upgrade accept`; else find out who replaced it",
    ),
    (
        "single_copy",
        "there is one copy of the store",
        "keep backups of the data directory's volume until a second node exists",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detail_follows_the_sentence() {
        let alarm = alarm("no_offline_protector", "x");
        assert!(alarm.message.ends_with(": x") && alarm.fix.contains("protector add password"));
    }
}
