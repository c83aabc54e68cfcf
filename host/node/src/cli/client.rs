//! Asks the running switch.

use std::{
    io::{BufRead, BufReader},
    net::IpAddr,
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;
use ureq::{Agent, RequestBuilder, http::Response};

use super::args::ApiArgs;
use crate::{
    config::{Config, Overrides, load},
    http::view::Failure,
};

/// How long the switch may take; compiling a plugin takes seconds at worst.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of an answer.
const ANSWER_MAX: u64 = 256 * 1024 * 1024;

/// A switch's HTTP API.
pub(super) struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Client {
    /// The API that the arguments, or the configuration they name, point to.
    pub(super) fn new(args: &ApiArgs) -> anyhow::Result<Self> {
        let config = load(args.config.as_deref(), &Overrides::default())?;
        let base = args.api.clone().unwrap_or_else(|| address(&config));
        let base = if base.contains("://") { base } else { format!("http://{base}") };
        let token = args
            .token
            .clone()
            .or_else(|| std::env::var("JACKFIELD_TOKEN").ok())
            .or(config.http.token);
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            // The switch is this machine's, or was named: no proxy stands before it.
            .proxy(None)
            .build()
            .into();
        Ok(Self { agent, base: base.trim_end_matches('/').to_owned(), token })
    }

    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let request = self.authorised(request);
        self.answer(request.call(), &[200])
    }

    /// Posts; an answer with one of the `expected` statuses is read.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        expected: &[u16],
    ) -> anyhow::Result<T> {
        let request = self.agent.post(format!("{}{path}", self.base));
        let request = self.authorised(request);
        self.answer(request.send_empty(), expected)
    }

    /// Posts what has no answer but its status.
    pub(super) fn order(&self, path: &str, expected: &[u16]) -> anyhow::Result<()> {
        let request = self.authorised(self.agent.post(format!("{}{path}", self.base)));
        self.expected(request.send_empty(), expected).map(|_| ())
    }

    /// An answer that goes on for as long as it is read, line by line.
    pub(super) fn lines(&self, path: &str) -> anyhow::Result<impl BufRead + use<>> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let request = self.authorised(request).config().timeout_global(None).build();
        let answer = self.expected(request.call(), &[200])?;
        Ok(BufReader::new(answer.into_body().into_reader()))
    }

    fn authorised<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn answer<T: DeserializeOwned>(
        &self,
        answer: Result<Response<ureq::Body>, ureq::Error>,
        expected: &[u16],
    ) -> anyhow::Result<T> {
        let base = &self.base;
        let mut answer = self.expected(answer, expected)?;
        let body = answer.body_mut().with_config().limit(ANSWER_MAX);
        body.read_json().with_context(|| format!("{base} does not answer as a switch"))
    }

    /// The answer, if it has one of the `expected` statuses; else the error it tells of.
    fn expected(
        &self,
        answer: Result<Response<ureq::Body>, ureq::Error>,
        expected: &[u16],
    ) -> anyhow::Result<Response<ureq::Body>> {
        let base = &self.base;
        let mut answer = answer.with_context(|| {
            format!("no switch answers at {base}; is `jackfield run` running? --api names another")
        })?;
        let status = answer.status().as_u16();
        if expected.contains(&status) {
            return Ok(answer);
        }
        match answer.body_mut().with_config().limit(ANSWER_MAX).read_json::<Failure>() {
            Ok(failure) => bail!("{} (HTTP status {status})", failure.error),
            Err(_) => bail!("{base} answers with HTTP status {status}"),
        }
    }
}

/// The address to reach the configured API at from this machine.
fn address(config: &Config) -> String {
    let mut bind = config.http.bind;
    if bind.ip().is_unspecified() {
        let loopback = match bind.ip() {
            IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(_) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        };
        bind.set_ip(loopback);
    }
    bind.to_string()
}
