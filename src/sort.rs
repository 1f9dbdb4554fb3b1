// SPDX-License-Identifier: Apache-2.0

//! Sorting with one copy of the standard library's sort, whose code would otherwise be compiled for
//! each type: 8 KB a time.

use std::cmp::Ordering;

/// Sorts a slice. Equal items keep their order.
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let sorted = order(items.len(), &mut |a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    put_in_order(items, sorted);
}

/// Sorts a slice of values that have an order.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// Returns the indices from 0 to `count`, in the order of the items there.
fn order(count: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..count).collect();
    indices.sort_by(|&a, &b| compare(a, b));
    indices
}

/// Moves items to new places. `from` has the present index of the item of each place.
fn put_in_order<T>(items: &mut [T], mut from: Vec<usize>) {
    for start in 0..items.len() {
        let mut place = start;
        // A cycle of places: each gets its item from the next, and the last has the first's.
        while let Some(next) = from.get_mut(place) {
            let next = std::mem::replace(next, place);
            if next == start || next == place {
                break;
            }
            items.swap(place, next);
            place = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The standard sort does the same, and it is stable.
        #[test]
        fn sorts_as_the_standard_library_does(keys in prop::collection::vec(0u8..6, 0..40)) {
            let mut items: Vec<(u8, usize)> = keys.into_iter().zip(0..).collect();
            let mut expected = items.clone();
            expected.sort_by_key(|&(key, _)| key);
            sort_by(&mut items, |a, b| a.0.cmp(&b.0));
            prop_assert_eq!(items, expected);
        }
    }
}
