//! Aligned columns for people.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};

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

/// Lays out rows below the columns' titles, if there are any; the cells are escaped here.
pub(crate) fn render(
    columns: &[Column],
    rows: impl IntoIterator<Item = Vec<String>>,
    output: &Output,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if output.is_colored() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    if columns.iter().any(|column| !column.title().is_empty()) {
        table.set_header(columns.iter().map(|column| column.header()));
    }
    for row in rows {
        table.add_row(
            columns
                .iter()
                .zip(&row)
                .map(|(column, text)| column.cell(text)),
        );
    }
    // Columns are two spaces apart and begin at the margin.
    for (index, column) in table.column_iter_mut().enumerate() {
        let left = if index == 0 { 0 } else { 2 };
        column.set_padding((left, 0));
    }
    table.trim_fmt()
}
