//! Arrays in text: braces, quotes, backslashes, and bounds where they do not begin at 1.

use super::{Array, ArrayRefusal, Dimension, MOST_DIMENSIONS, MOST_ELEMENTS};

pub(super) fn read(text: &[u8], delimiter: u8) -> Result<Array, ArrayRefusal> {
    let mut reader = Reader { rest: text, delimiter };
    reader.blanks();
    let bounds = reader.bounds()?;
    let Parts { lengths, elements } = reader.parts()?;
    reader.blanks();
    if !reader.rest.is_empty() {
        return Err(ArrayRefusal::Form);
    }
    let dimensions = match bounds {
        Some(bounds) => {
            let fits = bounds.len() == lengths.len()
                && bounds.iter().zip(&lengths).all(|(bound, length)| usize::try_from(bound.length) == Ok(*length));
            if !fits {
                return Err(ArrayRefusal::Bounds);
            }
            bounds
        }
        None => lengths.into_iter().map(dimension).collect::<Result<_, _>>()?,
    };
    if Array::size(&dimensions)? != elements.len() {
        return Err(ArrayRefusal::Ragged);
    }
    Ok(Array { dimensions, elements, element_oid: 0 })
}

fn dimension(length: usize) -> Result<Dimension, ArrayRefusal> {
    Ok(Dimension { length: i32::try_from(length).map_err(|_| ArrayRefusal::TooLarge)?, lower: 1 })
}

/// What stands between the braces.
struct Parts {
    /// The length of each dimension.
    lengths: Vec<usize>,
    elements: Vec<Option<Vec<u8>>>,
}

/// What is left of the text.
struct Reader<'t> {
    rest: &'t [u8],
    delimiter: u8,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A part, or the end of an empty one.
    First,
    /// A part behind a delimiter.
    Part,
    /// A delimiter, or the end.
    Delimiter,
}

/// The parts of one depth.
#[derive(Default, Clone, Copy)]
struct Depth {
    /// How many parts every array of this depth has, once one has ended.
    length: Option<usize>,
    /// How many parts the one that is open has so far.
    count: usize,
}

impl Reader<'_> {
    /// `[1:2][0:3]=`.
    fn bounds(&mut self) -> Result<Option<Vec<Dimension>>, ArrayRefusal> {
        let mut bounds = Vec::new();
        loop {
            self.blanks();
            if !self.take(b'[') {
                break;
            }
            if bounds.len() == MOST_DIMENSIONS {
                return Err(ArrayRefusal::Dimensions);
            }
            let first = self.number()?;
            let (lower, upper) = if self.take(b':') { (first, self.number()?) } else { (1, first) };
            if !self.take(b']') {
                return Err(ArrayRefusal::Form);
            }
            let length = upper.checked_sub(lower).and_then(|length| length.checked_add(1));
            let length = length.filter(|length| *length > 0).ok_or(ArrayRefusal::Bounds)?;
            bounds.push(Dimension { length, lower });
        }
        if bounds.is_empty() {
            return Ok(None);
        }
        if !self.take(b'=') {
            return Err(ArrayRefusal::Form);
        }
        self.blanks();
        Ok(Some(bounds))
    }

    /// Everything between the braces: the length of each dimension, and the elements.
    fn parts(&mut self) -> Result<Parts, ArrayRefusal> {
        let mut elements = Vec::new();
        let mut depths: Vec<Depth> = Vec::new();
        // How deep it stands, and how deep elements stand, once one was seen.
        let (mut open, mut leaves) = (0usize, None);
        let mut next = Next::Part;
        loop {
            self.blanks();
            if next != Next::Delimiter && self.take(b'{') {
                if leaves.is_some_and(|leaves| open >= leaves) {
                    return Err(ArrayRefusal::Ragged);
                }
                open += 1;
                if open > MOST_DIMENSIONS {
                    return Err(ArrayRefusal::Dimensions);
                }
                depths.resize(depths.len().max(open), Depth::default());
                next = Next::First;
            } else if open == 0 {
                return Err(ArrayRefusal::Form);
            } else if next != Next::Part && self.take(b'}') {
                close(&mut depths, open, next == Next::First)?;
                open -= 1;
                if open == 0 {
                    return finish(&depths, leaves, elements);
                }
                next = Next::Delimiter;
            } else if next == Next::Delimiter {
                let delimiter = self.delimiter;
                if !self.take(delimiter) {
                    return Err(ArrayRefusal::Form);
                }
                next = Next::Part;
            } else {
                if *leaves.get_or_insert(open) != open {
                    return Err(ArrayRefusal::Ragged);
                }
                elements.push(self.element()?);
                if elements.len() > MOST_ELEMENTS {
                    return Err(ArrayRefusal::TooLarge);
                }
                count(&mut depths, open);
                next = Next::Delimiter;
            }
        }
    }

    /// One element, quoted or not.
    fn element(&mut self) -> Result<Option<Vec<u8>>, ArrayRefusal> {
        if self.take(b'"') { self.quoted().map(Some) } else { self.unquoted() }
    }

    fn quoted(&mut self) -> Result<Vec<u8>, ArrayRefusal> {
        let mut element = Vec::new();
        loop {
            match self.next().ok_or(ArrayRefusal::Form)? {
                b'"' => return Ok(element),
                b'\\' => element.push(self.next().ok_or(ArrayRefusal::Form)?),
                byte => element.push(byte),
            }
        }
    }

    fn unquoted(&mut self) -> Result<Option<Vec<u8>>, ArrayRefusal> {
        let mut element = Vec::new();
        // Blanks at the end do not belong to it, unless a backslash stands before them.
        let (mut length, mut escaped) = (0, false);
        loop {
            match self.rest.first() {
                None | Some(b'"' | b'{') => return Err(ArrayRefusal::Form),
                Some(byte) if *byte == self.delimiter || *byte == b'}' => break,
                Some(b'\\') => {
                    self.next();
                    element.push(self.next().ok_or(ArrayRefusal::Form)?);
                    escaped = true;
                    length = element.len();
                }
                Some(byte) => {
                    element.push(*byte);
                    if !is_blank(*byte) {
                        length = element.len();
                    }
                    self.next();
                }
            }
        }
        element.truncate(length);
        match element.len() {
            0 => Err(ArrayRefusal::Form),
            _ if !escaped && element.eq_ignore_ascii_case(b"null") => Ok(None),
            _ => Ok(Some(element)),
        }
    }

    /// A number with a sign, perhaps.
    fn number(&mut self) -> Result<i32, ArrayRefusal> {
        let sign = usize::from(matches!(self.rest.first(), Some(b'-' | b'+')));
        let digits = self.rest.iter().skip(sign).take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at_checked(sign + digits).ok_or(ArrayRefusal::Form)?;
        let number = str::from_utf8(number).map_err(|_| ArrayRefusal::Form)?;
        if digits == 0 {
            return Err(ArrayRefusal::Form);
        }
        self.rest = rest;
        number.parse().map_err(|_| ArrayRefusal::Bounds)
    }

    fn blanks(&mut self) {
        let blanks = self.rest.iter().take_while(|byte| is_blank(**byte)).count();
        self.rest = self.rest.get(blanks..).unwrap_or_default();
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.next();
        }
        found
    }

    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }
}

