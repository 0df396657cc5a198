//! A COPY stream: cut anywhere it becomes the same, and what went in comes out and goes in again as the same cells.

use strongroom_column::Format;
use strongroom_column_pg::copy::{CellRefusal, CellTransform, CopyColumn, CopyError, CopyTranscoder};
use strongroom_column_pg::sql::{CopyFlow, CopyFormat, CopyHeader, CopyOptions, Listed};

/// Reads `data` as the number of a format and a stream.
pub fn target(data: &[u8]) {
    let Some((first, stream)) = data.split_first() else { return };
    let options = options(*first);
    for flow in [CopyFlow::From, CopyFlow::To] {
        let whole = translate(flow, &options, stream, stream.len());
        for piece in [1, 2, 7] {
            assert_eq!(translate(flow, &options, stream, piece), whole, "the same however it is cut");
        }
    }
    // A server sends no end of data but as a message.
    if stream.windows(2).any(|pair| pair == b"\\.") {
        return;
    }
    let Ok(cells) = translate(CopyFlow::From, &options, stream, 16) else { return };
    let values = translate(CopyFlow::To, &options, &cells, 16).expect("cells come out");
    assert!(translate(CopyFlow::From, &options, &values, 16) == Ok(cells), "the same cells");
}

fn options(number: u8) -> CopyOptions {
    let csv = number & 3 == 1;
    CopyOptions {
        format: match number & 3 {
            0 | 3 => CopyFormat::Text,
            1 => CopyFormat::Csv,
            _ => CopyFormat::Binary,
        },
        delimiter: if number & 4 == 0 { b',' } else { b'|' },
        null: if csv { String::new() } else { "\\N".to_owned() },
        default: None,
        header: if number & 8 == 0 { CopyHeader::Absent } else { CopyHeader::Present },
        quote: b'"',
        escape: if number & 16 == 0 { b'"' } else { b'\\' },
        force_quote: Listed::None,
        force_not_null: Listed::None,
        force_null: Listed::None,
    }
}

fn translate(flow: CopyFlow, options: &CopyOptions, stream: &[u8], piece: usize) -> Result<Vec<u8>, CopyError> {
    let plain = CopyColumn { name: "plain".to_owned(), transform: None };
    let sealed = CopyColumn { name: "sealed".to_owned(), transform: Some(Box::new(Reversed)) };
    let mut transcoder = CopyTranscoder::new(flow, options, vec![plain, sealed]);
    let mut out = Vec::new();
    for piece in stream.chunks(piece.max(1)) {
        transcoder.feed(piece, &mut out)?;
    }
    transcoder.finish(&mut out)?;
    Ok(out)
}

/// The cell of a value is its bytes from the last to the first.
struct Reversed;

impl CellTransform for Reversed {
    fn seal(&mut self, value: &[u8], _: Format, cell: &mut Vec<u8>) -> Result<(), CellRefusal> {
        cell.extend(value.iter().rev());
        Ok(())
    }

    fn open(&mut self, cell: &[u8], format: Format, value: &mut Vec<u8>) -> Result<(), CellRefusal> {
        self.seal(cell, format, value)
    }
}
