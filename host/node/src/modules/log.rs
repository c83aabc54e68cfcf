//! The log of a module: a file of its own, in the text of section 8.5 of the reference, named as seed 001 names it.

use std::{io, path::Path, time::Duration};

use cti::{LogLine, Module};
use jiff::tz::TimeZone;
use tlib::{
    Attribute, Event, Message, MessageType,
    log::{Function, LogFilter, LogTime, Peer, Printer},
};

use super::LogFile;

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

#[cfg(test)]
impl LogSettings {
    /// Of the logs of tests: everything in UTC, three files of this many bytes.
    pub(crate) fn bench(bytes_max: u64) -> Self {
        let (filter, zone) = (LogFilter::default(), TimeZone::UTC);
        Self { bytes_max, files_max: 3, deliveries: true, filter, zone }
    }
}

/// An open log.
pub(super) struct ModuleLog {
    deliveries: bool,
    printer: Printer,
    file: LogFile,
}

impl ModuleLog {
    /// Opens a log whose files are named after `stem`.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or the file cannot be written.
    pub(super) fn open(
        folder: &Path,
        stem: String,
        settings: &LogSettings,
        unix: Duration,
    ) -> io::Result<Self> {
        let printer = Printer { filter: settings.filter.clone(), utc_offset_min: 0 };
        let file = LogFile::open(folder, stem, settings, unix)?;
        Ok(Self { deliveries: settings.deliveries, printer, file })
    }

    /// Goes by these settings from now on; true when they are of a log in this folder.
    pub(super) fn adjust(&mut self, folder: &Path, settings: &LogSettings) -> bool {
        self.printer.filter = settings.filter.clone();
        self.deliveries = settings.deliveries;
        self.file.adjust(folder, settings)
    }

    /// A request of a client.
    pub(super) fn received(&mut self, unix: Duration, message: &Message, peer: Peer<'_>) {
        let time = self.time(unix);
        self.printer.received(self.file.text(), time, message, peer);
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
        if self.deliveries {
            self.went(unix, kind, peer);
        }
    }

    /// Something that is no message.
    pub(super) fn line(&mut self, unix: Duration, line: &LogLine) {
        self.file.line(unix, line);
    }

    fn went(&mut self, unix: Duration, kind: MessageType, peer: Peer<'_>) {
        let time = self.time(unix);
        self.printer.sent(self.file.text(), time, kind, peer);
    }

    fn event(&mut self, unix: Duration, function: Function, event: (&Message, Option<u64>)) {
        let time = self.time(unix);
        let version = env!("CARGO_PKG_VERSION");
        self.printer.event(self.file.text(), time, (version, function), event);
    }

    /// A moment, also for the times within messages.
    fn time(&mut self, unix: Duration) -> LogTime {
        let time = self.file.time(unix);
        self.printer.utc_offset_min = time.utc_offset_min;
        time
    }

    /// Whether what waits should be written before more comes.
    pub(super) fn is_full(&self) -> bool {
        self.file.is_full()
    }

    /// Hands what waits to the system, and begins another file where this one is large enough.
    pub(super) fn flush(&mut self, unix: Duration) {
        self.file.flush(unix);
    }
}

/// What the names of a module's log files begin with (seed 001).
pub(super) fn stem(application: &str, module: Module) -> String {
    let thread = module.thread().map(|id| format!("-{id}")).unwrap_or_default();
    format!("{application}{thread}")
}
