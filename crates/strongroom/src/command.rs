//! One module per command; each is a request, its answer, and how it is shown.

mod anchor;
mod audit;
mod column;
mod convert;
mod coverage;
mod credential;
mod demo;
mod import;
mod job;
mod key;
pub mod protector;
mod protector_plugin;
mod proxy;
mod quarantine;
mod reference;
mod report;
mod root;
mod secret;
mod serve;
mod setting;
mod status;
mod store;
mod token;
mod transaction;

use clap::CommandFactory;
use strongroom_client::{Client, Target};

use crate::cli::{Command, CommandLine, Config, Global, ProtectorPlugin, Reference};
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::File;
use crate::target;

/// Runs what was typed.
pub fn run(line: CommandLine, output: &Output) -> Result<(), Failure> {
    let CommandLine { global, command } = line;
    let here = Here { global: &global, output };
    match command {
        Command::Serve(serve) => serve::run(&global, &serve, output),
        Command::Demo => demo::run(output),
        Command::Anchor(anchor) => anchor::run(&here, anchor),
        Command::Status => here.call(status::status),
        Command::Doctor => here.call(status::doctor),
        Command::Coverage => here.call(coverage::run),
        Command::Unlock(given) => root::unlock(&here, &given),
        Command::Lock => here.call(root::lock),
        Command::Secret(secret) => secret::run(&here, secret),
        Command::Key(key) => key::run(&here, key),
        Command::Job(job) => job::run(&here, job),
        Command::Protector(protector) => protector::run(&here, protector),
        Command::Tx(tx) => transaction::run(&here, tx),
        Command::Setting(setting) => setting::run(&here, setting),
        Command::Credential(credential) => credential::run(&here, credential),
        Command::Column(column) => column::run(&here, column),
        Command::Proxy(given) => proxy::run(&here, &given),
        Command::Token(token) => token::run(&here, token),
        Command::Audit(audit) => audit::run(&here, audit),
        Command::Quarantine(quarantine) => quarantine::run(&here, quarantine),
        Command::Store(store) => store::run(&here, &store),
        Command::Import(import) => import::run(&here, &import),
        Command::Convert(convert) => convert::run(&here, convert),
        Command::Verify => here.call(store::verify),
        Command::Upgrade(_) => here.call(store::upgrade_accept),
        Command::Config(Config::Check { file }) => {
            File::read(&file)?;
            output.answer(&serde_json::json!({ "ok": true }), || format!("{} is in order", file.display()));
            Ok(())
        }
        Command::ProtectorPlugin(ProtectorPlugin::Remote(remote)) => protector_plugin::remote(&global, &remote, output),
        Command::ProtectorChild { service: _ } => {
            if strongroom_keeper::serve_pkcs11() {
                Ok(())
            } else {
                Err(protector::not_a_child())
            }
        }
        Command::Openapi => {
            let document = serde_json::to_string_pretty(&strongroom_api::openapi())
                .map_err(|error| Failure::local("writing the OpenAPI document", error, ""))?;
            output.text(&document);
            Ok(())
        }
        Command::Reference(Reference::Cli) => {
            output.text(&reference::command_line());
            Ok(())
        }
        Command::Reference(Reference::Errors) => {
            output.text(&reference::errors());
            Ok(())
        }
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut CommandLine::command(), "strongroom", &mut script);
            output.bytes(&script)
        }
    }
}

/// What a command works with.
pub struct Here<'a> {
    /// Flags that every command takes.
    pub global: &'a Global,
    /// Where its answer goes.
    pub output: &'a Output,
}

impl Here<'_> {
    /// Connects and runs `work` on a small runtime of its own.
    pub fn call<'h, F>(&'h self, work: impl FnOnce(Client, &'h Output) -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        self.call_at(target::target(self.global)?, work)
    }

    /// The same at another place than the usual.
    pub fn call_at<'h, F>(&'h self, target: Target, work: impl FnOnce(Client, &'h Output) -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        self.alone(|output| async move {
            let client = Client::connect(target).await?;
            work(client, output).await
        })
    }

    /// Runs `work`, which needs no server, on a small runtime of its own.
    pub fn alone<'h, F>(&'h self, work: impl FnOnce(&'h Output) -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::local("starting", error, "give this process more resources"))?;
        runtime.block_on(work(self.output))
    }
}
