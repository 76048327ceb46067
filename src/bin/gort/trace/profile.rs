//! `gort trace -pprof=TYPE FILE`: the profile that `go tool trace` makes for it.

use clap::{Arg, ArgMatches};
use gort::analysis::{self, Profile, ProfileKind};
use gort::render::pprof;

use crate::failure::Failure;
use crate::{arguments, files, output};

/// The options.
pub(crate) fn options() -> Vec<Arg> {
    let of = Arg::new("TYPE")
        .long("pprof")
        .value_name("TYPE")
        .value_parser(ProfileKind::ALL.map(ProfileKind::name))
        .hide_possible_values(true)
        .conflicts_with("MODE")
        .help(
            "Write the profile that `go tool trace -pprof=TYPE` writes, for `go tool pprof`: of \
             delays by the network, `net`; by each other, `sync`; by system calls, `syscall`; by \
             the scheduler, `sched`",
        );
    let heading = Some("Options of -pprof");
    let selection =
        arguments::selection().map(|option| option.requires("TYPE").help_heading(heading));
    [of].into_iter().chain(selection).collect()
}

/// Writes it; of a damaged trace, that of what comes before the damage.
pub(crate) fn run(of: &str, file: &str, arguments: &ArgMatches) -> Result<(), Failure> {
    let is_it = |kind: &ProfileKind| kind.name() == of;
    let kind = ProfileKind::ALL.into_iter().find(is_it).expect("the table has no other");
    let reader = files::events(file)?.map_err(|error| Failure::trace(file, error))?;
    let listener = Profile::listener(kind, arguments::selection_of(arguments));
    let (profile, damage) = analysis::run(reader, listener);
    pprof::write(&profile, output::standard()?)?;
    damage.map_or(Ok(()), |error| Err(Failure::trace(file, error)))
}
