//! What belongs to the numbers of series.

use std::collections::HashMap;

/// A value for each number, in pages of `N`: numbers only ever grow, and those of a segment lie close together.
pub(super) struct Numbered<T, const N: usize> {
    places: HashMap<u64, usize>,
    pages: Vec<[T; N]>,
    /// The page seen last: neighbours in a batch are mostly neighbours in number.
    last: Option<(u64, usize)>,
}

// === impl Numbered ===

impl<T: Copy + Default, const N: usize> Numbered<T, N> {
    /// The value of a number; the default where none was set.
    pub(super) fn get(&mut self, number: u64) -> T {
        let page = number / N as u64;
        let place = self.last.filter(|(last, _)| *last == page).map(|(_, place)| place);
        let Some(place) = place.or_else(|| self.places.get(&page).copied()) else { return T::default() };
        self.last = Some((page, place));
        self.pages.get(place).map(|page| page[number as usize % N]).unwrap_or_default()
    }

    /// Sets the value of a number.
    pub(super) fn set(&mut self, number: u64, value: T) {
        let page = number / N as u64;
        let place = match self.last {
            Some((last, place)) if last == page => place,
            _ => *self.places.entry(page).or_insert_with(|| {
                self.pages.push([T::default(); N]);
                self.pages.len() - 1
            }),
        };
        self.last = Some((page, place));
        if let Some(page) = self.pages.get_mut(place) {
            page[number as usize % N] = value;
        }
    }
}

impl<T, const N: usize> Default for Numbered<T, N> {
    fn default() -> Self {
        Self { places: HashMap::default(), pages: Vec::new(), last: None }
    }
}

#[cfg(test)]
mod tests;
