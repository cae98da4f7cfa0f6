//! Mutations of trees: types swapped, numbers at their ends, parts copied, deepened and taken out.

use crate::Random;
use serde_json::{Map, Value, json};

/// Text that some field takes for something else than a word.
const WORDS: [&str; 24] = [
    "",
    "0",
    "-1",
    "1e999999999",
    "99999999999999999999Ei",
    "-9223372036854775808",
    "0.0000000000000000001n",
    "2147483648%",
    "-100%",
    "..",
    "/",
    "a/b/c",
    "*",
    "$patch",
    "replace",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "-0009-01-01T00:00:00Z",
    "255.255.255.255/99",
    "::ffff:0:0/0",
    "%2e%2e",
    "é\u{0}\u{202e}",
    "AAA",
    "default",
];

impl Random {
    /// Changes a tree in one to five places.
    pub fn bend(&mut self, tree: &mut Value) {
        for _ in 0..=self.below(5) {
            let other = self.part(tree).clone();
            let depth = 1 + self.below(12);
            self.descend(tree, depth, &other);
        }
    }

    /// Some part of the tree.
    fn part<'a>(&mut self, mut tree: &'a Value) -> &'a Value {
        for _ in 0..self.below(8) {
            let next = match tree {
                Value::Array(items) => items.get(self.below(items.len())),
                Value::Object(map) => map.values().nth(self.below(map.len())),
                _ => None,
            };
            let Some(next) = next else { break };
            tree = next;
        }
        tree
    }

    fn descend(&mut self, tree: &mut Value, depth: usize, other: &Value) {
        match tree {
            Value::Object(map) if depth > 0 && !map.is_empty() => {
                let at = self.below(map.len());
                if let Some((_, value)) = map.iter_mut().nth(at) {
                    self.descend(value, depth - 1, other);
                }
            }
            Value::Array(items) if depth > 0 && !items.is_empty() => {
                let at = self.below(items.len());
                self.descend(&mut items[at], depth - 1, other);
            }
            tree => self.change(tree, other),
        }
    }

    fn change(&mut self, tree: &mut Value, other: &Value) {
        *tree = match (self.below(10), std::mem::take(tree)) {
            (0, _) => Value::Null,
            (1, _) => other.clone(),
            (2, Value::Array(mut items)) => {
                let again = items.first().cloned().unwrap_or_default();
                let most = if self.one_in(10) { 500 } else { 3 };
                let times = 1 + self.below(most);
                items.extend(std::iter::repeat_n(again, times));
                items.into()
            }
            (2 | 3, Value::Object(mut map)) => {
                let name = map.keys().nth(self.below(map.len())).cloned();
                let taken = map.remove(&name.unwrap_or_default());
                let name = self.pick(&WORDS).to_owned();
                map.insert(name, taken.unwrap_or_default());
                map.into()
            }
            (3, Value::Array(mut items)) => {
                items.reverse();
                items.pop();
                items.into()
            }
            (4, deep) => {
                let most = if self.one_in(4) { 140 } else { 8 };
                let levels = self.below(most);
                self.deeper(deep, levels)
            }
            (5, Value::String(text)) => text.repeat(1 + self.below(400)).into(),
            (6, _) => self.number(),
            (7, Value::Number(_)) => self.number(),
            (7 | 8, _) => self.pick(&WORDS).into(),
            (_, _) => match self.below(4) {
                0 => json!([]),
                1 => json!({}),
                2 => json!(true),
                _ => json!([[null, {}], 1]),
            },
        };
    }

    fn deeper(&mut self, mut tree: Value, levels: usize) -> Value {
        let list = self.one_in(2);
        let name = self.pick(&["a", "properties", "items", "f:a", "metadata", "not"]);
        for _ in 0..levels {
            tree = if list {
                vec![tree].into()
            } else {
                Value::Object(Map::from_iter([(name.to_owned(), tree)]))
            };
        }
        tree
    }

    /// A number at an end of some range.
    pub fn number(&mut self) -> Value {
        match self.below(12) {
            0 => json!(0),
            1 => json!(-1),
            2 => json!(i32::MAX),
            3 => json!(i32::MIN),
            4 => json!(i64::MAX),
            5 => json!(i64::MIN),
            6 => json!(u64::MAX),
            7 => json!(1.5),
            8 => json!(1e300),
            9 => json!(-5e-324),
            10 => json!(65536),
            _ => json!(self.next() as i64),
        }
    }
}
