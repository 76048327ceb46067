//! `gort trace summary|goroutines|tasks|regions FILE…`: answers about whole traces.

use std::fs::File;
use std::io::Write;

use clap::{Arg, ArgAction, ArgMatches, Command};
use gort::analysis::{self, Goroutines, Listener, Regions, Summary, Tasks};
use gort::render::{self, Detail, Report};

use crate::failure::Failure;
use crate::{arguments, files, output};

/// A command whose answer is shown as text or JSON.
pub(crate) fn command(name: &'static str, about: &'static str) -> Command {
    Command::new(name).about(about).args([arguments::json(), arguments::files()])
}

pub(crate) fn summary() -> Command {
    command("summary", "Count what there is in a trace")
}

pub(crate) fn run_summary(arguments: &ArgMatches) -> Result<(), Failure> {
    run(arguments, Summary::listener)
}

pub(crate) fn goroutines() -> Command {
    let function = "Show each goroutine that began in a function whose name contains this";
    let lives = Arg::new("all").long("lives").action(ArgAction::SetTrue);
    command("goroutines", "Show how goroutines spent their time, by the function they began in")
        .arg(arguments::function(function))
        .arg(lives.help("Show how long goroutines lived that began and ended in the trace"))
}

pub(crate) fn run_goroutines(arguments: &ArgMatches) -> Result<(), Failure> {
    run(arguments, Goroutines::listener)
}

pub(crate) fn tasks() -> Command {
    command("tasks", "Show how long tasks took, by name")
        .arg(arguments::name("Show what happened in each task whose name contains this"))
        .arg(arguments::task("Show what happened in this task"))
}

pub(crate) fn run_tasks(arguments: &ArgMatches) -> Result<(), Failure> {
    run(arguments, Tasks::listener)
}

pub(crate) fn regions() -> Command {
    command("regions", "Show how long regions took, by name and where their goroutines began")
        .arg(arguments::name("Show each region whose name contains this"))
        .arg(arguments::task("Show each region of this task"))
}

pub(crate) fn run_regions(arguments: &ArgMatches) -> Result<(), Failure> {
    run(arguments, Regions::listener)
}

/// Shows the answer for each file; of a damaged one for what comes before the damage.
pub(crate) fn run<L>(arguments: &ArgMatches, listener: impl Fn() -> L) -> Result<(), Failure>
where
    L: Listener<Answer: Report>,
{
    let names: Vec<String> = arguments::values(arguments, "FILE");
    let mut output = output::standard()?;
    let mut complaints = Vec::new();
    for (n, file) in names.iter().enumerate() {
        if names.len() > 1 && !arguments.get_flag("json") {
            let gap = if n == 0 { "" } else { "\n" };
            writeln!(output, "{gap}{}:", crate::failure::one_line(file))?;
        }
        match show(arguments, file, listener(), &mut output) {
            Err(Failure::Traces(lines)) => complaints.extend(lines),
            shown => shown?,
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(Failure::Traces(complaints)) }
}

fn show<L>(
    arguments: &ArgMatches,
    file: &str,
    listener: L,
    output: &mut File,
) -> Result<(), Failure>
where
    L: Listener<Answer: Report>,
{
    let reader = files::events(file)?.map_err(|error| Failure::trace(file, error))?;
    let (answer, damage) = analysis::run(reader, listener);
    let text = if arguments.get_flag("json") {
        render::json(file, &answer)
    } else {
        answer.text(&detail(arguments), output::style())
    };
    output.write_all(text.as_bytes())?;
    damage.map_or(Ok(()), |error| Err(Failure::trace(file, error)))
}

/// What the options ask for; not every command has each of them.
fn detail(arguments: &ArgMatches) -> Detail {
    let names = arguments::values(arguments, "function").into_iter();
    let names = names.chain(arguments::values(arguments, "name")).collect();
    let tasks = arguments::values(arguments, "task");
    let stacks = arguments::values::<u64>(arguments, "top").first().map_or(0, |&top| top);
    let stacks = usize::try_from(stacks).unwrap_or(usize::MAX);
    let all = arguments::values(arguments, "all").contains(&true);
    Detail { names, tasks, stacks, all }
}
