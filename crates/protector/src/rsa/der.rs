//! As much of DER (X.690) as reading a PKCS#12 file needs: one value after the other, by its tag.

/// INTEGER.
pub(super) const INTEGER: u8 = 0x02;
/// OCTET STRING.
pub(super) const OCTETS: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub(super) const OID: u8 = 0x06;
/// NULL.
const NULL: u8 = 0x05;
/// SEQUENCE.
pub(super) const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`.
pub(super) const EXPLICIT: u8 = 0xa0;
/// `[0] IMPLICIT` of something that is not made of others.
pub(super) const IMPLICIT: u8 = 0x80;

/// What is left to be read of a value's content.
#[derive(Clone, Copy)]
pub(super) struct Der<'a>(&'a [u8]);

/// The bytes are not what was expected.
pub(super) struct Malformed;

/// The content of the one value that the bytes are.
pub(super) fn whole(bytes: &[u8], tag: u8) -> Result<Der<'_>, Malformed> {
    let mut outer = Der(bytes);
    let inner = outer.take(tag)?;
    if outer.is_empty() { Ok(inner) } else { Err(Malformed) }
}

impl<'a> Der<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn next_is(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// The content of the next value, to be read further.
    pub(super) fn take(&mut self, tag: u8) -> Result<Self, Malformed> {
        self.take_bytes(tag).map(Self)
    }

    /// The content of the next value, which has this tag.
    pub(super) fn take_bytes(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let (found, rest) = self.0.split_first().ok_or(Malformed)?;
        let (first, rest) = rest.split_first().ok_or(Malformed)?;
        if *found != tag {
            return Err(Malformed);
        }
        let (length, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            // One to three bytes of length, without needless ones.
            long @ 0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f)).ok_or(Malformed)?;
                let length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
                let is_shortest = bytes[0] != 0 && length > 0x7f;
                (if is_shortest { length } else { return Err(Malformed) }, rest)
            }
            _ => return Err(Malformed),
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(content)
    }

    /// NULL, which may be left out at the end of an algorithm's identifier.
    pub(super) fn take_null(&mut self) -> Result<(), Malformed> {
        if self.is_empty() || self.take_bytes(NULL)?.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    /// A number that is not negative and fits.
    pub(super) fn take_number(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take_bytes(INTEGER)?;
        let digits = match bytes {
            [0, rest @ ..] if !rest.is_empty() => rest,
            [first, ..] if *first < 0x80 => bytes,
            _ => return Err(Malformed),
        };
        if digits.len() > 4 {
            return Err(Malformed);
        }
        Ok(digits.iter().fold(0, |number, digit| number << 8 | u32::from(*digit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_the_shortest() {
        let long = [&[OCTETS, 0x81, 0x80][..], &[7; 0x80]].concat();
        let bytes = |bytes: &[u8]| Der(bytes).take_bytes(OCTETS).map(<[u8]>::len).ok();
        assert_eq!((bytes(&[OCTETS, 1, 9]), bytes(&[OCTETS, 0]), bytes(&long)), (Some(1), Some(0), Some(0x80)));
        for refused in [&[][..], &[OCTETS], &[OCTETS, 1], &[OCTETS, 0x81, 1, 9], &[OCTETS, 0x80, 0, 0], &[OID, 0]] {
            assert_eq!(bytes(refused), None, "{refused:02x?}");
        }
        assert_eq!((bytes(&[OCTETS, 0x84, 0, 0, 0, 1, 9]), bytes(&[OCTETS, 0x82, 0, 1, 9])), (None, None));
        assert_eq!((bytes(&long[..long.len() - 1]), whole(&[SEQUENCE, 0, 0], SEQUENCE).is_ok()), (None, false));
    }

    #[test]
    fn numbers_are_not_negative() {
        let number = |content: &[u8]| {
            let bytes = [&[INTEGER, content.len() as u8][..], content].concat();
            Der(&bytes).take_number().ok()
        };
        assert_eq!((number(&[8, 0]), number(&[0]), number(&[0, 0x80])), (Some(2048), Some(0), Some(128)));
        assert_eq!((number(&[]), number(&[0x80]), number(&[1, 0, 0, 0, 0])), (None, None, None));
    }
}
