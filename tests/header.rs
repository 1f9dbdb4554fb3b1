//! include/katacg.h is what cbindgen makes of src/capi. `KATACG_BLESS=1 cargo test --test header`
//! writes it; without, a difference is a failure.

use std::path::Path;

fn generated() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    // In the order in which a reader needs them.
    let sections = [
        "version",
        "error",
        "paths",
        "units",
        "mounts",
        "cpu",
        "host",
        "manager_opts",
        "manager",
        "resources",
        "manager_info",
        "files",
        "processes",
        "lifecycle",
        "attach",
        "cgroup",
    ];
    let mut builder = cbindgen::Builder::new().with_config(config);
    for section in sections {
        builder = builder.with_src(root.join(format!("src/capi/{section}.rs")));
    }
    let mut out = Vec::new();
    builder.generate().unwrap().write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_header_does_not_drift() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/katacg.h");
    let wanted = generated();
    if std::env::var_os("KATACG_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "include/katacg.h differs from src/capi: run `make header`");
}
