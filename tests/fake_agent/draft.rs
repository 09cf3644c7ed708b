//! The text in the box: typed, pasted, folded; what is shown is not always what will be sent.

#[derive(Debug, Default)]
pub(crate) struct Draft {
    pieces: Vec<Piece>,
    n_folds: usize,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    /// A long paste, shown as its placeholder.
    Folded {
        text: String,
        shown: String,
    },
}

impl Draft {
    pub(crate) fn is_empty(&self) -> bool {
        self.text().is_empty()
    }

    /// What Enter sends, byte for byte.
    pub(crate) fn text(&self) -> String {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) | Piece::Folded { text, .. } => text.as_str(),
            })
            .collect()
    }

    pub(crate) fn shown(&self) -> String {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Folded { shown, .. } => shown.as_str(),
            })
            .collect()
    }

    pub(crate) fn push(&mut self, char: char) {
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) => text.push(char),
            _ => self.pieces.push(Piece::Text(char.to_string())),
        }
    }

    /// A whole paste; more than `fold_chars` characters (0: any number) or three lines are folded.
    pub(crate) fn paste(&mut self, text: &str, fold_chars: usize) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let (n_chars, n_lines) = (text.chars().count(), text.lines().count());
        if fold_chars == 0 || n_chars <= fold_chars && n_lines <= 3 {
            return text.chars().for_each(|char| self.push(char));
        }
        self.n_folds += 1;
        let shown = match n_lines {
            0..=3 => format!("[Pasted #{} {n_chars} chars]", self.n_folds),
            _ => format!("[Pasted #{} +{n_lines} lines]", self.n_folds),
        };
        self.pieces.push(Piece::Folded { text, shown });
    }

    pub(crate) fn erase(&mut self) {
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) if text.chars().count() > 1 => drop(text.pop()),
            _ => drop(self.pieces.pop()),
        }
    }

    pub(crate) fn take(&mut self) -> String {
        let text = self.text();
        self.pieces.clear();
        text
    }
}
