//! The grammar of selectors as text: a lexer of symbols and words and a parser of one requirement
//! at a time, with upstream's messages.

use super::{Error, Operator, Requirement, Selector};
use crate::names;
use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Symbol(&'static str),
    End,
}

impl Token {
    /// As upstream's messages quote it.
    fn text(&self) -> &str {
        match self {
            Self::Word(word) => word,
            Self::Symbol(symbol) => symbol,
            Self::End => "",
        }
    }
}

/// Longest first, so that `==` is not read as `=` twice.
const SYMBOLS: [&str; 10] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<", " "];

fn lex(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if trimmed.len() < rest.len() {
            rest = trimmed;
            continue;
        }
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            tokens.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
            continue;
        }
        let end = rest
            .find([' ', '\t', '\r', '\n', '=', '!', '(', ')', ',', '>', '<'])
            .unwrap_or(rest.len());
        tokens.push(Token::Word(rest[..end].to_owned()));
        rest = &rest[end..];
    }
    tokens
}

struct Parser {
    tokens: std::vec::IntoIter<Token>,
    ahead: Option<Token>,
}

impl Parser {
    fn next(&mut self) -> Token {
        self.ahead
            .take()
            .or_else(|| self.tokens.next())
            .unwrap_or(Token::End)
    }

    fn peek(&mut self) -> &Token {
        if self.ahead.is_none() {
            self.ahead = self.tokens.next();
        }
        self.ahead.as_ref().unwrap_or(&Token::End)
    }

    fn requirement(&mut self) -> Result<Requirement, Error> {
        let absent = *self.peek() == Token::Symbol("!");
        if absent {
            self.next();
        }
        let key = match self.next() {
            Token::Word(word) => word,
            other => {
                return Err(Error(format!(
                    "found '{}', expected: !, identifier, or ','",
                    other.text()
                )));
            }
        };
        let errors = names::qualified_name_errors(&key);
        if !errors.is_empty() {
            return Err(invalid("key", &key, &errors));
        }
        if matches!(self.peek(), Token::End | Token::Symbol(",")) || absent {
            let operator = if absent {
                Operator::DoesNotExist
            } else {
                Operator::Exists
            };
            return Ok(Requirement {
                key,
                operator,
                values: BTreeSet::new(),
            });
        }
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.set()?,
            _ => BTreeSet::from([self.value()?]),
        };
        let requirement = Requirement {
            key,
            operator,
            values,
        };
        check(&requirement)?;
        Ok(requirement)
    }

    fn operator(&mut self) -> Result<Operator, Error> {
        let token = self.next();
        Ok(match &token {
            Token::Symbol("=") => Operator::Equals,
            Token::Symbol("==") => Operator::DoubleEquals,
            Token::Symbol("!=") => Operator::NotEquals,
            Token::Symbol(">") => Operator::GreaterThan,
            Token::Symbol("<") => Operator::LessThan,
            Token::Word(word) if word == "in" => Operator::In,
            Token::Word(word) if word == "notin" => Operator::NotIn,
            other => {
                return Err(Error(format!(
                    "found '{}', expected: in, notin, =, ==, !=, gt, lt",
                    other.text()
                )));
            }
        })
    }

    /// A single value; an absent one is the empty string, as in `a=`.
    fn value(&mut self) -> Result<String, Error> {
        match self.peek().clone() {
            Token::End | Token::Symbol(",") => Ok(String::new()),
            Token::Word(word) => {
                self.next();
                Ok(word)
            }
            Token::Symbol(other) => Err(Error(format!("found '{other}', expected: identifier"))),
        }
    }

    fn set(&mut self) -> Result<BTreeSet<String>, Error> {
        match self.next() {
            Token::Symbol("(") => {}
            other => return Err(Error(format!("found '{}', expected: '('", other.text()))),
        }
        let mut values = BTreeSet::new();
        loop {
            match self.next() {
                Token::Word(word) => {
                    values.insert(word);
                    match self.next() {
                        Token::Symbol(",") => {
                            if *self.peek() == Token::Symbol(")") {
                                values.insert(String::new());
                            }
                        }
                        Token::Symbol(")") => return Ok(values),
                        other => {
                            return Err(Error(format!(
                                "found '{}', expected: ',' or ')'",
                                other.text()
                            )));
                        }
                    }
                }
                Token::Symbol(",") => {
                    values.insert(String::new());
                }
                Token::Symbol(")") => {
                    if values.is_empty() {
                        values.insert(String::new());
                    }
                    return Ok(values);
                }
                other => {
                    return Err(Error(format!(
                        "found '{}', expected: ',', ')' or identifier",
                        other.text()
                    )));
                }
            }
        }
    }
}

fn invalid(what: &str, value: &str, errors: &[String]) -> Error {
    Error(format!(
        "{what}: Invalid value: {value:?}: {}",
        errors.join("; ")
    ))
}

/// The rules of a requirement however it was written.
pub(super) fn check(requirement: &Requirement) -> Result<(), Error> {
    let Requirement {
        key,
        operator,
        values,
    } = requirement;
    let errors = names::qualified_name_errors(key);
    if !errors.is_empty() {
        return Err(invalid("key", key, &errors));
    }
    let all = || values.iter().map(String::as_str).collect::<Vec<_>>();
    let fault = |detail: &str| {
        Err(Error(format!(
            "values: Invalid value: {:?}: {detail}",
            all()
        )))
    };
    match operator {
        Operator::In | Operator::NotIn if values.is_empty() => {
            return fault("for 'in', 'notin' operators, values set can't be empty");
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            return fault("values set must be empty for exists and does not exist");
        }
        Operator::GreaterThan | Operator::LessThan
            if !values.iter().all(|text| text.parse::<i64>().is_ok()) =>
        {
            return fault("for 'Gt', 'Lt' operators, the value must be an integer");
        }
        _ => {}
    }
    for (index, value) in values.iter().enumerate() {
        let errors = names::label_value_errors(value);
        if !errors.is_empty() {
            return Err(invalid(&format!("values[{index}][{key}]"), value, &errors));
        }
    }
    Ok(())
}

pub(super) fn parse(text: &str) -> Result<Selector, Error> {
    let mut parser = Parser {
        tokens: lex(text).into_iter(),
        ahead: None,
    };
    let mut requirements = Vec::new();
    if *parser.peek() == Token::End {
        return Ok(Selector::everything());
    }
    loop {
        if let Token::Symbol(symbol) = parser.peek()
            && *symbol != "!"
        {
            return Err(Error(format!(
                "found '{symbol}', expected: !, identifier, or 'end of string'"
            )));
        }
        let requirement = parser.requirement();
        let prefixed = |error: Error| Error(format!("unable to parse requirement: {}", error.0));
        requirements.push(requirement.map_err(prefixed)?);
        match parser.next() {
            Token::End => return Ok(Selector::new(requirements)),
            Token::Symbol(",") => {
                if !matches!(parser.peek(), Token::Word(_) | Token::Symbol("!")) {
                    return Err(Error(format!(
                        "found '{}', expected: identifier after ','",
                        parser.peek().text()
                    )));
                }
            }
            other => {
                return Err(Error(format!(
                    "found '{}', expected: ',' or 'end of string'",
                    other.text()
                )));
            }
        }
    }
}
