//! A YAML language server, as editors run one: what it says of a file whose first line names a schema.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// A server that speaks the Language Server Protocol over its standard input and output. Killed when dropped.
pub struct LanguageServer {
    child: Child,
    stdin: ChildStdin,
    messages: Receiver<Value>,
}

/// The server's program: `WEIR_YAML_LANGUAGE_SERVER`. Without it the test prints that it is skipped, or fails where
/// `WEIR_REQUIRE_PEERS` is set and there is npm, with which `.ci/node.sh` installs it.
fn program() -> Option<PathBuf> {
    let program = std::env::var_os("WEIR_YAML_LANGUAGE_SERVER").filter(|path| !path.is_empty()).map(PathBuf::from);
    if program.is_none() {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let has_npm = std::env::split_paths(&path).any(|dir| dir.join("npm").is_file());
        let must = has_npm && std::env::var_os("WEIR_REQUIRE_PEERS").is_some();
        assert!(!must, "WEIR_YAML_LANGUAGE_SERVER names no yaml-language-server, and there is npm");
        println!("skipped: WEIR_YAML_LANGUAGE_SERVER names no yaml-language-server");
    }
    program
}

// === impl LanguageServer ===

impl LanguageServer {
    /// Starts one, where it is installed.
    pub fn start() -> Option<Self> {
        let mut command = Command::new(program()?);
        command.arg("--stdio").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut stdout = stdout;
            while let Some(message) = receive(&mut stdout) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut server = Self { child, stdin, messages };
        let capabilities = json!({ "workspace": { "configuration": true } });
        let hello = json!({ "processId": null, "rootUri": null, "capabilities": capabilities });
        server.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello }));
        server.wait("an answer to `initialize`", |message| (message["id"] == 1).then_some(()));
        server.send(&json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }));
        Some(server)
    }

    /// Opens a file and returns what is wrong with it, each with its line, counted from 1.
    pub fn mistakes(&mut self, path: &Path) -> Vec<String> {
        let uri = format!("file://{}", path.display());
        let text = std::fs::read_to_string(path).unwrap();
        let document = json!({ "uri": uri, "languageId": "yaml", "version": 1, "text": text });
        self.send(&json!({
            "jsonrpc": "2.0", "method": "textDocument/didOpen", "params": { "textDocument": document },
        }));
        let found = self.wait("diagnostics", |message| {
            let is_it = message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri;
            is_it.then(|| message["params"]["diagnostics"].clone())
        });
        let line = |mistake: &Value| mistake["range"]["start"]["line"].as_u64().unwrap() + 1;
        let found = found.as_array().unwrap().iter();
        found.map(|mistake| format!("{}: {}", line(mistake), mistake["message"].as_str().unwrap())).collect()
    }

    /// Waits for a message, and answers what the server asks meanwhile.
    fn wait<T>(&mut self, what: &str, wanted: impl Fn(&Value) -> Option<T>) -> T {
        loop {
            let message = self.messages.recv_timeout(Duration::from_secs(60));
            let message = message.unwrap_or_else(|e| panic!("{what}: {e}"));
            if message.get("method").is_some() && message.get("id").is_some() {
                let asked = message["params"]["items"].as_array();
                // No schema but the one that the file names.
                let settings = json!({ "validate": true, "schemaStore": { "enable": false } });
                let answer = |item: &Value| if item["section"] == "yaml" { settings.clone() } else { json!({}) };
                let result: Option<Vec<Value>> = asked.map(|items| items.iter().map(answer).collect());
                self.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }));
            } else if let Some(found) = wanted(&message) {
                return found;
            }
        }
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.stdin, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.stdin.flush().unwrap();
    }
}

impl Drop for LanguageServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next message; none at the end.
fn receive(from: &mut BufReader<ChildStdout>) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok().filter(|n| *n > 0)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
