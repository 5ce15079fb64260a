//! The page's files. Written by `examples/web/build`; change the sources there and run it again.

use super::Asset;

/// What `/demo` answers with.
pub(super) const PAGE: &str = include_str!("index.html");

/// What lies under `/demo/assets/`, sorted by name. A name never stands for other bytes.
pub(super) const ASSETS: &[Asset] = &[
    Asset {
        name: "index-CWBfd_EN.css",
        content_type: "text/css; charset=utf-8",
        gzip: include_bytes!("index-CWBfd_EN.css.gz"),
        sha256: "411df2172a955f03a2003381977a5b9ac950f4618f82a7da2027bfae7603e50f",
    },
    Asset {
        name: "index-DIEYA9Be.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("index-DIEYA9Be.js.gz"),
        sha256: "14c6d12368d58e6210417e32cb83e7ab4b8b915dcd9d1b974befe478d6f44b46",
    },
];
