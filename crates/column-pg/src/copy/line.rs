//! How lines end: as the first of a stream does.

use super::CopyProblem;

/// How the lines of a stream end; not known before the first does.
#[derive(Default)]
pub(super) struct LineEnd {
    style: Option<Style>,
    /// Whether a carriage return came whose line feed may follow.
    open: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    LineFeed,
    CarriageReturn,
    Both,
}

/// What a byte means for the line.
pub(super) enum Seen {
    /// The line ends with it.
    End,
    /// The line ended before it: the byte belongs to the next line.
    EndBefore,
    /// It is not known yet whether the line ends.
    Open,
    /// Nothing.
    Nothing,
}

impl LineEnd {
    /// Whether a carriage return is the last byte so far.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether lines end in a carriage return and a line feed.
    pub(super) fn is_pair(&self) -> bool {
        self.style == Some(Style::Both)
    }

    /// What the next byte means, as far as it stands outside quotes and behind no backslash.
    pub(super) fn next(&mut self, byte: u8) -> Result<Seen, CopyProblem> {
        if core::mem::take(&mut self.open) {
            return match (byte, self.style) {
                (b'\n', _) => {
                    self.style = Some(Style::Both);
                    Ok(Seen::End)
                }
                (_, None) => {
                    self.style = Some(Style::CarriageReturn);
                    Ok(Seen::EndBefore)
                }
                (_, Some(_)) => Err(CopyProblem::CarriageReturn),
            };
        }
        match (byte, self.style) {
            (b'\r', None | Some(Style::Both)) => {
                self.open = true;
                Ok(Seen::Open)
            }
            (b'\r', Some(Style::CarriageReturn)) => Ok(Seen::End),
            (b'\r', Some(Style::LineFeed)) => Err(CopyProblem::CarriageReturn),
            (b'\n', None | Some(Style::LineFeed)) => {
                self.style = Some(Style::LineFeed);
                Ok(Seen::End)
            }
            (b'\n', Some(_)) => Err(CopyProblem::LineFeed),
            _ => Ok(Seen::Nothing),
        }
    }
}
