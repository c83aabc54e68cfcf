//! What must hold of any bytes as a recorded question. The fuzz target calls this, and so do the tests of `jackfield-record`.

use record::Recorded;

/// A line is read or refused with words; what was read is written, reads the same again, and holds no line's end.
pub fn recorded(data: &[u8]) {
    let Ok(line) = std::str::from_utf8(data) else { return };
    match Recorded::from_line(line) {
        Ok(first) => {
            let written = first.to_line();
            assert!(!written.contains('\n'), "{written}");
            match Recorded::from_line(&written) {
                Ok(second) => assert_eq!(second.to_line(), written),
                Err(error) => panic!("{error}: {written}"),
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
