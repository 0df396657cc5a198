//! The example engine, killed again and again, and its server now and then: in the end each request is done, all of it, or undone,
//! all of it, and the log says which.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use strongroom_api::transaction::{ListRequest, Transaction};
use strongroom_example_provisioning::{Engine, Places};

use crate::deployment::Deployment;

const SERVICES: [&str; 3] = ["Accounts", "Mail", "Licences"];
/// Where the engine's process finds its folders; nothing but this test sets it.
const FOLDER: &str = "STRONGROOM_PROVISIONING_FOLDER";

fn kills() -> usize {
    std::env::var("STRONGROOM_TORTURE").ok().and_then(|text| text.parse().ok()).unwrap_or(30)
}

/// No test, but the engine: this program runs itself so, to have a process to kill.
#[test]
fn engine_process() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let places = Places {
        data: folder.join("data"),
        requests: folder.join("requests"),
        begun: folder.join("begun"),
        services: folder.join("services"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async { Engine::connect(places, |done| println!("\n- {done}")).await?.run().await });
    if let Err(error) = ended {
        println!("\n- stopped: {error}");
        std::process::exit(1);
    }
}

fn engine(deployment: &Deployment) -> Child {
    // This very program, also when another has been built in its place.
    let mut command = deployment.command("/proc/self/exe");
    command.args(["provisioning::engine_process", "--exact", "--nocapture"]).env(FOLDER, deployment.folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until the engine has told so much, or has ended; what it told.
fn wait_for(engine: &mut Child, lines: usize) -> Vec<String> {
    let told = BufReader::new(engine.stdout.as_mut().unwrap()).lines();
    told.map_while(Result::ok).filter(|line| line.starts_with("- ")).take(lines).collect()
}

/// Numbers that are the same in every run (xorshift64).
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }
}

fn write_requests(folder: &Path, count: usize) {
    fs::create_dir(folder).unwrap();
    for number in 0..count {
        // Of every third request the third step fails.
        let licence = if number % 3 == 2 { "gold" } else { "standard" };
        let request = format!(
            "<request><data><user name=\"user-{number}\" licence=\"{licence}\"/></data><procedure name=\"CreateUser\">\
             <execute namespace=\"Accounts\" procedure=\"CreateAccount\" sensitive=\"yes\"/>\
             <execute namespace=\"Mail\" procedure=\"CreateMailbox\"/>\
             <execute namespace=\"Licences\" procedure=\"AssignLicence\"/></procedure></request>"
        );
        fs::write(folder.join(format!("user-{number}.xml")), request).unwrap();
    }
}

#[test]
fn whatever_is_killed_each_request_is_done_or_undone() {
    let mut deployment = Deployment::small();
    deployment.start();
    let count = 2 * kills();
    write_requests(&deployment.path("requests"), count);
    let mut moments = Moments(0x5eed_0815);
    for round in 0..kills() {
        let mut engine = engine(&deployment);
        let lines = 1 + moments.next(15);
        let told = wait_for(&mut engine, lines);
        assert_eq!(told.len(), lines, "round {round}: the engine ended by itself: {told:#?}");
        if round % 5 == 4 {
            // The engine stops by itself.
            deployment.kill();
            wait_for(&mut engine, usize::MAX);
            assert!(!engine.wait().unwrap().success(), "round {round}");
            deployment.start();
        } else {
            engine.kill().unwrap();
            engine.wait().unwrap();
        }
    }
    // What the last killed one had asked for may have arrived after the next one's look at what is unfinished.
    for _ in 0..2 {
        let mut last = engine(&deployment);
        let told = wait_for(&mut last, usize::MAX);
        assert!(last.wait().unwrap().success(), "{:?}", told.last());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let transactions = runtime.block_on(transactions(&deployment));
    judge(&deployment, count, transactions);
    drop(runtime);
    assert_eq!(deployment.stop(), Some(0));
}

async fn transactions(deployment: &Deployment) -> HashMap<String, Transaction> {
    let client = deployment.client().await;
    let mut found = HashMap::new();
    let mut after = None;
    loop {
        let page = client.call(&ListRequest { unfinished: false, state: None, after, limit: None }).await.unwrap();
        assert_eq!(page.unreadable, 0);
        found.extend(page.transactions.into_iter().map(|one| (one.id.clone(), one)));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

fn judge(deployment: &Deployment, count: usize, mut transactions: HashMap<String, Transaction>) {
    assert_eq!(fs::read_dir(deployment.path("requests")).unwrap().count(), 0, "every request was begun");
    let mut users = HashMap::new();
    let mut undone = 0;
    for entry in fs::read_dir(deployment.path("begun")).unwrap() {
        let path = entry.unwrap().path();
        let id = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let request = fs::read_to_string(&path).unwrap();
        let (_, rest) = request.split_once("name=\"").unwrap();
        let user = rest.split_once('"').unwrap().0.to_owned();
        let state = transactions.remove(&id).unwrap().state;
        let made = |service: &&str| fs::read_to_string(deployment.path("services").join(service).join(&user)).ok();
        let made: Vec<Option<String>> = SERVICES.iter().map(made).collect();
        match state.as_str() {
            "committed" => assert_eq!(made, [const { Some(()) }; 3].map(|_| Some(id.clone())), "{user}"),
            "rolled_back" => assert_eq!(made, [const { None::<String> }; 3], "{user}"),
            other => panic!("{user}: {id} is {other}"),
        }
        undone += usize::from(state == "rolled_back");
        assert!(state == "rolled_back" || request.contains("licence=\"standard\""), "{user}");
        assert_eq!(users.insert(user, id), None, "each request was begun once");
    }
    assert_eq!(users.len(), count);
    let refused = count / 3;
    assert!(undone > refused && undone < count, "of {count}, {undone} were undone");
    // Killed before the request was theirs.
    for (id, left) in transactions {
        assert_eq!((left.state.as_str(), left.steps), ("rolled_back", 0), "{id}");
    }
    println!("of {count} requests {undone} were undone, {refused} of them because a step failed");
}
