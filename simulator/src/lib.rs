//! A Mono of our own, over real HTTP.
