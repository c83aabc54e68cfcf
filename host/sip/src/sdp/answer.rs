//! An answer made of two offers: what each of two parties can do, who have both offered (RFC 3264 section 6).

use super::{Media, Sdp, content};

/// What codec a format of the profile RTP/AVP stands for without saying (RFC 3551 section 6).
const STATIC: [(&str, &str); 6] = [
    ("0", "PCMU/8000"),
    ("3", "GSM/8000"),
    ("4", "G723/8000"),
    ("8", "PCMA/8000"),
    ("9", "G722/8000"),
    ("18", "G729/8000"),
];

/// `other`, which is an offer itself, as the answer to `offer`: stream by stream the formats that both know, under the numbers
/// that `other` gives them. A stream that `other` has not, or has nothing in common for, is refused. `None` when that is so of every
/// stream, or one of the descriptions cannot be read.
pub fn answer(offer: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let (offer, other) = (Sdp::parse(offer).ok()?, Sdp::parse(other).ok()?);
    let first = other.media.first().map_or(other.lines.len(), |media| media.begin);
    let mut out: Vec<u8> = other.lines.get(..first)?.concat();
    let mut is_live = false;
    for (n, asked) in offer.media.iter().enumerate() {
        let own = other.media.get(n).filter(|own| {
            own.kind == asked.kind && own.proto == asked.proto && own.port != 0 && asked.port != 0
        });
        let kept = own.map(|own| (own, common(&offer, asked, &other, own)));
        let is_codec = |other: &Sdp<'_>, own: &Media<'_>, format: &&str| {
            !codec(other, own, format).starts_with("TELEPHONE-EVENT")
        };
        match kept {
            Some((own, kept)) if kept.iter().any(|format| is_codec(&other, own, format)) => {
                is_live = true;
                write_section(&mut out, &other, own, &kept);
            }
            _ => {
                let Media { kind, proto, formats, .. } = asked;
                out.extend_from_slice(format!("m={kind} 0 {proto} {formats}\r\n").as_bytes());
            }
        }
    }
    is_live.then_some(out)
}

/// The formats of `own` that stand for a codec of `asked`.
fn common<'a>(
    offer: &Sdp<'_>,
    asked: &Media<'_>,
    other: &Sdp<'a>,
    own: &Media<'a>,
) -> Vec<&'a str> {
    let known: Vec<String> =
        asked.formats.split_ascii_whitespace().map(|format| codec(offer, asked, format)).collect();
    let formats = own.formats.split_ascii_whitespace();
    formats.filter(|format| known.contains(&codec(other, own, format))).collect()
}

/// The codec of a format, in upper case: what its `a=rtpmap` says, or what its number stands for.
fn codec(sdp: &Sdp<'_>, media: &Media<'_>, format: &str) -> String {
    let mapped = section(sdp, media).find_map(|line| {
        let rest = std::str::from_utf8(line).ok()?.strip_prefix("a=rtpmap:")?;
        let (number, name) = rest.trim_end().split_once(' ')?;
        (number == format).then(|| name.trim().to_ascii_uppercase())
    });
    let named = STATIC.iter().find(|(number, _)| *number == format);
    let name = mapped.or_else(|| named.map(|(_, name)| (*name).to_owned()));
    let name = name.unwrap_or_else(|| format.to_owned());
    name.strip_suffix("/1").map_or_else(|| name.clone(), str::to_owned)
}

/// The lines of an `m=` section, the first with it.
fn section<'s, 'a>(sdp: &'s Sdp<'a>, media: &Media<'a>) -> impl Iterator<Item = &'a [u8]> + 's {
    let next = sdp.media.iter().map(|media| media.begin).find(|begin| *begin > media.begin);
    let range = media.begin..next.unwrap_or(sdp.lines.len());
    sdp.lines.get(range).unwrap_or_default().iter().copied()
}

fn write_section(out: &mut Vec<u8>, sdp: &Sdp<'_>, media: &Media<'_>, kept: &[&str]) {
    for line in section(sdp, media) {
        if line.starts_with(b"m=") {
            let Media { kind, port, proto, .. } = media;
            let formats = kept.join(" ");
            out.extend_from_slice(format!("m={kind} {port} {proto} {formats}\r\n").as_bytes());
        } else if is_of(line, kept) {
            out.extend_from_slice(line);
        }
    }
}

/// Whether a line is about one of these formats, or about none.
fn is_of(line: &[u8], kept: &[&str]) -> bool {
    let about = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"];
    let line = std::str::from_utf8(content(line)).unwrap_or_default();
    let Some(rest) = about.iter().find_map(|name| line.strip_prefix(name)) else { return true };
    let format = rest.split(' ').next().unwrap_or_default();
    format == "*" || kept.contains(&format)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sdp(media: &str) -> String {
        format!("v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{media}")
    }

    fn of(offer: &str, other: &str) -> Option<String> {
        Some(String::from_utf8(answer(sdp(offer).as_bytes(), sdp(other).as_bytes())?).unwrap())
    }

    #[test]
    fn both_know_what_is_answered() {
        let offer = "m=audio 4000 RTP/AVP 0 8 96 101\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n";
        let other = "m=audio 5000 RTP/AVP 9 111 8 97\r\na=rtpmap:111 OPUS/48000/2\r\na=fmtp:111 useinbandfec=1\r\n\
                     a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000/1\r\na=rtpmap:97 telephone-event/8000\r\na=sendrecv\r\n";
        let expected = "m=audio 5000 RTP/AVP 111 8 97\r\na=rtpmap:111 OPUS/48000/2\r\na=fmtp:111 useinbandfec=1\r\n\
                        a=rtpmap:8 PCMA/8000/1\r\na=rtpmap:97 telephone-event/8000\r\na=sendrecv\r\n";
        assert_eq!(of(offer, other), Some(sdp(expected)));
    }

    #[test]
    fn a_stream_that_one_has_not_is_refused_and_without_any_there_is_no_answer() {
        let offer = "m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 31\r\n";
        let audio = "m=audio 5000 RTP/AVP 0\r\n";
        assert_eq!(of(offer, audio), Some(sdp(&format!("{audio}m=video 0 RTP/AVP 31\r\n"))));
        assert_eq!(of(audio, offer), Some(sdp("m=audio 4000 RTP/AVP 0\r\n")));
        assert_eq!(of(audio, "m=audio 5000 RTP/AVP 8 101\r\n"), None);
        assert_eq!(of(audio, "m=audio 5000 RTP/SAVP 0\r\n"), None);
        assert_eq!(of(audio, ""), None);
    }
}
