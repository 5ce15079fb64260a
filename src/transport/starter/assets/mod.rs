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
        name: "index-D5wTJRi9.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("index-D5wTJRi9.js.gz"),
        sha256: "492dac6a6068bb47c85abee4551b978e01b28a75f0262c56a6e51217756529a6",
    },
];
