//! What is printed: JSON for programs, tables for people.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

/// Where and how results go.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// `json` as the flag says.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// One thing: a line for each of its fields.
    pub fn one(self, value: &impl Serialize) -> anyhow::Result<()> {
        self.print(value, &[])
    }

    /// Several things: a line for each, with these of their fields.
    pub fn list(self, values: &[impl Serialize], columns: &[&str]) -> anyhow::Result<()> {
        self.print(&values, columns)
    }

    fn print(self, value: &impl Serialize, columns: &[&str]) -> anyhow::Result<()> {
        let value = serde_json::to_value(value)?;
        let text = if self.json {
            format!("{}\n", serde_json::to_string_pretty(&value)?)
        } else {
            table(&value, columns)
        };
        match io::stdout().lock().write_all(text.as_bytes()) {
            // `zarnitsa channel list | head` is no fault.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => Ok(result?),
        }
    }
}

fn table(value: &Value, columns: &[&str]) -> String {
    match value {
        Value::Object(fields) => {
            let (lists, plain): (Vec<_>, Vec<_>) =
                fields.iter().partition(|(_, value)| is_of_things(value));
            let rows = plain
                .into_iter()
                .map(|(name, value)| vec![title(name), cell(value)])
                .collect::<Vec<_>>();
            let lists = lists.into_iter().map(|(name, value)| {
                format!("\n{}:\n{}", title(name), indent(&whole_table(value)))
            });
            std::iter::once(align(&rows)).chain(lists).collect()
        }
        Value::Array(values) if values.is_empty() => "none\n".into(),
        Value::Array(values) => {
            let head = columns.iter().map(|column| title(column)).collect();
            let rows = values.iter().map(|value| {
                let cells = columns.iter().map(|column| cell(&value[column]));
                cells.collect()
            });
            align(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
        }
        other => format!("{}\n", cell(other)),
    }
}

/// Whether it is a list that is shown as a table of its own.
fn is_of_things(value: &Value) -> bool {
    matches!(value, Value::Array(values) if values.first().is_some_and(Value::is_object))
}

/// A list with all that its things have, but for the lists in them: those are for programs.
fn whole_table(value: &Value) -> String {
    let first = value.get(0).and_then(Value::as_object);
    let columns: Vec<&str> = first
        .into_iter()
        .flatten()
        .filter(|(_, value)| !is_of_things(value))
        .map(|(name, _)| name.as_str())
        .collect();
    table(value, &columns)
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// `local_msat` is read as "local msat".
fn title(name: &str) -> String {
    name.replace('_', " ")
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => printable(text),
        Value::Array(values) if values.is_empty() => "-".into(),
        Value::Array(values) if values.iter().all(Value::is_string) => {
            values.iter().map(cell).collect::<Vec<_>>().join(", ")
        }
        Value::Array(_) | Value::Object(_) => printable(&value.to_string()),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Number(number) => number.to_string(),
    }
}

/// A peer's alias or an invoice's description must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn table_of_one_thing_has_a_line_for_each_field() {
        let value = json!({ "node_id": "02", "block_height": 7, "ok": true, "uri": null });
        let text = table(&value, &[]);
        assert_eq!(
            text,
            "block height  7\nnode id       02\nok            yes\nuri           -\n"
        );
    }

    #[test]
    fn list_in_one_thing_is_a_table_below_it() {
        let part = json!({ "fee_msat": "0", "route": [{ "hop": 1 }], "status": "succeeded" });
        let value = json!({ "parts": [part], "route": [], "status": "succeeded" });
        assert_eq!(
            table(&value, &[]),
            "route   -\nstatus  succeeded\n\nparts:\n  fee msat  status\n  0         succeeded\n"
        );
    }

    #[test]
    fn table_of_several_things_has_the_chosen_columns() {
        let value = json!([{ "a_b": "x", "c": [] }, { "a_b": "yyyy", "c": ["p", "q"], "d": 1 }]);
        assert_eq!(
            table(&value, &["a_b", "c"]),
            "a b   c\nx     -\nyyyy  p, q\n"
        );
        assert_eq!(table(&json!([]), &["a"]), "none\n");
    }

    #[test]
    fn text_from_others_cannot_steer_the_terminal() {
        assert_eq!(cell(&json!("a\u{1b}[2Jb\n")), "a\u{fffd}[2Jb\u{fffd}");
    }
}
