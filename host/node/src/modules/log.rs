//! The log of a module: a file of its own, in the text of section 8.5 of the reference, named as seed 001 names it.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use cti::{LogLine, Module};
use jiff::{Timestamp, tz::TimeZone};
use tlib::{
    Attribute, Event, Message, MessageType,
    log::{Function, LogFilter, LogTime, Peer, Printer},
};
use tracing::{error, warn};

/// Text is handed to the system when so much of it waits, or when there is nothing else to do.
const BUFFER: usize = 256 << 10;

/// Where logs go and how large they become.
#[derive(Clone, PartialEq, Debug)]
pub struct LogSettings {
    /// A file that is larger is followed by another, in bytes.
    pub bytes_max: u64,
    /// Files of one module; the oldest go.
    pub files_max: usize,
    /// Whether each copy of an event is told with whom it went to.
    pub deliveries: bool,
    /// What is shown of key-value lists.
    pub filter: LogFilter,
    /// The zone of its times.
    pub zone: TimeZone,
}

/// An open log.
pub(super) struct ModuleLog {
    settings: LogSettings,
    folder: PathBuf,
    /// What file names begin with.
    stem: String,
    printer: Printer,
    file: Option<File>,
    written: u64,
    buffer: String,
    /// When the file is tried again after it failed, as the time since 1970.
    again_at: Duration,
}

/// How long a log that cannot be written is left alone.
const AGAIN: Duration = Duration::from_secs(10);

impl ModuleLog {
    /// Opens a log whose files are named after `stem`.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or the file cannot be written.
    pub(super) fn open(
        folder: &Path,
        stem: String,
        settings: LogSettings,
        unix: Duration,
    ) -> io::Result<Self> {
        let printer = Printer { filter: settings.filter.clone(), utc_offset_min: 0 };
        fs::create_dir_all(folder)?;
        let mut log = Self {
            settings,
            folder: folder.to_owned(),
            stem,
            printer,
            file: None,
            written: 0,
            buffer: String::with_capacity(BUFFER),
            again_at: Duration::ZERO,
        };
        log.begin(unix)?;
        Ok(log)
    }

    /// Goes by these settings from now on; true when they are of a log in this folder.
    pub(super) fn adjust(&mut self, folder: &Path, settings: &LogSettings) -> bool {
        self.printer.filter = settings.filter.clone();
        self.settings = settings.clone();
        self.folder == folder
    }

    /// A request of a client.
    pub(super) fn received(&mut self, unix: Duration, message: &Message, peer: Peer<'_>) {
        let time = self.time(unix);
        self.printer.received(&mut self.buffer, time, message, peer);
    }

    /// An event that is distributed, once for all who get it.
    pub(super) fn distributed(&mut self, unix: Duration, message: &Message, sequence: Option<u64>) {
        let is_of_call = matches!(message.kind().number(), 160..=166);
        let function =
            if is_of_call { Function::DistributeCallEvent } else { Function::DistributeEvent };
        self.event(unix, function, (message, sequence));
    }

    /// The copy of an event that goes to who asked for it, with its ReferenceID.
    pub(super) fn responded(
        &mut self,
        unix: Duration,
        event: &Event,
        reference: u32,
        peer: Peer<'_>,
    ) {
        let message = Message::clone(event.message()).with(Attribute::ReferenceID, reference);
        self.event(unix, Function::EventResponse, (&message, event.sequence()));
        self.went(unix, message.kind(), peer);
    }

    /// What one client alone is told.
    pub(super) fn answered(&mut self, unix: Duration, message: &Message, peer: Peer<'_>) {
        self.event(unix, Function::EventResponse, (message, None));
        self.went(unix, message.kind(), peer);
    }

    /// A copy of an event went to a client; told only where that is wanted.
    pub(super) fn sent(&mut self, unix: Duration, kind: MessageType, peer: Peer<'_>) {
        if self.settings.deliveries {
            self.went(unix, kind, peer);
        }
    }

    /// Something that is no message.
    pub(super) fn line(&mut self, unix: Duration, line: &LogLine) {
        let time = self.time(unix);
        // Writing to a String does not fail.
        let _ = writeln!(self.buffer, "{} Std {:05} {}", time.full(), line.id, line.text);
    }

    fn went(&mut self, unix: Duration, kind: MessageType, peer: Peer<'_>) {
        let time = self.time(unix);
        self.printer.sent(&mut self.buffer, time, kind, peer);
    }

