//! Static tokens from a file of comma-separated values: token, user, uid and, optionally, groups.
//! Upstream: `--token-auth-file`.

use super::{Authenticate, Credentials};
use crate::{Door, User};
use async_trait::async_trait;
use machinery::status::Status;
use sha2::{Digest, Sha256};
use std::{collections::HashMap, path::Path};

/// The largest file read, in bytes.
const LIMIT_BYTES: u64 = 4 << 20;

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It cannot be read.
    #[error("cannot read the token file {file}: {source}")]
    Read {
        /// Which file.
        file: String,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A record lacks columns.
    #[error(
        "token file '{file}' must have at least 3 columns (token, user name, user uid), found {found}"
    )]
    Columns {
        /// Which file.
        file: String,
        /// How many there are.
        found: usize,
    },
    /// A quote is never closed, or the file is too large.
    #[error("token file '{file}' {reason}")]
    Malformed {
        /// Which file.
        file: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Users by static token, kept as digests so that a comparison tells nothing by its duration.
pub struct TokenFile(HashMap<[u8; 32], User>);

impl TokenFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or a record lacks columns.
    pub fn read(path: &Path) -> Result<Self, TokenFileError> {
        let file = path.display().to_string();
        let read = |source| TokenFileError::Read {
            file: file.clone(),
            source,
        };
        if std::fs::metadata(path).map_err(read)?.len() > LIMIT_BYTES {
            let reason = "is larger than 4 MiB";
            return Err(TokenFileError::Malformed { file, reason });
        }
        Self::parse(&file, &std::fs::read_to_string(path).map_err(read)?)
    }

    fn parse(file: &str, text: &str) -> Result<Self, TokenFileError> {
        let records = records(text).ok_or_else(|| TokenFileError::Malformed {
            file: file.to_owned(),
            reason: "has a quote that is never closed",
        })?;
        let mut users = HashMap::new();
        for (index, record) in records.into_iter().enumerate() {
            let [token, name, uid, more @ ..] = record.as_slice() else {
                return Err(TokenFileError::Columns {
                    file: file.to_owned(),
                    found: record.len(),
                });
            };
            if token.is_empty() {
                let record = index + 1;
                tracing::warn!(file, record, "empty token has been found in the token file");
                continue;
            }
            let groups: Vec<&str> = match more.first() {
                Some(groups) if !groups.is_empty() => groups.split(',').collect(),
                _ => Vec::new(),
            };
            let mut user = User::new(name, &groups);
            user.uid.clone_from(uid);
            if users.insert(Sha256::digest(token).into(), user).is_some() {
                let record = index + 1;
                tracing::warn!(
                    file,
                    record,
                    "duplicate token has been found in the token file"
                );
            }
        }
        Ok(Self(users))
    }
}

#[async_trait]
impl Authenticate for TokenFile {
    async fn authenticate(
        &self,
        _: &Door,
        credentials: &Credentials,
    ) -> Result<Option<User>, Status> {
        let digest = |token: &String| <[u8; 32]>::from(Sha256::digest(token));
        let found = credentials.bearer.as_ref().map(digest);
        Ok(found.and_then(|digest| self.0.get(&digest).cloned()))
    }
}

/// Records of fields; empty lines count for nothing, fields lose the blanks before them, a quote inside
/// quotes is doubled. `None` when a quote is never closed.
fn records(text: &str) -> Option<Vec<Vec<String>>> {
    let (mut all, mut record) = (Vec::new(), Vec::new());
    let mut rest = text;
    loop {
        let (value, after) = field(rest)?;
        record.push(value);
        if let Some(more) = after.strip_prefix(',') {
            rest = more;
            continue;
        }
        let record = std::mem::take(&mut record);
        if record != [""] {
            all.push(record);
        }
        match after.strip_prefix('\n') {
            Some(more) => rest = more,
            None => return Some(all),
        }
    }
}

/// The first field and what follows it.
fn field(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find([',', '\n']).unwrap_or(text.len());
        let (field, rest) = text.split_at(end);
        return Some((field.trim_end_matches('\r').to_owned(), rest));
    };
    let mut field = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        field.push_str(part);
        let Some(more) = after.strip_prefix('"') else {
            let end = after.find([',', '\n']).unwrap_or(after.len());
            return Some((field, &after[end..]));
        };
        field.push('"');
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_a_file() {
        let text = "admin-token,admin,admin\n\n\"a\"\"b\", user ,7,\"one,two\"\r\nlast,x,\n";
        let expected: Vec<Vec<&str>> = vec![
            vec!["admin-token", "admin", "admin"],
            vec!["a\"b", "user ", "7", "one,two"],
            vec!["last", "x", ""],
        ];
        assert_eq!(records(text).unwrap(), expected);
        assert_eq!(records("a,b,").unwrap(), [["a", "b", ""]]);
        assert_eq!(records("\"never closed"), None);
    }

    #[test]
    fn users_of_a_file() {
        let text = "t1,alice,1,\"system:masters,dev\"\n,nobody,2\nt2,bob,3\n";
        let users = TokenFile::parse("f", text).unwrap();
        assert_eq!(users.0.len(), 2);
        let alice = &users.0[&<[u8; 32]>::from(Sha256::digest("t1"))];
        assert_eq!((alice.name.as_str(), alice.uid.as_str()), ("alice", "1"));
        assert!(
            alice.is_in(User::MASTERS) && alice.is_in("dev") && alice.is_in(User::AUTHENTICATED)
        );
        let Err(error) = TokenFile::parse("f", "a,b\n") else {
            panic!("two columns are too few");
        };
        assert_eq!(
            error.to_string(),
            "token file 'f' must have at least 3 columns (token, user name, user uid), found 2"
        );
    }

    /// A file of quoted fields, which nothing in them can end early.
    fn quoted(records: &[Vec<String>]) -> String {
        let field = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
        let line = |record: &Vec<String>| record.iter().map(field).collect::<Vec<_>>().join(",");
        records.iter().map(|record| line(record) + "\n").collect()
    }

    #[test]
    fn damaged_files_are_refused_or_mean_the_same_written_anew() {
        const TOKENS: [&str; 14] = [
            "t1", "alice", ",", ",", ",", "\"", "\"\"", "\n", "\r\n", " ", "\t", "a,b", "é", "\0",
        ];
        let good = b"t1,alice,1,\"system:masters,dev\"\nt2,bob,3\n\"t\"\"3\",carol,4,\r\n";
        fuzz::run("token files", 3000, |random| {
            let text = match random.below(2) {
                0 => random.text(&TOKENS, 20),
                _ => String::from_utf8_lossy(&random.damaged(good, b"\",\"\n,,")).into_owned(),
            };
            let read = records(&text);
            if let Some(read) = &read {
                let most = text.len() + 1;
                assert!(read.iter().map(Vec::len).sum::<usize>() <= most, "{text:?}");
                assert_eq!(records(&quoted(read)).as_ref(), Some(read), "{text:?}");
            }
            let read = read.unwrap_or_default();
            if let Ok(users) = TokenFile::parse("f", &text) {
                assert!(users.0.len() <= read.len(), "{text:?}");
                for record in read.iter().filter(|record| !record[0].is_empty()) {
                    let digest = <[u8; 32]>::from(Sha256::digest(&record[0]));
                    assert!(users.0.contains_key(&digest), "{text:?}");
                }
                // Nobody is without a token.
                let nobody = <[u8; 32]>::from(Sha256::digest(""));
                assert!(!users.0.contains_key(&nobody), "{text:?}");
            }
        });
    }
}
