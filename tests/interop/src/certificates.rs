//! Certificates of a test's own authority, made by openssl.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// Names and addresses of this machine that certificates are for.
pub const HERE: &str = "DNS:localhost,IP:127.0.0.1,IP:::1";

/// Runs openssl in `folder`.
///
/// # Panics
///
/// When it fails; with what it said.
#[track_caller]
pub fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("openssl starts");
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes an authority: `ca.pem` and `ca.key`.
///
/// # Panics
///
/// When openssl does not.
#[track_caller]
pub fn authority(folder: &Path) {
    openssl(
        folder,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority",
    );
}

/// Makes a certificate of the authority: `<name>.pem` and `<name>.key`, with the subject CN=`name`, for `names` in the words of
/// openssl's subjectAltName.
///
/// # Panics
///
/// When openssl does not.
#[track_caller]
pub fn certificate(folder: &Path, name: &str, names: &str) {
    openssl(
        folder,
        &format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ),
    );
    std::fs::write(folder.join("san"), format!("subjectAltName={names}\n")).expect("a file");
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 2 -extfile san"
        ),
    );
}

/// The subject's common name of the certificate that 127.0.0.1 shows on `port`, when its authority is ours.
pub fn shown(folder: &Path, port: u16) -> Option<String> {
    let output = Command::new("openssl")
        .args(["s_client", "-CAfile", "ca.pem", "-verify_return_error", "-connect"])
        .arg(format!("127.0.0.1:{port}"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("openssl starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find_map(|line| line.strip_prefix(" 0 s:CN = "))?;
    output.status.success().then(|| line.to_owned())
}
