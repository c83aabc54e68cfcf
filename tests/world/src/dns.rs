//! The DNS of a world: host names and their addresses, some of them never answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use model::Transport;
use sip::locate::{Answer, Locate, LocateError, Place, Query};

/// The DNS of a world.
#[derive(Debug, Default)]
pub struct SimDns {
    addresses_by_host: BTreeMap<String, Vec<IpAddr>>,
    silent: BTreeSet<String>,
}

impl SimDns {
    /// Makes these the addresses of a host, in the order they are given out.
    pub fn host(&mut self, name: &str, addresses: &[IpAddr]) {
        self.addresses_by_host.insert(name.to_owned(), addresses.to_vec());
    }

    /// No look-up that needs this name is ever answered.
    pub fn silence(&mut self, name: &str) {
        self.silent.insert(name.to_owned());
    }

    /// Where a URI leads; `None` when that never becomes known.
    pub(crate) fn places(&self, uri: &str) -> Option<Result<Vec<Place>, LocateError>> {
        let mut locate = match Locate::new(uri, &[Transport::Udp], 1) {
            Ok(locate) => locate,
            Err(error) => return Some(Err(error)),
        };
        while let Some(query) = locate.poll_query() {
            let (Query::Naptr(name) | Query::Srv(name) | Query::Address(name)) = &query;
            if self.silent.contains(name) {
                return None;
            }
            let answer = match &query {
                Query::Naptr(_) => Answer::Naptr(Vec::new()),
                Query::Srv(_) => Answer::Srv(Vec::new()),
                Query::Address(name) => {
                    Answer::Address(self.addresses_by_host.get(name).cloned().unwrap_or_default())
                }
            };
            locate.handle_answer(&query, answer);
        }
        locate.places()
    }
}
