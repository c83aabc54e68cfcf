//! G.711 tones: made at one end, recognised at the other.

use std::f32::consts::TAU;

/// Samples in a second (RFC 3551 section 4.5.14).
pub const SAMPLE_RATE: u32 = 8000;
/// Samples in a packet of 20 ms.
pub const FRAME: usize = 160;

/// A sine wave, 20 ms at a time.
#[derive(Clone, Debug)]
pub struct Tone {
    hz: f32,
    phase: f32,
}

impl Tone {
    /// A tone of `hz`, below 4000.
    pub const fn new(hz: f32) -> Self {
        Self { hz, phase: 0.0 }
    }

    /// The next 20 ms, as PCMU.
    pub fn frame(&mut self) -> [u8; FRAME] {
        std::array::from_fn(|_| {
            let sample = self.phase.sin() * 8000.0;
            self.phase = (self.phase + TAU * self.hz / SAMPLE_RATE as f32) % TAU;
            encode(sample as i16)
        })
    }
}

/// How much of the energy of `samples` lies at `hz`, from 0 to 1 (Goertzel's algorithm).
pub fn share_at(samples: &[i16], hz: f32) -> f32 {
    let energy: f32 = samples.iter().map(|sample| f32::from(*sample).powi(2)).sum();
    if energy == 0.0 {
        return 0.0;
    }
    let coefficient = 2.0 * (TAU * hz / SAMPLE_RATE as f32).cos();
    let (mut last, mut before) = (0.0_f32, 0.0_f32);
    for sample in samples {
        let next = f32::from(*sample) + coefficient * last - before;
        before = last;
        last = next;
    }
    let power = last.powi(2) + before.powi(2) - coefficient * last * before;
    2.0 * power / (samples.len() as f32 * energy)
}

/// The bias that makes the segments of the mu-law curve powers of two (G.711).
const BIAS: i32 = 0x84;
const CLIP: i32 = 32_635;

/// One linear sample as PCMU.
fn encode(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(CLIP) + BIAS;
    let segment = (24 - magnitude.leading_zeros().min(24)).clamp(0, 7);
    let mantissa = (magnitude >> (segment + 3)) & 0x0f;
    // The three parts are at most 0x80, 0x70 and 0x0f.
    !((sign | (segment as i32) << 4 | mantissa) as u8)
}

/// One PCMU byte as a linear sample.
pub fn decode(byte: u8) -> i16 {
    let byte = !byte;
    let segment = (byte >> 4) & 0x07;
    let magnitude = ((i32::from(byte & 0x0f) << 3) + BIAS) << segment;
    // The largest magnitude is 32,124 after the bias is taken off.
    let linear = (magnitude - BIAS) as i16;
    if byte & 0x80 == 0 { linear } else { -linear }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_recognised_after_g711_and_another_is_not() {
        let mut tone = Tone::new(440.0);
        let samples: Vec<i16> = (0..10).flat_map(|_| tone.frame()).map(decode).collect();
        assert!(share_at(&samples, 440.0) > 0.95);
        assert!(share_at(&samples, 620.0) < 0.05);
        assert!(share_at(&[0; 400], 440.0) == 0.0);
    }

    #[test]
    fn g711_loses_no_more_than_its_quantisation() {
        for sample in (-32_000..=32_000_i16).step_by(37) {
            let error = (i32::from(decode(encode(sample))) - i32::from(sample)).abs();
            assert!(error <= (i32::from(sample).abs() / 16).max(8), "{sample}: {error}");
        }
        assert_eq!((encode(0), encode(-1)), (0xff, 0x7f));
    }
}
