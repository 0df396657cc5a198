//! What the chores work on, as data: packages, generated files, benchmarks, long tests, and the rules of tidy.

/// A package of Debian and Ubuntu that tests use.
pub struct Package {
    pub name: &'static str,
    /// What goes untested without it.
    pub used_to: &'static str,
    /// A program and its arguments that succeed when what the package brings is there.
    pub probe: (&'static str, &'static [&'static str]),
}

pub const PACKAGES: &[Package] = &[
    Package {
        name: "python3",
        used_to: "run the second implementation of the formats",
        probe: ("python3", &["--version"]),
    },
    Package {
        name: "python3-cryptography",
        used_to: "run the second implementation of the formats",
        probe: ("python3", &["-c", "import cryptography"]),
    },
    Package {
        name: "python3-venv",
        used_to: "install the Python programs that test the served API",
        probe: ("python3", &["-c", "import venv, ensurepip"]),
    },
    Package {
        name: "openssl",
        used_to: "check signatures and wrapped keys with another implementation",
        probe: ("openssl", &["version"]),
    },
    Package {
        name: "softhsm2",
        used_to: "have a PKCS#11 token that is wrapped with",
        probe: ("softhsm2-util", &["--version"]),
    },
    Package {
        name: "opensc",
        used_to: "see with another program what lies on a token",
        probe: ("sh", &["-c", "command -v pkcs11-tool"]),
    },
    Package {
        name: "opensc-pkcs11",
        used_to: "count how often a PIN is tried",
        probe: ("sh", &["-c", "test -e /usr/lib/$(uname -m)-linux-gnu/pkcs11-spy.so"]),
    },
    Package {
        name: "postgresql",
        used_to: "encrypt the columns of a real database",
        probe: ("sh", &["-c", "ls /usr/lib/postgresql/*/bin/initdb"]),
    },
    Package { name: "nodejs", used_to: "exchange cells with another implementation", probe: ("node", &["--version"]) },
    Package { name: "npm", used_to: "install the other implementation of cells", probe: ("npm", &["--version"]) },
    Package { name: "strace", used_to: "inject failing system calls", probe: ("strace", &["-V"]) },
    Package { name: "systemd", used_to: "verify the service unit", probe: ("systemd-analyze", &["--version"]) },
];

/// A program from the public index of Python packages.
pub struct PythonTool {
    /// Its directory below that of all builds.
    pub name: &'static str,
    /// The list of what it consists of: exact versions with their digests.
    pub requirements: &'static str,
}

pub const PYTHON_TOOLS: &[PythonTool] = &[
    PythonTool { name: "schemathesis", requirements: "crates/strongroom/tests/schemathesis/requirements.txt" },
    PythonTool { name: "psycopg", requirements: "crates/column-pg/tests/psycopg/requirements.txt" },
];

/// Packages from the public registry of Node.
pub struct NodeTool {
    /// Their directory below that of all builds.
    pub name: &'static str,
    /// Where `package.json` and the lock file are: exact versions with their digests.
    pub folder: &'static str,
}

pub const NODE_TOOLS: &[NodeTool] = &[NodeTool { name: "tedious", folder: "crates/column/tests/tedious" }];

/// A program of its own that uses another implementation in Rust.
pub struct Peer {
    /// Its directory below that of all builds.
    pub name: &'static str,
    pub manifest: &'static str,
}

pub const PEERS: &[Peer] = &[Peer { name: "mssql", manifest: "crates/column/tests/mssql/Cargo.toml" }];

/// A checked-in file that the development binary prints.
pub struct Generated {
    pub file: &'static str,
    /// Arguments of `strongroom` that print the file on standard output.
    pub words: &'static [&'static str],
}

pub const GENERATED: &[Generated] = &[
    Generated { file: "docs/reference/openapi.json", words: &["openapi"] },
    Generated { file: "docs/reference/cli.md", words: &["reference", "cli"] },
    Generated { file: "docs/reference/errors.md", words: &["reference", "errors"] },
];

/// A benchmark: `cargo bench --package <package> --bench <name>`.
pub struct Bench {
    pub package: &'static str,
    pub name: &'static str,
}

pub const BENCHES: &[Bench] = &[
    Bench { package: "strongroom-crypto", name: "cipher" },
    Bench { package: "strongroom-crypto", name: "stream" },
    Bench { package: "strongroom-crypto", name: "asymmetric" },
    Bench { package: "strongroom-client", name: "local" },
    Bench { package: "strongroom-audit", name: "append" },
    Bench { package: "strongroom-store", name: "commit" },
    Bench { package: "strongroom-engine", name: "secret" },
    Bench { package: "strongroom-engine", name: "request" },
    Bench { package: "strongroom-keeper", name: "keeper" },
    Bench { package: "strongroom-keeper", name: "transactions" },
    Bench { package: "strongroom-server", name: "http" },
    Bench { package: "strongroom-column", name: "cell" },
    Bench { package: "strongroom-column-pg", name: "session" },
    Bench { package: "strongroom-column-pg", name: "enable" },
    Bench { package: "strongroom-column-pg", name: "proxy" },
];

/// Something that can run for many rounds.
pub struct Torture {
    pub name: &'static str,
    pub rounds: u64,
    pub does: &'static str,
    /// Arguments of cargo; `{rounds}` stands for the number of rounds, which is also in `STRONGROOM_TORTURE`.
    pub words: &'static [&'static str],
}

