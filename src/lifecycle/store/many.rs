//! Many rows by few texts: a statement is prepared once for each text, so a batch whose size
//! is anybody's guess is written and asked for in sizes that come again.

/// In how many rows at once what is many is written. The largest times the columns of any table
/// is far below what either database takes in one statement.
const SIZES: [usize; 5] = [256, 64, 16, 4, 1];

/// What is asked for, filled up to one of a few lengths with what is asked for anyway.
pub(super) fn filled<T: Copy>(asked: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut asked: Vec<T> = asked.into_iter().collect();
    let length = SIZES.into_iter().rev().find(|size| *size >= asked.len());
    let largest = SIZES[0];
    let length = length.unwrap_or_else(|| asked.len().next_multiple_of(largest));
    if let Some(last) = asked.last().copied() {
        asked.resize(length, last);
    }
    asked
}

/// What is to be written, in order, in portions of few sizes.
pub(super) fn portions<T>(rows: impl IntoIterator<Item = T>) -> Vec<Vec<T>> {
    let rows: Vec<T> = rows.into_iter().collect();
    let mut left = rows.len();
    let mut portions = Vec::new();
    let mut rows = rows.into_iter();
    for size in SIZES {
        while left >= size {
            portions.push(rows.by_ref().take(size).collect());
            left -= size;
        }
    }
    portions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_keep_all_and_their_order_and_have_few_sizes() {
        for count in 0..1200 {
            let portions = portions(0..count);
            assert!(portions.iter().all(|portion| SIZES.contains(&portion.len())), "{count}");
            assert_eq!(portions.concat(), (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_asked_for_is_filled_up_with_itself() {
        assert!(filled(0..0).is_empty());
        for count in 1..1200 {
            let filled = filled(0..count);
            assert!(SIZES.contains(&filled.len()) || filled.len() % SIZES[0] == 0, "{count}");
            assert_eq!(&filled[..count], (0..count).collect::<Vec<_>>());
            assert!(filled[count..].iter().all(|more| *more == count - 1));
        }
    }
}
