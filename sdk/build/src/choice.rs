use std::fmt;

/// What is known of the machine, as far as it matters for finding a standard library for
/// [`TARGET`](crate::TARGET).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The compiler in use has a standard library for the target.
    pub target_installed: bool,
    /// An earlier build has left a sysroot for this compiler in the cache.
    pub sysroot_cached: bool,
    /// What rustup can do.
    pub rustup: Rustup,
    /// What apt can do.
    pub apt: Apt,
    /// Whether fetching apt's lists may change that: this process may, and has not done it yet. The lists of a machine's image are as
    /// old as the image.
    pub may_update_lists: bool,
}

/// What rustup can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rustup {
    /// It is not installed.
    Absent,
    /// It is installed, and `RUSTUP_AUTO_INSTALL=0` forbids it to fetch anything.
    Forbidden,
    /// It may be asked.
    Ready,
    /// It was asked and could not add the target.
    Failed,
}

/// What apt can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apt {
    /// There is no apt-get with dpkg here.
    Absent,
    /// It knows no packages at all: its lists were never fetched, or were cleaned away.
    ListsMissing,
    /// It knows packages, and rustc-web is not among them.
    NoCompiler,
    /// The rustc-web it knows is older than plugins need.
    CompilerTooOld,
    /// It offers a rustc-web that will do.
    Ready,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The compiler in use can build plugins as it is.
    Installed,
    /// An earlier build made a sysroot: use it.
    CachedSysroot,
    /// Ask rustup for the target; if that fails, choose again with [`Rustup::Failed`].
    AddTarget,
    /// Fetch apt's lists, then choose again.
    UpdateLists,
    /// Make a sysroot in the cache from Debian's packages.
    MakeSysroot,
    /// Nothing can be done here; the obstacles are in the order they were met.
    GiveUp(Vec<Obstacle>),
}

/// Why a way to a standard library is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// rustup is not installed.
    NoRustup,
    /// `RUSTUP_AUTO_INSTALL=0` forbids rustup to fetch it.
    RustupForbidden,
    /// rustup was asked and failed.
    RustupFailed,
    /// This is no Debian or Ubuntu.
    NoApt,
    /// apt's lists are missing, and fetching them takes root or failed.
    ListsMissing,
    /// apt offers no rustc-web.
    NoCompiler,
    /// apt's rustc-web is older than plugins need.
    CompilerTooOld,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRustup => "rustup is not installed",
            Self::RustupForbidden => "RUSTUP_AUTO_INSTALL=0 forbids rustup to fetch it",
            Self::RustupFailed => "rustup could not fetch it",
            Self::NoApt => "there is no apt-get to take Debian's compiler from",
            Self::ListsMissing => "apt's package lists are missing and were not fetched",
            Self::NoCompiler => "apt offers no package rustc-web",
            Self::CompilerTooOld => "apt's rustc-web is older than plugins need",
        })
    }
}

