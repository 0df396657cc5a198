//! An array: what is read in either form is written in both, and read from there as the same.

use strongroom_column::Format;
use strongroom_column_pg::array::Array;

/// Reads `data` as an array in text, and as one in binary.
pub fn target(data: &[u8]) {
    for format in [Format::Text, Format::Binary] {
        let Ok(array) = Array::read(data, format, b',') else { continue };
        assert!(array.dimensions.is_empty() == array.elements.is_empty());
        for again in [Format::Text, Format::Binary] {
            let mut written = Vec::new();
            array.write(again, b',', &mut written);
            let mut read = Array::read(&written, again, b',').expect("what is written is an array");
            // Text does not name the type of elements.
            read.element_oid = array.element_oid;
            assert!(read == array, "the same array");
        }
    }
}
