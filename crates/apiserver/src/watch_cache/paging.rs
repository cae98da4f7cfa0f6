//! Lists, whole and in pages, of the present and of the recent past. The past is the present with the
//! ring's events taken back, so that a client that pages through a busy resource costs no reads of the
//! store; only what is older than the ring does.

use super::{Item, Items, LOAD_PAGE, Selection, WatchCache};
use crate::resources::Slot;
use std::{collections::BTreeMap, ops::Bound, sync::Arc};
use store::{RangeOptions, Revision};

/// A page of a list, all of one revision.
pub(crate) struct Page {
    pub(crate) items: Vec<Arc<Item>>,
    pub(crate) revision: Revision,
    /// Local key of the last item, when items follow it.
    pub(crate) next: Option<String>,
    /// How many follow, when that is known: not when a selector leaves some out, as upstream has it.
    pub(crate) remaining: Option<usize>,
}

/// What some keys held at a revision; none: nothing.
type Overlay<'a> = BTreeMap<&'a str, Option<&'a Arc<Item>>>;

impl Page {
    /// All there is.
    pub(crate) fn whole(items: Vec<Arc<Item>>, revision: Revision) -> Self {
        Self {
            items,
            revision,
            next: None,
            remaining: None,
        }
    }

    fn fill<'a>(
        items: impl Iterator<Item = &'a Arc<Item>>,
        selection: &Selection,
        limit: usize,
        revision: Revision,
    ) -> Self {
        let (page, rest) = Self::begin(items, limit, revision);
        page.followed_by(selection, || 1 + rest.count())
    }

    /// The page, and what follows the first item that is not on it.
    fn begin<'a, I: Iterator<Item = &'a Arc<Item>>>(
        mut items: I,
        limit: usize,
        revision: Revision,
    ) -> (Self, I) {
        let mut page = Self {
            items: Vec::new(),
            revision,
            next: None,
            remaining: None,
        };
        for item in items.by_ref() {
            if limit > 0 && page.items.len() == limit {
                page.next = page.last_key();
                break;
            }
            page.items.push(Arc::clone(item));
        }
        (page, items)
    }

    /// Says how many follow, if any and if that may be known; only then they are counted.
    fn followed_by(self, selection: &Selection, count: impl FnOnce() -> usize) -> Self {
        let told = self.next.is_some() && selection.is_whole();
        Self {
            remaining: told.then(count),
            ..self
        }
    }

    fn last_key(&self) -> Option<String> {
        self.items.last().map(|last| last.key().to_owned())
    }
}

impl WatchCache {
    /// One page of what is selected now. `limit` 0 means all.
    pub(crate) fn list(&self, slot: Slot, selection: &Selection, limit: usize) -> Page {
        self.list_after(slot, selection, limit, None)
    }

    /// The same, of keys after `after`.
    pub(crate) fn list_after(
        &self,
        slot: Slot,
        selection: &Selection,
        limit: usize,
        after: Option<&str>,
    ) -> Page {
        let state = self.state.read();
        let items = &state.resources[slot].items;
        match after {
            None if selection.namespace.is_empty() => {
                let range = selection.range(items);
                let (page, _) = Page::begin(range, limit, state.revision);
                let rest = items.len() - page.items.len();
                page.followed_by(selection, || rest)
            }
            None => Page::fill(selection.range(items), selection, limit, state.revision),
            Some(_) => {
                let nothing = Overlay::new();
                let walk = walk(items, &nothing, selection, after);
                Page::fill(walk, selection, limit, state.revision)
            }
        }
    }

    /// One page as of a revision that was reached.
    pub(crate) async fn list_at(
        &self,
        slot: Slot,
        selection: &Selection,
        limit: usize,
        at: Revision,
        after: Option<&str>,
    ) -> Result<Page, store::Error> {
        match self.recall(slot, selection, limit, at, after) {
            Some(page) => Ok(page),
            None => self.read_at(slot, selection, limit, at, after).await,
        }
    }

    /// A page of the past that the ring still knows.
    fn recall(
        &self,
        slot: Slot,
        selection: &Selection,
        limit: usize,
        at: Revision,
        after: Option<&str>,
    ) -> Option<Page> {
        let state = self.state.read();
        let contents = &state.resources[slot];
        let events = contents.ring.after(at, usize::MAX).ok()?;
        let mut overlay = Overlay::new();
        for event in &events {
            let item = event.current.as_ref().or(event.previous.as_ref())?;
            let before = || event.previous.as_ref();
            overlay.entry(item.key()).or_insert_with(before);
        }
        let walk = walk(&contents.items, &overlay, selection, after);
        Some(Page::fill(walk, selection, limit, at))
    }

    /// A page of the past that only the store knows.
    async fn read_at(
        &self,
        slot: Slot,
        selection: &Selection,
        limit: usize,
        at: Revision,
        after: Option<&str>,
    ) -> Result<Page, store::Error> {
        let resource = &self.served.slots()[slot];
        let prefix = format!("{}{}", resource.prefix, selection.key_prefix());
        let mut after = after.map(|local| format!("{}{local}", resource.prefix));
        let mut page = Page::fill(std::iter::empty(), selection, limit, at);
        let mut rest = 0;
        loop {
            let read = self
                .store
                .range(RangeOptions {
                    prefix: &prefix,
                    start_after: after.as_deref(),
                    limit: LOAD_PAGE,
                    at: Some(at),
                })
                .await?;
            for entry in &read.entries {
                if page.next.is_some() {
                    rest += 1;
                    continue;
                }
                let local = &entry.key[resource.prefix.len()..];
                let key = (&entry.key, local);
                let item = Item::new(resource.law, key, &entry.value, entry.revision);
                if !selection.matches(&item) {
                    continue;
                }
                if limit > 0 && page.items.len() == limit {
                    page.next = page.last_key();
                    rest += 1;
                    continue;
                }
                page.items.push(Arc::new(item));
            }
            let ended = !read.more || (page.next.is_some() && !selection.is_whole());
            if ended {
                let whole = page.next.is_some() && selection.is_whole();
                page.remaining = whole.then_some(rest);
                return Ok(page);
            }
            after = read.entries.last().map(|entry| entry.key.to_string());
        }
    }
}

/// What is selected of `items` as `overlay` changes them, in the order of keys.
fn walk<'a>(
    items: &'a Items,
    overlay: &'a Overlay<'a>,
    selection: &'a Selection,
    after: Option<&str>,
) -> impl Iterator<Item = &'a Arc<Item>> {
    let prefix = selection.key_prefix();
    let start = match after {
        Some(after) => Bound::Excluded(after),
        None => Bound::Included(&*prefix),
    };
    let mut present = items.from(start).peekable();
    let mut changed = overlay
        .range::<str, _>((start, Bound::Unbounded))
        .peekable();
    let next = std::iter::from_fn(move || {
        loop {
            let (here, there) = (present.peek(), changed.peek());
            let overlaid = match (here, there) {
                (None, None) => return None,
                (_, None) => false,
                (None, _) => true,
                (Some(item), Some((other, _))) => **other <= item.key(),
            };
            if !overlaid {
                return present.next();
            }
            let (key, item) = changed.next()?;
            present.next_if(|same| same.key() == *key);
            if let Some(item) = item {
                return Some(*item);
            }
        }
    });
    next.take_while(move |item| item.key().starts_with(&prefix))
        .filter(|item| selection.matches(item))
}
