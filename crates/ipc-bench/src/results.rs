//! The results of a run, as they are written to a file and read for a report.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::{peers::Spec, statistics::Summary};

/// Everything that a run found out.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Results {
    /// Whether it was a short run, whose figures are rough.
    pub is_quick: bool,
    /// The machine it ran on.
    pub machine: Machine,
    /// What was measured, by the names of the peers.
    pub versions: BTreeMap<String, String>,
    /// How the brokers were started, by the names of the peers.
    pub commands: BTreeMap<String, String>,
    /// What was not measured, and why.
    pub skipped: Vec<String>,
    /// The measurements.
    pub cases: Vec<Case>,
}

/// Where a run took place.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Machine {
    /// The model of its processor.
    pub cpu: String,
    /// How many cores it has.
    pub n_cores: usize,
    /// The kernel's name and version.
    pub kernel: String,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// One kind of load, and what each peer made of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Case {
    /// The work, such as `calls`.
    pub work: String,
    /// The load, such as `16×16, 64 B text`.
    pub load: String,
    /// The peers, in the order in which they were measured.
    pub series: Vec<Series>,
}

/// What one peer made of a load.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Series {
    /// The peer.
    pub peer: String,
    /// `TCP` or `Unix`.
    pub transport: String,
    /// Round by round: measures by their names, which end in their units.
    pub rounds: Vec<BTreeMap<String, f64>>,
}

impl Results {
    /// Reads a results file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is something else.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the results {}", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is no results file", path.display()))
    }

    /// Writes a results file.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text)
            .with_context(|| format!("cannot write the results to {}", path.display()))
    }

    /// The case of this work and load.
    #[must_use]
    pub fn case(&self, work: &str, load: &str) -> Option<&Case> {
        self.cases
            .iter()
            .find(|case| case.work == work && case.load == load)
    }
}

impl Case {
    /// A case of this work and load that nobody has done yet.
    pub(crate) fn new((work, load): (&str, &str)) -> Self {
        Self {
            work: work.to_owned(),
            load: load.to_owned(),
            series: Vec::new(),
        }
    }

    /// Adds a round of this peer.
    pub(crate) fn add(&mut self, spec: Spec, round: BTreeMap<String, f64>) {
        self.add_as(spec.name(), spec.transport(), round);
    }

    /// Adds a round of a peer in a form that has a series of its own.
    pub(crate) fn add_as(&mut self, name: &str, transport: &str, round: BTreeMap<String, f64>) {
        if let Some(series) = self.series.iter_mut().find(|series| series.peer == name) {
            series.rounds.push(round);
            return;
        }
        self.series.push(Series {
            peer: name.to_owned(),
            transport: transport.to_owned(),
            rounds: vec![round],
        });
    }

    /// What this peer made of it.
    #[must_use]
    pub fn of(&self, peer: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.peer == peer)
    }

    /// The names of the measures, without repetition.
    #[must_use]
    pub fn measures(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for round in self.series.iter().flat_map(|series| &series.rounds) {
            for name in round.keys().map(String::as_str) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }
}

impl Series {
    /// One measure, round by round.
    #[must_use]
    pub fn values(&self, measure: &str) -> Vec<f64> {
        let rounds = self.rounds.iter();
        rounds
            .filter_map(|round| round.get(measure).copied())
            .collect()
    }

    /// One measure, summed up.
    #[must_use]
    pub fn summary(&self, measure: &str) -> Option<Summary> {
        Summary::of(&self.values(measure))
    }
}

impl Machine {
    /// This machine, now.
    #[must_use]
    pub fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo
            .lines()
            .find(|line| line.starts_with("model name"))
            .and_then(|line| line.split_once(": "));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            cpu: model.map_or("unknown", |(_, model)| model).to_owned(),
            n_cores: crate::process::n_cores(),
            kernel: format!("{} {}", std::env::consts::OS, kernel.trim()),
            at: now.map_or(0, |since| since.as_secs()),
        }
    }
}
