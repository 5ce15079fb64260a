//! Draws everything that looks random from the seed, so that a run repeats.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of ids, numbers and choices. The same seed and stream give the same ones.
#[derive(Debug)]
pub(crate) struct Mint(ChaCha8Rng);

impl Mint {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// A stream of its own for whatever is called `name`, the same in every world.
    pub(crate) fn of(name: &str, stream: u64) -> Self {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self::new(hash, stream)
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.0.random_range(0..alphabet.len())])).collect()
    }

    /// An id as Mono's database makes them: 24 hexadecimal digits.
    pub(crate) fn id(&mut self) -> String {
        self.text(b"0123456789abcdef", 24)
    }

    pub(crate) fn digits(&mut self, length: usize) -> String {
        self.text(b"0123456789", length)
    }

    /// Capital letters and digits, as in link codes and request ids.
    pub(crate) fn capitals(&mut self, length: usize) -> String {
        self.text(b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789", length)
    }

    /// Letters of both cases and digits, as in tokens and event ids.
    pub(crate) fn token(&mut self, length: usize) -> String {
        self.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", length)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.random_range(low..=high)
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.0.random_range(0..from.len())]
    }
}
