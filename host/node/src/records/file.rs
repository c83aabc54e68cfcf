//! The file that records are appended to: whole lines only, set aside when it is large or old.

use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;
use tracing::{info, warn};

use super::csv;
use crate::config::{RecordFormat, RecordsConfig};

/// Bytes read at once when the end of the last whole line is looked for.
const CHUNK: u64 = 64 << 10;
/// Files of one second that are told apart by a number behind the time.
const SAME_SECOND_MAX: u32 = 1000;

/// Why there is no file to write to: which, what the system said, and what to do.
#[derive(Debug)]
pub struct RecordFileError {
    path: PathBuf,
    error: io::Error,
    help: &'static str,
}

impl fmt::Display for RecordFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, error, help } = self;
        write!(f, "cannot write call records to {}: {error}; {help}", path.display())
    }
}

impl std::error::Error for RecordFileError {}

/// An open file of records, locked against other processes.
pub struct RecordFile {
    path: PathBuf,
    config: RecordsConfig,
    file: File,
    /// Which file `path` named when it was opened.
    identity: (u64, u64),
    /// Day of its first record, in days since 1970 (UTC).
    day: u64,
    set_aside: u64,
}

impl RecordFile {
    /// Opens `path`, or makes it. A line that was not finished, because the process or the machine ended in the middle of it, is cut
    /// off; a file of another form is set aside.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or another process writes it.
    pub fn open(path: &Path, config: &RecordsConfig) -> Result<Self, RecordFileError> {
        let failed = |help| move |error| RecordFileError { path: path.to_owned(), error, help };
        let file = open(path).map_err(failed(
            "set records.path to a file this process may write, or leave it out",
        ))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let error = io::Error::other("another process has it open");
                return Err(failed("give each process a file of its own")(error));
            }
            Err(TryLockError::Error(error)) => {
                return Err(failed("use a file system that has locks")(error));
            }
        }
        let mut file = Self {
            path: path.to_owned(),
            config: config.clone(),
            file,
            identity: (0, 0),
            day: 0,
            set_aside: 0,
        };
        file.prepare().map_err(failed("look at the disk"))?;
        Ok(file)
    }

    /// Goes by other settings from now on, of which `path` does not count. A file that is not of the new form is set aside.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or set aside.
    pub fn configure(&mut self, config: RecordsConfig) -> io::Result<()> {
        self.config = config;
        self.prepare()
    }

    /// Files it has set aside.
    pub const fn set_aside(&self) -> u64 {
        self.set_aside
    }

    /// Appends whole lines at `now_ms`, milliseconds since 1970: all of them, or none when it fails.
    ///
    /// # Errors
    ///
    /// When they could not be written; what was written of them is taken back, as far as the system lets it.
    pub fn append(&mut self, lines: &str, now_ms: u64) -> io::Result<()> {
        if !self.is_in_place() {
            info!(path = %self.path.display(), "the file of call records was moved away; a new one is begun");
            self.reopen()?;
        }
        let day = now_ms / 86_400_000;
        let length = self.file.metadata()?.len();
        let is_large = self.config.rotate_mb > 0 && length >= self.config.rotate_mb << 20;
        if length > 0 && (is_large || (self.config.rotate_daily && day != self.day)) {
            self.rotate(now_ms)?;
        }
        let length = self.begin()?;
        if length == self.head_length() {
            self.day = day;
        }
        let written =
            self.file.write_all(lines.as_bytes()).and_then(|()| match self.config.fsync {
                true => self.file.sync_data(),
                false => Ok(()),
            });
        if written.is_err() {
            // Half a line must not stand before the next attempt.
            let _ = self.file.set_len(length);
        }
        written
    }

    /// Makes a file that was just opened one that lines can be appended to.
    fn prepare(&mut self) -> io::Result<()> {
        let meta = self.file.metadata()?;
        self.identity = (meta.dev(), meta.ino());
        self.day = days(meta.modified().unwrap_or(UNIX_EPOCH));
        let whole = whole_length(&mut self.file, meta.len())?;
        if whole < meta.len() {
            warn!(
                path = %self.path.display(), bytes = meta.len() - whole,
                "the last call record was not written to its end and is cut off"
            );
            self.file.set_len(whole)?;
        }
        if whole > 0 && !self.is_of_our_form()? {
            warn!(path = %self.path.display(), "this file holds call records of another form; it is set aside");
            self.rotate(millis(SystemTime::now()))?;
        }
        self.begin().map(|_| ())
    }

    /// Writes what stands at the head of a file, if it is empty; gives its length.
    fn begin(&mut self) -> io::Result<u64> {
        let length = self.file.metadata()?.len();
        if length == 0 && self.config.format == RecordFormat::Csv {
            if let Err(error) = self.file.write_all(csv::header().as_bytes()) {
                let _ = self.file.set_len(0);
                return Err(error);
            }
            return Ok(self.head_length());
        }
        Ok(length)
    }

    fn head_length(&self) -> u64 {
        match self.config.format {
            RecordFormat::Csv => csv::header().len() as u64,
            RecordFormat::Json => 0,
        }
    }

    fn is_of_our_form(&mut self) -> io::Result<bool> {
        let expected = match self.config.format {
            RecordFormat::Csv => csv::header(),
            RecordFormat::Json => "{".to_owned(),
        };
        let mut head = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        (&self.file).take(expected.len() as u64).read_to_end(&mut head)?;
        Ok(head == expected.as_bytes())
    }

    /// Whether the path still names this file: another program may have moved or removed it.
    fn is_in_place(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|meta| (meta.dev(), meta.ino()) == self.identity)
    }

    fn reopen(&mut self) -> io::Result<()> {
        let set_aside = self.set_aside;
        *self = Self::open(&self.path, &self.config).map_err(|error| error.error)?;
        self.set_aside = set_aside;
        Ok(())
    }

    /// Sets the file aside under a name with the time, and begins a new one.
    fn rotate(&mut self, now_ms: u64) -> io::Result<()> {
        let to = self.free_name(now_ms)?;
        fs::rename(&self.path, &to)?;
        self.set_aside += 1;
        info!(to = %to.display(), "call records set aside");
        self.reopen()?;
        self.remove_old();
        Ok(())
    }

    /// A name that stands behind those of all files set aside, unless the clock went back.
    fn free_name(&self, now_ms: u64) -> io::Result<PathBuf> {
        let at = i64::try_from(now_ms).unwrap_or_default();
        let at = Timestamp::from_millisecond(at).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ");
        let (stem, extension) = self.name_parts();
        let name = |time: &str| self.path.with_file_name(format!("{stem}-{time}{extension}"));
        let mut times: Vec<String> = (1..SAME_SECOND_MAX).map(|n| format!("{at}-{n:03}")).collect();
        times.insert(0, at.to_string());
        times.retain(|time| fs::symlink_metadata(name(time)).is_err());
        let last = self.files_set_aside().pop().map(|(time, _)| time).unwrap_or_default();
        let free = times.iter().find(|time| **time > last).or_else(|| times.first());
        let free = free.ok_or_else(|| io::Error::other("too many files of one second"))?;
        Ok(name(free))
    }

    /// The name up to its last dot, and the rest.
    fn name_parts(&self) -> (String, String) {
        let name = |part: Option<&std::ffi::OsStr>| {
            part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let extension = self.path.extension().map(|_| format!(".{}", name(self.path.extension())));
        (name(self.path.file_stem()), extension.unwrap_or_default())
    }

    /// Removes the oldest of the files set aside, beyond those to keep.
    fn remove_old(&self) {
        if self.config.keep == 0 {
            return;
        }
        let old = self.files_set_aside();
        let surplus = old.len().saturating_sub(self.config.keep);
        for (_, path) in old.into_iter().take(surplus) {
            match fs::remove_file(&path) {
                Ok(()) => info!(path = %path.display(), "old call records removed"),
                Err(error) => {
                    warn!(path = %path.display(), %error, "old call records cannot be removed")
                }
            }
        }
    }

    /// The files set aside with the times in their names, oldest first.
    fn files_set_aside(&self) -> Vec<(String, PathBuf)> {
        let (stem, extension) = self.name_parts();
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let Ok(entries) = fs::read_dir(folder.unwrap_or_else(|| Path::new("."))) else {
            return Vec::new();
        };
        let time_of = |path: &Path| {
            let name = path.file_name()?.to_str()?;
            let time = name.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(&extension)?;
            is_time(time).then(|| time.to_owned())
        };
        let paths = entries.flatten().map(|entry| entry.path());
        let mut files: Vec<_> = paths.filter_map(|path| Some((time_of(&path)?, path))).collect();
        files.sort();
        files
    }
}

/// Whether `text` is what [`RecordFile::free_name`] puts into a name, `20261121T110900Z` or that with a number.
fn is_time(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (time, number) = text.split_once('-').map_or((text, None), |(t, n)| (t, Some(n)));
    let Some((day, rest)) = time.split_once('T') else { return false };
    let Some(second) = rest.strip_suffix('Z') else { return false };
    day.len() == 8
        && second.len() == 6
        && digits(day)
        && digits(second)
        && number.is_none_or(|number| number.len() == 3 && digits(number))
}

/// Readable by its owner and group: a record says who called whom.
const MODE: u32 = 0o640;

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().read(true).append(true).create(true).mode(MODE).open(path)
}

/// The length up to the end of the last whole line.
fn whole_length(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        let mut chunk = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        (&*file).take(end - start).read_to_end(&mut chunk)?;
        if let Some(at) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn days(at: SystemTime) -> u64 {
    millis(at) / 86_400_000
}

fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
