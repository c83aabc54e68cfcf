//! What is measured, marked off for who measures it.

use std::io;

/// Says where what is measured begins and ends, so that connecting and leaving do not count.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Steps {
    /// Print `ready` before the load and `done` after it, and wait for a line on standard input each time.
    #[arg(long)]
    steps: bool,
}

impl Steps {
    /// Prints a word and waits for a line, if that was asked for.
    pub(crate) fn reach(self, word: &str) -> io::Result<()> {
        if self.steps {
            println!("{word}");
            io::stdin().read_line(&mut String::new())?;
        }
        Ok(())
    }
}
