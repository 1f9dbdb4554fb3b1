// SPDX-License-Identifier: Apache-2.0

//! What a file declares and which paths it names, module by module, without what is for tests
//! alone.

use std::collections::BTreeSet;

use crate::lex::{lex, Token};

#[derive(Debug, Default)]
pub struct Module {
    /// Without `crate`.
    pub path: Vec<String>,
    pub file: String,
    pub items: BTreeSet<String>,
    pub imports: Vec<Import>,
    /// Paths of two or more names outside `use`.
    pub paths: Vec<Path>,
    /// Names of child modules that `#[cfg(test)]` guards.
    pub test_children: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Path {
    pub names: Vec<String>,
    pub line: usize,
}

#[derive(Clone, Debug)]
pub struct Import {
    /// What it is called here; None for `*`.
    pub name: Option<String>,
    pub path: Path,
}

/// A function's name, its first line, and how many lines it has.
#[derive(Debug)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

#[derive(Debug, Default)]
pub struct File {
    pub modules: Vec<Module>,
    pub functions: Vec<Function>,
    /// Lines that `#[cfg(test)]` guards.
    pub test_lines: usize,
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    out: File,
}

/// Reads one file, whose own module has this path.
pub fn read(file: &str, path: Vec<String>, text: &str) -> File {
    let tokens = lex(text);
    let mut reader = Reader { tokens: &tokens, at: 0, out: File::default() };
    let module = Module { path, file: file.to_owned(), ..Module::default() };
    reader.module(module);
    reader.out
}

impl Reader<'_> {
    fn text(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |t| t.text.as_str())
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |t| t.line)
    }

    fn is_name(text: &str) -> bool {
        text.starts_with(|c: char| c == '_' || c.is_alphabetic())
    }

    /// Reads up to the brace that closes this module, or to the end of the file.
    fn module(&mut self, mut module: Module) {
        let mut depth = 0;
        while self.at < self.tokens.len() {
            match self.text(0) {
                "}" if depth == 0 => break,
                "{" => depth += 1,
                "}" => depth -= 1,
                "#" => {
                    self.attribute(&mut module);
                    continue;
                }
                "pub" if self.text(1) == "(" => {
                    self.at += 1;
                    self.skip_group();
                    continue;
                }
                "use" if self.text(1) != "<" => {
                    self.at += 1;
                    self.import(Vec::new(), &mut module);
                    continue;
                }
                "mod" if self.text(2) == "{" => {
                    self.inline_module(&module);
                    continue;
                }
                // A path from the root of all crates, or the end of one behind `>`.
                "::" => drop((self.skip_name(), self.path())),
                name if Self::is_name(name) => {
                    self.declaration(depth, &mut module);
                    let path = self.path();
                    if path.names.len() > 1 {
                        module.paths.push(path);
                    }
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.out.modules.push(module);
    }

    fn inline_module(&mut self, parent: &Module) {
        let mut path = parent.path.clone();
        path.push(self.text(1).to_owned());
        self.at += 3;
        self.module(Module { path, file: parent.file.clone(), ..Module::default() });
        self.at += 1;
    }

    fn skip_name(&mut self) {
        self.at += 1;
    }

    /// The names from here on with `::` between them; stays at the last one's end.
    fn path(&mut self) -> Path {
        let line = self.line();
        let mut names = Vec::new();
        while Self::is_name(self.text(0)) {
            names.push(self.text(0).to_owned());
            self.at += 1;
            if self.text(0) != "::" || !Self::is_name(self.text(1)) {
                break;
            }
            self.at += 1;
        }
        Path { names, line }
    }

    /// What the word here declares; nothing is skipped.
    fn declaration(&mut self, depth: usize, module: &mut Module) {
        let mut name = self.text(1);
        let declares = match self.text(0) {
            "fn" if Self::is_name(name) => {
                let function = self.function();
                self.out.functions.push(function);
                name = self.text(1);
                true
            }
            "struct" | "enum" | "trait" | "type" | "static" | "union" => Self::is_name(name),
            "const" => !matches!(name, "fn" | "unsafe" | "extern" | "async"),
            "macro_rules" => {
                name = self.text(2);
                true
            }
            _ => false,
        };
        // Deeper ones belong to a type, or to a function's body.
        if declares && depth == 0 {
            let name = name.to_owned();
            module.items.insert(name);
        }
    }

    fn function(&self) -> Function {
        let line = self.line();
        let mut depth = 0;
        let mut end = line;
        for token in self.tokens.iter().skip(self.at) {
            end = token.line;
            match token.text.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" => depth -= 1,
                "}" if depth == 1 => break,
                "}" => depth -= 1,
                ";" if depth == 0 => break,
                _ => {}
            }
        }
        Function { name: self.text(1).to_owned(), line, lines: end - line + 1 }
    }

    /// One tree of a `use`, up to its `;`, `,` or `}`, which is passed over for a `;`.
    fn import(&mut self, prefix: Vec<String>, module: &mut Module) {
        let line = self.line();
        let mut names = prefix;
        loop {
            match self.text(0) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(0), "}" | "") {
                        self.import(names.clone(), module);
                        self.at += usize::from(self.text(0) == ",");
                    }
                    self.at += 1;
                    break;
                }
                "*" => {
                    self.at += 1;
                    module.imports.push(Import { name: None, path: Path { names, line } });
                    break;
                }
                "::" => self.at += 1,
                name if Self::is_name(name) => {
                    names.push(name.to_owned());
                    self.at += 1;
                    if self.text(0) != "::" {
                        self.named_import(names, line, module);
                        break;
                    }
                }
                _ => break,
            }
        }
        self.at += usize::from(self.text(0) == ";");
    }

    fn named_import(&mut self, mut names: Vec<String>, line: usize, module: &mut Module) {
        if names.last().is_some_and(|name| name == "self") {
            names.pop();
        }
        let mut name = names.last().cloned();
        if self.text(0) == "as" {
            name = Some(self.text(1).to_owned());
            self.at += 2;
        }
        if let Some(name) = name {
            module.imports.push(Import { name: Some(name), path: Path { names, line } });
        }
    }

    /// An attribute; after `#[cfg(test)]` the item that it guards as well.
    fn attribute(&mut self, module: &mut Module) {
        self.at += 1 + usize::from(self.text(1) == "!");
        let start = self.at;
        self.skip_group();
        let words: Vec<&str> =
            self.tokens[start..self.at].iter().map(|t| t.text.as_str()).collect();
        let is_test = matches!(words[..], ["[", "cfg", "(", "test", ..])
            || matches!(words[..], ["[", "cfg", "(", "all", "(", "test", ..]);
        if is_test {
            let first = self.tokens[start].line;
            self.skip_item(module);
            self.out.test_lines += self.tokens[self.at - 1].line - first + 1;
        }
    }

    /// From a bracket to behind the one that closes it.
    fn skip_group(&mut self) {
        let mut depth = 0;
        while self.at < self.tokens.len() {
            match self.text(0) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
    }

    fn skip_item(&mut self, module: &mut Module) {
        let mut is_use = false;
        while self.at < self.tokens.len() {
            match self.text(0) {
                ";" => {
                    self.at += 1;
                    break;
                }
                "{" if !is_use => {
                    self.skip_group();
                    break;
                }
                "(" | "[" | "{" => self.skip_group(),
                word => {
                    is_use |= word == "use";
                    if word == "mod" {
                        module.test_children.push(self.text(1).to_owned());
                    }
                    self.at += 1;
                }
            }
        }
    }
}