pub const TORTURES: &[Torture] = &[
    Torture {
        name: "accumulated",
        rounds: 1_000_000,
        does: "the accumulated test of XAES-256-GCM, compared with the published digest",
        words: &["run", "--package=strongroom-crypto", "--example=accumulated", "--", "{rounds}"],
    },
    Torture {
        name: "kill",
        rounds: 1_000,
        does: "kill -9 under eight writers; what was answered is there after each start",
        words: &["test", "--package=strongroom", "--test=it", "--", "crash", "--nocapture"],
    },
    Torture {
        name: "heal",
        rounds: 1,
        does: "the server killed at every write of a start, with each pair of protectors intact, broken, tampered with or absent",
        words: &["test", "--package=strongroom", "--test=it", "--", "heal::matrix", "--nocapture"],
    },
    Torture {
        name: "flips",
        rounds: 1,
        does: "every byte of a record of every kind flipped, the server started on each",
        words: &["test", "--package=strongroom-keeper", "--test=it", "--", "tamper", "--nocapture"],
    },
    Torture {
        name: "rotation",
        rounds: 100_000,
        does: "as many secrets sealed again under a new key version while eight read and four write",
        words: &["test", "--package=strongroom-keeper", "--test=it", "--", "rotation::going_on", "--nocapture"],
    },
    Torture {
        name: "transactions",
        rounds: 1,
        does: "the server killed at every write while a transaction is begun, stepped, committed, rolled back",
        words: &["test", "--package=strongroom", "--test=it", "--", "transaction::calls", "--nocapture"],
    },
    Torture {
        name: "provisioning",
        rounds: 500,
        does: "the example engine, and now and then its server, killed while it provisions; each request is done or undone",
        words: &["test", "--package=strongroom", "--test=it", "--", "provisioning", "--nocapture"],
    },
    Torture {
        name: "columns",
        rounds: 100,
        does: "the program that encrypts a column killed while three write; nothing is lost, and it goes on",
        words: &["test", "--package=strongroom-column-pg", "--test=it", "--", "enable::concurrent", "--nocapture"],
    },
    Torture {
        name: "enable",
        rounds: 20,
        does: "a million rows encrypted under the writes of pgbench, `column enable` killed so many times; no change is lost",
        words: &["test", "--package=strongroom", "--test=it", "--", "column::killed", "--nocapture"],
    },
    Torture {
        name: "schemathesis",
        rounds: 10_000,
        does: "as many requests to each operation, made by schemathesis from the description of the API",
        words: &["test", "--package=strongroom", "--test=it", "--", "schemathesis", "--nocapture"],
    },
];

/// One crate of ours and what it may use of the others.
pub struct CrateRule {
    /// Directory below `crates/`; for an example, `example-` and its directory below `examples/`.
    pub name: &'static str,
    /// Crates of ours it may depend on.
    pub may_use: &'static [&'static str],
    /// Paths that its shipped code may not name.
    pub never: &'static [&'static str],
}

/// No files, network, processes, environment, threads or clock: what a rule needs is handed in.
const PURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::os::fd",
    "std::os::unix::fs",
    "std::os::unix::net",
    "std::os::unix::process",
    "std::process",
    "std::env",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "tokio",
    "rustix",
    "libc",
];

