//! Arrays in binary: dimensions, a flag for NULLs, the type of elements, lengths and elements.

use super::{Array, ArrayRefusal, Dimension};

pub(super) fn read(bytes: &[u8]) -> Result<Array, ArrayRefusal> {
    let mut rest = bytes;
    let count = usize::try_from(int4(&mut rest)?).map_err(|_| ArrayRefusal::Form)?;
    if !matches!(int4(&mut rest)?, 0 | 1) {
        return Err(ArrayRefusal::Form);
    }
    let element_oid = int4(&mut rest)?.cast_unsigned();
    if count > super::MOST_DIMENSIONS {
        return Err(ArrayRefusal::Dimensions);
    }
    let mut dimensions = Vec::with_capacity(count);
    for _ in 0..count {
        dimensions.push(Dimension { length: int4(&mut rest)?, lower: int4(&mut rest)? });
    }
    let size = Array::size(&dimensions)?;
    // Each element has a length, so bytes that are not there cannot make a list long.
    if size > rest.len() / 4 {
        return Err(ArrayRefusal::Form);
    }
    let mut elements = Vec::with_capacity(size);
    for _ in 0..size {
        elements.push(element(&mut rest)?);
    }
    if !rest.is_empty() {
        return Err(ArrayRefusal::Form);
    }
    if size == 0 {
        dimensions.clear();
    }
    Ok(Array { dimensions, elements, element_oid })
}

pub(super) fn write(array: &Array, out: &mut Vec<u8>) {
    let nulls = array.elements.iter().any(Option::is_none);
    put(out, array.dimensions.len());
    out.extend_from_slice(&i32::from(nulls).to_be_bytes());
    out.extend_from_slice(&array.element_oid.to_be_bytes());
    for dimension in &array.dimensions {
        out.extend_from_slice(&dimension.length.to_be_bytes());
        out.extend_from_slice(&dimension.lower.to_be_bytes());
    }
    for element in &array.elements {
        match element {
            None => out.extend_from_slice(&(-1i32).to_be_bytes()),
            Some(element) => {
                put(out, element.len());
                out.extend_from_slice(element);
            }
        }
    }
}

/// A length. Above 2 GiB nothing fits a message, and the length stands for what is there as little as any other would.
fn put(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes());
}

fn element(rest: &mut &[u8]) -> Result<Option<Vec<u8>>, ArrayRefusal> {
    let length = int4(rest)?;
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| ArrayRefusal::Form)?;
    let (element, after) = rest.split_at_checked(length).ok_or(ArrayRefusal::Form)?;
    *rest = after;
    Ok(Some(element.to_vec()))
}

fn int4(rest: &mut &[u8]) -> Result<i32, ArrayRefusal> {
    let (bytes, after) = rest.split_first_chunk().ok_or(ArrayRefusal::Form)?;
    *rest = after;
    Ok(i32::from_be_bytes(*bytes))
}
