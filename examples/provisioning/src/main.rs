//! The example's program: `strongroom-example-provisioning DATA FOLDER`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use strongroom_example_provisioning::{Engine, EngineError, Places};

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1).map(PathBuf::from);
    let (Some(data), Some(folder), None) = (words.next(), words.next(), words.next()) else {
        eprintln!(
            "usage: strongroom-example-provisioning DATA FOLDER\n\n  DATA    the server's data directory\n  FOLDER  holds requests, begun, services"
        );
        return ExitCode::from(2);
    };
    let places = Places {
        data,
        requests: folder.join("requests"),
        begun: folder.join("begun"),
        services: folder.join("services"),
    };
    match run(places) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stopped: {error}; start it again when that is mended");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(places: Places) -> Result<(), EngineError> {
    Engine::connect(places, |done| println!("{done}")).await?.run().await
}
