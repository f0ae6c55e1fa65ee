//! Aligned columns for people.

use std::borrow::Borrow;

use comfy_table::{
    Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets,
};

use crate::{escape::escape, output::Output};

/// What a column's cells look like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Column {
    /// What the row is about.
    Name(&'static str),
    Text(&'static str),
    /// Aligned to the right.
    Number(&'static str),
}

impl Column {
    const fn title(self) -> &'static str {
        match self {
            Self::Name(title) | Self::Text(title) | Self::Number(title) => title,
        }
    }

    fn cell(self, text: &str) -> Cell {
        let cell = Cell::new(escape(text));
        match self {
            Self::Name(_) => cell.add_attribute(Attribute::Bold),
            Self::Text(_) => cell,
            Self::Number(_) => cell.set_alignment(CellAlignment::Right),
        }
    }

    fn header(self) -> Cell {
        let cell = Cell::new(self.title()).add_attribute(Attribute::Dim);
        match self {
            Self::Name(_) | Self::Text(_) => cell,
            Self::Number(_) => cell.set_alignment(CellAlignment::Right),
        }
    }
}

/// A table that is printed page by page, so that it takes no more memory than a page; its columns
/// are aligned within a page, and grow from page to page.
#[derive(Debug)]
pub(crate) struct Pages<'a> {
    columns: &'a [Column],
    /// How wide the columns were so far; none before the first page.
    widths: Vec<u16>,
}

impl<'a> Pages<'a> {
    pub(crate) const fn new(columns: &'a [Column]) -> Self {
        Self {
            columns,
            widths: Vec::new(),
        }
    }

    /// Whether no page had a row.
    pub(crate) const fn is_empty(&self) -> bool {
        self.widths.is_empty()
    }

    /// Prints rows, the first ones below the columns' titles; the cells are escaped here.
    pub(crate) fn print(
        &mut self,
        rows: impl IntoIterator<Item = Vec<String>>,
        output: &Output,
    ) -> anyhow::Result<()> {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        output.text(&self.render(rows, output))
    }

    fn render(&mut self, rows: impl Iterator<Item = Vec<String>>, output: &Output) -> String {
        let mut table = empty_table(output);
        if self.is_empty() && self.columns.iter().any(|column| !column.title().is_empty()) {
            table.set_header(self.columns.iter().map(|column| column.header()));
        }
        for row in rows {
            let cells = self.columns.iter().zip(&row);
            table.add_row(cells.map(|(column, text)| column.cell(text)));
        }
        let mut widths = table.column_max_content_widths();
        for (width, known) in widths.iter_mut().zip(&self.widths) {
            *width = (*width).max(*known);
        }
        // Columns are two spaces apart and begin at the margin.
        for (index, (column, width)) in table.column_iter_mut().zip(&widths).enumerate() {
            let left = if index == 0 { 0 } else { 2 };
            column.set_padding((left, 0));
            let width = Width::Fixed(width.saturating_add(left));
            column.set_constraint(ColumnConstraint::LowerBoundary(width));
        }
        self.widths = widths;
        table.trim_fmt()
    }
}

/// What a list in a cell may take: one that is long makes every row as wide.
const MAX_CELL_CHARS: usize = 60;

/// Joins a list for a cell: as much of it as has room, and how many more there are.
pub(crate) fn join_for_cell(items: &[String], n_more: u64) -> String {
    let items: Vec<_> = items.iter().map(|item| escape(item)).collect();
    let mut room = MAX_CELL_CHARS;
    let mut n_shown = 0;
    while let Some(item) = items.get(n_shown)
        && let Some(rest) = room.checked_sub(item.chars().count() + ", ".len())
    {
        room = rest;
        n_shown += 1;
    }
    let n_hidden = (items.len() - n_shown) as u64;
    match items.first() {
        // A part of one says more than that there is one.
        Some(first) if n_shown == 0 => {
            let first: String = first.chars().take(MAX_CELL_CHARS).collect();
            join(&[format!("{first}…")], n_more + n_hidden - 1)
        }
        _ => join(&items[..n_shown], n_more + n_hidden),
    }
}

/// Joins a list: `a, b and 7 more`.
pub(crate) fn join(items: &[impl Borrow<str>], n_more: u64) -> String {
    let joined = items.join(", ");
    match n_more {
        0 => joined,
        _ => format!("{joined} and {n_more} more"),
    }
}

fn empty_table(output: &Output) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if output.is_colored() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(items: &[&str], n_more: u64) -> String {
        let items: Vec<_> = items.iter().map(|&item| item.to_owned()).collect();
        join_for_cell(&items, n_more)
    }

    #[test]
    fn a_list_in_a_cell_is_cut_and_says_how_many_more_there_are() {
        assert_eq!(cell(&[], 0), "");
        assert_eq!(cell(&["a"], 0), "a");
        assert_eq!(cell(&["a", "b"], 0), "a, b");
        assert_eq!(cell(&["a", "b"], 5), "a, b and 5 more");
        let long = "x".repeat(255);
        let cut = format!("{}…", "x".repeat(MAX_CELL_CHARS));
        assert_eq!(cell(&[&long], 0), cut);
        assert_eq!(cell(&[&long, "b"], 2), format!("{cut} and 3 more"));
        assert_eq!(cell(&["a", &long], 0), "a and 1 more");
        let many: Vec<_> = (0..64).map(|n| format!("name {n}")).collect();
        let many = join_for_cell(&many, 192);
        assert!(many.starts_with("name 0, name 1, "), "{many}");
        assert!(many.ends_with(" more") && many.len() < 80, "{many}");
        let harmful = cell(&["\u{202e}".repeat(80).as_str()], 0);
        assert_eq!(
            harmful.chars().count(),
            MAX_CELL_CHARS + 1,
            "as it is shown"
        );
    }
}
