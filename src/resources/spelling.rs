// SPDX-License-Identifier: Apache-2.0

//! Finds the name that a misspelt one is nearest to.

/// Returns the known name that needs the fewest changes of one letter, whatever its case.
pub(super) fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    known.iter().copied().min_by_key(|known| distance(name, known))
}

/// Returns how many letters must be added, removed or replaced to turn one name into the other.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| text.chars().map(|c| c.to_ascii_lowercase()).collect::<Vec<char>>();
    let (a, b) = (letters(a), letters(b));
    // The distances between what was read of `a` so far and each start of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        let mut left = i + 1;
        for (to, pair) in b.iter().zip(row.windows(2)) {
            let [replaced, above] = pair else { continue };
            left = (replaced + usize::from(from != to)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_changes_between_two_names() {
        for (a, b, wanted) in [
            ("", "", 0),
            ("", "abc", 3),
            ("limt", "limit", 1),
            ("limit", "limt", 1),
            ("kitten", "sitting", 3),
            ("CPUS", "cpus", 0),
        ] {
            assert_eq!(distance(a, b), wanted, "{a} {b}");
        }
    }

    #[test]
    fn finds_the_nearest_name() {
        let known = &["shares", "quota", "cpus", "mems"];
        assert_eq!(nearest("cpu", known), Some("cpus"));
        assert_eq!(nearest("Quota", known), Some("quota"));
        assert_eq!(nearest("x", &[]), None);
    }
}
