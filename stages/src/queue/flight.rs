//! Which of the batches that were read have come to an end, in their order.

use std::collections::VecDeque;

use super::segment::Position;

/// The batches that were read and have not all come to an end. Only what is at the front moves the cursor.
pub(super) struct Flight {
    /// The number of the first.
    first: u64,
    waiting: VecDeque<Waiting>,
    /// Where what is to be sent first begins.
    cursor: Position,
}

struct Waiting {
    next: Position,
    len: u64,
    ended: bool,
}

// === impl Flight ===

impl Flight {
    pub(super) fn new(cursor: Position) -> Self {
        Self { first: 0, waiting: VecDeque::new(), cursor }
    }

    /// Takes in a batch of so many bytes, after which `next` stands, and numbers it.
    pub(super) fn begin(&mut self, next: Position, len: u64) -> u64 {
        self.waiting.push_back(Waiting { next, len, ended: false });
        self.first + self.waiting.len() as u64 - 1
    }

    /// The batch `number` has come to an end. Returns how many bytes are done with because of that.
    pub(super) fn end(&mut self, number: u64) -> u64 {
        let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some(waiting) = place.and_then(|place| self.waiting.get_mut(place)) {
            waiting.ended = true;
        }
        let mut done = 0;
        while let Some(waiting) = self.waiting.pop_front_if(|waiting| waiting.ended) {
            self.first += 1;
            self.cursor = waiting.next;
            done += waiting.len;
        }
        done
    }

    pub(super) fn cursor(&self) -> Position {
        self.cursor
    }
}
