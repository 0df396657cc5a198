//! Which kind of statement a list of tokens is, as far as it matters for what may be sent and what comes back.

mod copy;
mod cursor;
mod definition;
mod prepared;
mod setting;
mod split;
mod transaction;
mod walk;

use super::token::{Span, Token};

pub use copy::{
    CopyEndpoint, CopyFlow, CopyFormat, CopyHeader, CopyOptions, CopyRefusal, CopySource, CopyStatement, Listed,
    Relation,
};
pub(super) use definition::{Code, code};
pub use prepared::Argument;
pub use split::split;
use walk::Walk;

/// What a statement is. Where it holds another statement, that is a slice of its tokens, and has the same spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement<'t, 'a> {
    /// Reads or changes rows (`SELECT`, `INSERT`, `UPDATE`, `DELETE`, `MERGE`, `VALUES`, `TABLE`, `WITH`, and
    /// `CREATE TABLE … AS`): it takes parameters and can be described.
    Query,
    /// `EXPLAIN`.
    Explain {
        /// What is explained.
        body: &'t [Token<'a>],
    },
    /// `COPY`, or why it was not understood: what the proxy does not understand it cannot translate.
    Copy(Result<CopyStatement<'t, 'a>, CopyRefusal>),
    /// `PREPARE`.
    Prepare {
        /// Its name.
        name: String,
        /// Where the types of its first parameters stand.
        types: Vec<Span>,
        /// What is prepared.
        body: &'t [Token<'a>],
    },
    /// `EXECUTE`.
    Execute {
        /// Its name.
        name: String,
        /// What its parameters are given.
        arguments: Vec<Argument<'t, 'a>>,
    },
    /// `CREATE TABLE … AS EXECUTE`: rows of a prepared statement go into a table.
    CreateAsExecute {
        /// Its name.
        name: String,
        /// What its parameters are given.
        arguments: Vec<Argument<'t, 'a>>,
    },
    /// `DEALLOCATE`.
    Deallocate {
        /// Which; nothing: all.
        name: Option<String>,
    },
    /// `DECLARE … CURSOR FOR`.
    Declare {
        /// The cursor.
        cursor: String,
        /// What it reads.
        body: &'t [Token<'a>],
    },
    /// `FETCH` or `MOVE`.
    Fetch {
        /// The cursor.
        cursor: String,
    },
    /// `CLOSE`.
    Close {
        /// The cursor; nothing: all.
        cursor: Option<String>,
    },
    /// `DO`: code that is run at once, in a string.
    Do,
    /// `CALL`: it takes parameters and can be described.
    Call,
    /// What makes something that keeps expressions or code: functions, procedures, views, rules, triggers, policies, indexes,
    /// constraints and defaults of tables. Literals in it stay in the database, and PostgreSQL takes no parameters there.
    Definition,
    /// `SET`, `RESET` and `DISCARD`.
    Setting(Setting),
    /// The control of transactions.
    Transaction(Transaction),
    /// Anything else: it holds no values of columns.
    Utility,
}

/// A change of what a session is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// `SET`, also in its forms of words (`SET TIME ZONE`, `SET NAMES`, `SET SCHEMA`).
    Set {
        /// What is set, in small letters: `search_path`, `timezone`, `strongroom.column_encryption`.
        name: String,
        /// Whether until the end of the transaction only.
        local: bool,
        /// The value when it is one word, string or number; nothing for lists, `DEFAULT` and `FROM CURRENT`.
        value: Option<String>,
    },
    /// `RESET` of one.
    Reset {
        /// What is reset, in small letters.
        name: String,
    },
    /// `RESET ALL`.
    ResetAll,
    /// `SET ROLE`, `SET SESSION AUTHORIZATION`, and their `RESET`.
    Role,
    /// `SET TRANSACTION`, `SET SESSION CHARACTERISTICS`, `SET CONSTRAINTS`: of no weight here.
    Transaction,
    /// `DISCARD ALL`.
    DiscardAll,
    /// `DISCARD PLANS`, `SEQUENCES` or `TEMP`.
    Discard,
}

/// A statement that controls transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transaction {
    /// `BEGIN`, `START TRANSACTION`.
    Begin,
    /// `COMMIT`, `END`.
    Commit {
        /// Whether another begins at once.
        chain: bool,
    },
    /// `ROLLBACK`, `ABORT`.
    Rollback {
        /// Whether another begins at once.
        chain: bool,
    },
    /// `SAVEPOINT`.
    Savepoint {
        /// Its name.
        name: String,
    },
    /// `RELEASE`.
    Release {
        /// Its name.
        name: String,
    },
    /// `ROLLBACK TO`.
    RollbackTo {
        /// Its name.
        name: String,
    },
    /// `PREPARE TRANSACTION`.
    Prepare,
    /// `COMMIT PREPARED`, `ROLLBACK PREPARED`.
    FinishPrepared,
}

/// What one statement is, given its tokens without the semicolon.
pub fn classify<'t, 'a>(sql: &str, statement: &'t [Token<'a>]) -> Statement<'t, 'a> {
    let mut walk = Walk::new(statement);
    // Parentheses may stand around a query.
    while walk.mark("(") {}
    let Some(first) = walk.word() else {
        return Statement::Utility;
    };
    match first {
        "select" | "insert" | "update" | "delete" | "merge" | "values" | "table" | "with" => Statement::Query,
        "explain" => cursor::explain(walk),
        "copy" => Statement::Copy(copy::read(sql, walk)),
        "prepare" => prepared::prepare(walk),
        "execute" => prepared::execute(walk),
        "deallocate" => prepared::deallocate(walk),
        "declare" => cursor::declare(walk),
        "fetch" | "move" => cursor::fetch(walk),
        "close" => cursor::close(walk),
        "do" => Statement::Do,
        "call" => Statement::Call,
        "create" => definition::create(walk),
        "alter" => definition::alter(walk),
        "set" => setting::set(sql, walk),
        "reset" => setting::reset(walk),
        "discard" => setting::discard(walk),
        word => transaction::control(word, walk).map_or(Statement::Utility, Statement::Transaction),
    }
}
