//! Tones in recordings.

use std::{f64::consts::PI, fs, path::Path};

/// Samples a second of what the phones record.
const RATE: f64 = 8000.0;
/// Samples at the start that are passed over: a stream begins with silence and the jitter buffer's first guesses.
const SKIPPED: usize = 1600;
/// The least amplitude of a tone that is heard; full scale is 32768.
const HEARD_MIN: f64 = 2000.0;
/// How many times louder a heard tone is than a tone that is not there.
const CLEARLY: f64 = 20.0;

/// Samples of a window: a quarter of a second.
const WINDOW: usize = 2000;

/// Seconds of a tone that is written: longer than any call of a test.
const LENGTH_S: u32 = 60;

/// Writes a tone as a 16-bit mono WAV file.
///
/// # Panics
///
/// When the file cannot be written.
pub fn write(path: &Path, hertz: f64) {
    let rate = RATE as u32;
    let count = rate * LENGTH_S;
    let samples = (0..count)
        .map(|n| (16_000.0 * (2.0 * PI * hertz * f64::from(n) / RATE).sin()) as i16)
        .flat_map(i16::to_le_bytes);
    let mut file = b"RIFF".to_vec();
    file.extend((36 + 2 * count).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend([rate, 2 * rate].into_iter().flat_map(u32::to_le_bytes));
    file.extend(b"\x02\0\x10\0data");
    file.extend((2 * count).to_le_bytes());
    file.extend(samples);
    fs::write(path, file).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// The samples of a 16-bit mono WAV file.
///
/// # Panics
///
/// When the file is not one.
pub fn samples(path: &Path) -> Vec<i16> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // A recorder that goes on may leave the 44 bytes of the header blank until it ends.
    let blank = bytes.len() > 44 && bytes[..44].iter().all(|byte| *byte == 0);
    let data =
        bytes.windows(4).position(|window| window == b"data").or_else(|| blank.then_some(36));
    let data = data.unwrap_or_else(|| panic!("{} is no WAV file", path.display()));
    bytes[data + 8..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// The amplitude of one frequency in the samples, by Goertzel's algorithm.
pub fn amplitude(samples: &[i16], hertz: f64) -> f64 {
    let factor = 2.0 * (2.0 * PI * hertz / RATE).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        (last, before) = (f64::from(*sample) + factor * last - before, last);
    }
    let power = last * last + before * before - factor * last * before;
    2.0 * power.max(0.0).sqrt() / samples.len().max(1) as f64
}

/// The amplitude of a tone in a recording: the mean of those of its windows.
///
/// A phone that was held up for a moment goes on with another phase, and over the whole of a recording the pieces of a tone cancel out: 5,500 of 13,000 with
/// processes stopped for 0.3 s at random. Silence counts in both alike.
fn loudness(samples: &[i16], hertz: f64) -> f64 {
    let windows = samples.chunks_exact(WINDOW);
    let count = windows.len().max(1) as f64;
    windows.map(|window| amplitude(window, hertz)).sum::<f64>() / count
}

/// Whether a tone of the first amplitude is heard, and clearly louder than one of the second.
pub fn stands_out(there: f64, absent: f64) -> bool {
    there > HEARD_MIN && there > CLEARLY * absent
}

/// Asserts that the recording holds the one tone and not the other.
///
/// # Panics
///
/// When it does not.
#[track_caller]
pub fn assert_hears(recording: &Path, tone: f64, not: f64) {
    let samples = samples(recording);
    assert!(
        samples.len() > SKIPPED + WINDOW,
        "{} holds {} samples only",
        recording.display(),
        samples.len()
    );
    let samples = &samples[SKIPPED..];
    let (there, absent) = (loudness(samples, tone), loudness(samples, not));
    println!(
        "{}: {tone} Hz at {there:.0}, {not} Hz at {absent:.0}, {} samples",
        recording.display(),
        samples.len()
    );
    assert!(
        there > HEARD_MIN,
        "{tone} Hz is not heard: amplitude {there:.0}, at least {HEARD_MIN}"
    );
    assert!(
        there > CLEARLY * absent,
        "{tone} Hz at {there:.0} does not stand out from {not} Hz at {absent:.0}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hertz: f64) -> Vec<i16> {
        (0..8000)
            .map(|n| (10_000.0 * (2.0 * PI * hertz * f64::from(n) / RATE).sin()) as i16)
            .collect()
    }

    #[test]
    fn a_tone_is_told_from_another() {
        assert!((amplitude(&sine(440.0), 440.0) - 10_000.0).abs() < 50.0);
        assert!(amplitude(&sine(440.0), 1000.0) < 50.0);
        assert!(amplitude(&[0; 8000], 440.0) < 1.0);
    }

    #[test]
    fn a_phone_that_was_held_up_is_heard_as_loudly_and_silence_is_not() {
        let tone = sine(1000.0);
        // Half a period is lost each quarter of a second, so that all of it together is next to nothing.
        let pieces = tone.iter().enumerate().filter(|(at, _)| at % 2100 < 2096);
        let cut: Vec<i16> = pieces.map(|(_, sample)| *sample).collect();
        assert!(amplitude(&cut, 1000.0) < 5000.0);
        assert!(loudness(&cut, 1000.0) > 7000.0);
        assert!(stands_out(loudness(&cut, 1000.0), loudness(&cut, 440.0)));
        assert!(!stands_out(loudness(&cut, 440.0), loudness(&cut, 1000.0)));
        let half: Vec<i16> = tone[..4000].iter().copied().chain([0; 4000]).collect();
        assert!((loudness(&half, 1000.0) - amplitude(&half, 1000.0)).abs() < 50.0);
    }
}
