//! A log file that is followed by another when it is large, named as seed 001 names those of its subsystems.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use cti::LogLine;
use jiff::{Timestamp, tz::TimeZone};
use tlib::log::LogTime;
use tracing::{error, warn};

use super::LogSettings;

/// Text is handed to the system when so much of it waits, or when there is nothing else to do.
const BUFFER: usize = 256 << 10;

/// How long a log that cannot be written is left alone.
const AGAIN: Duration = Duration::from_secs(10);

/// An open log. Times are those since 1970.
pub struct LogFile {
    folder: PathBuf,
    /// What file names begin with.
    stem: String,
    bytes_max: u64,
    files_max: usize,
    zone: TimeZone,
    utc_offset_min: i16,
    file: Option<File>,
    written: u64,
    buffer: String,
    /// When the file is tried again after it failed.
    again_at: Duration,
}

impl LogFile {
    /// Opens a log whose files are named after `stem`.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or the file cannot be written.
    pub fn open(
        folder: &Path,
        stem: String,
        settings: &LogSettings,
        unix: Duration,
    ) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut log = Self {
            folder: folder.to_owned(),
            stem,
            bytes_max: settings.bytes_max,
            files_max: settings.files_max,
            zone: settings.zone.clone(),
            utc_offset_min: 0,
            file: None,
            written: 0,
            buffer: String::with_capacity(BUFFER),
            again_at: Duration::ZERO,
        };
        log.begin(unix)?;
        Ok(log)
    }

    /// Goes by these settings from now on; true when they are of a log in this folder.
    pub fn adjust(&mut self, folder: &Path, settings: &LogSettings) -> bool {
        (self.bytes_max, self.files_max) = (settings.bytes_max, settings.files_max);
        self.zone = settings.zone.clone();
        self.folder == folder
    }

    /// Where more is to be written: whole lines.
    pub const fn text(&mut self) -> &mut String {
        &mut self.buffer
    }

    /// A line with an id.
    pub fn line(&mut self, unix: Duration, line: &LogLine) {
        let time = self.time(unix);
        // Writing to a String does not fail.
        let _ = writeln!(self.buffer, "{} Std {:05} {}", time.full(), line.id, line.text);
    }

    /// A moment as this log writes it.
    pub fn time(&self, unix: Duration) -> LogTime {
        let unix_us = u64::try_from(unix.as_micros()).unwrap_or(u64::MAX);
        LogTime { unix_us, utc_offset_min: self.utc_offset_min }
    }

    /// Whether what waits should be written before more comes.
    pub fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER
    }

    /// Hands what waits to the system, and begins another file where this one is large enough.
    pub fn flush(&mut self, unix: Duration) {
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
                error!(log = self.stem, %error, "a log cannot be written, and lines of it are lost");
                self.file = None;
                self.again_at = unix + AGAIN;
            }
            None => {}
        }
        if self.written >= self.bytes_max
            && let Err(error) = self.begin(unix)
        {
            error!(log = self.stem, %error, "a log cannot be followed by another file");
            self.written = 0;
        }
    }

    /// Begins a file.
    fn begin(&mut self, unix: Duration) -> io::Result<()> {
        self.again_at = unix + AGAIN;
        let at = Timestamp::new(i64::try_from(unix.as_secs()).unwrap_or(0), 0);
        let at = at.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.zone.clone());
        let minutes = at.offset().seconds() / 60;
        self.utc_offset_min = i16::try_from(minutes).unwrap_or(0);
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

    /// Removes the oldest files of this log. Their names sort by time.
    fn remove_old(&self) {
        let mut names = files_of(&self.folder, &self.stem);
        let keep = self.files_max.max(1);
        names.sort();
        let old = names.len().saturating_sub(keep);
        for path in names.into_iter().take(old) {
            if let Err(error) = fs::remove_file(&path) {
                warn!(path = %path.display(), %error, "an old log cannot be removed");
            }
        }
    }
}

/// The files of a log: what follows the stem is a time and nothing else.
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

    #[test]
    fn files_are_named_after_their_time_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let at =
            |second: u64| Duration::from_secs(1_700_000_000 + second) + Duration::from_millis(42);
        let mut log =
            LogFile::open(folder.path(), "SIPS-1280".to_owned(), &LogSettings::bench(1), at(0))
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
