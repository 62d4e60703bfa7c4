//! The order in which resources are opened.

use std::collections::BTreeSet;

use super::Declared;

/// Resources so that each comes after those that it names.
///
/// # Errors
/// Resources that need each other: the names of the circle.
pub(super) fn by_need(mut waiting: Vec<Declared>) -> Result<Vec<Declared>, Vec<String>> {
    let names: BTreeSet<String> = waiting.iter().map(|d| d.name.clone()).collect();
    let (mut done, mut opened) = (Vec::new(), BTreeSet::new());
    while !waiting.is_empty() {
        // What is not declared at all is reported elsewhere.
        let ready = |d: &Declared| d.needs.iter().all(|need| opened.contains(need) || !names.contains(need));
        let Some(next) = waiting.iter().position(ready) else {
            return Err(circle(&waiting));
        };
        let declared = waiting.remove(next);
        opened.insert(declared.name.clone());
        done.push(declared);
    }
    Ok(done)
}

/// A circle among resources of which each needs another one of them.
fn circle(waiting: &[Declared]) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    let mut at = &waiting[0];
    loop {
        if let Some(start) = path.iter().position(|name| *name == at.name) {
            return path.split_off(start);
        }
        path.push(at.name.clone());
        let next = at.needs.iter().find_map(|need| waiting.iter().find(|d| d.name == *need));
        match next {
            Some(next) => at = next,
            None => return path,
        }
    }
}