/// Counts a part of the array that is open.
fn count(depths: &mut [Depth], open: usize) {
    if let Some(depth) = open.checked_sub(1).and_then(|at| depths.get_mut(at)) {
        depth.count += 1;
    }
}

/// Ends the array that is open: it is as long as the others of its depth, and a part of the one around it.
fn close(depths: &mut [Depth], open: usize, empty: bool) -> Result<(), ArrayRefusal> {
    let depth = open.checked_sub(1).and_then(|at| depths.get_mut(at)).ok_or(ArrayRefusal::Form)?;
    let length = core::mem::take(&mut depth.count);
    // Empty arrays within arrays mean different things in different versions of PostgreSQL.
    if empty && open > 1 {
        return Err(ArrayRefusal::Form);
    }
    if *depth.length.get_or_insert(length) != length {
        return Err(ArrayRefusal::Ragged);
    }
    count(depths, open - 1);
    Ok(())
}

/// The lengths of the dimensions; an array without elements has none.
fn finish(depths: &[Depth], leaves: Option<usize>, elements: Vec<Option<Vec<u8>>>) -> Result<Parts, ArrayRefusal> {
    if elements.is_empty() {
        return Ok(Parts { lengths: Vec::new(), elements });
    }
    if leaves != Some(depths.len()) {
        return Err(ArrayRefusal::Ragged);
    }
    Ok(Parts { lengths: depths.iter().map(|depth| depth.length.unwrap_or(0)).collect(), elements })
}

pub(super) fn write(array: &Array, delimiter: u8, out: &mut Vec<u8>) {
    if array.elements.is_empty() {
        out.extend_from_slice(b"{}");
        return;
    }
    if array.dimensions.iter().any(|dimension| dimension.lower != 1) {
        for Dimension { length, lower } in &array.dimensions {
            let upper = i64::from(*lower) + i64::from(*length) - 1;
            out.extend_from_slice(format!("[{lower}:{upper}]").as_bytes());
        }
        out.push(b'=');
    }
    let strides = strides(&array.dimensions);
    let braces = |at: usize| strides.iter().filter(|stride| at.checked_rem(**stride) == Some(0)).count();
    for (at, element) in array.elements.iter().enumerate() {
        if at > 0 {
            out.push(delimiter);
        }
        out.extend(core::iter::repeat_n(b'{', braces(at)));
        match element {
            None => out.extend_from_slice(b"NULL"),
            Some(element) => write_element(element, delimiter, out),
        }
        out.extend(core::iter::repeat_n(b'}', braces(at + 1)));
    }
}

/// For each dimension how many elements one array of that depth has.
fn strides(dimensions: &[Dimension]) -> Vec<usize> {
    let mut strides: Vec<usize> = dimensions
        .iter()
        .rev()
        .scan(1usize, |all, dimension| {
            *all = all.saturating_mul(usize::try_from(dimension.length).unwrap_or(0));
            Some(*all)
        })
        .collect();
    strides.reverse();
    strides
}

fn write_element(element: &[u8], delimiter: u8, out: &mut Vec<u8>) {
    let special = |byte: &u8| b"\"\\{}".contains(byte) || *byte == delimiter || is_blank(*byte);
    if !element.is_empty() && !element.eq_ignore_ascii_case(b"null") && !element.iter().any(special) {
        out.extend_from_slice(element);
        return;
    }
    out.push(b'"');
    for byte in element {
        if b"\"\\".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}
