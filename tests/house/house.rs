// SPDX-License-Identifier: Apache-2.0

//! The crate's modules, and which file imports from which: names are followed through `pub use`
//! to the file that defines them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::module::{read, File, Module};

/// What a path leads to: a module, or an item and the file that defines it.
enum Found {
    Module(Vec<String>),
    Item(String),
}

/// Where a file names another one's item first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    pub line: usize,
    pub name: String,
}

/// The names that were looked for on the way to an answer: module, name, and whether it is the
/// path's last.
type Asked = BTreeSet<(Vec<String>, String, bool)>;

pub type Arrows = BTreeMap<(String, String), Arrow>;

#[derive(Default)]
pub struct House {
    modules: BTreeMap<Vec<String>, Module>,
    /// What is not for tests alone.
    pub files: BTreeMap<String, File>,
    pub arrows: Arrows,
    /// Paths that lead nowhere: the reader does not understand them.
    pub unknown: Vec<String>,
}

/// The path of a file's module: `a/b.rs` and `a/b/mod.rs` are `a::b`.
fn module_path(file: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs");
    let names = stem.split('/').filter(|name| !matches!(*name, "mod" | "lib"));
    names.map(str::to_owned).collect()
}

impl House {
    /// From the files below `src/`: their names and texts.
    pub fn new(texts: &BTreeMap<String, String>) -> House {
        let mut house = House::default();
        let mut tests = Vec::new();
        for (name, text) in texts {
            let mut file = read(name, module_path(name), text);
            for module in file.modules.drain(..) {
                for child in &module.test_children {
                    tests.push([module.path.as_slice(), std::slice::from_ref(child)].concat());
                }
                house.modules.insert(module.path.clone(), module);
            }
            house.files.insert(name.clone(), file);
        }
        let is_test = |path: &[String]| tests.iter().any(|test| path.starts_with(test));
        house.modules.retain(|path, _| !is_test(path));
        house.files.retain(|name, _| !is_test(&module_path(name)));
        house.draw();
        house
    }

    fn draw(&mut self) {
        let (mut arrows, mut unknown) = (Arrows::new(), Vec::new());
        for module in self.modules.values() {
            let imports = module.imports.iter().map(|import| (&import.path, import.name.is_none()));
            for (path, all) in imports.chain(module.paths.iter().map(|path| (path, false))) {
                let to = match self.resolve(&module.path, &path.names, &mut Asked::new()) {
                    Some(Found::Item(file)) => file,
                    Some(Found::Module(found)) if all => self.modules[&found].file.clone(),
                    // Its items are named behind it, or where it is used.
                    Some(Found::Module(_)) => continue,
                    None => {
                        if matches!(path.names[0].as_str(), "crate" | "self" | "super") {
                            let name = path.names.join("::");
                            unknown.push(format!("{}:{}: {name}", module.file, path.line));
                        }
                        continue;
                    }
                };
                if to != module.file {
                    let arrow = Arrow { line: path.line, name: path.names.join("::") };
                    arrows.entry((module.file.clone(), to)).or_insert(arrow);
                }
            }
        }
        (self.arrows, self.unknown) = (arrows, unknown);
    }

    fn resolve(&self, from: &[String], path: &[String], asked: &mut Asked) -> Option<Found> {
        let mut at = from.to_vec();
        let mut rest = path;
        while let [first, others @ ..] = rest {
            match first.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()?),
                _ => break,
            }
            rest = others;
        }
        while let [name, others @ ..] = rest {
            match self.find(&at, name, others.is_empty(), asked)? {
                Found::Module(module) => at = module,
                item => return Some(item),
            }
            rest = others;
        }
        Some(Found::Module(at))
    }

    /// A name in a module. A module and a function can have the same one: before a `::` it is the
    /// module's.
    fn find(&self, at: &[String], name: &str, is_last: bool, asked: &mut Asked) -> Option<Found> {
        let module = self.modules.get(at)?;
        let child = [at, &[name.to_owned()]].concat();
        let is_module = self.modules.contains_key(&child);
        if is_module && !is_last {
            return Some(Found::Module(child));
        }
        if module.items.contains(name) {
            return Some(Found::Item(module.file.clone()));
        }
        // `use a::a` of another crate, or two modules with all of each other's names, have no end.
        if !asked.insert((at.to_vec(), name.to_owned(), is_last)) {
            return is_module.then_some(Found::Module(child));
        }
        for import in module.imports.iter().filter(|import| import.name.as_deref() == Some(name)) {
            let found = self.resolve(at, &import.path.names, asked);
            if found.is_some() {
                return found;
            }
        }
        for import in module.imports.iter().filter(|import| import.name.is_none()) {
            if let Some(Found::Module(all)) = self.resolve(at, &import.path.names, asked) {
                let found = self.find(&all, name, is_last, asked);
                if found.is_some() {
                    return found;
                }
            }
        }
        is_module.then_some(Found::Module(child))
    }

    /// The shortest circle through each file that is in one, each circle once.
    pub fn circles(&self, arrows: &Arrows) -> Vec<Vec<String>> {
        let mut seen = BTreeSet::new();
        let through = self.files.keys().filter_map(|file| shortest(arrows, file, file));
        through.filter(|way| seen.insert(way.iter().cloned().collect::<BTreeSet<_>>())).collect()
    }
}

/// The shortest way along at least one arrow.
fn shortest(arrows: &Arrows, from: &str, to: &str) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut ways = VecDeque::from([vec![from.to_owned()]]);
    while let Some(way) = ways.pop_front() {
        let last = way.last()?;
        let next = arrows.keys().filter(|(a, _)| a == last).map(|(_, b)| b);
        for file in next {
            let way = [way.as_slice(), std::slice::from_ref(file)].concat();
            if file == to {
                return Some(way);
            }
            if seen.insert(file.clone()) {
                ways.push_back(way);
            }
        }
    }
    None
}
