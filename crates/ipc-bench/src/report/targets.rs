//! The targets of `targets.txt`, and how a run stands to them: for people as a table, for
//! programs as JSON (`ipc-bench --targets FILE`).

use std::fmt::Write as _;

use anyhow::{Context, bail, ensure};
use serde::Serialize;

use crate::{
    results::Results,
    statistics::{Summary, difference, ratio},
    table::{number, title},
};

const TARGETS: &str = include_str!("targets.txt");

/// What a hog has to move at least: beside an idle one, nothing is shown.
const BUSY_MB_PER_S: f64 = 10.0;

/// A target, and how a run stands to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// The work, such as `calls`.
    pub work: String,
    /// The load, such as `16×16, 64 B text`.
    pub load: String,
    /// The measure, such as `cpu_us`.
    pub measure: String,
    /// Whose figure is judged.
    pub ours: String,
    /// What it is compared with; `–` for nothing.
    pub beside: String,
    /// The bound in words, such as `≤ × 1.1`.
    pub bound: String,
    /// What is held against the bound, such as a ratio: the median of the rounds.
    pub reached: Option<f64>,
    /// The smallest of the rounds.
    pub min: Option<f64>,
    /// The largest of the rounds.
    pub max: Option<f64>,
    /// Whether that keeps the bound.
    pub verdict: Verdict,
}

/// How a run stands to a target.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is kept.
    Met,
    /// It is not.
    Missed,
    /// The run says nothing about it.
    NotMeasured,
}

/// Holds the results against every target.
///
/// # Errors
///
/// The list of targets is not as it should be.
pub fn judge(results: &Results) -> anyhow::Result<Vec<Judged>> {
    let lines = TARGETS.lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| Ok(parse(line)?.judge(results)))
        .collect()
}

/// Every target, what was reached, and whether that is enough.
pub(super) fn table(results: &Results) -> anyhow::Result<String> {
    let judged = judge(results)?;
    let n = |verdict| judged.iter().filter(|row| row.verdict == verdict).count();
    let mut table = format!(
        "{} met, {} missed, {} not measured. × is times what stands beside, + is more than that.\n\n\
         | work | figure | ours | beside | target | reached | |\n|---|---|---|---|---|---|---|\n",
        n(Verdict::Met),
        n(Verdict::Missed),
        n(Verdict::NotMeasured),
    );
    for row in &judged {
        let figure = match (row.reached, row.min, row.max) {
            (Some(reached), Some(min), Some(max)) => {
                format!("{} ({}–{})", number(reached), number(min), number(max))
            }
            _ => "not measured".to_owned(),
        };
        let verdict = match row.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "**missed**",
            Verdict::NotMeasured => "",
        };
        writeln!(
            table,
            "| {}: {} | {} | {} | {} | {} | {figure} | {verdict} |",
            row.work,
            row.load,
            title(&row.measure),
            row.ours,
            row.beside.trim_start_matches("load "),
            row.bound,
        )?;
    }
    Ok(table)
}

struct Target {
    work: &'static str,
    load: &'static str,
    measure: &'static str,
    ours: &'static str,
    beside: &'static str,
    bound: &'static str,
    is_at_most: bool,
    relation: Relation,
    limit: f64,
}

/// How a figure is held against what stands beside it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Relation {
    Times,
    Plus,
    Alone,
}

fn parse(line: &'static str) -> anyhow::Result<Target> {
    let parts: Vec<&str> = line.split(" | ").collect();
    let &[work, load, measure, ours, beside, bound] = &parts[..] else {
        bail!("not a target: {line}");
    };
    let (is_at_most, rest) = match (bound.strip_prefix("≤ "), bound.strip_prefix("≥ ")) {
        (Some(rest), None) => (true, rest),
        (None, Some(rest)) => (false, rest),
        _ => bail!("not a bound: {line}"),
    };
    let (relation, limit) = match (rest.strip_prefix("× "), rest.strip_prefix("+ ")) {
        (Some(limit), None) => (Relation::Times, limit),
        (None, Some(limit)) => (Relation::Plus, limit),
        _ => (Relation::Alone, rest),
    };
    ensure!(
        (relation == Relation::Alone) == (beside == "–"),
        "nothing to compare with: {line}"
    );
    Ok(Target {
        work,
        load,
        measure,
        ours,
        beside,
        bound,
        is_at_most,
        relation,
        limit: limit
            .parse()
            .with_context(|| format!("no number: {line}"))?,
    })
}

impl Target {
    fn judge(&self, results: &Results) -> Judged {
        let reached = self.reached(results);
        let verdict = match reached.map(|reached| reached.median) {
            None => Verdict::NotMeasured,
            Some(reached) if self.is_at_most && reached <= self.limit => Verdict::Met,
            Some(reached) if !self.is_at_most && self.limit <= reached => Verdict::Met,
            Some(_) => Verdict::Missed,
        };
        Judged {
            work: self.work.to_owned(),
            load: self.load.to_owned(),
            measure: self.measure.to_owned(),
            ours: self.ours.to_owned(),
            beside: self.beside.to_owned(),
            bound: self.bound.to_owned(),
            reached: reached.map(|reached| reached.median),
            min: reached.map(|reached| reached.min),
            max: reached.map(|reached| reached.max),
            verdict,
        }
    }

    /// The figure that is compared with the limit.
    fn reached(&self, results: &Results) -> Option<Summary> {
        let case = results.case(self.work, self.load)?;
        let series = case.of(self.ours)?;
        if let Some(hog) = series.summary("hog_mb_per_s")
            && hog.median < BUSY_MB_PER_S
        {
            return None;
        }
        let ours = series.values(self.measure);
        let beside = match self.beside.strip_prefix("load ") {
            Some(load) => results.case(self.work, load)?.of(self.ours),
            None => case.of(self.beside),
        };
        let beside = beside.map(|series| series.values(self.measure));
        match self.relation {
            Relation::Times => ratio(&ours, &beside?),
            Relation::Plus => difference(&ours, &beside?),
            Relation::Alone => Summary::of(&ours),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_target() {
        let judged = judge(&Results::default()).unwrap();

        assert!(30 < judged.len());
        assert!(
            judged
                .iter()
                .all(|row| row.verdict == Verdict::NotMeasured && row.reached.is_none())
        );
    }

    #[test]
    fn a_bound_without_anything_to_compare_with_is_refused() {
        assert!(parse("idle | 1 | cpu_us | ours, TCP | – | ≤ × 1").is_err());
        assert!(parse("idle | 1 | cpu_us | ours, TCP | NATS | ≤ 1").is_err());
        assert!(parse("idle | 1 | cpu_us | ours, TCP | – | 1").is_err());
    }
}
