//! Cells: what stands in an encrypted column instead of a value (docs/spec/cell.md).

pub use strongroom_crypto::column_cell::{
    CellKey, CellNotOpened, HEADER, KEY_CHECK, LEAST_CELL, Mode, cell_length, key_check,
};
