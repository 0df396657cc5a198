//! Arrays as PostgreSQL writes them, in text and in binary, element by element.

mod binary;
mod text;

use strongroom_column::Format;

/// PostgreSQL's arrays have no more dimensions.
const MOST_DIMENSIONS: usize = 6;
/// PostgreSQL's arrays have no more elements (`MaxArraySize`).
const MOST_ELEMENTS: usize = 134_217_727;

/// An array: the elements of its dimensions, the last dimension running fastest.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Array {
    /// Its dimensions; an array without elements has none.
    pub dimensions: Vec<Dimension>,
    /// Its elements in one row; nothing stands for NULL.
    pub elements: Vec<Option<Vec<u8>>>,
    /// The type of its elements, which the binary form holds; 0 from text.
    pub element_oid: u32,
}

/// One dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimension {
    /// How many elements it has.
    pub length: i32,
    /// The number of its first.
    pub lower: i32,
}

/// Why an array cannot be read. It never shows an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArrayRefusal {
    /// It is not written as PostgreSQL writes arrays.
    #[error("malformed array; write it as {{element,element}}")]
    Form,
    /// Its parts have different lengths.
    #[error("malformed array: parts of one dimension have different lengths")]
    Ragged,
    /// It has too many dimensions.
    #[error("an array has more than 6 dimensions")]
    Dimensions,
    /// Its bounds cannot be.
    #[error("the bounds of an array are wrong, or do not fit its elements")]
    Bounds,
    /// It has too many elements.
    #[error("an array has more elements than PostgreSQL stores")]
    TooLarge,
}

impl ArrayRefusal {
    /// The code PostgreSQL gives for it, in this format.
    pub fn sqlstate(self, format: Format) -> &'static str {
        match (self, format) {
            (ArrayRefusal::Dimensions | ArrayRefusal::TooLarge, _) => "54000",
            (ArrayRefusal::Bounds, Format::Text) => "2202E",
            (ArrayRefusal::Form | ArrayRefusal::Ragged, Format::Text) => "22P02",
            (_, Format::Binary) => "22P03",
        }
    }
}

impl Array {
    /// Reads an array.
    ///
    /// `delimiter` stands between its elements in text: a comma for every type that can be encrypted.
    ///
    /// # Errors
    /// It is none.
    pub fn read(bytes: &[u8], format: Format, delimiter: u8) -> Result<Array, ArrayRefusal> {
        match format {
            Format::Text => text::read(bytes, delimiter),
            Format::Binary => binary::read(bytes),
        }
    }

    /// Appends the array as PostgreSQL would send it.
    pub fn write(&self, format: Format, delimiter: u8, out: &mut Vec<u8>) {
        match format {
            Format::Text => text::write(self, delimiter, out),
            Format::Binary => binary::write(self, out),
        }
    }

    /// The same array with each element that is not NULL replaced by what `map` appends for it.
    ///
    /// # Errors
    /// The first of `map`.
    pub fn map<E>(
        self,
        element_oid: u32,
        mut map: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Array, E> {
        let mut elements = Vec::with_capacity(self.elements.len());
        for element in self.elements {
            let mapped = match element {
                Some(element) => {
                    let mut mapped = Vec::new();
                    map(&element, &mut mapped)?;
                    Some(mapped)
                }
                None => None,
            };
            elements.push(mapped);
        }
        Ok(Array { dimensions: self.dimensions, elements, element_oid })
    }

    /// How many elements its dimensions hold; nothing when they cannot be.
    fn size(dimensions: &[Dimension]) -> Result<usize, ArrayRefusal> {
        if dimensions.len() > MOST_DIMENSIONS {
            return Err(ArrayRefusal::Dimensions);
        }
        if dimensions.is_empty() {
            return Ok(0);
        }
        let mut size = 1usize;
        for dimension in dimensions {
            let length = usize::try_from(dimension.length).map_err(|_| ArrayRefusal::Bounds)?;
            // The upper bound must be a number, too.
            dimension.lower.checked_add(dimension.length).ok_or(ArrayRefusal::Bounds)?;
            size = size.checked_mul(length).filter(|size| *size <= MOST_ELEMENTS).ok_or(ArrayRefusal::TooLarge)?;
        }
        Ok(size)
    }
}

impl core::fmt::Debug for Array {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Array")
            .field("dimensions", &self.dimensions)
            .field("element_oid", &self.element_oid)
            .finish_non_exhaustive()
    }
}
