//! B34: account and machine protector, each intact, broken, tampered with or absent, and the server killed at each write of the start
//! that finds it so.
//!
//! A check kills every pair at a few of its calls, other ones for each pair; with STRONGROOM_TORTURE every pair is killed at every
//! call, after a clean stop and after a kill.

use serde_json::Value;

use crate::heal::calls::{self, Point};
use crate::heal::image::{Image, Rows};
use crate::heal::scene::{self, Ended, Harm, KINDS, Scene};

/// In a check: one call in so many.
const STRIDE: usize = 11;

#[test]
fn a_machine_protector_is_healed_or_left_alone_wherever_the_start_is_killed() {
    run("machine", |harms| harms[0] == Harm::Intact);
}

#[test]
fn an_account_protector_is_healed_or_left_alone_wherever_the_start_is_killed() {
    run("account", |harms| harms[0] != Harm::Intact && harms[1] == Harm::Intact);
}

#[test]
fn where_nothing_opens_nothing_is_written_wherever_the_start_is_killed() {
    run("neither", |harms| !harms.contains(&Harm::Intact));
}

fn run(test: &str, wanted: fn([Harm; 2]) -> bool) {
    if !calls::can_kill_at_calls(&format!("heal::matrix ({test})")) {
        return;
    }
    let torture = std::env::var_os("STRONGROOM_TORTURE").is_some();
    let mut scene = Scene::new();
    let pairs: Vec<[Harm; 2]> = Harm::ALL.into_iter().flat_map(|one| Harm::ALL.map(|other| [one, other])).collect();
    let mut kills = 0;
    for (number, harms) in pairs.into_iter().enumerate().filter(|(_, harms)| wanted(*harms)) {
        let turn = if number % 2 == 0 { Ended::Killed } else { Ended::Stopped };
        for ended in [Ended::Stopped, Ended::Killed] {
            if torture || turn == ended {
                let stride = if torture { 1 } else { STRIDE };
                kills += killed_at_calls(&mut scene, harms, ended, number * 4, stride);
            }
        }
    }
    println!("{test}: killed at {kills} calls");
}

/// Kills the start on this pair at every `stride`th call, beginning at one that `shift` chooses, and looks at what the next start makes of it.
fn killed_at_calls(scene: &mut Scene, harms: [Harm; 2], ended: Ended, shift: usize, stride: usize) -> usize {
    let trace = calls::trace_file(&scene.deployment);
    let mut cell = Cell::begin(scene, harms, ended, "nowhere");
    cell.start_traced(calls::watch(&trace));
    let (points, hidden) = calls::points(&cell.scene.deployment, &trace);
    cell.end();
    let least = if harms.iter().any(|harm| harm.is_healed()) && harms.contains(&Harm::Intact) { 30 } else { 3 };
    assert!(points.len() >= least && hidden <= 3, "{harms:?}: {} calls seen, {hidden} hidden", points.len());
    let chosen: Vec<&Point> = points.iter().skip(shift % stride).step_by(stride).collect();
    let mut missed = Vec::new();
    for point in &chosen {
        let mut cell = Cell::begin(scene, harms, ended, &point.shown);
        if cell.start_traced(point.kill(&trace)) {
            missed.push(&point.shown);
        }
        cell.end();
    }
    // How many changes and lines are written at once depends on how the threads meet: a start may be over before the call comes.
    assert!(missed.len() * 2 <= chosen.len(), "{harms:?}: of {} calls these did not come: {missed:#?}", chosen.len());
    chosen.len() - missed.len()
}

/// One start that is killed, and what must hold before and after.
struct Cell<'a> {
    scene: &'a mut Scene,
    harms: [Harm; 2],
    image: Image,
    rows: Rows,
    situation: String,
}

impl<'a> Cell<'a> {
    fn begin(scene: &'a mut Scene, harms: [Harm; 2], ended: Ended, at: &str) -> Self {
        scene.harm(ended, harms);
        let image = scene.image();
        let rows = image.protector_rows();
        let situation = format!("{harms:?} after {ended:?}, killed at {at}");
        Self { scene, harms, image, rows, situation }
    }

    fn opens(&self) -> bool {
        self.harms.contains(&Harm::Intact)
    }

    /// Starts the server by way of strace, and kills it once it is ready. Whether it became ready.
    fn start_traced(&mut self, by: Vec<String>) -> bool {
        let deployment = &mut self.scene.deployment;
        let serve = deployment.serve(&by);
        let started = deployment.try_start_by(serve);
        deployment.kill();
        if let Err(said) = &started {
            assert!(said.starts_with("signal: 9") || !self.opens(), "{}: {said}", self.situation);
        }
        started.is_ok()
    }

    /// Starts it as usual and compares.
    fn end(mut self) {
        if self.opens() { self.opened() } else { self.stayed_closed() }
    }

