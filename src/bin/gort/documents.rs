//! Completions for shells, and pages for `man`, from the table of commands.

use std::io::Write;

use clap::ArgMatches;
use clap_complete::Shell;

use crate::failure::Failure;
use crate::{output, table};

/// `gort completions SHELL`.
pub(crate) fn completions(arguments: &ArgMatches) -> Result<(), Failure> {
    let shell = *arguments.get_one::<Shell>("SHELL").expect("required");
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut table::command(), "gort", &mut script);
    Ok(output::standard()?.write_all(&script)?)
}

/// `gort man [COMMAND…]`.
pub(crate) fn man(arguments: &ArgMatches) -> Result<(), Failure> {
    let mut command = table::command();
    command.build();
    for name in arguments.get_many::<String>("COMMAND").into_iter().flatten() {
        let inner = command.find_subcommand(name).cloned();
        command = inner.ok_or_else(|| Failure::Usage(format!("there is no command `{name}`")))?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(output::standard()?.write_all(&page)?)
}
