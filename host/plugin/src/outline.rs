//! What a plugin says of itself, for its author.

use std::path::{Path, PathBuf};

use model::Digest;
use record::Rule;
use sha2::{Digest as _, Sha256};

use crate::{
    Diagnostic, FileLimits, Kind, PluginHost, Source, capability, manifest::Manifest, source,
};

/// What the files of a plugin say, without asking it anything.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// What diagnostics call the code.
    pub code: String,
    /// Bytes of the code.
    pub bytes: usize,
    /// What it may use besides the facts of its question: `log`, `config`, `state`.
    pub needs: Vec<&'static str>,
    /// The interfaces a component imports; none of a script, which has no imports.
    pub imports: Vec<String>,
    /// Its own configuration, from the manifest.
    pub config: toml::Table,
    /// What the schema of its configuration is called, if it has one.
    pub schema: Option<String>,
    /// How many questions with answers its manifest has.
    pub vectors: usize,
    /// The differences from the version before it that its manifest expects.
    pub expect: Vec<Rule>,
    /// SHA-256 of the code.
    pub code_sha256: Digest,
}

/// What the `plugin.toml` of a folder says, whether there is code or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The plugin's id.
    pub id: String,
    /// What its body is, if the manifest says so.
    pub kind: Option<Kind>,
    /// Where its code is, below the folder, if the manifest says so.
    pub code: Option<PathBuf>,
}

impl PluginHost {
    /// The id of the plugin that a source holds, if it can be read.
    pub fn id_of(&self, source: &Source) -> Option<String> {
        source.read(&self.config.files).ok().map(|bundle| bundle.id)
    }

    /// What a source says of itself.
    ///
    /// # Errors
    ///
    /// What of it cannot be read, or that a component does not compile.
    pub fn outline(&self, source: &Source) -> Result<Outline, Diagnostic> {
        let bundle = source.read(&self.config.files)?;
        let code_sha256 = Digest(Sha256::digest(&bundle.code).into());
        let imports = match bundle.kind {
            Kind::Rhai => Vec::new(),
            Kind::Wasm => self
                .wasm
                .imports(code_sha256, &bundle.code)
                .map_err(|reason| Diagnostic::new(&bundle.code_file, reason, "build it again"))?,
        };
        Ok(Outline {
            code: bundle.code_file,
            bytes: bundle.code.len(),
            needs: capability::uses(bundle.manifest.grants),
            imports,
            schema: bundle.manifest.schema,
            config: bundle.manifest.config,
            vectors: bundle.manifest.vectors.len(),
            expect: bundle.manifest.expect,
            code_sha256,
        })
    }
}

impl Layout {
    /// Reads the `plugin.toml` of a folder.
    ///
    /// # Errors
    ///
    /// When it is not there or not good.
    pub fn of(folder: &Path) -> Result<Self, Diagnostic> {
        let (_, manifest) = source::read_manifest(folder, &FileLimits::default())?;
        let Manifest { id, kind, code, .. } = manifest;
        Ok(Self { id: id.unwrap_or_else(|| source::stem(folder)), kind, code })
    }
}