    fn event(&mut self, unix: Duration, function: Function, event: (&Message, Option<u64>)) {
        let time = self.time(unix);
        let version = env!("CARGO_PKG_VERSION");
        self.printer.event(&mut self.buffer, time, (version, function), event);
    }

    fn time(&self, unix: Duration) -> LogTime {
        let unix_us = u64::try_from(unix.as_micros()).unwrap_or(u64::MAX);
        LogTime { unix_us, utc_offset_min: self.printer.utc_offset_min }
    }

    /// Whether what waits should be written before more comes.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER
    }

    /// Hands what waits to the system, and begins another file where this one is large enough.
    pub(super) fn flush(&mut self, unix: Duration) {
        if self.buffer.is_empty() {
            return;
        }
        if self.file.is_none() && unix >= self.again_at {
            // It was told when it failed.
            let _ = self.begin(unix);
        }
        let length = self.buffer.len() as u64;
        let outcome = self.file.as_mut().map(|file| file.write_all(self.buffer.as_bytes()));
        self.buffer.clear();
        match outcome {
            Some(Ok(())) => self.written += length,
            Some(Err(error)) => {
                error!(log = self.stem, %error, "a module's log cannot be written, and lines of it are lost");
                self.file = None;
                self.again_at = unix + AGAIN;
            }
            None => {}
        }
        if self.written >= self.settings.bytes_max
            && let Err(error) = self.begin(unix)
        {
            error!(log = self.stem, %error, "a module's log cannot be followed by another file");
            self.written = 0;
        }
    }

    /// Begins a file.
    fn begin(&mut self, unix: Duration) -> io::Result<()> {
        self.again_at = unix + AGAIN;
        let at = Timestamp::new(i64::try_from(unix.as_secs()).unwrap_or(0), 0);
        let at = at.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.settings.zone.clone());
        let minutes = at.offset().seconds() / 60;
        self.printer.utc_offset_min = i16::try_from(minutes).unwrap_or(0);
        let name = format!(
            "{}.{}_{:03}.log",
            self.stem,
            at.strftime("%Y%m%d_%H%M%S"),
            unix.subsec_millis()
        );
        let path = self.folder.join(name);
        self.file = Some(OpenOptions::new().create(true).append(true).open(path)?);
        self.written = 0;
        self.remove_old();
        Ok(())
    }

    /// Removes the oldest files of this module. Their names sort by time.
    fn remove_old(&self) {
        let mut names = files_of(&self.folder, &self.stem);
        let keep = self.settings.files_max.max(1);
        names.sort();
        let old = names.len().saturating_sub(keep);
        for path in names.into_iter().take(old) {
            if let Err(error) = fs::remove_file(&path) {
                warn!(path = %path.display(), %error, "an old log of a module cannot be removed");
            }
        }
    }
}

/// What the names of a module's log files begin with (seed 001).
pub(super) fn stem(application: &str, module: Module) -> String {
    let thread = module.thread().map(|id| format!("-{id}")).unwrap_or_default();
    format!("{application}{thread}")
}

/// The log files of a module: what follows the stem is a time and nothing else.
fn files_of(folder: &Path, stem: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_its = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let time = name.strip_prefix(stem).and_then(|rest| rest.strip_prefix('.'));
        let time = time.and_then(|rest| rest.strip_suffix(".log"));
        time.is_some_and(|time| time.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_'))
    };
    entries.flatten().map(|entry| entry.path()).filter(is_its).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings(bytes_max: u64) -> LogSettings {
        LogSettings {
            bytes_max,
            files_max: 3,
            deliveries: true,
            filter: LogFilter::default(),
            zone: TimeZone::UTC,
        }
    }

    #[test]
    fn files_are_named_after_their_time_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let at =
            |second: u64| Duration::from_secs(1_700_000_000 + second) + Duration::from_millis(42);
        let mut log =
            ModuleLog::open(folder.path(), stem("SIPS", Module::TController), settings(1), at(0))
                .unwrap();
        fs::write(folder.path().join("SIPS-1280.notes.log"), "mine").unwrap();
        for second in 1..6 {
            let line = LogLine { id: 52000, text: "out of service".to_owned() };
            log.line(at(second), &line);
            log.flush(at(second));
        }
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "SIPS-1280.20231114_221323_042.log",
                "SIPS-1280.20231114_221324_042.log",
                "SIPS-1280.20231114_221325_042.log",
                "SIPS-1280.notes.log",
            ]
        );
        let text = fs::read_to_string(folder.path().join(&names[1])).unwrap();
        assert_eq!(text, "2023-11-14T22:13:25.042 Std 52000 out of service\n");
    }
}
