//! The page's files. Written by `graphiql/build`; change the sources there and run it again.

use super::Asset;

/// What `/graphiql` answers with.
pub(super) const PAGE: &str = include_str!("index.html");

/// What lies under `/graphiql/assets/`, sorted by name. A name never stands for other bytes.
pub(super) const ASSETS: &[Asset] = &[
    Asset {
        name: "babel-BrgQiztH.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("babel-BrgQiztH.js.gz"),
        sha256: "6426a50b33f129d0a7ebcf08c7c26154f0937d8e4e83adf8a80661f523b62a65",
    },
    Asset {
        name: "codicon-DCmgc-ay.ttf",
        content_type: "font/ttf",
        gzip: include_bytes!("codicon-DCmgc-ay.ttf.gz"),
        sha256: "0f1d5219934e96e83b8db162d60b4d8c09b5de1e7d38031cbafe4a3c0f2889c9",
    },
    Asset {
        name: "dist-B3CG-CdH.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("dist-B3CG-CdH.js.gz"),
        sha256: "daa9f83453f8f0bc76ad7f5f81190023c9a07553e86daed22feaa18577226a1e",
    },
    Asset {
        name: "dist-C18JurtW.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("dist-C18JurtW.js.gz"),
        sha256: "bbbfa2d9f337eec37ef2b73bcb8e9f158ec50bd6ca44ef4563df7c1de15c7fe0",
    },
    Asset {
        name: "editor-DnOY8KQw.css",
        content_type: "text/css; charset=utf-8",
        gzip: include_bytes!("editor-DnOY8KQw.css.gz"),
        sha256: "b21cae42c03a7a2759428af587deaa5323c939ba638ee93f5c76f2ccf8182e95",
    },
    Asset {
        name: "editor.api-DcHhhbfi.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("editor.api-DcHhhbfi.js.gz"),
        sha256: "a034a62057942fc4eaae7febdca764b30a379c6bbb7c21302f401a612ca3186f",
    },
    Asset {
        name: "editor.worker-DEFT_Yb2.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("editor.worker-DEFT_Yb2.js.gz"),
        sha256: "5a5e098b752dc031d30c8e468b1b1d6cce99308482fdcb5f11ccc5c54faa6460",
    },
    Asset {
        name: "estree-DCoUd_wj.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("estree-DCoUd_wj.js.gz"),
        sha256: "4b5ce03127fb21351a309d766c504ec84ddbbd8eea3bd5cf4e0283069e716f37",
    },
    Asset {
        name: "fira-code-latin-400-normal-DGosTW8U.woff2",
        content_type: "font/woff2",
        gzip: include_bytes!("fira-code-latin-400-normal-DGosTW8U.woff2.gz"),
        sha256: "6dc9da171ccea71d525379ee1cbf51d143e31acac330a251bb71b3d6060e687c",
    },
    Asset {
        name: "fira-code-latin-ext-400-normal-KSMg0QLl.woff2",
        content_type: "font/woff2",
        gzip: include_bytes!("fira-code-latin-ext-400-normal-KSMg0QLl.woff2.gz"),
        sha256: "587dcb11badf47fb0abd0415c12ca57da9ff365f665cede22d6523f1cfd6cc61",
    },
    Asset {
        name: "graphql-CNP3xU9i.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("graphql-CNP3xU9i.js.gz"),
        sha256: "0e342576ecafbc7a200f5b66d1153030226523aafbfc31aa6f2ec10d9bd81b9a",
    },
    Asset {
        name: "graphql-CivRqBNu.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("graphql-CivRqBNu.js.gz"),
        sha256: "ecd910e0068550f197d8b477625dcaff0cf29d03c3bfbb17e535984b88a7aee1",
    },
    Asset {
        name: "graphql-f7tI67DK.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("graphql-f7tI67DK.js.gz"),
        sha256: "464bcce1c09d797fd4b36ce34a39a88596f5e69d012aee402645d8ee3471d24b",
    },
    Asset {
        name: "graphql-fmXr3nnJ.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("graphql-fmXr3nnJ.js.gz"),
        sha256: "a66e3b8eacf8ad4017403825f7cc7978fbefc5fd1f80ea6c044f8059848c5186",
    },
    Asset {
        name: "graphql.worker-CnQW6F4w.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("graphql.worker-CnQW6F4w.js.gz"),
        sha256: "78639019bdcce69b6c6441e74c7564249a20e747f53f3ad2835adfc67e8d6e19",
    },
    Asset {
        name: "graphqlMode-Jlh7ZHwS.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("graphqlMode-Jlh7ZHwS.js.gz"),
        sha256: "49478698b62be918054e49812105ce0f3b54c54f788520b91edfa38753ad4ca6",
    },
    Asset {
        name: "index-Clcod3Lk.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("index-Clcod3Lk.js.gz"),
        sha256: "e3fd73280e34f371b722bf280ceed9004c88375bf1bd08774c4816f67d1b8e2d",
    },
    Asset {
        name: "index-WST8_Jgi.css",
        content_type: "text/css; charset=utf-8",
        gzip: include_bytes!("index-WST8_Jgi.css.gz"),
        sha256: "5692f0cbaf45e2ba58ca69f9532ebb21c08ebe8937069123075c290ee9e814e9",
    },
    Asset {
        name: "json.worker-ky6CAS4V.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("json.worker-ky6CAS4V.js.gz"),
        sha256: "9852e6a22d140850ae74edd7b4ca6adcad3032f8cc868d99bf6a3f0c1c6c413b",
    },
    Asset {
        name: "jsonMode-DDvrTS6Q.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("jsonMode-DDvrTS6Q.js.gz"),
        sha256: "2958be202ad35f06b0c3ca1b10d07512342a873721d867ec8f437b97f4fd962b",
    },
    Asset {
        name: "lite-lkKUd-KD.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("lite-lkKUd-KD.js.gz"),
        sha256: "fd1f26e106e2db7749d25a89c4cd8783a05704f453c716bccc1782b940d912f1",
    },
    Asset {
        name: "monaco-editor-CXku5K-b.css",
        content_type: "text/css; charset=utf-8",
        gzip: include_bytes!("monaco-editor-CXku5K-b.css.gz"),
        sha256: "f71162e80825cf9ecc3ba1dce37b7ff2080e81c16b928888954d652deb214cd7",
    },
    Asset {
        name: "monaco-editor-CoC9qjWr.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("monaco-editor-CoC9qjWr.js.gz"),
        sha256: "ccfd9d293ca68f5b34f3ffda4c6b795cac620c22b6589de4027173e553b63ff2",
    },
    Asset {
        name: "monaco-editor-D7p5zUIV.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("monaco-editor-D7p5zUIV.js.gz"),
        sha256: "29987f5f7bf4d3c772c0c27d10f733c2375ad5b8cb0a3d7886978dad5731f452",
    },
    Asset {
        name: "monaco.contribution-DjvtsgBQ.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("monaco.contribution-DjvtsgBQ.js.gz"),
        sha256: "914f03b15c320d9144552fc0ed9fc26933ae79444a76c96cd7a7a68c34b4e1b1",
    },
    Asset {
        name: "monaco.contribution-HtrIyRTM.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("monaco.contribution-HtrIyRTM.js.gz"),
        sha256: "39a959c09058328c8b8aca2f420c86383ed1b7690c2951b5090866133b4b9fee",
    },
    Asset {
        name: "mouseTarget-BUJjpkMR.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("mouseTarget-BUJjpkMR.js.gz"),
        sha256: "d831f2dae024c0c9537c5eade78886273c4fa651f44ccdb25d49f4cdd0f11dee",
    },
    Asset {
        name: "mouseTarget-BuTRW_en.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("mouseTarget-BuTRW_en.js.gz"),
        sha256: "dcd03fd826f8b614fcc6656f28cd475b4db634b6ad579fd9d789efa312d51184",
    },
    Asset {
        name: "preload-helper-DSWdbDrm.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("preload-helper-DSWdbDrm.js.gz"),
        sha256: "a45f63ea1b9986aad3164e85a3e272b04f2e78f34a1af27392b8de6562d7219a",
    },
    Asset {
        name: "roboto-latin-400-normal-BqEyEoaF.woff2",
        content_type: "font/woff2",
        gzip: include_bytes!("roboto-latin-400-normal-BqEyEoaF.woff2.gz"),
        sha256: "425c0713a8176f92273d378599c7eac57de7fafabd4bd0ed457b70eb8f80d371",
    },
    Asset {
        name: "roboto-latin-500-normal-7RbcRiD8.woff2",
        content_type: "font/woff2",
        gzip: include_bytes!("roboto-latin-500-normal-7RbcRiD8.woff2.gz"),
        sha256: "5bcc3aa180e7f26f643cd5b2621cd7c2de193d0661d913a94afd3d4881a7a34b",
    },
    Asset {
        name: "roboto-latin-ext-400-normal-C3tdtHj3.woff2",
        content_type: "font/woff2",
        gzip: include_bytes!("roboto-latin-ext-400-normal-C3tdtHj3.woff2.gz"),
        sha256: "5725eacca97303d8bce26f76cfcaee4393295bbf93c1eb6c3e5e4f260b2da189",
    },
    Asset {
        name: "rolldown-runtime-BWaJ3C7D.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("rolldown-runtime-BWaJ3C7D.js.gz"),
        sha256: "d0e9044430006c5bb48f477501a5af465f0a6377d2fcd7495aa215b8b75aaee3",
    },
    Asset {
        name: "standalone-CttwqOis.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("standalone-CttwqOis.js.gz"),
        sha256: "59e02767d125884a2ed4f332dbe4b5fd548fc250c7a8056779c504b40e261887",
    },
    Asset {
        name: "standalone-xT3AvgE2.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("standalone-xT3AvgE2.js.gz"),
        sha256: "5f2cb587c878195a1c785029db09f3361c495315eee5734508da9e9741125d79",
    },
    Asset {
        name: "types-BDXnNDcV.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("types-BDXnNDcV.js.gz"),
        sha256: "18dd3c81245545f9262e3faa3db12dd5558facbffc058179f573e07398b72677",
    },
    Asset {
        name: "utils-9AKEJTEK.js",
        content_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("utils-9AKEJTEK.js.gz"),
        sha256: "39d503d56af8679c8abf396fffb0bb330193cb7acd76b8cd25bf44de9e7af1d9",
    },
];
