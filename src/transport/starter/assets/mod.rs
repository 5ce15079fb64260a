//! The page's files. Written by `examples/web/build`; change the sources there and run it again.

use super::Asset;

/// What `/demo` answers with.
pub(super) const PAGE: &str = include_str!("index.html");

/// What lies under `/demo/assets/`, sorted by name. A name never stands for other bytes.
pub(super) const ASSETS: &[Asset] = &[
    Asset {
        name: "index-CIaal4Tx.css",
        content_type: "text/css; charset=utf-8",
        gzip: include_bytes!("index-CIaal4Tx.css.gz"),
        sha256: "fec79285e883591994534a691ad44b0988a1195a3b414747cfa47cea79100e54",
    },
    Asset {
        name: "index-DjBVkbA7.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("index-DjBVkbA7.js.gz"),
        sha256: "93e8f358b253aa9d90018e7ef3cb8059382618c7bb1aaf8575345bc7f0559143",
    },
];
