//! `cargo xtask demo`: the story with real processes, for people to read.

mod keep;
mod narrator;

use std::error::Error;

use tessera_tests::{
    artefacts::Artefacts,
    scene::{Scene, Stage, StageError},
    story::{self, Surprise},
};

use self::narrator::Narrator;
use crate::{
    build::{self, native},
    context::Context,
    failure::Failure,
    plan::carry_out,
    runtime,
};

pub(crate) fn run(cx: &Context, keep: bool) -> Result<(), Failure> {
    carry_out(cx, build::FOR_THE_DEMO)?;
    let artefacts = Artefacts::within(&cx.dist()).map_err(|error| Failure::Build {
        what: error.to_string(),
        remedy: "cargo xtask build".to_owned(),
        source: None,
    })?;
    let stage = Stage { artefacts, orders: native::orders(cx)? };
    runtime::block_on(async {
        let (scene, surprises) = runtime::unless_stopped(play(&stage), interrupted).await?;
        if keep {
            keep::invite(&scene).await.map_err(|error| broken(&error))?;
            runtime::stop_signal().await;
        }
        verdict(&surprises)
    })
}

async fn play(stage: &Stage) -> Result<(Scene, Vec<Surprise>), Failure> {
    narrator::set_scene();
    let scene = Scene::set(stage).await.map_err(|error| broken(&error))?;
    narrator::introduce(&scene);
    let mut narrator = Narrator::default();
    let told = story::tell(&scene, &mut |event| narrator.tell(&event)).await;
    let surprises = told.map_err(|error| broken(&error))?;
    narrator.close(&surprises);
    Ok((scene, surprises))
}

fn interrupted() -> Failure {
    Failure::Check { what: "the demo was interrupted".to_owned(), remedy: "cargo xtask demo".to_owned() }
}

fn verdict(surprises: &[Surprise]) -> Result<(), Failure> {
    let Some(first) = surprises.first() else { return Ok(()) };
    Err(Failure::Check {
        what: format!("{} of the demo's responses differ, the first being {first}", surprises.len()),
        remedy: "cargo xtask test story   # the same story as a test; the servers' logs say why".to_owned(),
    })
}

/// The stage itself broke: a server that did not start, a command that refused.
fn broken(error: &StageError) -> Failure {
    let mut what = format!("the demo broke off: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        what = format!("{what}: {error}");
        cause = error.source();
    }
    Failure::Check { what, remedy: "cargo xtask test   # narrows it down".to_owned() }
}