pub const CRATES: &[CrateRule] = &[
    CrateRule { name: "secret", may_use: &[], never: &["std::net", "serde", "tokio"] },
    CrateRule {
        name: "crypto",
        may_use: &["secret"],
        // The age of buffered nonces takes a monotonic clock; nothing here may know the date.
        never: &["std::net", "std::process", "std::env", "std::time::SystemTime", "serde", "tokio"],
    },
    CrateRule { name: "envelope", may_use: &["secret", "crypto"], never: PURE },
    CrateRule { name: "protector", may_use: &["secret", "crypto", "envelope"], never: &["std::net", "tokio"] },
    CrateRule { name: "engine", may_use: &["secret", "crypto", "envelope"], never: PURE },
    CrateRule { name: "store", may_use: &[], never: &["std::net", "tokio", "serde"] },
    CrateRule { name: "audit", may_use: &["secret", "crypto", "envelope"], never: &["tokio"] },
    CrateRule { name: "api", may_use: &["secret"], never: PURE },
    CrateRule { name: "client", may_use: &["secret", "crypto", "envelope", "api"], never: &[] },
    CrateRule {
        name: "keeper",
        may_use: &["secret", "crypto", "envelope", "engine", "protector", "store", "audit"],
        never: &["std::net", "axum", "hyper"],
    },
    CrateRule {
        name: "server",
        may_use: &["keeper", "engine", "api", "secret", "crypto", "envelope", "audit"],
        never: &[],
    },
    CrateRule { name: "column", may_use: &["secret", "crypto"], never: PURE },
    CrateRule { name: "column-pg", may_use: &["column", "client", "api", "secret", "crypto"], never: &[] },
    CrateRule {
        name: "strongroom",
        may_use: &["client", "api", "server", "keeper", "audit", "column", "column-pg", "secret"],
        never: &[],
    },
    // What it can do, any program can do.
    CrateRule { name: "example-provisioning", may_use: &["client", "secret"], never: &[] },
    CrateRule {
        name: "testkit",
        may_use: &[
            "secret",
            "crypto",
            "envelope",
            "protector",
            "engine",
            "store",
            "audit",
            "api",
            "client",
            "keeper",
            "server",
        ],
        never: &[],
    },
];

/// An edge that only tests have: crate, crate it uses, why.
pub const TEST_EDGES: &[(&str, &str, &str)] = &[
    ("secret", "crypto", "that nonces survive forks takes a fork to show, and forking is unsafe"),
    ("server", "client", "a server is tested by what calls it"),
    ("strongroom", "example-provisioning", "the example is run, and killed, beside a real server"),
    ("server", "protector", "the folders of a test's own instance are part of the keeper's settings"),
];

/// An outside crate that only some of ours may name, and why.
pub struct Reserved {
    pub outside: &'static str,
    pub ours: &'static [&'static str],
    pub because: &'static str,
}

pub const RESERVED: &[Reserved] = &[
    Reserved { outside: "aws-lc-rs", ours: &["crypto"], because: "only `crypto` names an algorithm" },
    Reserved { outside: "aes", ours: &["crypto"], because: "only `crypto` names an algorithm" },
    Reserved { outside: "argon2", ours: &["crypto"], because: "only `crypto` names an algorithm" },
    Reserved {
        outside: "cryptoki",
        ours: &["protector"],
        because: "modules of others are loaded in the child process of `protector` only",
    },
    Reserved { outside: "libc", ours: &["secret"], because: "only `secret` has unsafe code" },
    Reserved { outside: "rusqlite", ours: &["store"], because: "only `store` speaks to the database" },
    Reserved { outside: "axum", ours: &["server"], because: "only `server` has routes" },
    Reserved { outside: "clap", ours: &["strongroom"], because: "only the binary has a command line" },
    Reserved {
        outside: "rsa",
        ours: &[],
        because: "its private-key operations leak through their timing (RUSTSEC-2023-0071)",
    },
    Reserved { outside: "sharks", ours: &[], because: "its shares are biased (RUSTSEC-2024-0398)" },
    Reserved { outside: "openssl", ours: &[], because: "one cryptographic library is enough" },
    Reserved { outside: "ring", ours: &[], because: "one cryptographic library is enough" },
];

/// How often the shipped code of each crate hands out the bytes of a secret (`.expose()` and its kin).
/// A new place is a deliberate change of this list.
pub const EXPOSURES: &[(&str, usize)] = &[
    ("api", 12),
    ("audit", 6),
    ("client", 20),
    ("column-pg", 2),
    ("crypto", 27),
    ("engine", 47),
    ("envelope", 34),
    ("keeper", 33),
    ("protector", 37),
    ("server", 17),
    ("strongroom", 43),
];

pub const FILE_LINES: usize = 600;
pub const FUNCTION_LINES: usize = 70;

/// Words that end the name of a field or type holding secret bytes.
pub const SECRET_BYTES: &[&str] = &["key", "keys", "seed", "entropy"];

/// The same, where text is as bad as bytes. (A key that is text is the name of a key.)
pub const SECRET_TEXT: &[&str] = &["secret", "secrets", "passphrase", "password", "plaintext", "cleartext"];

/// Words before such a word that make it public: a record key says where a record lies.
pub const PUBLIC_QUALIFIERS: &[&str] = &["public", "record", "next", "idempotency", "verifying", "wrapped", "sealed"];
