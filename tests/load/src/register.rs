//! Registrations.

use std::io;

use crate::{
    Load, Tally,
    link::{Link, PATIENCE},
    phone::Phone,
};

/// Registers this thread's share of users over one link.
pub(crate) fn run(load: &Load, thread: u32, password: Option<&str>) -> io::Result<Tally> {
    let domain = load.domain();
    let link = Link::open(load.to, load.over, PATIENCE)?;
    let mut phone = Phone::new(link, String::new(), &domain, thread);
    let mut tally = Tally::default();
    for number in 0..load.share(thread) {
        let offset = if load.same { thread } else { number * load.threads + thread };
        phone.user = (load.first + offset).to_string();
        tally.note(phone.register(password));
    }
    Ok(tally)
}