    /// R11: every protector named, why it does not open and what to do; not one byte is another.
    fn stayed_closed(&mut self) {
        let before = self.image.clone().settled();
        let killed = self.scene.image().settled();
        assert!(before == killed, "{}: the killed start wrote {:?}", self.situation, before.differing(&killed));
        let Err(said) = self.scene.deployment.try_start() else { panic!("{}: it opened", self.situation) };
        assert!(said.starts_with("exit status: 6"), "{}: {said}", self.situation);
        let report = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).next_back().unwrap();
        let report = report["error"]["message"].as_str().unwrap();
        for (kind, id) in KINDS.iter().zip(self.scene.ids) {
            let part = report.split(&format!("{kind} protector {id}, bound to ")).nth(1);
            let part = part.unwrap_or_else(|| panic!("{}: {report}", self.situation));
            assert!(part.contains("does not open: ") && part.contains("to mend it: "), "{}: {part}", self.situation);
        }
        let after = self.scene.image().settled();
        assert!(before == after, "{}: the next start wrote {:?}", self.situation, before.differing(&after));
    }

    fn opened(&mut self) {
        let between = self.scene.rows();
        self.assert_left_alone(&between);
        let done = [0, 1].map(|at| self.harms[at].is_healed() && !between.contains_key(&self.scene.row_key(at)));
        let started = self.scene.deployment.start();
        self.assert_said(&started, done);
        scene::assert_served(&self.scene.deployment, &self.situation);
        self.assert_listed();
        assert_eq!(self.scene.deployment.stop(), Some(0));
        self.assert_told();

        // Nothing is left to heal, and what was healed opens.
        let again = self.scene.deployment.start();
        self.assert_said(&again, self.harms.map(Harm::is_healed));
        let healed = self.assert_listed();
        assert_eq!(self.scene.deployment.stop(), Some(0));
        assert_eq!(self.assert_told(), healed, "{}", self.situation);
        self.assert_left_alone(&self.scene.rows());
    }

    /// What a start says, when these were healed before it.
    fn assert_said(&self, started: &Value, done: [bool; 2]) {
        let heals = [0, 1].map(|at| self.harms[at].is_healed() && !done[at]);
        let tampered = self.harms.contains(&Harm::Tampered);
        let mut expected = vec!["no_offline_protector", "single_copy"];
        if heals.contains(&true) {
            expected.push("protector_healed");
        }
        if heals[0] || self.harms[0] == Harm::Tampered {
            expected.push("fallback_used");
        }
        if tampered {
            expected.push("protector_tampered");
        }
        expected.sort_unstable();
        let alarms: Vec<&str> =
            started["alarms"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
        // Another build may have put its program in the place of this one meanwhile.
        let alarms: Vec<&str> = alarms.into_iter().filter(|code| *code != "program_changed").collect();
        assert_eq!(alarms, expected, "{}: {started}", self.situation);
        assert_eq!(started["state"], "unlocked", "{}", self.situation);
        let healed = started["healed"].as_array().unwrap().len();
        assert_eq!(healed, heals.into_iter().filter(|heals| *heals).count(), "{}: {started}", self.situation);
    }

    /// Records that are not healed are the same, byte for byte, and so is every secret file that there was.
    fn assert_left_alone(&self, rows: &Rows) {
        for (at, harm) in self.harms.into_iter().enumerate() {
            let key = self.scene.row_key(at);
            if !harm.is_healed() {
                assert!(rows.get(&key) == self.rows.get(&key), "{}: overwrote {}", self.situation, KINDS[at]);
            }
        }
        assert_eq!(rows.len(), self.rows.len(), "{}", self.situation);
        let changed = self.image.secret_files().changed_in(&self.scene.image());
        assert!(changed.is_empty(), "{}: overwrote {changed:?}", self.situation);
    }

    /// The healed ones are new and proven, the others as they were. The heals as the trail names them.
    fn assert_listed(&self) -> Vec<String> {
        let listed = scene::listed(&self.scene.deployment);
        assert_eq!(listed.len(), 2, "{}: {listed:?}", self.situation);
        let mut heals = Vec::new();
        for (at, harm) in self.harms.into_iter().enumerate() {
            let view = listed.iter().find(|view| view["kind"] == KINDS[at]).unwrap();
            let state = if harm == Harm::Tampered { "tampered" } else { "proven" };
            assert_eq!(view["state"], state, "{}: {view}", self.situation);
            let (old, new) = (self.scene.ids[at].to_string(), view["id"].as_str().unwrap());
            assert_eq!(old != new, harm.is_healed(), "{}: {view}", self.situation);
            if harm.is_healed() {
                heals.push(format!("{} {new} for {old}", KINDS[at]));
            }
        }
        let tampered = self.harms.into_iter().filter(|harm| *harm == Harm::Tampered).count() as u64;
        assert_eq!(self.scene.quarantined(), tampered, "{}", self.situation);
        heals
    }

    /// Each heal is in the trail once.
    fn assert_told(&self) -> Vec<String> {
        let told = self.scene.told("protector.heal", &self.situation);
        let healed = self.harms.into_iter().filter(|harm| harm.is_healed()).count();
        assert_eq!(told.len(), healed, "{}: {told:?}", self.situation);
        told
    }
}
