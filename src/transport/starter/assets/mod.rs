//! The page's files. Written by `examples/web/build`; change the sources there and run it again.

use super::Asset;

/// What `/demo` answers with.
pub(super) const PAGE: &str = include_str!("index.html");

/// What lies under `/demo/assets/`, sorted by name. A name never stands for other bytes.
pub(super) const ASSETS: &[Asset] = &[
    Asset {
        name: "index-CAH5W6fF.css",
        content_type: "text/css; charset=utf-8",
        gzip: include_bytes!("index-CAH5W6fF.css.gz"),
        sha256: "e8a5821523f309b50c3a159ae5aa66f3a3996bb0eaa4dcb698241b25f8148dee",
    },
    Asset {
        name: "index-CKtcWCQY.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("index-CKtcWCQY.js.gz"),
        sha256: "76e47f77a2190cb8b40753c16b394f65a88be97216ebff950f5a9c68437cc71d",
    },
];
