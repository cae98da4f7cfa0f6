//! Which pod holds which address. Addresses are handed out in turn, so a released one rests until the range has
//! wrapped; the table is a small file replaced atomically, so a crash loses nothing that was answered.

/// Why an address could not be handed out or taken back.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// Every address is taken.
    #[error("no free address in {range}: {used} are in use")]
    Exhausted {
        /// The range.
        range: String,
        /// How many are taken.
        used: usize,
    },
    /// The table could not be read or replaced.
    #[error("address table {path}: {source}")]
    Table {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
}
