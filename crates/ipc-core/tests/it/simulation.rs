//! Random peers against the broker: any order of events, checked after each.

use std::{env, panic};

use ipc_testkit::{Simulation, Weather};

const STEPS: usize = 400;

/// The seeds to run: `IPC_SIM_SEED` is one to look at again, `IPC_SIM_SEEDS` how many.
fn seeds() -> Vec<u64> {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse().unwrap());
    match number("IPC_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("IPC_SIM_SEEDS").unwrap_or(24)).collect(),
    }
}

fn run(weather: Weather) {
    for seed in seeds() {
        let outcome = panic::catch_unwind(|| {
            let mut simulation = Simulation::new(seed, weather);
            for _ in 0..STEPS {
                simulation.step();
            }
            simulation.finish();
        });
        if let Err(failure) = outcome {
            println!("replay it with IPC_SIM_SEED={seed} ({weather:?})");
            panic::resume_unwind(failure);
        }
    }
}

#[test]
fn every_call_is_answered_exactly_once() {
    run(Weather::Calm);
}

#[test]
fn every_call_is_answered_exactly_once_where_there_is_no_room() {
    run(Weather::Rough);
}
