//! A place in the body of a message, and the fields that are read from there.

use super::Malformed;

/// Reads fields one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads a body from its beginning.
    #[must_use]
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// The body of a whole message, as [`super::header`] found its end.
    ///
    /// # Errors
    /// [`Malformed::Short`] when there are not even tag and length.
    pub fn of_message(message: &'a [u8]) -> Result<Self, Malformed> {
        message.get(super::frame::HEADER_LENGTH..).map(Self::new).ok_or(Malformed::Short)
    }

    /// What was not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Malformed::Short`] at the end of the body.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes, big-endian, signed.
    ///
    /// # Errors
    /// [`Malformed::Short`] at the end of the body.
    pub fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    /// Two bytes, big-endian, unsigned: a count.
    ///
    /// # Errors
    /// [`Malformed::Short`] at the end of the body.
    pub fn count(&mut self) -> Result<usize, Malformed> {
        self.array().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    /// Four bytes, big-endian, signed.
    ///
    /// # Errors
    /// [`Malformed::Short`] at the end of the body.
    pub fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    /// Four bytes, big-endian, unsigned.
    ///
    /// # Errors
    /// [`Malformed::Short`] at the end of the body.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// Bytes up to a zero byte, which is read too.
    ///
    /// # Errors
    /// [`Malformed::Short`] when there is no zero byte.
    pub fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let end = memchr::memchr(0, self.rest).ok_or(Malformed::Short)?;
        let (text, rest) = self.rest.split_at_checked(end).ok_or(Malformed::Short)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(text)
    }

    /// So many bytes.
    ///
    /// # Errors
    /// [`Malformed::Short`] when there are fewer.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A value with its length before it; -1 is NULL.
    ///
    /// # Errors
    /// [`Malformed`] when the length is below -1 or goes past the end.
    pub fn value(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.i32()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| Malformed::Field { field: "length of a value" })?;
                self.bytes(length).map(Some)
            }
        }
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// [`Malformed::Long`] when something does.
    pub fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Long) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(*array)
    }
}
