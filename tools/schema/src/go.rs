//! Reads struct declarations of Go's API types: names, tags, pointers and markers. Not a Go parser: the
//! published types keep one field per line, which is all that is read.

use anyhow::{Context, Result};
use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

/// One field of a struct, as declared.
#[derive(Clone, Debug, Default)]
pub struct GoField {
    /// The type, as written, without a leading `*`.
    pub of: String,
    pub pointer: bool,
    /// The JSON name; empty for an inline struct.
    pub json: String,
    pub omitempty: bool,
    pub omitzero: bool,
    /// The protobuf number, and whether it repeats.
    pub proto: Option<(u32, bool)>,
    pub default: Option<String>,
    pub description: String,
    /// `patchStrategy` and `patchMergeKey` of the tag, `+listType` and `+listMapKey` of the comment.
    pub patch_strategy: String,
    pub merge_key: Option<String>,
    pub list_type: String,
    pub list_keys: Vec<String>,
    /// `+mapType` or `+structType`.
    pub map_type: String,
}

/// One value of a `+enum` type, and what its comment says of it.
#[derive(Clone, Debug)]
pub struct EnumValue {
    pub value: String,
    pub description: String,
}

/// The structs and the named types of one package.
#[derive(Debug, Default)]
pub struct Package {
    pub group: String,
    pub structs: HashMap<String, Vec<GoField>>,
    /// What each struct is for.
    pub words: HashMap<String, String>,
    pub aliases: HashMap<String, String>,
    /// The types marked `+enum`.
    pub enums: HashSet<String>,
    /// The constants of each type.
    pub constants: HashMap<String, Vec<EnumValue>>,
}

/// Reads every file of a package that declares types.
pub fn read(dir: &Path) -> Result<Package> {
    let mut package = Package::default();
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .with_context(|| dir.display().to_string())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    for file in files {
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !name.ends_with(".go")
            || name.ends_with("_test.go")
            || name.starts_with("generated")
            || name == "fieldsv1_string.go"
        {
            continue;
        }
        read_file(&std::fs::read_to_string(&file)?, &mut package);
    }
    Ok(package)
}

fn read_file(text: &str, package: &mut Package) {
    let mut open: Option<(String, Vec<GoField>)> = None;
    let mut comment: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some(rest) = line
            .strip_prefix("const GroupName =")
            .or(line.strip_prefix("GroupName ="))
        {
            package.group = rest.trim().trim_matches('"').to_owned();
        }
        if let Some(words) = line.strip_prefix("//") {
            comment.push(
                words
                    .strip_prefix(' ')
                    .unwrap_or(words)
                    .trim_end()
                    .to_owned(),
            );
            continue;
        }
        match &mut open {
            None => {
                if let Some(rest) = line.strip_prefix("type ") {
                    let mut words = rest.splitn(2, ' ');
                    let (name, of) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
                    package.words.insert(name.to_owned(), description(&comment));
                    if of == "struct {" {
                        open = Some((name.to_owned(), Vec::new()));
                    } else if of == "struct {}" || of == "struct{}" {
                        package.structs.insert(name.to_owned(), Vec::new());
                    } else {
                        let of = of.split("//").next().unwrap_or("").trim();
                        package.aliases.insert(name.to_owned(), of.to_owned());
                        if comment.iter().any(|line| line == "+enum") {
                            package.enums.insert(name.to_owned());
                        }
                    }
                } else {
                    read_constant(line, &comment, package);
                }
            }
            Some(_) if line == "}" => {
                let (name, fields) = open.take().unwrap_or_default();
                package.structs.insert(name, fields);
            }
            Some((_, fields)) => fields.extend(read_field(line, &comment)),
        }
        comment.clear();
    }
}

/// `Name Type = "value"`, of a type that is (or may yet turn out to be) an enumeration.
fn read_constant(line: &str, comment: &[String], package: &mut Package) {
    let line = line.strip_prefix("const ").unwrap_or(line);
    let Some((declared, value)) = line.split_once('=') else {
        return;
    };
    let words: Vec<&str> = declared.split_whitespace().collect();
    let (&[name, of], Some(value)) = (words.as_slice(), value.split('"').nth(1)) else {
        return;
    };
    let words: Vec<&str> = comment
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.starts_with('+'))
        .collect();
    let words = words.join(" ");
    let description = words.trim().strip_prefix(name).unwrap_or(words.trim());
    package
        .constants
        .entry(of.to_owned())
        .or_default()
        .push(EnumValue {
            value: value.to_owned(),
            description: description.trim().to_owned(),
        });
}

fn read_field(line: &str, comment: &[String]) -> Option<GoField> {
    let (declared, tags) = line.split_once('`')?;
    let words: Vec<&str> = declared.split_whitespace().collect();
    let of = *words.last()?;
    let json = tag(tags, "json").unwrap_or_default();
    let mut options = json.split(',');
    let mut field = GoField {
        pointer: of.starts_with('*'),
        of: of.trim_start_matches('*').to_owned(),
        json: options.next().unwrap_or_default().to_owned(),
        ..GoField::default()
    };
    let options: Vec<&str> = options.collect();
    field.omitzero = options.contains(&"omitzero");
    field.omitempty = field.omitzero || options.contains(&"omitempty");
    if let Some(proto) = tag(tags, "protobuf") {
        let parts: Vec<&str> = proto.split(',').collect();
        field.proto = Some((parts.get(1)?.parse().ok()?, parts.get(2) == Some(&"rep")));
    }
    field.description = description(comment);
    field.patch_strategy = tag(tags, "patchStrategy").unwrap_or_default();
    field.merge_key = tag(tags, "patchMergeKey");
    for line in comment {
        if let Some(value) = line.strip_prefix("+default=") {
            field.default = Some(value.to_owned());
        } else if let Some(value) = line.strip_prefix("+listType=") {
            field.list_type = value.to_owned();
        } else if let Some(value) = line.strip_prefix("+listMapKey=") {
            field.list_keys.push(value.to_owned());
        } else if let Some(value) = line
            .strip_prefix("+mapType=")
            .or(line.strip_prefix("+structType="))
        {
            field.map_type = value.to_owned();
        }
    }
    Some(field)
}

/// What a comment says, in paragraphs, as upstream's generator of OpenAPI joins its lines.
fn description(comment: &[String]) -> String {
    let mut words = String::new();
    for line in comment {
        if line == "---" {
            break;
        } else if line.is_empty() {
            words.pop();
            words.push_str("\n\n");
        } else if line.trim_start().starts_with("TODO") || line.trim_start().starts_with('+') {
        } else if line.starts_with([' ', '\t']) {
            words.pop();
            words.push_str(&format!("\n{line}\n"));
        } else {
            words.push_str(&format!("{line} "));
        }
    }
    words.trim_end_matches('\n').trim_matches(' ').to_owned()
}

fn tag(tags: &str, name: &str) -> Option<String> {
    let start = tags.find(&format!("{name}:\""))? + name.len() + 2;
    let end = tags[start..].find('"')?;
    Some(tags[start..start + end].to_owned())
}