/// Chooses the next step towards a standard library, from the cheapest to the dearest.
///
/// A sysroot made earlier comes before rustup: it is there only because rustup could not help on
/// this machine, and asking again would cost every build a time-out.
pub fn choose(facts: &Facts) -> Choice {
    if facts.target_installed {
        return Choice::Installed;
    }
    if facts.sysroot_cached {
        return Choice::CachedSysroot;
    }
    let rustup = match facts.rustup {
        Rustup::Ready => return Choice::AddTarget,
        Rustup::Absent => Obstacle::NoRustup,
        Rustup::Forbidden => Obstacle::RustupForbidden,
        Rustup::Failed => Obstacle::RustupFailed,
    };
    let apt = match facts.apt {
        Apt::Ready => return Choice::MakeSysroot,
        Apt::Absent => Obstacle::NoApt,
        _ if facts.may_update_lists => return Choice::UpdateLists,
        Apt::ListsMissing => Obstacle::ListsMissing,
        Apt::NoCompiler => Obstacle::NoCompiler,
        Apt::CompilerTooOld => Obstacle::CompilerTooOld,
    };
    Choice::GiveUp(vec![rustup, apt])
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: Facts = Facts {
        target_installed: false,
        sysroot_cached: false,
        rustup: Rustup::Absent,
        apt: Apt::Absent,
        may_update_lists: false,
    };

    #[test]
    fn an_installed_target_needs_nothing() {
        let facts = Facts {
            target_installed: true,
            sysroot_cached: true,
            rustup: Rustup::Ready,
            apt: Apt::Ready,
            may_update_lists: true,
        };
        assert_eq!(choose(&facts), Choice::Installed);
    }

    #[test]
    fn a_sysroot_of_an_earlier_build_is_used_without_asking_the_network() {
        let facts = Facts { sysroot_cached: true, rustup: Rustup::Ready, apt: Apt::Ready, ..BARE };
        assert_eq!(choose(&facts), Choice::CachedSysroot);
    }

    #[test]
    fn rustup_is_asked_before_apt() {
        let facts = Facts { rustup: Rustup::Ready, apt: Apt::Ready, ..BARE };
        assert_eq!(choose(&facts), Choice::AddTarget);
    }

    #[test]
    fn apt_is_the_way_on_when_rustup_is_absent_forbidden_or_failed() {
        for rustup in [Rustup::Absent, Rustup::Forbidden, Rustup::Failed] {
            let facts = Facts { rustup, apt: Apt::Ready, ..BARE };
            assert_eq!(choose(&facts), Choice::MakeSysroot, "{rustup:?}");
        }
    }

    #[test]
    fn lists_that_name_no_compiler_of_use_are_fetched_once_where_that_is_allowed() {
        let poor = [
            (Apt::ListsMissing, Obstacle::ListsMissing),
            (Apt::NoCompiler, Obstacle::NoCompiler),
            (Apt::CompilerTooOld, Obstacle::CompilerTooOld),
        ];
        for (apt, obstacle) in poor {
            let facts = Facts { apt, may_update_lists: true, ..BARE };
            assert_eq!(choose(&facts), Choice::UpdateLists, "{apt:?}");
            let facts = Facts { apt, ..BARE };
            assert_eq!(choose(&facts), Choice::GiveUp(vec![Obstacle::NoRustup, obstacle]));
        }
        let facts = Facts { apt: Apt::Ready, may_update_lists: true, ..BARE };
        assert_eq!(choose(&facts), Choice::MakeSysroot);
        let facts = Facts { may_update_lists: true, ..BARE };
        assert_eq!(choose(&facts), Choice::GiveUp(vec![Obstacle::NoRustup, Obstacle::NoApt]));
    }

    #[test]
    fn a_dead_end_names_both_obstacles() {
        let cases = [
            (Rustup::Absent, Apt::Absent, Obstacle::NoRustup, Obstacle::NoApt),
            (Rustup::Failed, Apt::NoCompiler, Obstacle::RustupFailed, Obstacle::NoCompiler),
            (
                Rustup::Forbidden,
                Apt::CompilerTooOld,
                Obstacle::RustupForbidden,
                Obstacle::CompilerTooOld,
            ),
        ];
        for (rustup, apt, first, second) in cases {
            let facts = Facts { rustup, apt, ..BARE };
            assert_eq!(choose(&facts), Choice::GiveUp(vec![first, second]));
        }
    }

    #[test]
    fn the_message_of_a_dead_end_is_one_line_with_two_remedies() {
        let text = crate::BuildError::NoToolchain {
            obstacles: vec![Obstacle::RustupForbidden, Obstacle::ListsMissing],
        }
        .to_string();
        assert_eq!(
            text,
            "this machine has no Rust standard library for wasm32-unknown-unknown; \
             RUSTUP_AUTO_INSTALL=0 forbids rustup to fetch it; apt's package lists are missing \
             and were not fetched. Either run `rustup target add wasm32-unknown-unknown`, \
             or run `apt-get update` as root, and build again"
        );
    }
}
